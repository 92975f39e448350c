//! Measures recording flows in windows, and answers from windows.

mod common;

use common::Shape;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use toptalk::agg::{Config, Windows};
use toptalk::flow::{Flow, Time};
use toptalk::ingest::deduplication::Deduplication;
use toptalk::snapshot::{Health, Subject, View, Window};

/// Number of flows recorded at once, as by a worker under load.
const BATCH: usize = 4096;

fn warm(flows: &[Flow]) -> Windows {
    let windows = Windows::new(Config { started: Time(common::START), ..Config::default() });
    for batch in flows.chunks(BATCH) {
        windows.record(batch);
    }
    windows
}

fn record(c: &mut Criterion) {
    let mut group = c.benchmark_group("Windows::record");
    group.sample_size(10);
    for (name, shape, conversations) in [
        ("10 k conversations", Shape::Mixed, 10_000),
        ("100 k conversations", Shape::Mixed, 100_000),
        ("100 k conversations, long flows only", Shape::Long, 100_000),
    ] {
        let flows = common::flows(shape, 1_000_000, conversations, 100);
        group.throughput(Throughput::Elements(flows.len() as u64));
        group.bench_function(name, |bencher| {
            // Full windows: two minutes of the same traffic were recorded before.
            bencher.iter_batched(
                || warm(&flows),
                |windows| {
                    for batch in flows.chunks(BATCH) {
                        windows.record(batch);
                    }
                    windows
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn snapshot(c: &mut Criterion) {
    let mut group = c.benchmark_group("Windows::snapshot");
    group.sample_size(20);
    let flows = common::flows(Shape::Mixed, 1_000_000, 100_000, 100);
    let windows = warm(&flows);
    let now = Time(common::START + 100_000);
    for (name, subject, filter) in [
        ("top 100 of 25 k hosts", Subject::Talkers, ""),
        ("one host of 100 k conversations", Subject::Host(flows[0].src), ""),
        ("filtered, 100 k conversations", Subject::Talkers, "port 443 and not net 10.0.0.0/24"),
    ] {
        let filter = toptalk::filter::Filter::parse(filter).unwrap_or_default();
        let view = View { subject, filter, window: Window::Minute, limit: 100, ..View::default() };
        group.bench_function(name, |bencher| {
            bencher.iter(|| windows.snapshot(&view, now, Health::default()));
        });
    }
    group.finish();
}

/// Measures deduplication.
fn mark(c: &mut Criterion) {
    let once = common::flows(Shape::Mixed, 1_000_000, 100_000, 100);
    let other = |flow: &Flow| Flow { direction: 1, ..*flow };
    let twice: Vec<Flow> = once[..500_000]
        .chunks(BATCH / 2)
        .flat_map(|chunk| chunk.iter().copied().chain(chunk.iter().map(other)))
        .collect();
    let mut group = c.benchmark_group("Doubling::mark");
    group.sample_size(20).throughput(Throughput::Elements(1_000_000));
    for (name, mut flows, doubled) in
        [("every flow once", once, 0), ("every flow twice", twice, 500_000)]
    {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                Deduplication::default,
                |mut doubling| {
                    let marked: usize =
                        flows.chunks_mut(BATCH).map(|batch| doubling.mark(Time(0), batch)).sum();
                    assert_eq!(marked, doubled);
                    doubling
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, mark, record, snapshot);
criterion_main!(benches);
