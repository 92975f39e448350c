//! Measures decoding: flows per second on one core and allocations per flow, for NetFlow
//! v9, v5, IPFIX and sFlow; under callgrind, instructions per flow.
//!
//! ```text
//! cargo run --release --example decode -- v9 20000000
//! valgrind --tool=callgrind --toggle-collect='*measured*' target/release/examples/decode v9 240000
//! ```

#[path = "../benches/common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use toptalk::clock::Clock;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::Decoder;
use toptalk::wire::encode::{IpfixEncoder, SampledFlow, SflowEncoder, V5Encoder, V9Encoder};

/// Counts allocations and passes them to the system's allocator.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const DISTINCT: usize = 24_000;

#[allow(clippy::disallowed_methods, reason = "it measures how long decoding takes")]
fn main() {
    let mut words = std::env::args().skip(1);
    let format = words.next().unwrap_or_else(|| "v9".to_owned());
    let wanted: usize = words.next().and_then(|n| n.parse().ok()).unwrap_or(20_000_000);
    let flows = common::flows(common::Shape::Mixed, DISTINCT, 1_000, 1);
    let (now, boot) = (Time(common::START + 2000), Time(common::START - 1_000_000));
    let datagrams = match format.as_str() {
        "v5" => V5Encoder::new(1, 0).encode(now, boot, &flows),
        "v9" => V9Encoder::new(1).encode(now, boot, &flows, true),
        "ipfix" => IpfixEncoder::new(1).encode(now, &flows, true),
        "sflow" => {
            let packets: Vec<SampledFlow> =
                flows.iter().map(|flow| SampledFlow { flow: *flow, frame_length: 1518 }).collect();
            SflowEncoder::new(Host::octets(192, 0, 2, 1), 0).encode(1000, &packets, &[])
        }
        other => {
            eprintln!("expected v5, v9, ipfix or sflow, found {other}");
            std::process::exit(2);
        }
    };
    let mut decoder = Decoder::new();
    let mut out = Vec::new();
    // Templates are received and buffers grown before counting begins.
    measured(&mut decoder, now, &datagrams, &mut out);
    let rounds = wanted.div_ceil(DISTINCT);
    let (before, clock) = (ALLOCATIONS.load(Ordering::Relaxed), Clock::start());
    let count: usize = (0..rounds).map(|_| measured(&mut decoder, now, &datagrams, &mut out)).sum();
    let seconds = clock.micros() as f64 / 1e6;
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    println!(
        "{format}: {count} flows, {:.1} M/s, {allocations} allocations ({:.4} per flow)",
        count as f64 / seconds / 1e6,
        allocations as f64 / count as f64,
    );
}

#[inline(never)]
fn measured(decoder: &mut Decoder, now: Time, datagrams: &[Vec<u8>], out: &mut Vec<Flow>) -> usize {
    let exporter = Host::octets(192, 0, 2, 1);
    let mut count = 0;
    for datagram in datagrams {
        out.clear();
        count += decoder.decode(now, exporter, datagram, out).flows as usize;
    }
    count
}
