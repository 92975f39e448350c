//! Real exporters and collectors on loopback: softflowd sends, and nfdump is compared with.

use crate::common;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use crate::common::capture::softflowd;
use crate::common::process::{Running, free_port, have, toptalk};
use crate::common::traffic::{received, send};
use nix::sys::signal::Signal;
use serde_json::Value;

/// The output of `toptalk top` for what `send` sends to its port.
fn top(arguments: &[&str], send: impl FnOnce(u16)) -> Value {
    let port = free_port();
    let mut command = toptalk();
    command.args(["top", "-b", "127.0.0.1", "--for", "2h", "-o", "json", "-p"]);
    let running = Running::start(command.arg(port.to_string()).args(arguments), "listening");
    send(port);
    // Datagrams in the kernel's buffer are still processed.
    let output = running.end(Signal::SIGINT);
    assert_eq!(output.status.code(), Some(130), "Ctrl-C prints the answer so far");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn sum(answer: &Value, what: &str) -> u64 {
    let totals = answer["totals"].as_object().unwrap();
    totals.values().map(|class| class[what].as_u64().unwrap()).sum()
}

fn sums(answer: &Value) -> (u64, u64, u64) {
    (sum(answer, "flows"), sum(answer, "packets"), sum(answer, "bytes"))
}

#[test]
fn softflowd_is_counted_exactly() {
    if !have("softflowd_is_counted_exactly", "softflowd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("capture.pcap");
    let truth = common::capture::write(&capture, 40);
    for (version, protocol) in [("5", "netflow5"), ("9", "netflow9")] {
        let answer = top(&[], |port| softflowd(&capture, version, port, folder.path()));
        assert_eq!(sums(&answer), (truth.flows, truth.packets, truth.bytes), "v{version}");
        assert_eq!(answer["exporters"][0]["protocol"], protocol);
        assert_eq!(answer["exporters"][0]["lost"], 0);
        assert_eq!(answer["dropped"], serde_json::json!({}));
    }
    if let Some(corpus) = common::corpus("softflowd_is_counted_exactly (real traffic)") {
        let capture = corpus.join("live_traffic.pcap");
        for (version, want) in [("9", (105, 631, 330_472)), ("5", (81, 607, 329_128))] {
            let answer = top(&[], |port| softflowd(&capture, version, port, folder.path()));
            assert_eq!(sums(&answer), want, "v{version}");
        }
    }
}

/// The datagrams that softflowd sends for a capture.
fn recorded(capture: &Path, version: &str, folder: &Path) -> Vec<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    softflowd(capture, version, socket.local_addr().unwrap().port(), folder);
    received(&socket)
}

/// The source addresses with their bytes, as ranked by nfdump.
fn nfdump_sources(datagrams: &[Vec<u8>], folder: &Path) -> Vec<(String, u64)> {
    let port = free_port();
    let mut nfcapd = Command::new("nfcapd");
    nfcapd.args(["-b", "127.0.0.1", "-t", "3600", "-p", &port.to_string(), "-w"]).arg(folder);
    let mut running = Running::start(&mut nfcapd, "Bound to");
    send(port, datagrams);
    // A header of another domain is sent last: when nfcapd reports it, everything before it has
    // been processed.
    let mut last = datagrams[0][..20].to_vec();
    last[2..4].copy_from_slice(&[0, 0]);
    last[16..20].copy_from_slice(&77u32.to_be_bytes());
    send(port, &[last]);
    running.wait_for("Domain: 77");
    running.end(Signal::SIGTERM);
    let output = Command::new("nfdump")
        .arg("-R")
        .arg(folder)
        .args(["-s", "srcip/bytes", "-n", "0", "-o", "csv", "-q"])
        .arg("src net 10.0.0.0/8 and not dst net 10.0.0.0/8")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut rows: Vec<(String, u64)> = text
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|cells| cells.len() > 10 && cells[4].parse::<std::net::IpAddr>().is_ok())
        .map(|cells| (cells[4].to_owned(), cells[9].parse().unwrap()))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.1));
    rows
}

#[test]
fn the_top_uploaders_are_those_of_nfdump() {
    let name = "the_top_uploaders_are_those_of_nfdump";
    if !have(name, "softflowd") || !have(name, "nfcapd") || !have(name, "nfdump") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("capture.pcap");
    common::capture::write(&own, 40);
    let corpus = common::corpus(name).map(|corpus| corpus.join("live_traffic.pcap"));
    for (index, capture) in std::iter::once(own).chain(corpus).enumerate() {
        let datagrams = recorded(&capture, "9", folder.path());
        let archive = folder.path().join(format!("nfcapd{index}"));
        std::fs::create_dir(&archive).unwrap();
        let theirs = nfdump_sources(&datagrams, &archive);
        assert!(!theirs.is_empty(), "nfdump found nothing");
        let answer = top(&["-s", "up", "-n", "0"], |port| send(port, &datagrams));
        let hosts = answer["hosts"].as_array().unwrap();
        let ours: Vec<(String, u64)> = hosts
            .iter()
            .map(|host| {
                let address = host["address"].as_str().unwrap().to_owned();
                (address, host["up"]["bytes"].as_u64().unwrap())
            })
            .filter(|(host, bytes)| *bytes > 0 && host.starts_with("10."))
            .collect();
        let bytes = |rows: &[(String, u64)]| rows.iter().map(|row| row.1).collect::<Vec<_>>();
        assert_eq!(bytes(&ours), bytes(&theirs), "rank by rank; ties are free");
        let by_name = |mut rows: Vec<(String, u64)>| {
            rows.sort();
            rows
        };
        assert_eq!(by_name(ours), by_name(theirs), "host by host");
    }
}
