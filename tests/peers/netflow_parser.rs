//! The decoder against netflow_parser, on datagrams of random flows and of random templates.
//! `TOPTALK_DIFFERENTIAL_FLOWS` is the number of flows to compare.

use crate::benchmarks;
use crate::fuzz_targets::compare;

use crate::common::sets::{Datagram, Spec, VARIABLE, counted, iana, of};
use benchmarks::Random;
use netflow_parser::NetflowParser;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::encode::{IpfixEncoder, V5Encoder, V9Encoder};
use toptalk::wire::{Cause, Decoder};

const NOW: i64 = 1_800_000_000_000;
const SECONDS: u32 = (NOW / 1000) as u32;

/// The number of flows of each kind to compare by default.
const FLOWS: usize = 5_000;

fn wanted() -> usize {
    let given = std::env::var("TOPTALK_DIFFERENTIAL_FLOWS").ok();
    given.map_or(FLOWS, |number| number.parse::<usize>().expect("a number of flows") / 4)
}

/// Both decoders with their state of one exporter.
struct Pair {
    ours: Decoder,
    theirs: NetflowParser,
    flows: Vec<Flow>,
    compared: usize,
}

impl Pair {
    fn new() -> Pair {
        let theirs = NetflowParser::builder().with_max_records_per_flowset(65_535).build();
        let theirs = theirs.expect("a parser");
        Pair { ours: Decoder::new(), theirs, flows: Vec::new(), compared: 0 }
    }

    /// Decodes a datagram with both decoders and compares the flows.
    fn take(&mut self, bytes: &[u8]) {
        self.flows.clear();
        self.ours.forget_more();
        self.ours.keep_more(true);
        let exporter = Host::octets(192, 0, 2, 1);
        let report = self.ours.decode(Time(NOW), exporter, bytes, &mut self.flows);
        for cause in [Cause::BadRecord, Cause::BadTemplate, Cause::NoTemplate, Cause::Leftover] {
            assert_eq!(report.causes.get(cause), 0, "{report:?}\n{bytes:?}");
        }
        let parsed = self.theirs.parse_bytes(bytes);
        assert!(parsed.error.is_none(), "{:?}\n{bytes:?}", parsed.error);
        // The other decoder judges neither counters that make no sense nor missing addresses, and
        // it does not know what earlier events of a connection have counted.
        if report.uncounted + report.addressless.records + report.events > 0 {
            return;
        }
        for packet in &parsed.packets {
            match compare::compare(&self.flows, self.ours.more(), packet) {
                Ok(equal) => self.compared += equal.expect("something comparable"),
                Err(difference) => panic!("{difference}\n{report:?}\n{packet:?}"),
            }
        }
    }
}

/// A flow with random values in all fields.
fn random_flow(random: &mut Random) -> Flow {
    let v6 = random.next().is_multiple_of(3);
    let mut host = || {
        let bits = u128::from(random.next()) << 64 | u128::from(random.next());
        if v6 { Host(bits | 1 << 127) } else { Host::v4(bits as u32) }
    };
    let (src, dst, next_hop) = (host(), host(), host());
    let last = Time(NOW - (random.next() % 1_000_000_000) as i64);
    Flow {
        src,
        dst,
        next_hop,
        first: last.plus_ms(-((random.next() % 1_000_000_000) as i64)),
        last,
        // Counters that packets can have: others are not used.
        bytes: random.next() >> 40,
        packets: random.next() >> 40 | 1 << 9,
        input: random.next() as u32,
        output: random.next() as u32,
        src_as: random.next() as u32,
        dst_as: random.next() as u32,
        sport: random.next() as u16,
        dport: random.next() as u16,
        vlan: random.next() as u16,
        proto: random.next() as u8,
        tcp_flags: random.next() as u8,
        tos: random.next() as u8,
        src_mask: random.next() as u8,
        dst_mask: random.next() as u8,
        direction: (random.next() % 2) as u8,
        ..Flow::EMPTY
    }
}

#[test]
fn flows_of_every_encoder_are_decoded_equally() {
    let boot = Time(NOW - 3_000_000_000);
    for format in ["v5", "v9", "IPFIX"] {
        let mut random = Random(format.len() as u64);
        let mut pair = Pair::new();
        let mut v5 = V5Encoder::new(1, 100);
        let mut v9 = V9Encoder::new(1).announcing(100);
        let mut ipfix = IpfixEncoder::new(1).announcing(100);
        let mut templates = true;
        while pair.compared < wanted() {
            let flows: Vec<Flow> = (0..1000).map(|_| random_flow(&mut random)).collect();
            let sent = match format {
                "v5" => v5.encode(Time(NOW), boot, &flows),
                "v9" => v9.encode(Time(NOW), boot, &flows, templates),
                _ => ipfix.encode(Time(NOW), &flows, templates),
            };
            sent.iter().for_each(|datagram| pair.take(datagram));
            templates = random.next().is_multiple_of(4);
        }
        println!("{format}: {} flows are equal", pair.compared);
    }
}

/// Elements that become fields of a flow, with the lengths they are sent in.
const ELEMENTS: &[(u16, &[u16])] = &[
    (1, &[8, 4, 3, 5, 6, 7, 1, 2]),
    (2, &[8, 4, 3, 2, 1]),
    (4, &[1, 2]),
    (5, &[1]),
    (6, &[1, 2]),
    (7, &[2, 4]),
    (8, &[4, 4, 4, 8]),
    (9, &[1]),
    (10, &[2, 4]),
    (11, &[2]),
    (12, &[4]),
    (13, &[1]),
    (14, &[2, 4, 3]),
    (15, &[4]),
    (16, &[2, 4]),
    (17, &[2, 4]),
    (21, &[4]),
    (22, &[4]),
    (23, &[4, 8]),
    (24, &[4, 8]),
    (27, &[16]),
    (28, &[16]),
    (29, &[1]),
    (30, &[1]),
    (32, &[2]),
    (58, &[2]),
    (61, &[1]),
    (62, &[16]),
    (85, &[4, 8]),
    (86, &[4, 8]),
    (139, &[2]),
    (150, &[4]),
    (151, &[4]),
    (152, &[8]),
    (153, &[8]),
    (154, &[8]),
    (176, &[1]),
    (177, &[1]),
    (180, &[2]),
    (181, &[2]),
    (182, &[2]),
    (183, &[2]),
    (230, &[1]),
    (231, &[8, 4]),
    (232, &[8, 4]),
    (233, &[1]),
    (243, &[2]),
    (252, &[4]),
    (253, &[4]),
    (298, &[8]),
    (299, &[8]),
    // Extras of flows.
    (18, &[4, 4, 8]),
    (52, &[1]),
    (53, &[1, 2]),
    (55, &[1]),
    (56, &[6, 6, 8]),
    (57, &[6]),
    (59, &[2, 4]),
    (63, &[16]),
    (70, &[3, 3, 4]),
    (71, &[3]),
    (72, &[3, 2]),
    (79, &[3]),
    (80, &[6, 5]),
    (81, &[6]),
    (89, &[1, 4]),
    (128, &[4, 2]),
    (129, &[4, 2]),
    (225, &[4]),
    (226, &[4]),
    (227, &[2]),
    (228, &[2]),
    (234, &[4]),
    (235, &[4, 2]),
    (254, &[2]),
    (281, &[16]),
    (282, &[16]),
];

/// A template of elements that both decoders know, and unknown ones between them.
/// Totals, and counters of connections.
const ACCOUNTED: [u16; 11] = [85, 86, 171, 172, 231, 232, 298, 299, 352, 353, 233];

fn random_template(random: &mut Random, is_ipfix: bool) -> Vec<Spec> {
    let mut any = |n: usize| (random.next() % n as u64) as usize;
    let mut fields = Vec::new();
    for _ in 0..3 + any(24) {
        fields.push(match any(12) {
            0 => iana([36, 37, 55, 60, 70, 148, 225, 400, 460][any(9)], 1 + any(20) as u16),
            1 if is_ipfix => iana([82, 83, 96][any(3)], VARIABLE),
            2 if is_ipfix => of([9, 4242, 25_506][any(3)], 1 + any(60_000) as u16 % 30_000, 4),
            3 if is_ipfix => of(4242, 7, VARIABLE),
            4 if is_ipfix => of(29_305, [1, 2, 6][any(3)], [4, 8][any(2)]),
            _ => {
                let (id, lengths) = ELEMENTS[any(ELEMENTS.len())];
                // What totals and connections count depends on what was counted before, which
                // the other decoder does not know.
                let id = if ACCOUNTED.contains(&id) { 1 } else { id };
                iana(id, lengths[any(lengths.len())])
            }
        });
    }
    fields
}

fn random_record(random: &mut Random, fields: &[Spec]) -> Vec<u8> {
    let mut record = Vec::new();
    for field in fields {
        let variable = field.length == VARIABLE;
        // An empty value is legal (RFC 7011, section 7), but netflow_parser takes it for an
        // error.
        let length = if variable { 1 + random.next() % 300 } else { u64::from(field.length) };
        // Zeros often: if two fields have the same meaning, the first that is not zero may
        // count.
        let zero = random.next().is_multiple_of(4);
        let value: Vec<u8> =
            (0..length).map(|_| if zero { 0 } else { random.next() as u8 }).collect();
        match variable {
            true => record.extend(counted(&value, random.next().is_multiple_of(8))),
            false => record.extend(value),
        }
    }
    record
}

#[test]
fn templates_of_every_form_are_decoded_equally() {
    let mut random = Random(7);
    let mut pair = Pair::new();
    let mut templates = 0;
    while pair.compared < wanted() {
        let is_ipfix = random.next().is_multiple_of(2);
        let mut datagram = match is_ipfix {
            true => Datagram::ipfix(1, SECONDS, 0),
            false => Datagram::v9(1, SECONDS, random.next() as u32, 0),
        };
        for slot in 0..1 + random.next() as u16 % 3 {
            let id = 256 + slot * 10 + random.next() as u16 % 10;
            let fields = random_template(&mut random, is_ipfix);
            let records = 1 + random.next() % 20;
            let least: usize = fields.iter().map(|f| usize::from(f.length % VARIABLE)).sum();
            let mut content: Vec<u8> =
                (0..records).flat_map(|_| random_record(&mut random, &fields)).collect();
            while least > 3 && !content.len().is_multiple_of(4) {
                content.push(0);
            }
            datagram = datagram.template(id, &fields).set(id, &content);
            templates += 1;
        }
        pair.take(&datagram.bytes());
    }
    println!("{templates} templates: {} flows are equal", pair.compared);
}
