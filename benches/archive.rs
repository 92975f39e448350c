//! Measures encoding flows as segments, and reading columns of segments.

mod common;

use common::site::Site;
use common::{Random, START, Shape};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use toptalk::archive::ColumnChunk;
use toptalk::archive::segment::{SlotInfo, encode, footer, open};
use toptalk::flow::column::Vector;
use toptalk::flow::field::Field;
use toptalk::flow::{Flow, Time};

const ROWS: usize = 1_000_000;
const SLOT: SlotInfo = SlotInfo { start: Time(START), length_ms: 300_000 };

/// A slot of a site: 25 k hosts, 100 k conversations, random client ports.
fn flows() -> Vec<Flow> {
    let site = Site::new(25_000, 100_000, 1.0, 0.1, Shape::Mixed);
    let mut random = Random(7);
    let mut flows = Vec::with_capacity(ROWS);
    for index in 0..ROWS {
        let arrival = Time(START + 300_000 * index as i64 / ROWS as i64);
        let conversation = site.conversation(&mut random);
        let host = site.host_of(conversation);
        let last = arrival.plus_ms(-((random.next() % 1000) as i64));
        let flow = site.flow(&mut random, host, conversation, last);
        let client = 32_768 + (random.next() % 28_000) as u16;
        let service = [443, 443, 443, 80, 53, 22][(conversation % 6) as usize];
        let (sport, dport) =
            if flow.sport == 50_000 { (client, service) } else { (service, client) };
        let proto = if service == 53 { 17 } else { 6 };
        flows.push(Flow { arrival, sport, dport, proto, ..flow });
    }
    flows
}

fn write(c: &mut Criterion, flows: &[Flow]) -> Vec<u8> {
    let mut group = c.benchmark_group("segment::encode");
    group.sample_size(10);
    group.throughput(Throughput::Elements(flows.len() as u64));
    let mut bytes = Vec::new();
    group.bench_function("1 M flows", |bencher| {
        bencher.iter_batched(
            || Vec::with_capacity(64 << 20),
            |mut out| {
                encode(flows, &[], &SLOT, &mut out).expect("flows can be encoded");
                bytes.clone_from(&out);
                out
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
    println!("{:.2} bytes a flow", bytes.len() as f64 / flows.len() as f64);
    bytes
}

fn read(c: &mut Criterion, bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("flows.parquet");
    std::fs::write(&path, bytes).expect("a segment is written");
    let mut group = c.benchmark_group("segment::read");
    group.sample_size(20);
    group.bench_function("footer", |bencher| bencher.iter(|| footer(&path).expect("ours")));
    group.throughput(Throughput::Elements(ROWS as u64));
    use Field as F;
    let top = [F::Dst, F::Bytes, F::Packets, F::Sampling, F::First, F::Last, F::Duplicate];
    let cases: &[(&str, &[Field])] = &[
        ("dst", &[F::Dst]),
        ("bytes", &[F::Bytes]),
        ("packets", &[F::Packets]),
        ("sampling", &[F::Sampling]),
        ("first", &[F::First]),
        ("last", &[F::Last]),
        ("arrival", &[F::Arrival]),
        ("duplicate", &[F::Duplicate]),
        ("sport", &[F::SrcPort]),
        ("top dst", &top),
    ];
    for (name, fields) in cases {
        group.bench_function(*name, |bencher| {
            let mut out = Vector::default();
            let mut vectors = vec![Vector::default(); fields.len()];
            bencher.iter(|| {
                let mut segment = open(&path).expect("ours");
                for page in 0..segment.pages() {
                    for (field, out) in fields.iter().zip(&mut vectors) {
                        segment.dictionary(*field).expect("whole");
                        segment.read(*field, page, out).expect("whole");
                    }
                }
                std::mem::swap(&mut out, &mut vectors[0]);
                segment.bytes_read()
            });
        });
    }
    group.finish();
}

fn all(c: &mut Criterion) {
    let flows = flows();
    let bytes = write(c, &flows);
    read(c, &bytes);
}

criterion_group!(benches, all);
criterion_main!(benches);
