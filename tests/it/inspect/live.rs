//! `toptalk inspect --port`.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::bytes;
use crate::common::process::{Running, free_port, toptalk};

fn send(port: u16, name: &str) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&bytes(name), ("127.0.0.1", port)).unwrap();
}

#[test]
fn what_arrives_is_printed_at_once_until_it_is_interrupted() {
    let port = free_port();
    let mut command = toptalk();
    command.args(["inspect", "--bind", "127.0.0.1", "--port", &port.to_string(), "-o", "ndjson"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert!(errors.read_line(&mut line).unwrap() > 0);
    }
    send(port, "softflowd_v5.dat");
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&printed.next().unwrap().unwrap()).unwrap();
    assert_eq!((&first["exporter"], &first["flows"]), (&"127.0.0.1".into(), &5.into()));
    assert!(first["file"].is_null());
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(printed.count(), 5);
}

#[test]
fn an_interrupted_table_ends_with_the_summary() {
    let port = free_port();
    let mut command = toptalk();
    command.args(["inspect", "--bind", "127.0.0.1", "--port", &port.to_string()]);
    let running = Running::start(&mut command, "listening");
    let output = running.end(Signal::SIGTERM);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("no flow export was seen"), "{table}");
}

#[test]
fn enough_is_enough() {
    let port = free_port();
    let mut command = toptalk();
    command.args(["inspect", "--bind", "127.0.0.1", "--port", &port.to_string(), "-n", "1"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert!(errors.read_line(&mut line).unwrap() > 0);
    }
    send(port, "softflowd_v9.dat");
    let output = child.wait_with_output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && table.contains("exporter 127.0.0.1: netflow9"), "{table}");
}
