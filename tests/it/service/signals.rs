//! SIGTERM and Ctrl-C are obeyed by every command, whatever it waits for: a reader that
//! does not read, a collector that does not answer, the time of a replay. Nothing here
//! measures how long that takes: a command that does not obey never ends.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::common::process::{free_port, toptalk};
use crate::common::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use toptalk::archive::name;
use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::clock::Clock;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::encode::V5Encoder;

const SLOT: Time = Time(1_795_491_600_000);

/// What a pipe holds at least when its writer waits: half of its 64 kB, as pieces that do
/// not fit into the rest of a page leave that empty.
const FULL: usize = 32_000;

/// A segment of flows that came an hour apart from each other.
fn segment(folder: &Path, flows: i64) -> PathBuf {
    let at = |n: i64| SLOT.plus_ms(n * 3_600_000);
    let of = |n: i64| Flow {
        src: Host::octets(10, 0, (n >> 8) as u8, n as u8),
        arrival: at(n),
        first: at(n),
        last: at(n),
        ..Flow::EMPTY
    };
    let all: Vec<Flow> = (0..flows).map(of).collect();
    let path = folder.join(name::segment(SLOT, false, 1));
    let slot = SlotInfo { start: SLOT, length_ms: 300_000 };
    encode(&all, &[], &slot, fs::File::create(&path).unwrap()).unwrap();
    path
}

/// What a command is seen waiting for.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// Its output fills the pipe, which nobody reads.
    OutputFull,
    ErrorsFull,
    /// It has said something.
    Said(&'static str),
}

/// Bytes that wait in a pipe.
fn waiting(pipe: &impl std::os::fd::AsFd) -> usize {
    let count = rustix::io::ioctl_fionread(pipe).unwrap();
    usize::try_from(count).unwrap()
}

/// Starts a command, waits until it waits, and sends it a signal: it ends.
fn ends(command: &mut Command, until: Until, signal: Signal, meanwhile: &mut dyn FnMut()) {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child: Child = spawned.spawn().unwrap();
    let (out, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let mut errors = std::io::BufReader::new(errors);
    match until {
        Until::OutputFull => wait_until("a full output", || {
            meanwhile();
            waiting(&out) >= FULL
        }),
        Until::ErrorsFull => wait_until("full errors", || waiting(errors.get_ref()) >= FULL),
        Until::Said(word) => {
            let mut said = String::new();
            while !said.contains(word) {
                let read = std::io::BufRead::read_line(&mut errors, &mut said).unwrap();
                assert!(read > 0, "it ended before it said `{word}`: {said}");
            }
        }
    }
    assert_eq!(child.try_wait().unwrap(), None, "{command:?} has ended by itself");
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    let mut ended = None;
    wait_until(&format!("the end of {command:?} by {signal}"), || {
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    let status = ended.unwrap();
    let by = std::os::unix::process::ExitStatusExt::signal(&status);
    // `doctor` says what it found, and 1 when that is not well.
    let expected = [Some(128 + signal as i32), Some(0), Some(1)];
    assert!(by == Some(signal as i32) || expected.contains(&status.code()), "{status:?}");
    drop((out, errors));
}

fn both(make: impl Fn() -> Command, until: Until) {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        ends(&mut make(), until, signal, &mut || {});
    }
}

#[test]
fn commands_that_read_the_archive_end() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    fs::create_dir_all(&archive).unwrap();
    let path = segment(&archive, 20_000);
    for words in [["-o", "csv"], ["-o", "json"], ["-A", "srcip"], ["-n", "20000"]] {
        let query = || {
            let mut query = toptalk();
            query.args(["query", "-r"]).arg(&path).args(words);
            query
        };
        both(query, Until::OutputFull);
    }
    let replay = || {
        let mut replay = toptalk();
        replay.args(["replay", "-r"]).arg(&path);
        replay.arg("--to").arg(format!("127.0.0.1:{}", free_port()));
        replay
    };
    both(replay, Until::Said("sending to"));
    // Thousands of files that are none, each with a line on stderr.
    let broken = folder.path().join("broken");
    fs::create_dir_all(&broken).unwrap();
    for n in 0..2_000 {
        let slot = SLOT.plus_ms(n * 300_000);
        fs::write(broken.join(name::segment(slot, false, 1)), "nothing").unwrap();
    }
    fs::create_dir_all(folder.path().join("to")).unwrap();
    let convert = || {
        let mut convert = toptalk();
        convert.args(["convert", "-R"]).arg(&broken).arg("-w").arg(folder.path().join("to"));
        convert
    };
    both(convert, Until::ErrorsFull);
    let query = || {
        let mut query = toptalk();
        query.args(["query", "-n", "0", "-R"]).arg(&broken);
        query
    };
    // Problems are told at the end, a hundred at most: it ends by itself, and says so.
    assert_eq!(query().stdin(Stdio::null()).output().unwrap().status.code(), Some(1));
}

#[test]
fn commands_that_listen_end() {
    let ports = |command: &mut Command| {
        command.args(["-b", "127.0.0.1", "-p", &free_port().to_string()]);
    };
    for (verb, words, said) in [
        ("collect", vec![], "recording nothing"),
        ("top", vec!["--for", "1h"], "listening"),
        ("doctor", vec!["--for", "1h"], "listening"),
        ("inspect", vec![], "listening"),
    ] {
        let make = || {
            let mut command = toptalk();
            command.arg(verb).args(&words);
            ports(&mut command);
            command
        };
        both(make, Until::Said(said));
    }
    // With an output that nobody reads.
    let port = free_port();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let now = Clock::start().now();
    let (src, dst) = (Host::octets(10, 0, 0, 1), Host::octets(10, 0, 0, 2));
    let flow = Flow { src, dst, first: now, last: now, packets: 1, bytes: 100, ..Flow::EMPTY };
    let flows = [flow; 30];
    let datagram = &V5Encoder::new(0, 0).encode(now, now.plus_ms(-60_000), &flows)[0];
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut inspect = toptalk();
        inspect.args(["inspect", "-b", "127.0.0.1", "-p", &port.to_string()]);
        let mut send = || {
            let _ = socket.send_to(datagram, ("127.0.0.1", port));
        };
        ends(&mut inspect, Until::OutputFull, signal, &mut send);
    }
}

#[test]
fn commands_that_only_print_end() {
    // A capture that never begins.
    let inspect = || {
        let mut inspect = toptalk();
        inspect.args(["inspect", "-"]);
        inspect
    };
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut child = inspect().stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        let status = child.wait().unwrap();
        assert!(!status.success(), "{status:?}");
    }
    // They say less than a pipe holds, and end by themselves.
    for words in [vec!["config", "show"], vec!["setup", "completions", "bash"]] {
        let mut command = toptalk();
        let status = command.args(&words).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.unwrap().code().is_some(), "{words:?}");
    }
}
