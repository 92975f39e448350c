//! `toptalk top` as a program: rates of what it hears, and what it says of what it does not.

use std::net::UdpSocket;

use nix::sys::signal::Signal;
use serde_json::Value;
use toptalk::flow::{Flow, Time};
use toptalk::wire::encode::V5Encoder;

use crate::common::process::{Running, free_port, toptalk};
use crate::common::site::{START, flow, local, remote};

/// Sends datagrams to `toptalk top`, ends it and returns its answer.
fn heard(port: u16, datagrams: &[Vec<u8>]) -> Value {
    let mut command = toptalk();
    command.args(["top", "-b", "127.0.0.1", "--for", "60s", "-o", "json", "-p"]);
    let running = Running::start(command.arg(port.to_string()), "listening");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in datagrams {
        socket.send_to(datagram, ("127.0.0.1", port)).unwrap();
    }
    // toptalk reads what is left in the kernel's buffer before it ends.
    let output = running.end(Signal::SIGINT);
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn notes(answer: &Value) -> String {
    answer["notes"].to_string()
}

#[test]
fn a_stream_of_22_hours_that_is_reported_when_it_ends_has_its_own_rate() {
    let now = Time(START);
    let stream = flow(remote(1), local(1), 0.0, 1.0, 79_200.0, 1_270_000_000);
    let datagrams = V5Encoder::new(0, 0).encode(now, now.plus_ms(-90_000_000), &[stream]);
    let answer = heard(free_port(), &datagrams);
    let rate = answer["hosts"][0]["down"]["bps"].as_u64().unwrap();
    assert!((126_000..=130_000).contains(&rate), "{answer}");
    assert_eq!(answer["window"]["complete"], false, "{answer}");
    assert!(notes(&answer).contains("reach back 1h00m"), "{answer}");
}

#[test]
fn a_flow_of_a_minute_has_the_rate_of_its_minute() {
    let now = Time(START);
    let minute = Flow { packets: 7_500, ..flow(remote(1), local(1), 0.0, 0.0, 60.0, 7_500_000) };
    let datagrams = V5Encoder::new(0, 0).encode(now, now.plus_ms(-90_000_000), &[minute]);
    let answer = heard(free_port(), &datagrams);
    let down = &answer["hosts"][0]["down"];
    assert_eq!(down["bytes"], 7_500_000, "{answer}");
    let rate = down["bps"].as_u64().unwrap();
    assert!((980_000..=1_020_000).contains(&rate), "{answer}");
}

#[test]
fn silence_and_data_without_a_template_are_told_and_not_complete() {
    let port = free_port();
    let answer = heard(port, &[]);
    assert!(notes(&answer).contains(&format!("on port {port}: `toptalk doctor`")), "{answer}");
    assert_eq!(answer["window"]["complete"], false, "{answer}");
    // A v9 data set of a template that was never sent.
    let mut datagram = vec![0, 9, 0, 1];
    datagram.extend([0, 0, 0x10, 0, 0x65, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7]);
    datagram.extend([1, 0, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8]);
    let answer = heard(free_port(), &[datagram]);
    assert!(notes(&answer).contains("1 data sets of 127.0.0.1 wait for their templates"));
    assert_eq!(answer["window"]["complete"], false, "{answer}");
}

#[test]
fn a_collector_that_has_the_port_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (port, socket) = (free_port().to_string(), folder.path().join("t.sock"));
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port, "--socket"]).arg(&socket);
    let collector = Running::start(command.env_remove("TOPTALK_NO_SERVE"), "screens attach");
    let mut top = toptalk();
    top.args(["top", "-b", "127.0.0.1", "-p", &port, "--for", "1s", "--socket"]).arg(&socket);
    let output = top.env_remove("TOPTALK_NO_ATTACH").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("port {port} is in use")), "{said}");
    assert!(said.contains("a collector is running and may have the port"), "{said}");
    // It answers for the window of the screen.
    let mut top = toptalk();
    top.args(["top", "-o", "json", "--socket"]).arg(&socket).env_remove("TOPTALK_NO_ATTACH");
    let answer: Value = serde_json::from_slice(&top.output().unwrap().stdout).unwrap();
    assert_eq!(answer["window"]["name"], "1m", "{answer}");
    collector.end(Signal::SIGTERM);
}
