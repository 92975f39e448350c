//! Recording with real processes: flows survive a kill, and what was sent is read back.

use crate::common;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use crate::common::archive::{chunks, files, sums, v5};
use crate::common::capture::softflowd;
use crate::common::process::{Running, free_port, have, toptalk};
use crate::common::traffic::one_flow;
use nix::sys::signal::Signal;
use toptalk::archive::verify::verify;
use toptalk::flow::{Flow, Host, Time};

fn collect(port: u16, folder: &Path, more: &[&str]) -> Command {
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "-w"]);
    command.arg(folder).args(more);
    command
}

#[test]
fn flows_sent_by_softflowd_survive_a_kill() {
    if !have("flows_sent_by_softflowd_survive_a_kill", "softflowd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    let capture = folder.path().join("capture.pcap");
    let truth = common::capture::write(&capture, 40);
    let port = free_port();
    let mut running =
        Running::start(&mut collect(port, &archive, &["-S", "1", "-t", "86400"]), "listening");
    softflowd(&capture, "9", port, folder.path());
    // The journal is written every half second; that is all there is to wait for.
    common::wait_until("the journal", || sums(&archive).0 == truth.flows);
    let output = running.end(Signal::SIGKILL);
    assert!(!output.status.success());
    let left = files(&archive);
    assert!(left.iter().all(|path| path.extension().is_some_and(|end| end == "journal")));
    assert_eq!(sums(&archive), (truth.flows, truth.packets, truth.bytes));
    // The new collector makes segments of the journals that were left and records more.
    let messages = format!("{} flows of an earlier run", truth.flows);
    let port = free_port();
    running = Running::start(&mut collect(port, &archive, &["-S", "1", "-t", "86400"]), &messages);
    softflowd(&capture, "9", port, folder.path());
    common::wait_until("both", || sums(&archive).0 == 2 * truth.flows);
    let output = running.end(Signal::SIGTERM);
    assert_eq!(output.status.code(), Some(0));
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        messages.contains(&format!("flows={} packets={}", truth.flows, truth.packets)),
        "{messages}"
    );
    let files = files(&archive);
    assert!(files.iter().all(|path| path.extension().is_some_and(|end| end == "parquet")));
    assert_eq!(sums(&archive), (2 * truth.flows, 2 * truth.packets, 2 * truth.bytes));
    for path in files {
        let verified = verify(&path, chunks(&path));
        assert_eq!(verified.problems, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn every_slot_has_a_log_line_and_a_second_recorder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut running = Running::start(&mut collect(port, folder.path(), &["-t", "1"]), "listening");
    let second = collect(free_port(), folder.path(), &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let messages = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(messages.contains(&format!("process id {}", running.pid())), "{messages}");
    let flow = one_flow(Time(0));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in v5(&[flow; 5]) {
        socket.send_to(&datagram, ("127.0.0.1", port)).unwrap();
    }
    running.wait_for("flows=5 packets=15 bytes=7500 lost=0 bad=0 parts=1");
    let output = running.end(Signal::SIGINT);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(sums(folder.path()), (5, 15, 7500));
}

#[test]
fn top_records_while_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = toptalk();
    command.args(["top", "-b", "127.0.0.1", "--for", "2h", "-o", "json", "-w"]);
    command.arg(folder.path()).args(["-p", &port.to_string()]);
    let running = Running::start(&mut command, "listening");
    let host = Host::octets(10, 0, 0, 1);
    let flow = Flow { bytes: 100, packets: 1, src: host, dst: host, ..Flow::EMPTY };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in v5(&[flow; 3]) {
        socket.send_to(&datagram, ("127.0.0.1", port)).unwrap();
    }
    let output = running.end(Signal::SIGINT);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let recording = &answer["recording"];
    assert_eq!((&recording["flows"], &recording["segments"]), (&3.into(), &1.into()), "{answer}");
    assert_eq!(recording["stopped"], serde_json::Value::Null);
    assert_eq!(sums(folder.path()), (3, 3, 300));
}
