//! Copies a running archive as docs/UPGRADE.md describes: the copy has everything that was
//! recorded when it began, each flow once.

use crate::common;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::common::archive::files;
use crate::common::process::{Running, free_port, have, toptalk};
use nix::sys::signal::Signal;
use toptalk::clock::Clock;
use toptalk::flow::{Flow, Host};
use toptalk::wire::encode::V5Encoder;

/// Copies what exists. A file that disappears meanwhile makes `cp` fail, but only that file is
/// missing.
fn copy(from: &Path, to: &Path) {
    let mut command = Command::new("cp");
    command.arg("-a").arg(from.join(".")).arg(to).output().unwrap();
}

/// The number of flows that a query finds.
fn flows(folder: &Path) -> u64 {
    let output = toptalk().args(["query", "-I", "-R"]).arg(folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("Flows: "));
    line.unwrap_or_else(|| panic!("{output:?}")).trim().parse().unwrap()
}

fn segments(folder: &Path) -> usize {
    files(folder).iter().filter(|path| path.extension().is_some_and(|end| end == "parquet")).count()
}

#[test]
fn a_copy_of_a_running_archive_has_every_earlier_flow_once() {
    if !have("a_copy_of_a_running_archive_has_every_earlier_flow_once", "cp") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (archive, backup) = (folder.path().join("archive"), folder.path().join("copy"));
    std::fs::create_dir(&backup).unwrap();
    let port = free_port();
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "-t", "2", "-w"]);
    let running = Running::start(command.arg(&archive), "listening");
    let (done, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let (mut encoder, clock) = (V5Encoder::new(0, 0), Clock::start());
            while !done.load(Ordering::Relaxed) {
                let now = clock.now();
                let flow = Flow {
                    src: Host::octets(192, 0, 2, 1),
                    dst: Host::octets(198, 51, 100, 1),
                    bytes: 100,
                    packets: 1,
                    first: now.plus_ms(-100),
                    last: now,
                    ..Flow::EMPTY
                };
                for datagram in encoder.encode(now, now.plus_ms(-60_000), &[flow; 30]) {
                    socket.send_to(&datagram, ("127.0.0.1", port)).unwrap();
                    sent.fetch_add(30, Ordering::Relaxed);
                }
                std::thread::yield_now();
            }
        });
        // Slots end during the copy, and journals become segments.
        common::wait_until("a segment", || segments(&archive) > 0);
        for _ in 0..3 {
            let (before, known) = (flows(&archive), segments(&archive));
            copy(&archive, &backup);
            common::wait_until("the next segment", || {
                copy(&archive, &backup);
                segments(&archive) > known
            });
            copy(&archive, &backup);
            let (found, most) = (flows(&backup), sent.load(Ordering::Relaxed));
            assert!((before..=most).contains(&found), "{found} of {before} to {most}");
        }
        done.store(true, Ordering::Relaxed);
    });
    running.end(Signal::SIGTERM);
    // The journals copied last count once, together with the segments of the end.
    copy(&archive, &backup);
    assert_eq!(flows(&backup), flows(&archive));
}
