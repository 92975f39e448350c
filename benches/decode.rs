//! Datagrams to flows: flows per second of one core.

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use toptalk::flow::{Host, Time};
use toptalk::wire::Decoder;
use toptalk::wire::encode::{SampledFlow, SflowEncoder, V5Encoder, V9Encoder};

fn decode(c: &mut Criterion) {
    let flows = common::flows(common::Shape::Mixed, 2_400, 1_000, 1);
    let now = Time(common::START + 2000);
    let boot = Time(common::START - 1_000_000);
    let exporter = Host::octets(192, 0, 2, 1);
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(flows.len() as u64));
    let mut v9 = V9Encoder::new(1);
    let templates = v9.encode(now, boot, &[], true);
    let packets: Vec<SampledFlow> =
        flows.iter().map(|flow| SampledFlow { flow: *flow, frame_length: 1518 }).collect();
    let sets = [
        ("v9 of 20 fields", v9.encode(now, boot, &flows, false)),
        ("v5", V5Encoder::new(1, 0).encode(now, boot, &flows)),
        ("sflow", SflowEncoder::new(exporter, 0).encode(1000, &packets, &[])),
    ];
    for (name, datagrams) in sets {
        let mut decoder = Decoder::new();
        let mut out = Vec::new();
        for template in &templates {
            decoder.decode(now, exporter, template, &mut out);
        }
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut count = 0;
                for datagram in &datagrams {
                    out.clear();
                    count += decoder.decode(now, exporter, datagram, &mut out).flows;
                }
                assert_eq!(count as usize, flows.len());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
