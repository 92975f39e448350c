//! Decoding allocates nothing per flow once templates are known.

#[path = "../benches/common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::Decoder;
use toptalk::wire::encode::{IpfixEncoder, V5Encoder, V9Encoder};

/// Counts allocations on their way to the system's allocator.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[allow(unsafe_code, reason = "an allocator is unsafe; every call is handed on unchanged")]
// SAFETY: every call is handed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const FLOWS: usize = 12_000;
const ROUNDS: usize = 10;

fn decode(decoder: &mut Decoder, datagrams: &[Vec<u8>], out: &mut Vec<Flow>) -> usize {
    let mut flows = 0;
    for datagram in datagrams {
        out.clear();
        let now = Time(common::START + 2000);
        flows += decoder.decode(now, Host::octets(192, 0, 2, 1), datagram, out).flows as usize;
    }
    flows
}

/// One test only: another one's allocations would be counted, too.
#[test]
fn decoding_allocates_nothing() {
    let flows = common::flows(common::Shape::Mixed, FLOWS, 1_000, 1);
    let (now, boot) = (Time(common::START + 2000), Time(common::START - 1_000_000));
    let formats = [
        ("v5", V5Encoder::new(1, 100).encode(now, boot, &flows)),
        ("v9", V9Encoder::new(1).announcing(10).encode(now, boot, &flows, true)),
        ("IPFIX", IpfixEncoder::new(1).announcing(10).encode(now, &flows, true)),
        ("IPFIX, uptime", IpfixEncoder::new(2).uptime(boot).encode(now, &flows, true)),
    ];
    for (format, datagrams) in formats {
        let mut decoder = Decoder::new();
        let mut out = Vec::new();
        assert_eq!(decode(&mut decoder, &datagrams, &mut out), FLOWS);
        // The first datagram has the templates, which may come again at any time.
        let data = &datagrams[1..];
        // Numbers that begin anew are followed apart, up to a few times.
        let each = (0..8).map(|_| decode(&mut decoder, data, &mut out)).min().unwrap();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let count: usize = (0..ROUNDS).map(|_| decode(&mut decoder, data, &mut out)).sum();
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        println!("{format}: {allocations} allocations for {count} flows");
        assert!(count == ROUNDS * each && count > 100_000, "{format}: {count} flows");
        assert_eq!(allocations, 0, "{format}: {count} flows");
    }
}
