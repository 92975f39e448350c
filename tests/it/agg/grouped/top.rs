//! `toptalk top --by` with datagrams of an exporter.

use std::net::UdpSocket;

use nix::sys::signal::Signal;
use serde_json::Value;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::encode::V5Encoder;

use crate::common::process::{Running, free_port, toptalk};
use crate::common::site::{START, flow, local, remote};

fn sent() -> Vec<Flow> {
    let on = |flow: Flow, input, output| Flow { input, output, packets: 4, ..flow };
    let up = flow(local(1), remote(1), 0.0, 1.0, 1.0, 5_000);
    let down = Flow {
        sport: 53,
        dport: 40_000,
        proto: 17,
        ..flow(remote(2), local(9), 0.0, 1.0, 1.0, 900)
    };
    vec![
        on(up, 3, 7),
        on(Flow { dst: Host::octets(198, 51, 100, 7), bytes: 100, ..up }, 3, 8),
        on(down, 7, 3),
    ]
}

/// The answer of `toptalk top` for these flows.
fn top(words: &[&str]) -> Value {
    let port = free_port();
    let mut command = toptalk();
    command.args(["top", "-b", "127.0.0.1", "--for", "2h", "-o", "json", "--window", "all"]);
    command.args(["--group", "10.0.0.0/30=lab", "-p"]).arg(port.to_string()).args(words);
    let running = Running::start(&mut command, "listening");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let now = Time(START);
    for datagram in V5Encoder::new(0, 0).encode(now, now.plus_ms(-600_000), &sent()) {
        socket.send_to(&datagram, ("127.0.0.1", port)).unwrap();
    }
    // toptalk reads what is left in the kernel's buffer before it ends.
    let output = running.end(Signal::SIGINT);
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn lists_of_real_datagrams_by_every_grouping() {
    for (words, want) in [
        (&["--by", "port"][..], &[("443/tcp https", 5_100, 0, 2), ("53/udp dns", 0, 900, 1)][..]),
        (&["--by", "proto"], &[("tcp", 5_100, 0, 2), ("udp", 0, 900, 1)]),
        (
            &["--by", "peer-net"],
            &[("203.0.113.0/24", 5_000, 900, 2), ("198.51.100.0/24", 100, 0, 1)],
        ),
        (
            &["--by", "interface"],
            &[
                ("127.0.0.1 if 3", 900, 5_100, 3),
                ("127.0.0.1 if 7", 5_000, 900, 2),
                ("127.0.0.1 if 8", 100, 0, 1),
            ],
        ),
        (&["--by", "group"], &[("lab", 5_100, 0, 1), ("(no group)", 0, 900, 1)]),
        (&["--by", "port", "in if 7"], &[("53/udp dns", 0, 900, 1)]),
        (&["--by", "group", "exporter 192.0.2.1"], &[]),
    ] {
        let answer = top(words);
        let rows = answer["groups"]["rows"].as_array().unwrap();
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                let bytes = |way: &str| row[way]["bytes"].as_u64().unwrap();
                let name = row["name"].as_str().unwrap();
                (name, bytes("up"), bytes("down"), row["members"].as_u64().unwrap())
            })
            .collect();
        assert_eq!(rows, want, "{words:?}: {answer}");
        assert_eq!(answer["others"]["up"]["bytes"], 0, "{words:?}");
    }
}
