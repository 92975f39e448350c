//! Small disks and read-only disks, in a mount namespace.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;

use nix::sys::signal::Signal;
use toptalk::flow::{Flow, Host};
use toptalk::wire::encode::V5Encoder;

use crate::common::process::{Running, free_port, toptalk};
use crate::common::skip;
use crate::common::users::copy_environment;

/// Runs `toptalk words` with a disk mounted on `place`; reports a skip if that is impossible
/// here.
fn on_disk(test: &str, mount: &str, place: &str, words: &str) -> Option<Command> {
    let script = format!("mount {mount} {place} && exec \"$TOPTALK\" {words}");
    let command = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script]).env("TOPTALK", env!("CARGO_BIN_EXE_toptalk"));
        // The same environment as in all tests.
        copy_environment(&toptalk(), &mut command);
        command
    };
    let tried = command(&format!("mount {mount} {place}")).output();
    if tried.is_ok_and(|output| output.status.success()) {
        return Some(command(&script));
    }
    skip(test, "no disk can be mounted in a mount namespace");
    None
}

#[test]
fn a_full_disk_is_reported_once_and_lost_flows_are_counted() {
    let test = "a_full_disk_is_reported_once_and_lost_flows_are_counted";
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let port = free_port();
    // Less than a recorder leaves free for others.
    let words = format!("collect -b 127.0.0.1 -p {port} -w {place}/archive -t 1");
    let Some(mut command) = on_disk(test, "-t tmpfs -o size=50m none", place, &words) else {
        return;
    };
    let mut running = Running::start(&mut command, "listening");
    let host = Host::octets(10, 0, 0, 1);
    let now = toptalk::clock::Clock::start().now();
    let boot = now.plus_ms(-60_000);
    let flow =
        Flow { bytes: 9, packets: 1, src: host, dst: host, first: now, last: now, ..Flow::EMPTY };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagrams = V5Encoder::new(0, 0).encode(now, boot, &[flow; 7]);
    for datagram in &datagrams {
        socket.send_to(datagram, ("127.0.0.1", port)).unwrap();
    }
    running.wait_for("not recording to");
    running.wait_for("flows=0 packets=0 bytes=0 lost=0 bad=0 parts=0 not_recorded=7");
    let output = running.end(Signal::SIGTERM);
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{messages}");
    let summed = |line: &&str| line.contains("flows not recorded: the disk is full");
    let summed = messages.lines().find(summed).expect(&messages);
    assert!(summed.ends_with("cause=record_no_space count=7"), "{summed}");
    assert!(!messages.contains("not recording to"), "reported once: {messages}");
}

#[test]
fn an_archive_on_a_read_only_disk_answers_and_is_not_recorded_into() {
    let test = "an_archive_on_a_disk_that_may_only_be_read_answers";
    let folder = tempfile::tempdir().unwrap();
    super::segment(folder.path(), 0, 6);
    super::journal(folder.path(), 1, 5);
    let place = folder.path().to_str().unwrap();
    let mount = format!("--bind -o ro {place}");
    let query = format!("query -R {place} -I -o json");
    let Some(mut command) = on_disk(test, &mount, place, &query) else { return };
    let output = command.output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect(&messages);
    assert_eq!((&json["flows"], messages.as_str()), (&11.into(), ""));
    let collect = format!("collect -b 127.0.0.1 -p {} -w {place}", free_port());
    let Some(mut command) = on_disk(test, &mount, place, &collect) else { return };
    let output = command.output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{messages}");
    assert!(messages.contains(".toptalk-recorder: Read-only file system"), "{messages}");
    assert!(fs::read_dir(folder.path()).unwrap().count() == 2, "nothing was left there");
}
