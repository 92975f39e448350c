//! Exporters whose clock is wrong: live windows and `query` agree on when their flows were,
//! and the log says by how much each clock is corrected.

use std::net::UdpSocket;
use std::process::Stdio;

use crate::common;
use crate::common::archive::sums;
use crate::common::process::{Running, free_port, toptalk};
use nix::sys::signal::Signal;
use toptalk::clock::Clock;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::encode::V5Encoder;

const HOUR: i64 = 3_600_000;

/// Sends a flow of host 10.20.0.`net` that ended a second ago and began 7 seconds before, by
/// an exporter at 127.0.0.`net` whose clock shows `shown`.
fn send(port: u16, net: u8, shown: Time) {
    let flow = Flow {
        src: Host::octets(10, 20, 0, net),
        dst: Host::octets(198, 51, 100, 1),
        first: shown.plus_ms(-8_000),
        last: shown.plus_ms(-1_000),
        bytes: 1_500,
        packets: 3,
        proto: 17,
        ..Flow::EMPTY
    };
    let socket = UdpSocket::bind((format!("127.0.0.{net}"), 0)).unwrap();
    for datagram in V5Encoder::new(0, 0).encode(shown, shown.plus_ms(-60_000), &[flow]) {
        socket.send_to(&datagram, ("127.0.0.1", port)).unwrap();
    }
}

#[test]
fn flows_of_wrong_clocks_are_where_they_belong_live_and_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let port = free_port();
    let mut collect = toptalk();
    collect.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "-t", "300", "-w"]);
    collect.arg(path("archive")).arg("--socket").arg(path("t.sock"));
    collect.env_remove("TOPTALK_NO_SERVE");
    let mut collector = Running::start(&mut collect, "screens attach");
    let now = Clock::start().now();
    let clocks = [
        (2, Time(2 * HOUR), "behind"),
        (3, Time(2_085_978_500_000), "ahead"),
        (4, now.plus_ms(-8 * HOUR), "behind"),
        (5, now.plus_ms(2 * HOUR), "ahead"),
    ];
    for (net, shown, _) in clocks {
        send(port, net, shown);
    }
    for (net, _, way) in clocks {
        collector.wait_for(&format!(
            "{way}; the times of its flows are corrected exporter=127.0.0.{net}"
        ));
    }
    common::wait_until("flows on disk", || sums(&path("archive")).0 == 4);
    let mut query = toptalk();
    query.args(["query", "-r"]).arg(path("archive")).args(["--from", "10m", "-o", "json"]);
    let output = query.stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for (net, _, _) in clocks {
        assert!(text.contains(&format!("\"10.20.0.{net}\"")), "{net}: {text}");
    }
    assert!(!text.contains("1970-") && !text.contains("2036-"), "{text}");
    let hosts = || -> Option<usize> {
        let mut top = toptalk();
        top.env_remove("TOPTALK_NO_ATTACH").args(["top", "--window", "1m", "-o", "json"]);
        let output = top.arg("--socket").arg(path("t.sock")).output().unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        answer["hosts"].as_array().map(Vec::len)
    };
    common::wait_until("all hosts in the last minute", || hosts() == Some(4));
    assert_eq!(collector.end(Signal::SIGTERM).status.code(), Some(0));
}
