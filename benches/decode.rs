//! Measures decoding of datagrams in flows per second on one core, and another decoder with
//! the same datagrams.

mod common;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use netflow_parser::{NetflowPacket, NetflowParser};
use toptalk::flow::{Host, Time};
use toptalk::wire::Decoder;
use toptalk::wire::encode::{IpfixEncoder, SampledFlow, SflowEncoder, V5Encoder, V9Encoder};

const NOW: Time = Time(common::START + 2000);

/// A format with its template datagrams and its data datagrams.
struct Case {
    name: &'static str,
    templates: Vec<Vec<u8>>,
    datagrams: Vec<Vec<u8>>,
}

fn decode(c: &mut Criterion) {
    let flows = common::flows(common::Shape::Mixed, 2_400, 1_000, 1);
    let boot = Time(common::START - 1_000_000);
    let mut v9 = V9Encoder::new(1);
    let mut ipfix = IpfixEncoder::new(1);
    let cases = [
        Case {
            name: "v9 of 20 fields",
            templates: v9.encode(NOW, boot, &[], true),
            datagrams: v9.encode(NOW, boot, &flows, false),
        },
        Case {
            name: "IPFIX of 20 fields",
            templates: ipfix.encode(NOW, &[], true),
            datagrams: ipfix.encode(NOW, &flows, false),
        },
        Case {
            name: "v5",
            templates: Vec::new(),
            datagrams: V5Encoder::new(1, 0).encode(NOW, boot, &flows),
        },
    ];
    let packets: Vec<SampledFlow> =
        flows.iter().map(|flow| SampledFlow { flow: *flow, frame_length: 1518 }).collect();
    let sflow = Case {
        name: "sFlow v5",
        templates: Vec::new(),
        datagrams: SflowEncoder::new(Host::octets(192, 0, 2, 1), 0).encode(1000, &packets, &[]),
    };
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(flows.len() as u64));
    for case in &cases {
        ours(&mut group, case, flows.len());
        theirs(&mut group, case, flows.len());
    }
    ours(&mut group, &sflow, flows.len());
    group.finish();
}

fn ours(group: &mut BenchmarkGroup<'_, WallTime>, case: &Case, flows: usize) {
    let exporter = Host::octets(192, 0, 2, 1);
    let mut decoder = Decoder::new();
    let mut out = Vec::new();
    for template in &case.templates {
        decoder.decode(NOW, exporter, template, &mut out);
    }
    group.bench_function(case.name, |bencher| {
        bencher.iter(|| {
            let mut count = 0;
            for datagram in &case.datagrams {
                out.clear();
                count += decoder.decode(NOW, exporter, datagram, &mut out).flows as usize;
            }
            assert_eq!(count, flows);
        });
    });
}

/// netflow_parser, up to its own records.
fn theirs(group: &mut BenchmarkGroup<'_, WallTime>, case: &Case, flows: usize) {
    let mut parser = NetflowParser::default();
    for template in &case.templates {
        assert!(parser.parse_bytes(template).is_ok());
    }
    group.bench_function(format!("{}, netflow_parser", case.name), |bencher| {
        bencher.iter(|| {
            let mut count = 0;
            for datagram in &case.datagrams {
                let parsed = parser.parse_bytes(datagram);
                count += parsed.packets.iter().map(records).sum::<usize>();
            }
            assert_eq!(count, flows);
        });
    });
}

fn records(packet: &NetflowPacket) -> usize {
    use netflow_parser::variable_versions::{ipfix, v9};
    match packet {
        NetflowPacket::V5(v5) => v5.flowsets.len(),
        NetflowPacket::V9(message) => {
            let sets = message.flowsets.iter().map(|set| match &set.body {
                v9::FlowSetBody::Data(data) => data.fields.len(),
                _ => 0,
            });
            sets.sum()
        }
        NetflowPacket::IPFix(message) => {
            let sets = message.flowsets.iter().map(|set| match &set.body {
                ipfix::FlowSetBody::Data(data) => data.fields.len(),
                _ => 0,
            });
            sets.sum()
        }
        _ => 0,
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
