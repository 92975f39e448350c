//! Datagrams of all kinds at `toptalk top`: what is good is counted exactly,
//! what is not is counted by its cause.

use std::net::UdpSocket;
use std::process::Output;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::encode::{V5Encoder, V9Encoder};

use crate::common::process::{Running, free_port, toptalk};
use crate::common::skip;
use crate::common::traffic::moments;

/// What `top` prints once everything is sent and it is interrupted.
fn top(words: &[&str], send: impl FnOnce(u16)) -> Output {
    let port = free_port();
    let mut command = toptalk();
    command.args(["top", "--for", "2h", "-p", &port.to_string()]).args(words);
    let running = Running::start(&mut command, "listening");
    send(port);
    let output = running.end(Signal::SIGINT);
    assert_eq!(output.status.code(), Some(130), "Ctrl-C prints what there is");
    output
}

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn from(address: &str) -> Option<UdpSocket> {
    UdpSocket::bind((address, 0)).ok()
}

fn send(socket: &UdpSocket, port: u16, datagrams: &[Vec<u8>]) {
    for datagram in datagrams {
        socket.send_to(datagram, ("127.0.0.1", port)).unwrap();
    }
}

/// So many flows, each of a host of its own: the n-th has n packets and 10 n
/// bytes, up; every third is answered with twice as much, down.
fn flows(now: Time, hosts: u8) -> Vec<Flow> {
    let up = |n: u8| Flow {
        src: Host::octets(10, 9, 0, n),
        dst: Host::octets(203, 0, 113, n),
        first: now.plus_ms(-2000),
        last: now.plus_ms(-1000),
        packets: u64::from(n),
        bytes: 10 * u64::from(n),
        sport: 40_000,
        dport: 443,
        proto: 6,
        ..Flow::EMPTY
    };
    let down = |flow: Flow| Flow {
        src: flow.dst,
        dst: flow.src,
        bytes: 2 * flow.bytes,
        sport: flow.dport,
        dport: flow.sport,
        ..flow
    };
    let answered = (1..=hosts).filter(|n| n % 3 == 0).map(|n| down(up(n)));
    (1..=hosts).map(up).chain(answered).collect()
}

/// Noise with the version of no protocol that is decoded.
fn noise(seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut roll = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let length = 2 + usize::from(roll()) * 5;
    let mut bytes: Vec<u8> = (0..length).map(|_| roll()).collect();
    bytes[0] |= 0x80;
    bytes
}

/// Datagrams that are no NetFlow, or not enough of it, with what becomes of them.
fn rubbish() -> (Vec<Vec<u8>>, Value) {
    let (now, boot) = moments();
    let mut sent: Vec<Vec<u8>> = (0..50).map(noise).collect();
    sent.push([&[0, 11, 0, 16][..], &[0; 12]].concat()); // no version of IPFIX
    sent.push([&[0, 0, 0, 4, 0, 0, 0, 1, 127, 0, 0, 1][..], &[0; 16]].concat()); // sFlow v4
    sent.extend([vec![], vec![5], vec![0, 5], vec![0, 9, 0, 1]]); // no header
    let mut v9 = V9Encoder::new(9).encode(now, boot, &[], true);
    let template = v9.remove(0);
    sent.push([&template[..20], &[0, 0, 0, 3]].concat()); // a set shorter than its header
    sent.push([&template[..20], &[0, 7, 0, 8, 1, 2, 3, 4]].concat()); // a reserved set
    sent.push([&template[..20], &[9, 9, 0, 8, 1, 2, 3, 4]].concat()); // no such template
    sent.push(template[..60].to_vec()); // cut off within a template
    let mut many = V5Encoder::new(9, 0).encode(now, boot, &flows(now, 1)).remove(0);
    many[2] = 0xff; // more records than a datagram holds
    sent.push(many);
    let causes = json!({
        "unknown_version": 52, "too_short": 4, "set_length": 1, "reserved_set": 1,
        "set_truncated": 1, "bad_template": 1, "bad_header": 1,
    });
    (sent, causes)
}

#[test]
fn rubbish_is_counted_by_cause_and_harms_nobody() {
    let name = "rubbish_is_counted_by_cause_and_harms_nobody";
    let (Some(one), Some(two)) = (from("127.0.0.1"), from("127.0.0.2")) else {
        return skip(name, "loopback has only one address");
    };
    let (now, boot) = moments();
    let good = flows(now, 9);
    let (mut v5, mut v9) = (V5Encoder::new(0, 0), V9Encoder::new(1));
    let (bad, causes) = rubbish();
    let answer = object(&top(&["-b", "127.0.0.1", "-n", "0", "-o", "json"], |port| {
        send(&one, port, &v5.encode(now, boot, &good));
        send(&two, port, &v9.encode(now, boot, &good, true));
        // Broken ones in between, from a good address and from another one.
        send(&one, port, &bad);
        send(&one, port, &v5.encode(now, boot, &good));
        send(&two, port, &v9.encode(now, boot, &good, false));
    }));
    assert_eq!(answer["dropped"], causes);
    let sum = |class: &str, what: &str| answer["totals"][class][what].as_u64().unwrap();
    let bytes = 10 * (1..=9).sum::<u64>();
    assert_eq!((sum("up", "flows"), sum("up", "bytes")), (4 * 9, 4 * bytes));
    assert_eq!((sum("down", "flows"), sum("down", "bytes")), (4 * 3, 4 * 20 * (3 + 6 + 9)));
    assert_eq!((sum("internal", "flows"), sum("transit", "flows")), (0, 0));
    let exporter = |address: &str| {
        let all = answer["exporters"].as_array().unwrap();
        all.iter().find(|exporter| exporter["address"] == address).unwrap().clone()
    };
    assert_eq!(
        (&exporter("127.0.0.1")["flows"], &exporter("127.0.0.2")["flows"]),
        (&json!(24), &json!(24))
    );
    assert_eq!(
        (&exporter("127.0.0.1")["lost"], &exporter("127.0.0.2")["lost"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(answer["exporters"].as_array().unwrap().len(), 2);
}

#[test]
fn of_a_cut_datagram_the_whole_records_count() {
    let (now, boot) = moments();
    let good = flows(now, 2);
    let one = from("127.0.0.1").unwrap();
    let mut v5 = V5Encoder::new(0, 0).encode(now, boot, &good).remove(0);
    v5.truncate(v5.len() - 1);
    // Other flows: the same ones from the same address would count once.
    let others: Vec<Flow> = good.iter().map(|flow| Flow { sport: 40_001, ..*flow }).collect();
    let mut v9 = V9Encoder::new(1).encode(now, boot, &others, true).remove(0);
    // The second record, and the padding after it.
    v9.truncate(v9.len() - 8);
    let answer = object(&top(&["-b", "127.0.0.1", "-o", "json"], |port| {
        send(&one, port, &[v5, v9]);
    }));
    assert_eq!(answer["totals"]["up"]["bytes"], 2 * 10, "the first record of both");
    assert_eq!(answer["dropped"], json!({ "set_truncated": 2 }));
}

#[test]
fn an_ipv4_exporter_is_shown_as_such_by_a_socket_for_both() {
    let (now, boot) = moments();
    let answer = object(&top(&["-o", "json"], |port| {
        send(
            &from("127.0.0.1").unwrap(),
            port,
            &V5Encoder::new(0, 0).encode(now, boot, &flows(now, 1)),
        );
    }));
    assert_eq!(answer["exporters"][0]["address"], "127.0.0.1");
    assert_eq!(answer["totals"]["up"]["bytes"], 10);
}

#[test]
fn rows_and_others_of_the_csv_add_up_to_the_total() {
    let (now, boot) = moments();
    let output = top(&["-b", "127.0.0.1", "-n", "4", "-o", "csv"], |port| {
        send(
            &from("127.0.0.1").unwrap(),
            port,
            &V5Encoder::new(0, 0).encode(now, boot, &flows(now, 9)),
        );
    });
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    let rows: Vec<std::collections::HashMap<String, String>> =
        reader.deserialize().collect::<Result<_, _>>().unwrap();
    let sum = |kind: &str, column: &str| -> u64 {
        let rows = rows.iter().filter(|row| row["row"] == kind);
        rows.map(|row| row[column].parse::<u64>().unwrap()).sum()
    };
    assert_eq!(rows.iter().filter(|row| row["row"] == "host").count(), 4);
    for (column, total) in [("up_bytes", 450), ("down_bytes", 360), ("up_flows", 9)] {
        assert_eq!(sum("total", column), total, "{column}");
        assert_eq!(sum("host", column) + sum("others", column), total, "{column}");
    }
}

#[test]
fn rows_and_others_of_the_table_add_up_to_the_total() {
    let (now, boot) = moments();
    let output = top(&["-b", "127.0.0.1", "-n", "4"], |port| {
        send(
            &from("127.0.0.1").unwrap(),
            port,
            &V5Encoder::new(0, 0).encode(now, boot, &flows(now, 9)),
        );
    });
    let text = String::from_utf8(output.stdout).unwrap();
    // Few enough bytes that no figure is rounded: UP, DOWN and FLOWS end each line.
    let figures = |line: &str| -> Vec<u64> {
        let cells: Vec<&str> = line.split_whitespace().collect();
        cells[cells.len() - 3..].iter().map(|cell| cell.parse().unwrap()).collect()
    };
    let mut lines = text.lines().skip(1);
    let mut sums = vec![0; 3];
    let total = lines.find_map(|line| {
        if line.starts_with("total") {
            return Some(figures(line));
        }
        assert!(line.starts_with("10.9.0.") || line.starts_with("others 5 "), "{text}");
        sums.iter_mut().zip(figures(line)).for_each(|(sum, figure)| *sum += figure);
        None
    });
    assert_eq!(total, Some(vec![450, 360, 12]), "{text}");
    assert_eq!(Some(sums), total, "{text}");
}
