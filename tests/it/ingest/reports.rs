//! Situations that administrators reported of flow collectors, made anew as small captures:
//! `inspect`, `top` and `query` give the right numbers for each.
//!
//! The captures are not part of the repository. Their datagrams are sent with their times moved
//! to the present, from the ports they came from.

use std::collections::HashMap;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;

use serde_json::Value;

use super::exporters::{answer, top};
use crate::common::process::{Running, free_port, toptalk};
use crate::common::skip::reports;
use crate::common::traffic::moments;

/// One situation and its right values.
struct Report {
    /// Name of the file.
    file: &'static str,
    /// Bytes of all uploads, downloads and other traffic.
    up: u64,
    down: u64,
    other: u64,
    /// Flows in the archive that count, and the sum of their bytes.
    flows: u64,
    /// A host, and the bytes of its flows.
    host: (&'static str, u64),
    /// What `inspect` prints.
    inspect: &'static [&'static str],
    /// Further values of the answer of `top`: JSON pointer and value.
    top: &'static [(&'static str, u64)],
}

const NOTHING: Report = Report {
    file: "",
    up: 0,
    down: 0,
    other: 0,
    flows: 0,
    host: ("", 0),
    inspect: &[],
    top: &[("/exporters/0/lost", 0)],
};

const REPORTS: &[Report] = &[
    Report {
        file: "nat_inside_host",
        up: 2089,
        down: 320_000,
        flows: 2,
        host: ("192.168.88.5", 322_089),
        inspect: &["postNATDestinationIPv4Address=192.168.88.5"],
        ..NOTHING
    },
    Report {
        file: "rate_byte_order",
        up: 15_000_000,
        flows: 1,
        host: ("192.168.88.5", 15_000_000),
        inspect: &["150000 B", "1:100"],
        top: &[("/exporters/0/sampling", 100)],
        ..NOTHING
    },
    Report {
        file: "rate_in_record",
        up: 3_000_000,
        flows: 1,
        host: ("10.1.0.1", 3_000_000),
        inspect: &["1:2000"],
        top: &[("/exporters/0/sampling", 2000)],
        ..NOTHING
    },
    Report {
        file: "asa_update_and_teardown",
        up: 3288,
        down: 2017,
        flows: 5,
        host: ("10.1.0.1", 0),
        ..NOTHING
    },
    Report {
        file: "total_counters",
        up: 12_148,
        flows: 5,
        host: ("10.0.0.1", 12_148),
        inspect: &["octetTotalCount=12148"],
        top: &[("/totals/up/packets", 8)],
        ..NOTHING
    },
    Report {
        file: "two_probes_one_host_v9",
        up: 40_000,
        flows: 40,
        host: ("10.1.0.2", 20_000),
        ..NOTHING
    },
    Report {
        file: "two_probes_one_host_ipfix",
        up: 12_000,
        flows: 12,
        host: ("10.1.0.2", 6_000),
        ..NOTHING
    },
    Report {
        file: "header_clock_1970",
        flows: 1,
        inspect: &["exported 1970-01-01T02:00:00.000Z"],
        ..NOTHING
    },
    Report {
        file: "data_before_new_template",
        up: 18_000,
        flows: 12,
        host: ("10.1.1.8", 1500),
        inspect: &["flows 12"],
        ..NOTHING
    },
    Report {
        file: "unreadable_redefinition",
        up: 1500,
        flows: 1,
        inspect: &["flows 1", "data sets still waiting for their template 1", "bad_template 1"],
        ..NOTHING
    },
    Report {
        // `top` counts what passed in its window; see the test below.
        file: "stream_of_22_hours",
        flows: 1,
        host: ("10.1.0.49", 1_270_000_000),
        ..NOTHING
    },
    Report {
        file: "sflow_in_and_out",
        other: 2_836_000,
        flows: 2,
        host: ("10.1.0.1", 2_836_000),
        inspect: &["source 0:1", "source 0:2"],
        ..NOTHING
    },
];

/// When the captures were made: seconds since 1970.
const CAPTURED: i64 = 1_790_000_000;

/// Times within a day of that are moved to the present.
const DAY: i64 = 86_400;

/// Ports and payloads of the UDP datagrams in a pcap file of IPv4 packets.
fn datagrams(file: &Path) -> Vec<(u16, Vec<u8>)> {
    let bytes = fs::read(file).unwrap();
    assert_eq!(bytes[20], 101, "packets without headers of a link");
    let mut rest = &bytes[24..];
    let mut found = Vec::new();
    while rest.len() > 16 {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let ip = &rest[16..16 + length];
        let udp = &ip[usize::from(ip[0] & 15) * 4..];
        found.push((u16::from_be_bytes([udp[0], udp[1]]), udp[8..].to_vec()));
        rest = &rest[16 + length..];
    }
    found
}

/// Adds `seconds` to the export time and to every time in milliseconds.
fn moved(mut payload: Vec<u8>, seconds: i64) -> Vec<u8> {
    let is_near = |time: i64| (time - CAPTURED).abs() < DAY;
    let at = match payload[..2] {
        [0, 10] => 4,
        [0, 0] => 0,
        _ => 8,
    };
    if at > 0 {
        let word: &mut [u8; 4] = (&mut payload[at..at + 4]).try_into().unwrap();
        let time = i64::from(u32::from_be_bytes(*word));
        if is_near(time) {
            *word = u32::try_from(time + seconds).unwrap().to_be_bytes();
        }
    }
    for at in 16..payload.len().saturating_sub(7) {
        let word: &mut [u8; 8] = (&mut payload[at..at + 8]).try_into().unwrap();
        let time = i64::from_be_bytes(*word);
        if is_near(time / 1000) {
            *word = (time + seconds * 1000).to_be_bytes();
        }
    }
    payload
}

/// Sends the datagrams of a capture, each port of the capture from a socket of its own.
fn send(file: &Path, port: u16) {
    let seconds = moments().0.0 / 1000 - CAPTURED;
    let mut sockets = HashMap::new();
    for (from, payload) in datagrams(file) {
        let socket = sockets.entry(from).or_insert_with(|| UdpSocket::bind("127.0.0.1:0").unwrap());
        socket.send_to(&moved(payload, seconds), ("127.0.0.1", port)).unwrap();
    }
}

/// Runs a command to its end and returns what it printed.
fn printed(words: &[&str]) -> String {
    let output = toptalk().args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn check(folder: &Path, report: &Report) {
    let name = report.file;
    let file = folder.join(format!("{name}.pcap"));
    let text = printed(&["inspect", file.to_str().unwrap()]);
    for word in report.inspect {
        assert!(text.contains(word), "inspect {name}: no `{word}` in\n{text}");
    }

    let archive = tempfile::tempdir().unwrap();
    let archive = archive.path().to_str().unwrap();
    let port = free_port();
    let running = Running::start(&mut top(&["-w", archive], port), "listening");
    send(&file, port);
    let top = answer(running);
    let number = |pointer: &str| top.pointer(pointer).and_then(Value::as_u64);
    let bytes = |class: &str| number(&format!("/totals/{class}/bytes")).unwrap();
    let other = bytes("internal") + bytes("transit");
    let is_known = report.up + report.down + report.other > 0;
    if is_known {
        let sums = (bytes("up"), bytes("down"), other);
        assert_eq!(sums, (report.up, report.down, report.other), "top {name}: {top:#}");
    }
    for (pointer, value) in report.top {
        assert_eq!(number(pointer), Some(*value), "top {name}: {pointer} in {top:#}");
    }

    let query = |words: &[&str]| -> Value {
        let text = printed(&[&["query", "-R", archive, "-o", "json"], words].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error} in {text}"))
    };
    // What is in the windows is in the archive, as what has just been.
    let all = query(&["--from", "10m", "-s", "proto", "-n", "0"]);
    let sum = |member: &str| -> u64 {
        let rows = all[0]["rows"].as_array().unwrap();
        rows.iter().map(|row| row[member].as_u64().unwrap()).sum()
    };
    assert_eq!(sum("flows"), report.flows, "query {name}: {all}");
    if is_known {
        assert_eq!(sum("bytes"), report.up + report.down + report.other, "query {name}: {all}");
    }
    let (host, bytes) = report.host;
    if bytes > 0 {
        let rows = query(&["--from", "10m", "-s", "host/bytes", "-n", "0"]);
        let rows = rows[0]["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["value"] == host);
        assert_eq!(row.map(|row| row["bytes"].as_u64()), Some(Some(bytes)), "{name}: {rows:?}");
    }
}

#[test]
fn situations_that_users_reported_have_the_right_numbers() {
    let test = "situations_that_users_reported_have_the_right_numbers";
    let Some(folder) = reports(test) else { return };
    let mut wrong = Vec::new();
    for report in REPORTS {
        let checked = std::panic::catch_unwind(|| check(&folder, report));
        wrong.extend(checked.err().map(|_| report.file));
    }
    assert!(wrong.is_empty(), "wrong: {wrong:?}");
    let files = fs::read_dir(&folder).unwrap().flatten();
    let captures = files.filter(|file| file.path().extension().is_some_and(|one| one == "pcap"));
    assert_eq!(captures.count(), REPORTS.len(), "every capture has its values");
}

#[test]
fn a_stream_of_22_hours_has_the_rate_of_22_hours() {
    let Some(folder) = reports("a_stream_of_22_hours_has_the_rate_of_22_hours") else { return };
    let port = free_port();
    let running = Running::start(&mut top(&[], port), "listening");
    send(&folder.join("stream_of_22_hours.pcap"), port);
    let output = answer(running);
    let rate = output["total"]["down"]["bps"].as_u64().unwrap();
    assert!((120_000..136_000).contains(&rate), "{rate} bit/s in {output:#}");
}
