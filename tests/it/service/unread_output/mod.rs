//! What a collector tells the outside, when nobody listens: a log that cannot be
//! written, a service manager, a hook and readers of metrics that are stuck. Nothing
//! of it ends or stalls the collecting, and what is lost is counted.

mod answers;
mod descriptors;
mod listeners;
mod log;

use crate::common;
use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::common::archive::sums;
use crate::common::metrics;
use crate::common::process::{free_port, toptalk};
use crate::common::terminal::PATIENCE;
use crate::common::traffic::one_flow;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use toptalk::clock::Clock;
use toptalk::wire::encode::V5Encoder;

/// A collector whose service manager says when it is ready: its log cannot.
struct Site {
    folder: tempfile::TempDir,
    port: u16,
    metrics: u16,
    manager: UnixDatagram,
}

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        Site { folder, port: free_port(), metrics: metrics::free_port(), manager }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn archive(&self) -> PathBuf {
        self.path("archive")
    }

    /// A collector with these words besides.
    fn collect(&self, words: &[&str]) -> Command {
        let mut command = toptalk();
        command.args(["collect", "-b", "127.0.0.1", "-p", &self.port.to_string()]);
        command.args(["--metrics", &self.metrics.to_string(), "-w"]).arg(self.archive());
        command.args(words).env("NOTIFY_SOCKET", self.path("notify"));
        command.env_remove("TOPTALK_NO_SERVE").env("TOPTALK_SOCKET", self.path("t.sock"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Waits until the service manager is told this word.
    fn told(&self, word: &str) {
        let mut bytes = [0; 512];
        loop {
            let length = self.manager.recv(&mut bytes).expect("the service manager is told");
            if String::from_utf8_lossy(&bytes[..length]).contains(word) {
                return;
            }
        }
    }

    /// Sends so many flows.
    fn send(&self, flows: usize) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let now = Clock::start().now();
        let flow = one_flow(now);
        let boot = now.plus_ms(-60_000);
        for datagram in V5Encoder::new(0, 0).encode(now, boot, &vec![flow; flows]) {
            socket.send_to(&datagram, ("127.0.0.1", self.port)).unwrap();
        }
    }

    /// Waits until so many flows are recorded.
    fn recorded(&self, flows: u64) {
        let archive = self.archive();
        common::wait_until("flows", || archive.is_dir() && sums(&archive).0 == flows);
    }

    /// How often something was lost on its way out, as metrics have it.
    fn lost(&self, cause: &str) -> u64 {
        let series = format!("toptalk_noticed_total{{cause=\"{cause}\"}}");
        metrics::scraped(self.metrics, &series).unwrap_or(0)
    }
}

/// A process that goes with the test.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Process {
        Process(command.spawn().expect("it starts"))
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id() as i32), signal).unwrap();
    }

    /// Waits for the end.
    fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        common::wait_until("the end", || {
            ended = self.0.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }

    /// Ends it as systemd does.
    fn end(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The writing end of a pipe in which there is no room, and the other end.
fn full_pipe() -> (File, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut writer = File::from(OwnedFd::from(writer));
    let flags = |blocking: bool| {
        use nix::fcntl::{FcntlArg, OFlag, fcntl};
        let flags = if blocking { OFlag::empty() } else { OFlag::O_NONBLOCK };
        fcntl(&writer, FcntlArg::F_SETFL(flags)).unwrap();
    };
    flags(false);
    let mut filler = writer.try_clone().unwrap();
    for size in [4096, 1] {
        while filler.write(&vec![b'.'; size]).is_ok() {}
    }
    flags(true);
    writer.flush().unwrap();
    (writer, reader)
}
