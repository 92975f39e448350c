//! The counters of nProbe: elements 23 and 24 (OUT_BYTES, OUT_PKTS) are those of the reverse
//! direction, while other exporters count the same packets in them a second time.

use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::Decoder;

const NOW: i64 = 1_800_000_000_000;
const CLIENT: Host = Host::octets(10, 0, 0, 1);
const SERVER: Host = Host::octets(203, 0, 113, 5);

/// Enterprise number of nProbe's maker, and what its elements have in NetFlow v9.
const NTOP: u32 = 35632;
const NTOP_V9: u16 = 57472;

/// Enterprise number, element, bytes of the value, value.
type Element = (u32, u16, u16, u64);

fn connection() -> Vec<Element> {
    let (client, server) = (0x0a00_0001, 0xcb00_7105);
    let ends = [(8, 4, client), (12, 4, server), (7, 2, 40_000), (11, 2, 443), (4, 1, 6)];
    let interfaces = [(10, 2, 3), (14, 2, 4)];
    ends.iter().chain(&interfaces).map(|(id, length, value)| (0, *id, *length, *value)).collect()
}

const UP: [Element; 2] = [(0, 1, 4, 1500), (0, 2, 4, 3)];
const DOWN: [Element; 2] = [(0, 23, 4, 90_000), (0, 24, 4, 70)];

/// A datagram of version 9 or 10 with a template and one record of it.
fn datagram(version: u16, record: &[Element]) -> Vec<u8> {
    let mut template = vec![1, 44, 0, record.len() as u8];
    let mut data = Vec::new();
    for (pen, id, length, value) in record {
        let bit = if *pen > 0 { 0x8000 } else { 0 };
        template.extend([(id | bit).to_be_bytes(), length.to_be_bytes()].concat());
        if *pen > 0 {
            template.extend(pen.to_be_bytes());
        }
        data.extend(&value.to_be_bytes()[8 - usize::from(*length)..]);
    }
    let templates = if version == 9 { 0u16 } else { 2 };
    let mut sets = Vec::new();
    for (id, content) in [(templates, template), (300, data)] {
        sets.extend([id, 4 + content.len() as u16].map(u16::to_be_bytes).concat());
        sets.extend(content);
    }
    let exported = (NOW / 1000) as u32;
    let header = match version {
        9 => [(9 << 16) | 2, 60_000, exported, 1, 0].map(u32::to_be_bytes).concat(),
        _ => {
            let length = 16 + sets.len() as u32;
            [(10 << 16) | length, exported, 0, 0].map(u32::to_be_bytes).concat()
        }
    };
    [header, sets].concat()
}

/// The flows of a record with these fields beside those of the connection: source, destination,
/// source port, input interface, bytes, packets.
fn flows(version: u16, fields: &[&[Element]]) -> Vec<(Host, Host, u16, u32, u64, u64)> {
    let record = [connection(), fields.concat()].concat();
    let (mut decoder, mut flows) = (Decoder::new(), Vec::new());
    let bytes = datagram(version, &record);
    let report = decoder.decode(Time(NOW), Host::octets(192, 0, 2, 7), &bytes, &mut flows);
    assert_eq!(report.flows as usize, flows.len());
    assert_eq!(report.flows - report.reversed, 1, "one record");
    let line = |flow: &Flow| (flow.src, flow.dst, flow.sport, flow.input, flow.bytes, flow.packets);
    flows.iter().map(line).collect()
}

/// An element of nProbe's own, in the numbers of a version: the latency of the client's network.
fn own(version: u16) -> [Element; 1] {
    [if version == 9 { (0, NTOP_V9 + 123, 4, 20) } else { (NTOP, 123, 4, 20) }]
}

#[test]
fn what_nprobe_counts_out_is_the_way_back() {
    let up = (CLIENT, SERVER, 40_000, 3, 1500, 3);
    let down = (SERVER, CLIENT, 443, 4, 90_000, 70);
    for version in [9, 10] {
        assert_eq!(flows(version, &[&UP, &DOWN, &own(version)]), [up, down], "{version}");
        // The order of the fields does not matter, and no answer makes no flow.
        assert_eq!(flows(version, &[&own(version), &DOWN, &UP]), [up, down], "{version}");
        let silent = [(0, 23, 4, 0), (0, 24, 4, 0)];
        assert_eq!(flows(version, &[&UP, &silent, &own(version)]), [up], "{version}");
        // With nothing to be beside, they are the flow's own.
        let alone = (CLIENT, SERVER, 40_000, 3, 90_000, 70);
        assert_eq!(flows(version, &[&DOWN, &own(version)]), [alone], "{version}");
    }
}

#[test]
fn what_other_devices_count_out_are_the_same_packets() {
    let up = (CLIENT, SERVER, 40_000, 3, 1500, 3);
    let again = [(0, 23, 4, 1500), (0, 24, 4, 3)];
    for version in [9, 10] {
        assert_eq!(flows(version, &[&UP, &again]), [up], "{version}");
        assert_eq!(flows(version, &[&UP, &DOWN]), [up], "{version}");
    }
    // Elements of other makers: FortiGate's enterprise 12356, and Palo Alto's types in v9.
    assert_eq!(flows(10, &[&UP, &again, &[(12356, 123, 4, 1)]]), [up]);
    assert_eq!(flows(9, &[&UP, &again, &[(0, 56701, 4, 1)]]), [up]);
}
