//! Artificial records with fields that only some exporters report.

use toptalk::flow::Time;

use super::benchmarks::Random;
use crate::common::sets::{Datagram, Spec, iana};

/// The number and length of an element, and the values to choose from.
type Element = (u16, u16, &'static [u128]);

const MACS: &[u128] = &[0x5e00_5301, 0x5e00_5302, 0x5e00_5303];
const FIRST_UPTIME: u128 = 2_990_000;

/// IPv4: addresses, next hops, and addresses after translation.
const V4: &[Element] = &[
    (8, 4, &[0x0a01_0005, 0x0a01_0009, 0x0a01_010d]),
    (12, 4, &[0x0a02_0005, 0x0a02_0009, 0x0a02_010d]),
    (15, 4, &[0x0a03_0001, 0x0a03_0002]),
    (18, 4, &[0x0a04_0001, 0x0a04_0002]),
    (225, 4, &[0x0a05_0001, 0x0a05_0002]),
    (226, 4, &[0x0a05_0001, 0x0a05_0003]),
    (9, 1, &[8, 24, 30]),
    (13, 1, &[0, 16, 30]),
];

const fn v6(net: u128, host: u128) -> u128 {
    0x2001_0db8 << 96 | net << 64 | host
}

/// The same for IPv6.
const V6: &[Element] = &[
    (27, 16, &[v6(1, 0x1_0001), v6(1, 0x2_0001), v6(1, 0x3_0001)]),
    (28, 16, &[v6(2, 1), v6(2, 2), v6(0x102, 1)]),
    (62, 16, &[v6(3, 1), v6(3, 2)]),
    (63, 16, &[v6(4, 1), v6(4, 2)]),
    (281, 16, &[v6(5, 1), v6(5, 2)]),
    (282, 16, &[v6(5, 1), v6(5, 3)]),
    (29, 1, &[32, 64, 112]),
    (30, 1, &[0, 48, 64]),
];

/// Flows with ports.
const PORTS: &[Element] = &[
    (4, 1, &[6, 17]),
    (7, 2, &[1024, 50_000]),
    (11, 2, &[53, 443]),
    (6, 1, &[0x02, 0x12, 0x1b]),
    (227, 2, &[53, 1024]),
    (228, 2, &[53, 443]),
];

/// ICMP, whose type and code have their own element.
const ICMP4: &[Element] = &[(4, 1, &[1]), (32, 2, &[0x0800, 0x0301, 0x0000])];
const ICMP6: &[Element] = &[(4, 1, &[58]), (139, 2, &[0x8000, 0x0103])];

/// All flows.
const ALL: &[Element] = &[
    (1, 4, &[1000, 76_001, 2_500_000]),
    (2, 4, &[40, 100, 1_200]),
    (22, 4, &[FIRST_UPTIME, FIRST_UPTIME - 60_500, FIRST_UPTIME + 7_123]),
    (21, 4, &[2_999_000, 2_999_400]),
    (10, 4, &[1, 2, 70_000]),
    (14, 4, &[1, 3]),
    (16, 4, &[0, 65_001, 4_200_000_001]),
    (17, 4, &[3_320, 64_500]),
    (128, 4, &[64_900, 64_901]),
    (129, 4, &[64_900, 64_902]),
    (56, 6, MACS),
    (57, 6, MACS),
    (80, 6, MACS),
    (81, 6, MACS),
    (70, 3, &[0, 1000 << 4 | 5 << 1, 3000 << 4 | 1]),
    (71, 3, &[1000 << 4, 2000 << 4 | 2 << 1 | 1, 4000 << 4]),
    (72, 3, &[2000 << 4 | 1, 2001 << 4 | 1]),
    (58, 2, &[10, 20]),
    (59, 2, &[20, 30]),
    (5, 1, &[0, 8]),
    (55, 1, &[8, 16]),
    (61, 1, &[0, 1]),
    (89, 1, &[64, 66, 128]),
    (52, 1, &[1, 60]),
    (53, 1, &[64, 128]),
    (230, 1, &[1, 2]),
    (234, 4, &[5, 6]),
    (235, 4, &[5, 6]),
];

/// Templates, and their share of the records, in tenths.
const TEMPLATES: &[(u16, [&[Element]; 3], usize)] = &[
    (256, [V4, PORTS, ALL], 5),
    (257, [V6, PORTS, ALL], 3),
    (258, [V4, ICMP4, ALL], 1),
    (259, [V6, ICMP6, ALL], 1),
];

/// The uptime of the exporter.
const UPTIME: u32 = 3_000_000;

/// Datagrams of NetFlow v9 with `count` records, preceded by all templates.
pub fn rich(count: usize, now: Time) -> Vec<Vec<u8>> {
    let exported = u32::try_from(now.0 / 1000).unwrap();
    let header = |sequence: usize| Datagram::v9(5, exported, UPTIME, sequence as u32);
    let mut datagrams = Vec::new();
    for (id, parts, _) in TEMPLATES {
        let specs: Vec<Spec> =
            parts.iter().copied().flatten().map(|(id, length, _)| iana(*id, *length)).collect();
        datagrams.push(header(datagrams.len()).template(*id, &specs).bytes());
    }
    let mut random = Random(7);
    let turns: Vec<_> = TEMPLATES.iter().flat_map(|template| vec![template; template.2]).collect();
    // Few records per datagram, each in its own set, because they are of several families.
    for first in (0..count).step_by(RECORDS) {
        let mut datagram = header(datagrams.len());
        for number in first..count.min(first + RECORDS) {
            let (id, parts, _) = turns[number % turns.len()];
            let mut record = Vec::new();
            for (_, length, values) in parts.iter().copied().flatten() {
                let value = values[(random.next() % values.len() as u64) as usize];
                record.extend(&value.to_be_bytes()[16 - usize::from(*length)..]);
            }
            record.resize(record.len().next_multiple_of(4), 0);
            datagram = datagram.set(*id, &record);
        }
        datagrams.push(datagram.bytes());
    }
    datagrams
}

/// The number of records in a datagram.
const RECORDS: usize = 5;
