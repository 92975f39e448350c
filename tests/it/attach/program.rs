//! The real program at both ends: collectors and screens that start and end.

use crate::common;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::process::{Running, free_port, toptalk};
use crate::common::terminal::{Terminal, command};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use toptalk::flow::{Flow, Host};
use toptalk::wire::encode::V5Encoder;

/// A collector with its port and socket.
struct Site {
    folder: TempDir,
    port: u16,
    socket: PathBuf,
}

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("t.sock");
        Site { folder, port: free_port(), socket }
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = toptalk();
        command.env_remove("TOPTALK_NO_SERVE").env_remove("TOPTALK_NO_ATTACH");
        command.arg(verb).arg("--socket").arg(&self.socket);
        command
    }

    fn collect(&self, words: &[&str]) -> Running {
        let mut command = self.command("collect");
        command.args(["-b", "127.0.0.1", "-p", &self.port.to_string()]).args(words);
        command.arg("-w").arg(self.archive());
        Running::start(&mut command, "screens attach")
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    /// Sends a flow of the last minute from a local host.
    fn send(&self, last: u8) {
        let now = toptalk::clock::Clock::start().now();
        let flow = Flow {
            src: Host::octets(10, 20, 3, last),
            dst: Host::octets(198, 51, 100, 1),
            first: now.plus_ms(-30_000),
            last: now.plus_ms(-20_000),
            bytes: 1_500_000,
            packets: 1_000,
            sport: 40_000,
            dport: 443,
            proto: 6,
            ..Flow::EMPTY
        };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for datagram in V5Encoder::new(0, 0).encode(now, now.plus_ms(-60_000), &[flow]) {
            socket.send_to(&datagram, ("127.0.0.1", self.port)).unwrap();
        }
    }

    fn screen(&self) -> Terminal {
        let words = ["--window", "1h", "--socket", self.socket.to_str().unwrap()];
        let command = command(env!("CARGO_BIN_EXE_toptalk"), &words, self.folder.path());
        Terminal::start(command, 100, 24)
    }

    /// An answer of `toptalk top`, which uses the running collector.
    fn top(&self) -> serde_json::Value {
        let output = self.command("top").args(["-o", "json"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !said.contains("listening"), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Waits until the collector knows this many hosts.
    fn wait_for_hosts(&self, count: usize) {
        common::wait_until("hosts", || self.top()["hosts"].as_array().unwrap().len() == count);
    }
}

fn shows(host: &str) -> impl Fn(&str) -> bool {
    move |text| text.contains(host) && !text.contains("collector gone")
}

#[test]
fn screens_and_collectors_start_and_end() {
    let site = Site::new();
    let mut collector = site.collect(&[]);
    site.send(17);
    site.wait_for_hosts(1);
    let mut screen = site.screen();
    screen.wait_until("the traffic", shows("10.20.3.17"));
    screen.press("e");
    screen.wait("1 of 64 attached at");
    // A screen is killed and another one attached: all data is there at once.
    screen.signal(Signal::SIGKILL);
    drop(screen);
    let mut screen = site.screen();
    screen.wait_until("the traffic", shows("10.20.3.17"));
    // The collector is killed: the screen says so, even when frozen, and keeps its data.
    screen.press(" ");
    screen.wait("FROZEN");
    assert!(!collector.end(Signal::SIGKILL).status.success());
    let text = screen.wait("collector gone since ");
    assert!(text.contains("10.20.3.17") && text.contains("waiting for it"), "{text}");
    assert!(site.socket.exists(), "nobody has removed it");
    screen.press(" ");
    // Another collector replaces the socket, and the screen continues with it.
    collector = site.collect(&[]);
    site.send(18);
    screen.wait_until("the new collector", shows("10.20.3.18"));
    // A second screen, whose terminal is closed.
    let mut other = site.screen();
    other.wait_until("the traffic", shows("10.20.3.18"));
    other.close();
    collector.wait_for("left");
    // Both are killed, and both started again.
    screen.signal(Signal::SIGKILL);
    drop(screen);
    collector.end(Signal::SIGKILL);
    collector = site.collect(&[]);
    site.send(19);
    let mut screen = site.screen();
    screen.wait_until("the traffic", shows("10.20.3.19"));
    // The collector ends and removes its socket. The screen ends with its keys.
    assert_eq!(collector.end(Signal::SIGTERM).status.code(), Some(0));
    assert!(!site.socket.exists());
    screen.wait("collector gone since ");
    screen.press("q");
    screen.wait("press q again to quit");
    screen.press("q");
    assert_eq!(screen.end().code, 0);
}

#[test]
fn queries_find_everything_received_so_far() {
    let site = Site::new();
    let collector = site.collect(&[]);
    site.send(17);
    site.wait_for_hosts(1);
    let output = site.command("query").arg("-R").arg(site.archive()).args(["-o", "csv"]).output();
    let output = output.unwrap();
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && answer.contains("10.20.3.17"), "{answer}");
    collector.end(Signal::SIGTERM);
}

#[test]
fn groups_are_those_of_the_collector() {
    let site = Site::new();
    let collector = site.collect(&["--group", "10.20.3.0/24=lab"]);
    site.send(17);
    site.wait_for_hosts(1);
    let output = site.command("top").args(["--by", "group", "--local", "10.0.0.0/8"]).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("has its own settings, not used: --local"), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("lab"), "{output:?}");
    collector.end(Signal::SIGTERM);
}

#[test]
fn a_reload_renames_what_attached_screens_show() {
    let site = Site::new();
    let settings = site.folder.path().join("toptalk.toml");
    let name = |name: &str| {
        let text = format!("[groups.names]\n{name} = [\"10.20.3.0/24\"]\n");
        std::fs::write(&settings, text).unwrap();
    };
    name("lab");
    let mut collector = site.collect(&["--config", settings.to_str().unwrap()]);
    site.send(17);
    site.wait_for_hosts(1);
    let by_group = || {
        let output = site.command("top").args(["--by", "group"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(by_group().contains("lab"), "{}", by_group());
    name("office");
    nix::sys::signal::kill(collector.pid(), Signal::SIGHUP).unwrap();
    collector.wait_for("reloaded");
    assert!(by_group().contains("office"), "{}", by_group());
    collector.end(Signal::SIGTERM);
}

#[test]
fn a_collector_that_cannot_open_its_socket_still_collects() {
    let site = Site::new();
    let long = site.folder.path().join("x".repeat(120));
    let taken = site.folder.path().join("taken.sock");
    let listener = std::os::unix::net::UnixListener::bind(&taken).unwrap();
    for (socket, said) in
        [(&long, "expected a path of at most 107 bytes"), (&taken, "another collector serves")]
    {
        let archive = site.archive();
        let mut command = toptalk();
        command.env_remove("TOPTALK_NO_SERVE");
        command.args(["collect", "-b", "127.0.0.1", "-p", &site.port.to_string()]);
        command.arg("-w").arg(&archive).arg("--socket").arg(socket);
        let running = Running::start(&mut command, said);
        let before = records(&archive);
        site.send(17);
        common::wait_until("the journal", || records(&archive) > before);
        assert_eq!(running.end(Signal::SIGTERM).status.code(), Some(0));
    }
    drop(listener);
}

/// Number of flows in an archive.
fn records(archive: &Path) -> usize {
    let output = toptalk().args(["query", "-o", "csv", "-q", "-R"]).arg(archive).output().unwrap();
    String::from_utf8_lossy(&output.stdout).matches("10.20.3.17").count()
}

#[test]
fn other_versions_and_other_servers_are_reported() {
    use std::io::{Read, Write};
    let site = Site::new();
    for (hello, said) in [
        (&b"TTLK\x00\x63\x059.9.9"[..], "expected version 3 of the attach protocol"),
        (b"TTLK\x00\x63\x059.9.9", "found 99 (toptalk 9.9.9)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "expected toptalk's attach protocol"),
    ] {
        let _ = std::fs::remove_file(&site.socket);
        let listener = std::os::unix::net::UnixListener::bind(&site.socket).unwrap();
        let other = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(hello).unwrap();
            // Until the other side has closed the connection.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let output = site.command("top").output().unwrap();
        other.join().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        let named = told.contains(site.socket.to_str().unwrap()) && told.contains("--no-attach");
        assert!(named && told.contains(said), "{told}");
    }
}
