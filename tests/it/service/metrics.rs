//! Metrics of the real program: what a scrape says is what was sent.

use crate::common;
use std::net::{TcpStream, UdpSocket};

use crate::common::metrics::{self, get, talk};
use crate::common::process::{Running, free_port, toptalk};
use crate::common::traffic::one_flow;
use nix::sys::signal::Signal;
use toptalk::flow::Flow;
use toptalk::wire::encode::V5Encoder;

/// Datagrams of NetFlow v5 with so many flows.
fn v5(flows: usize) -> Vec<Vec<u8>> {
    let now = toptalk::clock::Clock::start().now();
    let boot = now.plus_ms(-60_000);
    let flow = Flow { first: boot, ..one_flow(now) };
    V5Encoder::new(0, 0).encode(now, boot, &vec![flow; flows])
}

/// A collector with metrics, and the port it is to be scraped on.
fn collect(folder: &std::path::Path, port: u16) -> (Running, u16) {
    let metrics = metrics::free_port();
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "-w"]).arg(folder);
    command.args(["--metrics", &metrics.to_string()]);
    let said = format!("metrics at http://127.0.0.1:{metrics}/metrics");
    (Running::start(&mut command, &said), metrics)
}

#[test]
fn a_scrape_says_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let (running, metrics) = collect(folder.path(), port);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagrams = v5(45);
    for datagram in &datagrams {
        socket.send_to(datagram, ("127.0.0.1", port)).unwrap();
    }
    socket.send_to(&[0xff; 40], ("127.0.0.1", port)).unwrap();
    let mut text = String::new();
    common::wait_until("the figures", || {
        let (head, body) = get(metrics, "/metrics");
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        assert!(head.contains("text/plain; version=0.0.4"), "{head}");
        text = body;
        let recorded = metrics::value(&text, "toptalk_recording_flows_total");
        let odd = metrics::value(&text, "toptalk_dropped_total{cause=\"unknown_version\"}");
        recorded == Some(45.0) && odd == Some(1.0)
    });
    let of = |name: &str| {
        metrics::value(&text, &format!("toptalk_exporter_{name}{{exporter=\"127.0.0.1\"}}"))
    };
    assert_eq!(metrics::value(&text, "toptalk_flows_total"), Some(45.0), "{text}");
    assert_eq!((of("flows_total"), of("lost")), (Some(45.0), Some(0.0)), "{text}");
    assert_eq!(of("datagrams_total"), Some(datagrams.len() as f64), "{text}");
    let protocol = "toptalk_exporter_info{exporter=\"127.0.0.1\",protocol=\"netflow5\"}";
    assert_eq!(metrics::value(&text, protocol), Some(1.0), "{text}");
    for (series, expected) in [("recording", 1.0), ("up", 1.0), ("exporters", 1.0)] {
        assert_eq!(metrics::value(&text, &format!("toptalk_{series}")), Some(expected), "{text}");
    }
    let version = format!("toptalk_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(metrics::value(&text, &version), Some(1.0), "{text}");
    assert_eq!(running.end(Signal::SIGTERM).status.code(), Some(0));
}

#[test]
fn who_asks_for_something_else_is_told_so_and_nobody_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (running, metrics) = collect(folder.path(), free_port());
    let (head, body) = get(metrics, "/");
    assert!(head.starts_with("HTTP/1.1 404") && body.contains("/metrics"), "{head}");
    let (head, _) = talk(metrics, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 405") && head.contains("GET, HEAD"), "{head}");
    let (head, body) = talk(metrics, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && body.is_empty(), "{head}");
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let (head, _) = talk(metrics, &long);
    assert!(!head.starts_with("HTTP/1.1 200"), "{head}");
    let (head, _) = talk(metrics, "\u{16}\u{3}\u{1} what a TLS client might say\r\n\r\n");
    assert!(!head.starts_with("HTTP/1.1 200"), "{head}");
    // Some say nothing; those who ask are answered all the same.
    let silent: Vec<_> =
        (0..4).map(|_| TcpStream::connect(("127.0.0.1", metrics)).unwrap()).collect();
    assert!(get(metrics, "/metrics").0.starts_with("HTTP/1.1 200"));
    // The end does not wait for them either.
    assert_eq!(running.end(Signal::SIGTERM).status.code(), Some(0));
    drop(silent);
}

#[test]
fn an_address_that_is_taken_is_said_before_anything_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = free_port().to_string();
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port, "--metrics", &address, "-w"]);
    let output = command.arg(&archive).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("cannot serve metrics on {address}: ")), "{said}");
    assert!(!archive.exists());
}
