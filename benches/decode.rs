//! Datagrams to flows: flows per second of one core.

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::Decoder;
use toptalk::wire::doubling::Doubling;
use toptalk::wire::encode::{SampledFlow, SflowEncoder, V5Encoder, V9Encoder};

/// Flows in a batch.
const BATCH: usize = 1500;

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

/// What finding flows that are reported twice costs, in batches as one wake of
/// the ingest worker gives them.
fn mark(c: &mut Criterion) {
    let once = common::flows(common::Shape::Mixed, 1_000_000, 100_000, 100);
    let other = |flow: &Flow| Flow { direction: 1, ..*flow };
    let twice: Vec<Flow> = once[..500_000]
        .chunks(BATCH / 2)
        .flat_map(|chunk| chunk.iter().copied().chain(chunk.iter().map(other)))
        .collect();
    let mut group = c.benchmark_group("Doubling::mark");
    group.sample_size(10).throughput(Throughput::Elements(1_000_000));
    for (name, mut flows, doubled) in
        [("every flow once", once, 0), ("every flow twice", twice, 500_000)]
    {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                Doubling::default,
                |mut doubling| {
                    let marked: usize =
                        flows.chunks_mut(BATCH).map(|batch| doubling.mark(batch)).sum();
                    // A few are alike by chance.
                    assert!(marked >= doubled && marked < doubled + 1000, "{marked}");
                    doubling
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, decode, mark);
criterion_main!(benches);
