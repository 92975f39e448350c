//! Contents of the fixtures of file formats: some flows of a slot, and a decoder's state of one
//! exporter. They are computed, so that a test can make them again and compare.
#![allow(dead_code, reason = "every user has its own part of this")]

use toptalk::flow::{Duplicate, Flow, FlowExtras, Host, MPLS_LABELS, Sampling, Time};
use toptalk::wire::Decoder;
use toptalk::wire::encode::V9Encoder;

/// Start of the slot, 2026-11-24 03:40:00 UTC.
pub const SLOT: Time = Time(1_795_491_600_000);
/// Length of the slot.
pub const SLOT_SECONDS: u32 = 300;

/// Number of flows in a fixture: enough for every kind of value, few enough for small
/// files.
pub const FLOWS: u64 = 40;

/// The exporter of the state. A test can send from this address.
pub const EXPORTER: Host = Host::octets(127, 0, 0, 1);

/// Source id of the exporter.
pub const SOURCE: u32 = 7;
/// Sampling rate of the exporter.
pub const RATE: u32 = 10;

/// Flows of both families with every field in use, some of them duplicates, some sampled; every
/// third has extra fields.
#[must_use]
pub fn flows() -> (Vec<Flow>, Vec<FlowExtras>) {
    ((0..FLOWS).map(flow).collect(), (0..5).map(more).collect())
}

fn flow(n: u64) -> Flow {
    let v6 = n % 4 == 3;
    let host = |net: u8, n: u64| match v6 {
        true => Host(0x2001_0db8 << 96 | u128::from(net) << 64 | u128::from(n)),
        false => Host::octets(10, net, 0, n as u8),
    };
    let begin = SLOT.plus_ms(n as i64 * 1000);
    Flow {
        src: host(1, n % 6 + 1),
        dst: host(2, n % 9 + 1),
        next_hop: host(3, 1),
        exporter: EXPORTER,
        domain: SOURCE,
        first: begin.plus_ms(-2500),
        last: begin.plus_ms(-500),
        arrival: begin,
        clock_offset: -20,
        bytes: 1000 + n * n * 37,
        packets: n % 13 + 1,
        sampling: Sampling::one_in(if n.is_multiple_of(5) { RATE } else { 0 }),
        input: 1,
        output: (n % 3) as u32 + 2,
        src_as: 64_500,
        dst_as: 64_501 + (n % 2) as u32,
        sport: 40_000 + (n % 17) as u16,
        dport: [443, 53, 22, 8080][(n % 4) as usize],
        vlan: 100,
        proto: if n % 4 == 1 { 17 } else { 6 },
        tcp_flags: if n % 4 == 1 { 0 } else { 0x1b },
        tos: 8,
        src_mask: 24,
        dst_mask: 16,
        direction: (n % 2) as u8,
        duplicate: Duplicate::of(u8::from(n % 11 == 10)),
        more: if n.is_multiple_of(3) { (n % 5) as u32 + 1 } else { 0 },
        ..Flow::EMPTY
    }
}

fn more(n: u64) -> FlowExtras {
    let mut mpls = [0; MPLS_LABELS];
    mpls[0] = 16_000 + n as u32;
    mpls[MPLS_LABELS - 1] = 1;
    FlowExtras {
        bgp_next_hop: Host::octets(10, 4, 0, 1),
        nat_src: Host::octets(203, 0, 113, n as u8),
        nat_dst: Host::octets(198, 51, 100, n as u8),
        in_src_mac: 0x00a0_b0c0_d000 + n,
        out_dst_mac: 0x00a0_b0c0_e000 + n,
        in_dst_mac: 0x00a0_b0c0_f000,
        out_src_mac: 0x00a0_b0c0_f001,
        mpls,
        prev_as: 64_502,
        next_as: 64_503,
        in_vrf: 11,
        out_vrf: 12,
        nat_sport: 50_000 + n as u16,
        nat_dport: 443,
        dst_vlan: 200,
        dst_tos: 4,
        min_ttl: 60,
        max_ttl: 64,
        nat_event: 1,
        forwarding: 64,
        ..FlowExtras::NONE
    }
}

/// A decoder that has received the exporter's templates and sampling rate.
#[must_use]
pub fn decoder() -> Decoder {
    let mut decoder = Decoder::new();
    let told = V9Encoder::new(SOURCE).announcing(RATE).encode(SLOT, SLOT, &[], true);
    for datagram in told {
        decoder.decode(SLOT, EXPORTER, &datagram, &mut Vec::new());
    }
    decoder
}
