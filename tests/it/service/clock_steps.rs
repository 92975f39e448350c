//! The clock of the collector's machine is set by an hour, either way, while it
//! collects, records and serves. libfaketime sets it for that process alone.

use crate::common;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;

use crate::common::archive::sums;
use crate::common::process::{Running, free_port, libfaketime, toptalk};
use nix::sys::signal::Signal;
use toptalk::clock::Clock;
use toptalk::flow::{Flow, Host};
use toptalk::wire::encode::V5Encoder;

/// Sends so many flows of hosts that begin with this number.
fn send(port: u16, net: u8, count: u8) {
    let now = Clock::start().now();
    let of = |host: u8| Flow {
        src: Host::octets(10, 20, net, host),
        dst: Host::octets(198, 51, 100, 1),
        first: now.plus_ms(-30_000),
        last: now.plus_ms(-20_000),
        bytes: 1_500,
        packets: 1,
        proto: 17,
        ..Flow::EMPTY
    };
    let flows: Vec<Flow> = (1..=count).map(of).collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in V5Encoder::new(0, 0).encode(now, now.plus_ms(-60_000), &flows) {
        socket.send_to(&datagram, ("127.0.0.1", port)).unwrap();
    }
}

/// What happens when the clock is set by these seconds; `said` is what people read.
fn step(library: &Path, by: &str, said: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let set = |by: &str| {
        fs::write(path("new"), by).unwrap();
        fs::rename(path("new"), path("clock")).unwrap();
    };
    set("+0");
    let port = free_port();
    let mut collect = toptalk();
    collect.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "-t", "300", "-w"]);
    collect.arg(path("archive")).arg("--socket").arg(path("t.sock"));
    collect.env_remove("TOPTALK_NO_SERVE").env("LD_PRELOAD", library);
    collect.env("FAKETIME_TIMESTAMP_FILE", path("clock")).env("FAKETIME_NO_CACHE", "1");
    collect.env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let collector = Running::start(&mut collect, "screens attach");
    let answer = || -> serde_json::Value {
        let mut top = toptalk();
        top.env_remove("TOPTALK_NO_ATTACH")
            .args(["top", "--window", "1h", "-n", "0", "-o", "json"]);
        let output = top.arg("--socket").arg(path("t.sock")).output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    };
    let hosts = || answer()["hosts"].as_array().map(Vec::len);
    send(port, 1, 7);
    common::wait_until("hosts of before", || hosts() == Some(7));
    common::wait_until("flows of before on disk", || sums(&path("archive")).0 == 7);
    set(by);
    common::wait_until("a note", || answer()["notes"].to_string().contains(said));
    send(port, 2, 5);
    // The windows go on: those of before are still in the last hour.
    common::wait_until("hosts of after", || hosts() == Some(12));
    assert_eq!(collector.end(Signal::SIGTERM).status.code(), Some(0));
    assert_eq!(sums(&path("archive")).0, 12, "all is recorded");
    let segments = fs::read_dir(path("archive")).unwrap().flatten();
    let names = segments.map(|entry| entry.file_name().into_string().unwrap());
    let slots = names.filter(|name| name.ends_with(".parquet")).count();
    assert!(slots >= 2, "by the clock on the wall");
}

#[test]
fn a_clock_that_is_set_by_an_hour_loses_nothing() {
    let test = "a_clock_that_is_set_by_an_hour_loses_nothing";
    let Some(library) = libfaketime(test) else { return };
    step(&library, "+3600", "ahead");
    step(&library, "-3600", "back");
}
