//! Random archives and questions: few distinct values, so that they coincide, and extreme ones
//! among them.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use toptalk::archive::catalog::{CatalogEntry, FileKind};
use toptalk::archive::{ColumnChunk, RowChunk};
use toptalk::filter::Filter;
use toptalk::flow::field::Field;
use toptalk::flow::{Duplicate, Flow, FlowExtras, Host, Sampling, Time};
use toptalk::query::OpenedFile;
use toptalk::query::question::{
    CountedSides, FlowDirection, KeyPart, Prefix, StatElement, StatOrder,
};

use super::store::Dictionaries;

/// An archive, and the parts that all questions about it share.
#[derive(Clone, Debug)]
pub struct Site {
    /// Files of chunks; each chunk says which fields have dictionaries (0: none).
    pub files: Vec<Vec<(usize, Vec<Flow>)>>,
    pub extras: Vec<FlowExtras>,
    pub filter: Filter,
    pub from: Option<Time>,
    pub to: Option<Time>,
    pub no_dedup: bool,
}

impl Site {
    pub fn entries(&self) -> Vec<CatalogEntry> {
        let entry = |at: usize| CatalogEntry {
            path: at.to_string().into(),
            kind: FileKind::Segment,
            slot: None,
            part: 1,
        };
        (0..self.files.len()).map(entry).collect()
    }

    pub fn open(&self, entry: &CatalogEntry) -> OpenedFile {
        let at: usize = entry.path.to_str().unwrap().parse().unwrap();
        let chunks: Vec<_> = self.files[at]
            .iter()
            .filter_map(|(one_in, flows)| -> Option<Box<dyn ColumnChunk>> {
                let (flows, extras) = (flows.clone(), self.extras.clone());
                let path: Arc<Path> = Path::new("rows").into();
                match one_in {
                    0 => Some(Box::new(RowChunk::new(path, flows, extras, 0)?)),
                    _ => Some(Box::new(Dictionaries::new(flows, extras, *one_in)?)),
                }
            })
            .map(Ok)
            .collect();
        OpenedFile::Chunks(Box::new(chunks.into_iter()))
    }

    pub fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.files.iter().flatten().flat_map(|(_, flows)| flows)
    }
}

fn hosts() -> impl Strategy<Value = Host> {
    prop_oneof![
        (0u32..4, 0u32..3).prop_map(|(a, b)| Host::v4(a << 24 | b)),
        (0u128..2, 0u128..3).prop_map(|(a, b)| Host(0x2001 << 112 | a << 64 | b)),
    ]
}

fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0u64..50, 2 => 0u64..100_000, 1 => Just(u64::MAX), 1 => Just(u64::MAX / 2)]
}

fn flows() -> impl Strategy<Value = Flow> {
    let port = || prop_oneof![4 => 0u16..4, 1 => Just(1024u16), 2 => Just(40_000)];
    let ends = (hosts(), hosts(), port(), port());
    let what = (prop::sample::select(vec![1u8, 6, 17, 47, 58]), 0u8..64, 0u8..4);
    let times = (0i64..40, -5i64..40);
    let sampling = prop_oneof![6 => Just(0u32), 1 => Just(1), 2 => Just(100), 1 => Just(u32::MAX)];
    let counted =
        (counts(), counts(), sampling, prop_oneof![8 => Just(0u8), 1 => Just(1), 1 => Just(2)]);
    let rest = (0u32..3, 0u32..3, 0u8..35, 0u8..35, 0u32..3);
    // Some flows arrive two days after the others: their times are implausible, unless the
    // exporter's clock explains it.
    let far = || prop_oneof![4 => Just(0i64), 1 => Just(200_000_000), 1 => Just(-7)];
    let all = (ends, what, times, counted, rest, (far(), far()));
    all.prop_map(|(ends, what, times, counted, rest, (arrival, offset))| Flow {
        arrival: Time(arrival),
        clock_offset: offset,
        src: ends.0,
        dst: ends.1,
        sport: ends.2,
        dport: ends.3,
        proto: what.0,
        tcp_flags: what.1,
        tos: what.2,
        first: Time(times.0),
        last: Time(times.0 + times.1),
        bytes: counted.0,
        packets: counted.1,
        sampling: Sampling::one_in(counted.2),
        duplicate: Duplicate::of(counted.3),
        input: rest.0,
        output: rest.1,
        src_mask: rest.2,
        dst_mask: rest.3,
        more: rest.4,
        ..Flow::EMPTY
    })
}

const FILTERS: &[&str] = &[
    "",
    "tcp",
    "not udp and (src port 1 or dst port > 2)",
    "ip 0.0.0.1 or net 2001::/16",
    "ipv6 and not (proto 58)",
    "flags 3 or icmp-type 0",
    "bytes > 20 and packets < 5000",
    "src and dst port in [0-1 3]",
    "bps > 8000 or pps > 1 or bpp > 2",
    "duration > 3 or duration < 1",
    "if 1 and (not in if 1 or src net 1.0.0.0/8)",
    "not (tcp or udp) or port 3",
    "src host 200.0.0.1",
    "host 0.0.0.2 and not dst net 2001::/16",
    "net ::/0 or ip in [0.0.0.0/8, 3.0.0.0/8]",
    "dscp 0 and tos < 3 or not flags S",
];

pub fn sites() -> impl Strategy<Value = Site> {
    let chunk =
        (prop::sample::select(vec![0usize, 1, 2, 3]), prop::collection::vec(flows(), 0..20));
    let files = prop::collection::vec(prop::collection::vec(chunk, 0..4), 0..4);
    let time = || prop::option::weighted(0.3, 0i64..60).prop_map(|time| time.map(Time));
    let filter = prop::sample::select(FILTERS).prop_map(|text| Filter::parse(text).unwrap());
    let inside = || prop_oneof![Just(Host::UNSPECIFIED), hosts()];
    let extras = (0u32..9, 0u64..9, inside(), inside());
    let extras = extras.prop_map(|(label, mac, src_inside, dst_inside)| FlowExtras {
        src_inside,
        dst_inside,
        // Labels 0 to 4, with two traffic classes.
        mpls: [label * 8; 10],
        in_src_mac: mac,
        nat_sport: 7,
        ..FlowExtras::NONE
    });
    (files, prop::collection::vec(extras, 2), filter, time(), time(), any::<bool>()).prop_map(
        |(files, extras, filter, from, to, no_dedup)| Site {
            files,
            extras,
            filter,
            from,
            to,
            no_dedup,
        },
    )
}

pub fn orders() -> impl Strategy<Value = StatOrder> {
    use StatOrder::*;
    prop::sample::select(vec![
        Flows, Packets, InPackets, OutPackets, Bytes, InBytes, OutBytes, Pps, Bps, Bpp, First,
        Last, Duration,
    ])
}

const fn part(field: Field) -> KeyPart {
    KeyPart { field, prefix: None }
}

pub fn ways() -> impl Strategy<Value = FlowDirection> {
    prop::sample::select(vec![FlowDirection::Apart, FlowDirection::Both, FlowDirection::ToServer])
}

/// The parts of a key, each field once.
pub fn parts() -> impl Strategy<Value = Vec<KeyPart>> {
    let prefix = |field| {
        let prefixes = vec![
            None,
            Some(Prefix::V4(8)),
            Some(Prefix::V4(0)),
            Some(Prefix::V6(64)),
            Some(Prefix::Reported),
        ];
        prop::sample::select(prefixes).prop_map(move |prefix| KeyPart { field, prefix })
    };
    let numbers = vec![
        Field::SrcPort,
        Field::DstPort,
        Field::Proto,
        Field::Tos,
        Field::TcpFlags,
        Field::Input,
        Field::Output,
        Field::Mpls3,
        Field::InSrcMac,
        Field::First,
    ];
    let five = [Field::Src, Field::Dst, Field::SrcPort, Field::DstPort, Field::Proto];
    prop_oneof![
        Just(five.map(part).to_vec()),
        (prefix(Field::Src), prefix(Field::Dst), prop::sample::subsequence(numbers, 0..10))
            .prop_map(|(src, dst, rest)| {
                [src, dst].into_iter().chain(rest.into_iter().map(part)).collect()
            }),
        prefix(Field::Dst).prop_map(|dst| vec![dst]),
        Just(vec![part(Field::SrcInside), part(Field::DstInside), part(Field::Proto)]),
    ]
}

const fn element(name: &'static str, keys: CountedSides) -> StatElement {
    StatElement { name, aliases: &[], label: name, keys }
}

pub const ELEMENTS: &[StatElement] = &[
    element("record", CountedSides::Record),
    element("srcip", CountedSides::One(part(Field::Src))),
    element("ip", CountedSides::Either(part(Field::Src), part(Field::Dst))),
    element("host", CountedSides::Either(part(Field::SrcInside), part(Field::DstInside))),
    element("dsthost", CountedSides::One(part(Field::DstInside))),
    element("port", CountedSides::Either(part(Field::SrcPort), part(Field::DstPort))),
    element("proto", CountedSides::One(part(Field::Proto))),
    element(
        "srcnet",
        CountedSides::One(KeyPart { field: Field::Src, prefix: Some(Prefix::Reported) }),
    ),
    element("mpls1", CountedSides::One(part(Field::Mpls1))),
    element("insrcmac", CountedSides::One(part(Field::InSrcMac))),
];
