//! Hosts behind a NAT: every answer has the inside address of both ends.

use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{answer, top};
use crate::common::process::{Running, free_port, toptalk};
use crate::common::sets::{Datagram, Spec, iana};
use crate::common::traffic::{moments, send};

/// A template such as MikroTik's: every record has the addresses after translation.
const FIELDS: [Spec; 13] = [
    iana(8, 4),
    iana(12, 4),
    iana(7, 2),
    iana(11, 2),
    iana(4, 1),
    iana(1, 4),
    iana(2, 4),
    iana(22, 4),
    iana(21, 4),
    iana(225, 4),
    iana(226, 4),
    iana(227, 2),
    iana(228, 2),
];

/// The same for IPv6.
const FIELDS6: [Spec; 9] = [
    iana(27, 16),
    iana(28, 16),
    iana(7, 2),
    iana(11, 2),
    iana(4, 1),
    iana(1, 4),
    iana(2, 4),
    iana(281, 16),
    iana(282, 16),
];

type End = (&'static str, u16);

fn octets(address: &str) -> Vec<u8> {
    match address.parse().unwrap() {
        std::net::IpAddr::V4(v4) => v4.octets().to_vec(),
        std::net::IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// A record from one end to the other, and both ends after translation.
fn record(ends: [End; 2], after: [End; 2], bytes: u32, uptime: u32) -> Vec<u8> {
    let mut record = [octets(ends[0].0), octets(ends[1].0)].concat();
    record.extend(ends.iter().flat_map(|(_, port)| port.to_be_bytes()));
    record.push(6);
    for number in [bytes, bytes / 1000 + 1, uptime - 2_000, uptime - 1_000] {
        record.extend(number.to_be_bytes());
    }
    record.extend([octets(after[0].0), octets(after[1].0)].concat());
    record.extend(after.iter().flat_map(|(_, port)| port.to_be_bytes()));
    record
}

const INSIDE: End = ("192.168.88.5", 51_000);
const OUTSIDE: End = ("203.0.113.36", 61_000);
const SERVER: End = ("198.51.100.30", 443);
/// A server behind the router, and its published address.
const OWN: End = ("192.168.88.9", 8443);
const PUBLISHED: End = ("203.0.113.36", 9443);
const CLIENT: End = ("198.51.100.77", 40_000);
/// The router's inside address, which hides inside clients from the server.
const HAIRPIN: End = ("192.168.88.1", 62_000);

fn datagrams() -> Vec<Vec<u8>> {
    let uptime = 3_600_000;
    let exported = (moments().0.0 / 1000) as u32;
    let r = |ends, after, bytes| record(ends, after, bytes, uptime);
    let records = [
        // To the Internet and back.
        r([INSIDE, SERVER], [OUTSIDE, SERVER], 2_089),
        r([SERVER, OUTSIDE], [SERVER, INSIDE], 320_000),
        // To the published server and back.
        r([CLIENT, PUBLISHED], [CLIENT, OWN], 700),
        r([OWN, CLIENT], [PUBLISHED, CLIENT], 90_000),
        // An inside client of the published server, and back.
        r([INSIDE, PUBLISHED], [HAIRPIN, OWN], 30),
        r([OWN, HAIRPIN], [PUBLISHED, INSIDE], 5_000),
        // The router itself: nothing is translated, the elements are zero.
        r([SERVER, OUTSIDE], [("0.0.0.0", 0), ("0.0.0.0", 0)], 11),
    ];
    let v6 = |ends: [&str; 2], after: [&str; 2], bytes: u32| {
        let mut record = [octets(ends[0]), octets(ends[1]), vec![0xc3, 0x50, 0, 80, 6]].concat();
        record.extend(bytes.to_be_bytes());
        record.extend([0, 0, 0, 4]);
        record.extend([octets(after[0]), octets(after[1])].concat());
        record
    };
    let prefix = [
        v6(["fd00::5", "2001:db8:1::7"], ["2001:db8:2::5", "2001:db8:1::7"], 600),
        v6(["2001:db8:1::7", "2001:db8:2::5"], ["2001:db8:1::7", "fd00::5"], 8_000),
    ];
    let v9 = Datagram::v9(1, exported, uptime, 1);
    let v9 = v9.template(256, &FIELDS).template(257, &FIELDS6);
    vec![v9.set(256, &records.concat()).set(257, &prefix.concat()).bytes()]
}

/// The hosts of the site with their bytes to and from the Internet.
const LIVE: [(&str, u64, u64); 3] =
    [("192.168.88.5", 2_089, 320_000), ("192.168.88.9", 90_000, 700), ("fd00::5", 600, 8_000)];

/// Every host with its bytes sent and received.
const HOSTS: [(&str, u64, u64); 7] = [
    ("192.168.88.5", 2_119, 325_000),
    ("192.168.88.9", 95_000, 730),
    ("198.51.100.30", 320_011, 2_089),
    ("198.51.100.77", 700, 90_000),
    ("203.0.113.36", 0, 11),
    ("2001:db8:1::7", 8_000, 600),
    ("fd00::5", 600, 8_000),
];

fn lines(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut command = toptalk();
    command.arg("query").arg("-R").arg(folder).args(["-n", "0", "-q", "-o", "csv"]).args(words);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The bytes of each value of a statistic.
fn statistic(folder: &Path, element: &str) -> Vec<(String, u64)> {
    let lines = lines(folder, &["-s", &format!("{element}/bytes")]);
    let row = |line: &String| {
        let cells: Vec<&str> = line.split(',').collect();
        cells.get(9).and_then(|bytes| Some((cells[4].to_owned(), bytes.parse().ok()?)))
    };
    let mut rows: Vec<(String, u64)> = lines.iter().filter_map(row).collect();
    rows.sort();
    rows
}

/// The bytes that match a filter.
fn bytes(folder: &Path, filter: &str) -> u64 {
    let mut command = toptalk();
    command.arg("query").arg("-R").arg(folder).args(["-I", "-o", "json", filter]);
    let output = command.output().unwrap();
    let sums: Value = serde_json::from_slice(&output.stdout).expect("one object");
    sums["bytes"].as_u64().unwrap()
}

#[test]
fn live_and_recorded_answers_have_the_hosts_inside() {
    for (workers, record) in [("1", true), ("4", true), ("1", false)] {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive");
        let port = free_port();
        let mut words = vec!["--window", "all", "-n", "0", "--workers", workers];
        if record {
            words.extend(["-w", archive.to_str().unwrap()]);
        }
        let running = Running::start(&mut top(&words, port), "listening");
        send(port, &datagrams());
        let answer = answer(running);
        let mut hosts: Vec<(&str, u64, u64)> = Vec::new();
        for row in answer["hosts"].as_array().unwrap() {
            let bytes = |way: &str| row[way]["bytes"].as_u64().unwrap();
            hosts.push((row["address"].as_str().unwrap(), bytes("up"), bytes("down")));
        }
        hosts.sort_by_key(|(host, ..)| *host);
        assert_eq!(hosts, LIVE);
        if record {
            archive_answers(&archive);
        }
    }
}

fn archive_answers(archive: &Path) {
    let of = |pick: fn(&(&str, u64, u64)) -> u64| {
        let mut rows: Vec<(String, u64)> = Vec::new();
        for host in HOSTS.iter().filter(|host| pick(host) > 0) {
            rows.push((host.0.to_owned(), pick(host)));
        }
        rows.sort();
        rows
    };
    assert_eq!(statistic(archive, "srchost"), of(|host| host.1));
    assert_eq!(statistic(archive, "dsthost"), of(|host| host.2));
    assert_eq!(statistic(archive, "host"), of(|host| host.1 + host.2));
    // nfdump's words mean the addresses as reported.
    let reported = statistic(archive, "dstip");
    assert!(reported.contains(&("203.0.113.36".to_owned(), 320_000 + 700 + 30 + 11)));
    assert!(!reported.iter().any(|(host, _)| host == "192.168.88.5"));
    // Without a side a filter finds both addresses of a host; with one, those reported; nfdump's
    // words for translations find the addresses after it.
    for (filter, want) in [
        ("host 192.168.88.5", 2_089 + 320_000 + 30 + 5_000),
        ("192.168.88.5", 2_089 + 320_000 + 30 + 5_000),
        ("net 192.168.88.0/30", 5_000),
        ("ip in [192.168.88.9, fd00::5]", 700 + 90_000 + 30 + 5_000 + 600 + 8_000),
        ("not net 192.168.0.0/16 and ipv4", 11),
        ("host 203.0.113.36", 320_000 + 700 + 30 + 11),
        ("src host 192.168.88.5", 2_119),
        ("dst host 192.168.88.5", 0),
        ("dst xip 192.168.88.5", 320_000 + 5_000),
        ("src xip 203.0.113.36", 2_089 + 90_000 + 5_000),
        ("xip 192.168.88.9", 700 + 30),
        ("dst xport 8443", 700 + 30),
        ("net ::/0", 8_600),
    ] {
        assert_eq!(bytes(archive, filter), want, "{filter}");
    }
}

#[test]
fn a_collector_says_that_nothing_passed_through() {
    let port = free_port();
    let running = Running::start(&mut top(&["--window", "all"], port), "listening");
    send(port, &datagrams());
    let output = running.end(Signal::SIGINT);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let totals = &answer["totals"];
    let bytes = |class: &str| totals[class]["bytes"].as_u64();
    assert_eq!(bytes("up"), Some(2_089 + 90_000 + 600), "{totals}");
    assert_eq!(bytes("down"), Some(320_000 + 700 + 8_000));
    assert_eq!(bytes("internal"), Some(5_030));
    assert_eq!(bytes("transit"), Some(11), "to the router itself");
}
