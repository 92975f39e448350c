//! Ports that another program uses when the collector starts: how they are reported, and that they
//! are opened when they are free.

use crate::common;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::Command;

use crate::common::archive::sums;
use crate::common::metrics::{self, scrape};
use crate::common::process::{Running, free_port, toptalk};
use crate::common::skip;
use crate::common::traffic::one_flow;
use nix::sys::signal::Signal;
use serde_json::Value;
use toptalk::ingest::DEFAULT_PORTS;
use toptalk::wire::encode::V5Encoder;

/// A loopback address that nothing else is bound to.
const HERE: Ipv4Addr = Ipv4Addr::new(127, 28, 0, 1);

/// Opens a default port as nfcapd would, if all of them are free; skips the test otherwise.
fn hold(test: &str, address: Ipv4Addr) -> Option<UdpSocket> {
    let mut held: Vec<_> = DEFAULT_PORTS.map(|port| UdpSocket::bind((address, port))).into();
    if let Some(Err(error)) = held.iter().find(|one| one.is_err()) {
        skip(test, &format!("a usual port of {address} is taken: {error}"));
        return None;
    }
    Some(held.swap_remove(0).unwrap())
}

fn collect(address: Ipv4Addr, archive: &Path, metrics: u16, socket: &Path) -> Command {
    let mut command = toptalk();
    command.args(["collect", "-b", &address.to_string(), "-t", "86400", "-w"]).arg(archive);
    command.args(["--metrics", &metrics.to_string(), "--socket"]).arg(socket);
    command.env_remove("TOPTALK_NO_SERVE");
    command
}

fn send(to: Ipv4Addr, port: u16) {
    let now = toptalk::clock::Clock::start().now();
    let flow = one_flow(now);
    let router = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in V5Encoder::new(0, 0).encode(now, now.plus_ms(-60_000), &[flow]) {
        router.send_to(&datagram, (to, port)).unwrap();
    }
}

/// States and texts of the doctor's findings about ports.
fn doctor(address: Ipv4Addr, socket: &Path) -> Vec<(String, String)> {
    let mut command = toptalk();
    command.args(["doctor", "-b", &address.to_string(), "--for", "1h", "-o", "json", "--socket"]);
    let output = command.arg(socket).env_remove("TOPTALK_NO_ATTACH").output().unwrap();
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ports = findings.iter().filter(|finding| finding["check"] == "port");
    ports.map(|finding| (text(&finding["state"]), text(&finding["text"]))).collect()
}

#[test]
fn a_busy_port_is_reported_and_opened_when_it_is_free() {
    let test = "a_busy_port_is_reported_and_opened_when_it_is_free";
    let Some(nfcapd) = hold(test, HERE) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (archive, socket) = (folder.path().join("archive"), folder.path().join("t.sock"));
    let metrics = metrics::free_port();
    let mut command = collect(HERE, &archive, metrics, &socket);
    let said = "not listening on port 2055: another program holds it";
    let mut running = Running::start(&mut command, said);

    common::wait_until("the metrics", || {
        scrape(metrics).contains("\ntoptalk_port_open{port=\"2055\",transport=\"udp\"} 0\n")
    });
    assert!(scrape(metrics).contains("\ntoptalk_port_open{port=\"4739\",transport=\"udp\"} 1\n"));
    let ports = doctor(HERE, &socket);
    assert_eq!(ports[0].0, "warn", "{ports:?}");
    assert!(ports[0].1.starts_with("2055 is missing: the running collector"), "{ports:?}");
    assert!(ports[0].1.contains(&format!("(process {})", std::process::id())), "{ports:?}");
    assert_eq!(ports[1].1, "the running collector listens on 4739");
    // An attached screen receives the same.
    let mut top = toptalk();
    top.args(["top", "-o", "json", "--socket"]).arg(&socket).env_remove("TOPTALK_NO_ATTACH");
    let answer: Value = serde_json::from_slice(&top.output().unwrap().stdout).unwrap();
    let note = answer["notes"][0].as_str().unwrap();
    assert!(note.starts_with(said), "{answer}");

    drop(nfcapd);
    running.wait_for("port 2055 is free again");
    common::wait_until("the metrics", || {
        let text = scrape(metrics);
        text.contains("\ntoptalk_port_open{port=\"2055\",transport=\"udp\"} 1\n")
            && text.contains("\ntoptalk_port_open{port=\"2055\",transport=\"tcp\"} 1\n")
    });
    assert_eq!(doctor(HERE, &socket)[0].1, "the running collector listens on 2055");
    send(HERE, 2055);
    common::wait_until("the flow", || sums(&archive).0 == 1);
    let output = running.end(Signal::SIGTERM);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_configured_port_must_be_free() {
    let port = free_port();
    let _holder = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string()]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("port {port} is in use by another program")), "{said}");
}
