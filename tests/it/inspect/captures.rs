//! Captures of every format and link type: the datagrams in them give the same lines as raw
//! datagrams.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::build::{Format, TIME_MS, fragment, ip, link, segment, udp};
use super::{Scratch, bytes, fixture, inspect, lines, of_kind, parse, stderr, stdout};

const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn v6() -> IpAddr {
    "2001:db8::1".parse().unwrap()
}

/// Lines without the keys that only captures have.
fn plain(lines: &[Value]) -> Vec<Value> {
    let mut lines = lines.to_vec();
    for line in &mut lines {
        for key in ["exporter", "sport", "dport", "time_ms", "file"] {
            if line["kind"] != "flow" || key == "exporter" {
                line[key] = Value::Null;
            }
        }
    }
    lines
}

#[test]
fn every_format_and_link_type_gives_the_same_lines() {
    let scratch = Scratch::new();
    let raw = plain(&lines(&[fixture("softflowd_v9.dat")]));
    let payload = bytes("softflowd_v9.dat");
    for format in Format::ALL {
        for link_type in [0, 1, 9, 12, 14, 101, 108, 113, 228, 276] {
            let packet = link(link_type, &udp(V4, 40000, 2055, &payload));
            let path = scratch.file("capture", &format.file(link_type, &[packet]));
            let got = lines(&[path]);
            assert_eq!(plain(&got), raw, "{format:?} link type {link_type}");
            let datagram = &got[0];
            assert_eq!(datagram["exporter"], "192.0.2.1", "{format:?} {link_type}");
            assert_eq!((&datagram["sport"], &datagram["dport"]), (&json!(40000), &json!(2055)));
            assert_eq!(datagram["time_ms"], TIME_MS, "{format:?} {link_type}");
        }
        let packet = link(229, &udp(v6(), 1, 2, &payload));
        let got = lines(&[scratch.file("six", &format.file(229, &[packet]))]);
        assert_eq!((plain(&got), &got[0]["exporter"]), (raw.clone(), &json!("2001:db8::1")));
    }
}

#[test]
fn exporters_of_a_capture_are_kept_apart() {
    let scratch = Scratch::new();
    let data = bytes("pmacctd_ipfix.2.dat");
    let other: IpAddr = "192.0.2.2".parse().unwrap();
    let packets: Vec<Vec<u8>> = [(V4, &bytes("pmacctd_ipfix.1.dat")), (other, &data), (V4, &data)]
        .iter()
        .map(|(source, payload)| link(1, &udp(*source, 9, 4739, payload)))
        .collect();
    let got = lines(&[scratch.file("c", &Format::ALL[0].file(1, &packets))]);
    let held: Vec<&Value> =
        of_kind(&got, "problem").into_iter().filter(|l| l["cause"] == "no_template").collect();
    assert!(!held.is_empty() && held.iter().all(|line| line["exporter"] == "192.0.2.2"));
    assert!(of_kind(&got, "flow").iter().all(|line| line["exporter"] == "192.0.2.1"));
}

fn pieces(source: IpAddr, payload: &[u8]) -> Vec<Vec<u8>> {
    let whole = segment(40000, 2055, payload);
    let length = whole.len();
    let chunks = whole.chunks(240).enumerate();
    chunks
        .map(|(index, chunk)| {
            let at = index * 240;
            link(1, &fragment(source, 17, 77, at as u16, at + chunk.len() < length, chunk))
        })
        .collect()
}

#[test]
fn fragments_are_put_together_whatever_their_order() {
    let scratch = Scratch::new();
    let payload = bytes("softflowd_v9.dat");
    let raw = plain(&lines(&[fixture("softflowd_v9.dat")]));
    for source in [V4, v6()] {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
            let pieces = pieces(source, &payload);
            assert_eq!(pieces.len(), 3);
            let mut packets: Vec<Vec<u8>> = order.iter().map(|n| pieces[*n].clone()).collect();
            // A fragment that was captured twice counts once.
            packets.insert(1, pieces[order[0]].clone());
            let got = lines(&[scratch.file("f", &Format::ALL[0].file(1, &packets))]);
            assert_eq!(plain(&got[..raw.len()]), raw, "{source} {order:?}");
            assert_eq!((&got[0]["sport"], &got[0]["dport"]), (&json!(40000), &json!(2055)));
        }
    }
}

#[test]
fn fragments_that_make_no_whole_are_counted() {
    let scratch = Scratch::new();
    let payload = bytes("softflowd_v9.dat");
    let gap = pieces(V4, &payload).drain(..2).collect::<Vec<_>>();
    let mut overlap = pieces(V4, &payload);
    overlap.insert(1, link(1, &fragment(V4, 17, 77, 232, true, &[0; 16])));
    for (what, packets) in [("gap", gap), ("overlap", overlap)] {
        let output =
            inspect(&["-o", "ndjson"], &[scratch.file("g", &Format::ALL[0].file(1, &packets))]);
        let problems = parse(&output);
        assert_eq!(problems.len(), 1, "{what}: {problems:?}");
        assert_eq!(
            (&problems[0]["cause"], &problems[0]["count"]),
            (&json!("fragments"), &json!(1))
        );
        assert!(!output.status.success(), "{what}");
    }
}

#[test]
fn what_is_no_flow_export_is_named_with_its_ports() {
    let scratch = Scratch::new();
    let packets = [
        link(1, &udp(V4, 5353, 53, b"\x12\x34\x01\x00\x00\x01")),
        link(1, &udp(V4, 40000, 2055, &bytes("softflowd_v5.dat"))),
        link(1, &ip(V4, 1, &[8; 16])),
    ];
    let path = scratch.file("c", &Format::ALL[0].file(1, &packets));
    let got = lines(&[&path]);
    let problems = of_kind(&got, "problem");
    assert_eq!(problems[0]["cause"], "unknown_version");
    assert_eq!((&problems[0]["sport"], &problems[0]["dport"]), (&json!(5353), &json!(53)));
    assert!(problems[0]["explanation"].as_str().unwrap().contains("port 53"));
    assert_eq!(of_kind(&got, "flow").len(), 5);
    let table = stdout(&inspect(&[], &[&path]));
    assert!(!table.contains("! unknown_version"), "only summarised: {table}");
    assert!(table.contains("datagrams that are no flow export: 1\n  1 to port 53"), "{table}");
}

#[test]
fn link_types_that_are_not_read_and_cut_packets_are_named() {
    let scratch = Scratch::new();
    let packet = link(1, &udp(V4, 1, 2055, &bytes("softflowd_v5.dat")));
    let path = scratch.file("wlan", &Format::ALL[0].file(105, std::slice::from_ref(&packet)));
    let output = inspect(&["-o", "ndjson"], &[path]);
    assert_eq!(parse(&output)[0]["cause"], "link_type");
    assert!(stderr(&output).contains("no flow export"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
    let mut file = Format::ALL[0].file(1, &[packet[..200].to_vec()]);
    file[36..40].copy_from_slice(&(packet.len() as u32).to_le_bytes());
    let got = lines(&[scratch.file("cut", &file)]);
    assert_eq!(of_kind(&got, "flow").len(), 2, "whole records are used");
    assert!(of_kind(&got, "problem").iter().any(|line| line["cause"] == "cut_packet"));
}

#[test]
fn rules_about_exporters_hold() {
    let scratch = Scratch::new();
    let packet = link(1, &udp(V4, 1, 2055, &bytes("softflowd_v5.dat")));
    let path = scratch.file("c", &Format::ALL[0].file(1, &[packet]));
    let given = inspect(&["-o", "ndjson", "--sampling", "192.0.2.1=50"], &[&path]);
    assert!(of_kind(&parse(&given), "flow").iter().all(|line| line["sampling"] == 50));
    let refused = inspect(&["-o", "ndjson", "--allow", "198.51.100.0/24"], &[&path]);
    assert_eq!(parse(&refused)[0]["cause"], "not_allowed");
    assert_eq!(refused.status.code(), Some(1));
}

/// A TCP segment to port 4739.
fn tcp(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = [50000u16.to_be_bytes(), 4739u16.to_be_bytes()].concat();
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    segment.extend(payload);
    link(1, &ip(V4, 6, &segment))
}

#[test]
fn ipfix_over_tcp_is_put_in_order() {
    let scratch = Scratch::new();
    let both = [bytes("pmacctd_ipfix.1.dat"), bytes("pmacctd_ipfix.2.dat")].concat();
    let packets = [
        tcp(999, 2, &[]),
        tcp(1000, 0x10, &both[..300]),
        tcp(1600, 0x10, &both[600..]),
        tcp(1300, 0x10, &both[300..600]),
    ];
    let got = lines(&[scratch.file("tcp", &Format::ALL[0].file(1, &packets))]);
    assert_eq!(of_kind(&got, "datagram").len(), 2);
    assert_eq!(of_kind(&got, "flow").len(), 6);
    assert!(
        got[0]["exporter"] == "192.0.2.1"
            && of_kind(&got, "problem").iter().all(|l| l["cause"] != "tcp_gaps")
    );
    let gap = [packets[0].clone(), packets[1].clone(), packets[2].clone()];
    let got = lines(&[scratch.file("gap", &Format::ALL[0].file(1, &gap))]);
    assert!(got.is_empty() || got.iter().any(|line| line["cause"] == "tcp_gaps"), "{got:?}");
}
