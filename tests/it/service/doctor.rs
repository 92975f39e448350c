//! `toptalk doctor` on this machine.

use crate::common;
use std::net::UdpSocket;
use std::process::Command;

use crate::common::process::{Running, free_port, toptalk};
use nix::sys::signal::Signal;
use serde_json::Value;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::encode::V5Encoder;

fn doctor(port: u16, more: &[&str]) -> Command {
    let mut command = toptalk();
    command.args(["doctor", "-b", "127.0.0.1", "-p", &port.to_string()]).args(more);
    command
}

/// The findings of a check: states and texts.
fn of(output: &[u8], check: &str) -> Vec<(String, String)> {
    let findings: Vec<Value> = serde_json::from_slice(output).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of_check = findings.iter().filter(|finding| finding["check"] == check);
    of_check.map(|finding| (text(&finding["state"]), text(&finding["text"]))).collect()
}

#[test]
fn what_is_sent_is_looked_at() {
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    let words = ["--for", "1h", "-o", "json", "-w", &path];
    let running = Running::start(&mut doctor(port, &words), "listening");
    let now = toptalk::clock::Clock::start().now();
    let flow = |n: u8, ms: i64| Flow {
        src: Host::octets(192, 0, 2, n),
        dst: Host::octets(198, 51, 100, 1),
        bytes: 1500,
        packets: 3,
        proto: 17,
        first: now.plus_ms(-ms),
        last: now,
        ..Flow::EMPTY
    };
    let sent = |now: Time, flows: &[Flow]| {
        V5Encoder::new(0, 0).encode(now, now.plus_ms(-7_200_000), flows)
    };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // A router whose long flows are reported every half hour.
    let flows: Vec<Flow> = (1..31).map(|n| flow(n, 1_800_000)).collect();
    for datagram in sent(now, &flows) {
        socket.send_to(&datagram, ("127.0.0.1", port)).unwrap();
    }
    socket.send_to(&[0, 99, 0, 0, 0, 0, 0, 0], ("127.0.0.1", port)).unwrap();
    let output = running.end(Signal::SIGINT);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let arrival = of(&output.stdout, "arrival");
    assert_eq!(arrival[0].0, "ok", "{arrival:?}");
    assert!(
        arrival[0].1.starts_with("2 datagrams with 30 flows from 1 exporter in"),
        "{arrival:?}"
    );
    let datagrams = of(&output.stdout, "datagrams");
    assert!(
        datagrams
            .iter()
            .any(|(state, text)| state == "warn" && text.contains("unknown protocol or version"))
    );
    let exporter = of(&output.stdout, "exporter");
    let timeout = "ip flow-cache timeout active 1";
    let fits = |(state, text): &(String, String)| state == "warn" && text.contains(timeout);
    assert!(exporter.iter().any(fits), "{exporter:?}");
    assert_eq!(of(&output.stdout, "archive")[0].0, "ok");
}

#[test]
fn a_taken_port_is_a_failure_and_names_who_has_it() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = doctor(port, &["--for", "1h"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let holder = format!("(process {})", std::process::id());
    let line = said.lines().find(|line| line.starts_with("FAIL  port")).unwrap();
    assert!(line.contains(&format!("{port} is held by")) && line.contains(&holder), "{said}");
    assert!(said.contains("-> stop it, or choose another port with -p"), "{said}");
    assert!(said.contains("note  arrival    not listened: no port is free"), "{said}");
}

#[test]
fn a_running_collector_is_recognized() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().to_str().unwrap().to_owned();
    let port = free_port();
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "-w", &archive]);
    let running = Running::start(&mut command, "listening");
    let output = doctor(port, &["-o", "json", "-w", &archive]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let ports = of(&output.stdout, "port");
    assert_eq!(ports[0].0, "note");
    assert!(
        ports[0]
            .1
            .contains(&format!("toptalk (process {}), which is already collecting", running.pid()))
    );
    let archive = of(&output.stdout, "archive");
    let records = format!("process {} records into", running.pid());
    assert!(archive.iter().any(|(_, text)| text.contains(&records)), "{archive:?}");
    running.end(Signal::SIGTERM);
}

#[test]
fn silence_is_a_failure_with_the_lines_for_the_router() {
    let port = free_port();
    let output = doctor(port, &["--for", "1ms"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("FAIL  arrival    nothing arrived"), "{said}");
    // The address to send to is the one that was asked for.
    assert!(said.contains(&format!("ip flow-export destination 127.0.0.1 {port}")), "{said}");
}

#[test]
fn a_collector_that_has_the_ports_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("t.sock");
    let port = free_port();
    let mut collect = toptalk();
    collect.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "--socket"]).arg(&socket);
    let collector = Running::start(collect.env_remove("TOPTALK_NO_SERVE"), "screens attach");
    let ask = || {
        let mut ask = doctor(port, &["-o", "json", "--socket", socket.to_str().unwrap()]);
        ask.env_remove("TOPTALK_NO_ATTACH").output().unwrap()
    };
    let arrival = of(&ask().stdout, "arrival");
    assert_eq!(arrival[0].0, "fail", "{arrival:?}");
    assert!(arrival[0].1.starts_with("nothing arrived in "), "{arrival:?}");
    let now = toptalk::clock::Clock::start().now();
    let flow = Flow {
        src: Host::octets(10, 20, 3, 1),
        dst: Host::octets(198, 51, 100, 1),
        bytes: 1500,
        packets: 3,
        proto: 17,
        first: now.plus_ms(-30_000),
        last: now,
        ..Flow::EMPTY
    };
    let router = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in V5Encoder::new(0, 0).encode(now, now.plus_ms(-7_200_000), &[flow]) {
        router.send_to(&datagram, ("127.0.0.1", port)).unwrap();
    }
    common::wait_until("what it heard", || {
        let arrival = of(&ask().stdout, "arrival");
        arrival[0].0 == "ok" && arrival[0].1.starts_with("1 datagrams with 1 flows from 1 exporter")
    });
    let output = ask();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let ports = of(&output.stdout, "port");
    assert!(ports[0].1 == format!("the running collector listens on {port}"), "{ports:?}");
    collector.end(Signal::SIGTERM);
}
