//! `toptalk replay` sends what was recorded.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use crate::common::process::{Running, free_port, toptalk};
use nix::sys::signal::Signal;
use serde_json::Value;
use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::flow::{Flow, FlowExtras, Host, Sampling, Time};
use toptalk::wire::Decoder;
use toptalk::wire::encode::IpfixEncoder;

/// When the flows were recorded: long ago.
const RECORDED: Time = Time(1_600_000_000_000);
/// The slot of that time.
const RECORDED_SLOT: Time = Time(RECORDED.0 - RECORDED.0.rem_euclid(300_000));

/// Flows of two exporters, one of them sampled, a tenth of a second apart.
fn flows() -> Vec<Flow> {
    let flow = |n: i64| Flow {
        src: Host::octets(10, 0, 0, n as u8),
        dst: if n % 5 == 4 { Host(0x2001_0db8 << 96 | 9) } else { Host::octets(192, 0, 2, 9) },
        exporter: Host::octets(192, 0, 2, 1 + (n % 2) as u8),
        domain: 3,
        sampling: if n % 2 == 1 { Sampling::one_in(100) } else { Sampling::UNKNOWN },
        first: RECORDED.plus_ms(n * 100 - 5_000),
        last: RECORDED.plus_ms(n * 100 - 1_000),
        arrival: RECORDED.plus_ms(n * 100),
        bytes: 1_000 + n as u64,
        packets: 10 + n as u64,
        proto: if n % 3 == 0 { 6 } else { 17 },
        sport: 40_000,
        dport: 443,
        ..Flow::EMPTY
    };
    (0..20).map(flow).collect()
}

fn segment(folder: &Path) -> PathBuf {
    let path = folder.join("flows.202009131225Z.parquet");
    let slot = SlotInfo { start: RECORDED_SLOT, length_ms: 300_000 };
    let file = std::fs::File::create(&path).unwrap();
    encode(&flows(), &[], &slot, file).unwrap();
    path
}

/// The same flows as an IPFIX file, which is read like a capture.
fn ipfix_file(folder: &Path) -> (PathBuf, Vec<u8>) {
    let path = folder.join("flows.ipfix");
    let sent = IpfixEncoder::new(3).encode(RECORDED, &flows(), true);
    let bytes = sent.concat();
    std::fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

/// Runs `toptalk replay`; returns its output and the datagrams that arrived.
fn replay(file: &Path, words: &[&str]) -> (Output, Vec<Vec<u8>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap().to_string();
    let mut command = toptalk();
    command.arg("replay").arg("-r").arg(file).args(["--to", &to]).args(words);
    let output = command.stdin(Stdio::null()).output().unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 65_536];
    let mut datagrams = Vec::new();
    while let Ok(length) = socket.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
    (output, datagrams)
}

fn decode(datagrams: &[Vec<u8>], now: Time) -> Vec<Flow> {
    let mut decoder = Decoder::new();
    let mut flows = Vec::new();
    for datagram in datagrams {
        decoder.decode(now, Host::octets(127, 0, 0, 1), datagram, &mut flows);
    }
    flows
}

/// The part of a flow that a collector can know, without times and domain.
fn known(flow: &Flow) -> String {
    let Flow { src, dst, bytes, packets, sport, dport, proto, sampling, .. } = flow;
    let took = flow.last.since(flow.first);
    format!("{src} {dst} {bytes} {packets} {sport} {dport} {proto} {sampling:?} {took}")
}

fn sorted(flows: &[Flow]) -> Vec<String> {
    let mut known: Vec<String> = flows.iter().map(known).collect();
    known.sort_unstable();
    known
}

fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_archive_is_sent_in_the_requested_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let path = segment(folder.path());
    for words in [&["--fast"][..], &["--fast", "--as", "v9"], &["--speed", "100x", "--as", "ipfix"]]
    {
        let (output, datagrams) = replay(&path, words);
        assert!(output.status.success(), "{words:?}: {}", messages(&output));
        assert!(messages(&output).contains("sent 20 flows in"), "{}", messages(&output));
        let got = decode(&datagrams, RECORDED);
        assert_eq!(sorted(&got), sorted(&flows()), "{words:?}");
        let domains: std::collections::BTreeSet<u32> = got.iter().map(|flow| flow.domain).collect();
        assert_eq!(domains.len(), 2, "two exporters of one domain are distinguished");
        let shifted = got.iter().all(|flow| flow.last > RECORDED.plus_ms(86_400_000));
        assert!(shifted, "times are those of now");
    }
    let (output, datagrams) = replay(&path, &["--fast", "--as", "v5"]);
    assert!(
        messages(&output).contains("4 not sent: NetFlow v5 has no IPv6"),
        "{}",
        messages(&output)
    );
    let v4: Vec<Flow> = flows().into_iter().filter(|flow| flow.dst.as_v4().is_some()).collect();
    assert_eq!(sorted(&decode(&datagrams, RECORDED)), sorted(&v4));
}

#[test]
fn a_folder_is_sent_in_the_order_of_its_slots() {
    let folder = tempfile::tempdir().unwrap();
    segment(folder.path());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap().to_string();
    for (name, flows) in [("202609131225", 0), ("202009131225", 20)] {
        let mut command = toptalk();
        let range = format!("{}/nfcapd.{name}", folder.path().display());
        command.args(["replay", "--fast", "--tz", "UTC", "--to", &to, "-R", &range]);
        let output = command.output().unwrap();
        assert!(
            messages(&output).contains(&format!("sent {flows} flows")),
            "{}",
            messages(&output)
        );
        assert_eq!(output.status.success(), flows > 0);
    }
}

/// Flows with extras that only some exporters report.
fn segment_with_extras(folder: &Path) -> PathBuf {
    let path = folder.join("flows.202009131225Z.parquet");
    let slot = SlotInfo { start: RECORDED_SLOT, length_ms: 300_000 };
    let more = [
        FlowExtras { next_as: 65_001, ..FlowExtras::NONE },
        FlowExtras { dst_vlan: 20, ..FlowExtras::NONE },
        FlowExtras { in_src_mac: 0x0011_2233_4455, ..FlowExtras::NONE },
    ];
    let mut flows = flows();
    for (nth, flow) in flows.iter_mut().enumerate() {
        flow.more = (nth % 4) as u32;
    }
    encode(&flows, &more, &slot, std::fs::File::create(&path).unwrap()).unwrap();
    path
}

#[test]
fn filters_see_the_extras_of_a_flow() {
    let folder = tempfile::tempdir().unwrap();
    let path = segment_with_extras(folder.path());
    for (filter, sent) in [
        ("next as 65001", 5),
        ("not next as 65001", 15),
        ("vlan 20", 5),
        ("not vlan 20", 15),
        ("mac 00:11:22:33:44:55 or next as 65001", 10),
        ("any", 20),
    ] {
        let (output, datagrams) = replay(&path, &["--fast", filter]);
        assert!(
            messages(&output).contains(&format!("sent {sent} flows in")),
            "{}",
            messages(&output)
        );
        assert_eq!(decode(&datagrams, RECORDED).len(), sent, "{filter}");
        assert!(output.status.success(), "{filter}: {}", messages(&output));
    }
}

#[test]
fn filters_see_extras_in_captures_too() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = ipfix_file(folder.path());
    for (filter, sent) in [("next as 65001", 0), ("not next as 65001", 20), ("not vlan 20", 20)] {
        let (output, _) = replay(&path, &["--fast", "--as", "ipfix", filter]);
        assert!(
            messages(&output).contains(&format!("sent {sent} flows in")),
            "{}",
            messages(&output)
        );
    }
}

#[test]
fn damage_sets_the_exit_code_and_affects_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(segment(folder.path())).unwrap();
    let (capture, bytes) = ipfix_file(folder.path());
    let mut damaged = whole.clone();
    // In the bytes of the first column.
    damaged[40] ^= 1;
    let page = folder.path().join("flows.202009131230Z.parquet");
    std::fs::write(&page, damaged).unwrap();
    std::fs::write(&capture, &bytes[..bytes.len() - 7]).unwrap();
    for file in [&page, &capture] {
        let (output, _) = replay(file, &["--fast"]);
        assert!(!output.status.success(), "{}", messages(&output));
    }
    // After a good file, which is sent.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap().to_string();
    let mut command = toptalk();
    command.args(["replay", "--fast", "--to", &to, "-R"]).arg(folder.path());
    let output = command.output().unwrap();
    assert!(messages(&output).contains("sent 20 flows"), "{}", messages(&output));
    assert_eq!(output.status.code(), Some(1), "{}", messages(&output));
}

#[test]
fn times_are_kept_and_flows_filtered_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = segment(folder.path());
    let (output, datagrams) = replay(&path, &["--rate", "100000", "--keep-times", "proto", "tcp"]);
    assert!(
        messages(&output).contains("13 flows not sent: they do not match the filter"),
        "{}",
        messages(&output)
    );
    let mut got = decode(&datagrams, RECORDED);
    let mut want: Vec<Flow> = flows().into_iter().filter(|flow| flow.proto == 6).collect();
    assert_eq!(sorted(&got), sorted(&want));
    let times = |flows: &mut Vec<Flow>| {
        flows.sort_by_key(|flow| flow.bytes);
        flows.iter().map(|flow| (flow.first, flow.last)).collect::<Vec<_>>()
    };
    assert_eq!(times(&mut got), times(&mut want));
}

#[test]
fn a_capture_is_sent_unchanged_or_converted() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = ipfix_file(folder.path());
    let (output, datagrams) = replay(&path, &[]);
    assert!(messages(&output).contains("sent 20 flows in 2 datagrams"), "{}", messages(&output));
    assert_eq!(datagrams.concat(), bytes);
    let (_, datagrams) = replay(&path, &["--as", "v9", "--fast"]);
    assert!(datagrams.iter().all(|datagram| datagram.starts_with(&[0, 9])));
    let unsampled = |flow: Flow| Flow { sampling: Sampling::UNKNOWN, ..flow };
    let want: Vec<Flow> = flows().into_iter().map(unsampled).collect();
    assert_eq!(sorted(&decode(&datagrams, RECORDED)), sorted(&want));
    let (output, datagrams) = replay(&path, &["proto", "tcp"]);
    assert!(messages(&output).contains("add --as"), "{}", messages(&output));
    assert!(datagrams.is_empty() && !output.status.success());
}

#[test]
fn a_file_without_flow_export_is_an_error_and_nothing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("note.txt");
    std::fs::write(&path, "hello").unwrap();
    let (output, datagrams) = replay(&path, &[]);
    assert!(!output.status.success() && datagrams.is_empty(), "{}", messages(&output));
    let (output, _) = replay(&folder.path().join("none"), &[]);
    assert!(messages(&output).contains("cannot open"), "{}", messages(&output));
}

#[test]
fn ctrl_c_ends_with_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let path = segment(folder.path());
    let port = free_port();
    let mut command = toptalk();
    // A thousandth of the original speed: two thousand seconds.
    command.arg("replay").arg("-r").arg(&path).args(["--speed", "0.001x"]);
    command.args(["--to", &format!("127.0.0.1:{port}")]);
    let running = Running::start(&mut command, "sending to");
    let output = running.end(Signal::SIGINT);
    assert_eq!(output.status.code(), Some(130));
    assert!(messages(&output).contains("datagrams"), "{}", messages(&output));
}

#[test]
fn a_live_collector_counts_what_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = segment(folder.path());
    let port = free_port();
    let mut command = toptalk();
    command.args(["top", "-b", "127.0.0.1", "--for", "2h", "-o", "json", "--lag", "0", "-p"]);
    let running = Running::start(command.arg(port.to_string()), "listening");
    let mut command = toptalk();
    command.arg("replay").arg("-r").arg(&path).arg("--fast");
    let sent = command.args(["--to", &format!("127.0.0.1:{port}")]).output().unwrap();
    assert!(sent.status.success());
    let output = running.end(Signal::SIGINT);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let totals = answer["totals"].as_object().unwrap();
    let sum = |what: &str| totals.values().map(|of| of[what].as_u64().unwrap()).sum::<u64>();
    let want: u64 = flows().iter().map(|flow| flow.scaled().0).sum();
    assert_eq!((sum("flows"), sum("bytes")), (20, want));
}
