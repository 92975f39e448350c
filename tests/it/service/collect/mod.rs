//! `toptalk collect` as a service: settings from a file and their reload while
//! flows come, hooks, repeating, and a folder per exporter. Real processes over
//! loopback, exact counts.

mod hooks;
mod settings;

use crate::common;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::archive::sums;
use crate::common::process::{Running, free_port, toptalk};
use crate::common::traffic::one_flow;
use nix::sys::signal::{Signal, kill};
use toptalk::clock::Clock;
use toptalk::wire::encode::V5Encoder;

/// A router that sends from an address of loopback.
struct Router {
    socket: UdpSocket,
    encoder: V5Encoder,
    clock: Clock,
}

impl Router {
    fn new(address: &str, port: u16) -> Router {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        Router { socket, encoder: V5Encoder::new(0, 0), clock: Clock::start() }
    }

    /// Sends so many flows, one in each datagram; gives the last datagram.
    fn send(&mut self, flows: usize) -> Vec<u8> {
        let now = self.clock.now();
        let flow = one_flow(now);
        let mut last = Vec::new();
        for _ in 0..flows {
            for datagram in self.encoder.encode(now, now.plus_ms(-60_000), &[flow]) {
                self.socket.send(&datagram).unwrap();
                last = datagram;
            }
        }
        last
    }
}

/// A folder with a file of settings and an archive.
struct Site {
    folder: tempfile::TempDir,
    port: u16,
}

impl Site {
    fn new() -> Site {
        Site { folder: tempfile::tempdir().unwrap(), port: free_port() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn archive(&self) -> PathBuf {
        self.path("archive")
    }

    fn settings(&self, text: &str) {
        fs::write(self.path("toptalk.toml"), text).unwrap();
    }

    /// A collector with the settings and these words; slots are a day long unless
    /// they say otherwise.
    fn collect(&self, words: &[&str]) -> Command {
        let mut command = toptalk();
        command.args(["collect", "-b", "127.0.0.1", "-p", &self.port.to_string()]);
        if !words.contains(&"-t") {
            command.args(["-t", "86400"]);
        }
        command.args(words).arg("--config").arg(self.path("toptalk.toml"));
        command
    }

    fn start(&self, words: &[&str]) -> Running {
        let archive = self.archive();
        let words = [&["-w", archive.to_str().unwrap()], words].concat();
        Running::start(&mut self.collect(&words), "listening")
    }

    fn router(&self) -> Router {
        Router::new("127.0.0.1", self.port)
    }

    /// Waits until so many flows are in the archive.
    fn wait_for(&self, flows: u64) {
        common::wait_until("flows", || sums(&self.archive()).0 == flows);
    }
}

fn hang_up(running: &Running) {
    kill(running.pid(), Signal::SIGHUP).unwrap();
}

/// Ends it as systemd does; gives what it said at last.
fn end(running: Running) -> String {
    let output = running.end(Signal::SIGTERM);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn flows(folder: &Path) -> u64 {
    sums(folder).0
}
