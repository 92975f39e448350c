//! Encodes NetFlow version 5 (Cisco, NetFlow Export Datagram Format): a header of 24 bytes and
//! up to 30 records of 48 bytes, IPv4 only.

use super::{saturated, unix_seconds, uptime};
use crate::flow::{Flow, Host, Time};
use crate::wire::layout::fixed::FixedLayout;
use crate::wire::layout::netflow::{FixedHeaderStart, FixedRecordStart, V5HeaderEnd, V5RecordEnd};

/// Maximum number of records in a datagram.
pub const V5_MAX_RECORDS: usize = 30;

/// Sampling mode 1: one packet in every N.
const MODE_DETERMINISTIC: u16 = 1 << 14;
const INTERVAL_BITS: u16 = MODE_DETERMINISTIC - 1;

/// Encodes the datagrams of one exporting engine of a router.
#[derive(Clone, Debug)]
pub struct V5Encoder {
    /// Engine type (high byte) and id.
    engine: u16,
    /// The header's sampling field.
    sampling: u16,
    /// Flows sent so far.
    sequence: u32,
}

impl V5Encoder {
    /// `engine` is engine type * 256 + engine id. `sampling` is announced in every header: one
    /// packet in `sampling` (at most 16383); 0 announces nothing.
    #[must_use]
    pub fn new(engine: u16, sampling: u16) -> V5Encoder {
        let sampling = match sampling.min(INTERVAL_BITS) {
            0 => 0,
            interval => MODE_DETERMINISTIC | interval,
        };
        V5Encoder { engine, sampling, sequence: 0 }
    }

    /// The datagrams that report `flows`, sent at `now` by a router that booted at `boot`.
    /// Version 5 has no IPv6: such flows are left out. Counters beyond 32 bits and interfaces
    /// beyond 16 bits are sent as the highest value, AS numbers beyond 16 bits as 23456 (RFC
    /// 6793).
    #[must_use]
    pub fn encode(&mut self, now: Time, boot: Time, flows: &[Flow]) -> Vec<Vec<u8>> {
        let fits: Vec<&Flow> =
            flows.iter().filter(|flow| is_v4(flow.src) && is_v4(flow.dst)).collect();
        fits.chunks(V5_MAX_RECORDS).map(|chunk| self.datagram(now, boot, chunk)).collect()
    }

    fn datagram(&mut self, now: Time, boot: Time, flows: &[&Flow]) -> Vec<u8> {
        let mut out = Vec::with_capacity(V5HeaderEnd::END + flows.len() * V5RecordEnd::END);
        let count = u16::try_from(flows.len()).unwrap_or(u16::MAX);
        let start = FixedHeaderStart {
            version: 5,
            count,
            uptime: uptime(now, boot),
            seconds: unix_seconds(now),
            nanoseconds: now.0.rem_euclid(1000) as u32 * 1_000_000,
        };
        start.append(&mut out);
        let (sequence, engine, sampling) = (self.sequence, self.engine, self.sampling);
        V5HeaderEnd { sequence, engine, sampling }.append(&mut out);
        flows.iter().for_each(|flow| record(&mut out, flow, boot));
        self.sequence = self.sequence.wrapping_add(u32::from(count));
        out
    }
}

fn is_v4(host: Host) -> bool {
    host.as_v4().is_some()
}

fn record(out: &mut Vec<u8>, flow: &Flow, boot: Time) {
    let address = |host: Host| host.as_v4().unwrap_or(0);
    let interface = |index: u32| saturated(u64::from(index), u16::MAX);
    let as_number = |number: u32| saturated(u64::from(number), AS_TRANS);
    let start = FixedRecordStart {
        src: address(flow.src),
        dst: address(flow.dst),
        next_hop: address(flow.next_hop),
        input: interface(flow.input),
        output: interface(flow.output),
        packets: saturated(flow.packets, u32::MAX),
        bytes: saturated(flow.bytes, u32::MAX),
        first: uptime(flow.first, boot),
        last: uptime(flow.last, boot),
        src_port: flow.sport,
        dst_port: flow.dport,
    };
    start.append(out);
    let end = V5RecordEnd {
        tcp_flags: flow.tcp_flags,
        proto: flow.proto,
        tos: flow.tos,
        src_as: as_number(flow.src_as),
        dst_as: as_number(flow.dst_as),
        src_mask: flow.src_mask,
        dst_mask: flow.dst_mask,
        ..V5RecordEnd::default()
    };
    end.append(out);
}

/// Stands for an AS number of more than 16 bits (RFC 6793, 9).
const AS_TRANS: u16 = 23_456;

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: Time = Time(1_700_000_000_000);

    fn flow() -> Flow {
        Flow {
            src: Host::octets(10, 20, 7, 9),
            dst: Host::octets(192, 0, 2, 5),
            next_hop: Host::octets(192, 0, 2, 254),
            first: BOOT.plus_ms(0x0001_0203),
            last: BOOT.plus_ms(0x0001_0304),
            bytes: 0x1_0000_0000,
            packets: 0x0a0b,
            input: 3,
            output: 70_000,
            src_as: 64_500,
            dst_as: 65_551,
            sport: 0,
            dport: 8 * 256,
            proto: 1,
            tcp_flags: 0x1b,
            tos: 0xb8,
            src_mask: 24,
            dst_mask: 16,
            ..Flow::EMPTY
        }
    }

    #[test]
    fn header_and_record_stand_as_the_format_says() {
        let mut encoder = V5Encoder::new(0x0102, 100);
        let now = BOOT.plus_ms(0x0001_0405);
        let sent = encoder.encode(now, BOOT, &[flow()]);
        let mut want = vec![0, 5, 0, 1, 0, 1, 4, 5];
        want.extend((1_700_000_000u32 + 66).to_be_bytes());
        want.extend(565_000_000u32.to_be_bytes());
        want.extend([0, 0, 0, 0, 1, 2, 0x40, 100]);
        want.extend([10, 20, 7, 9, 192, 0, 2, 5, 192, 0, 2, 254, 0, 3, 0xff, 0xff]);
        want.extend([0, 0, 0x0a, 0x0b, 0xff, 0xff, 0xff, 0xff, 0, 1, 2, 3, 0, 1, 3, 4]);
        want.extend([0, 0, 8, 0, 0, 0x1b, 1, 0xb8, 0xfb, 0xf4, 0x5b, 0xa0, 24, 16, 0, 0]);
        assert_eq!(sent, [want]);
    }

    #[test]
    fn long_lists_are_cut_and_the_sequence_counts_flows() {
        let mut encoder = V5Encoder::new(0, 0);
        let mut flows = vec![flow(); 61];
        flows[7].dst = "2001:db8::1".parse().unwrap();
        let sent = encoder.encode(BOOT, BOOT, &flows);
        let lengths: Vec<usize> = sent.iter().map(Vec::len).collect();
        assert_eq!(lengths, [24 + 30 * 48, 24 + 30 * 48]);
        assert_eq!(sent[1][16..20], [0, 0, 0, 30]);
        let more = encoder.encode(BOOT, BOOT, &flows[..1]);
        assert_eq!(more[0][16..24], [0, 0, 0, 60, 0, 0, 0, 0]);
        assert!(encoder.encode(BOOT, BOOT, &[]).is_empty());
    }

    #[test]
    fn uptimes_wrap() {
        let late = BOOT.plus_ms((1 << 32) + 5);
        let sent = V5Encoder::new(0, 0).encode(late, BOOT, &[Flow { last: late, ..flow() }]);
        assert_eq!(sent[0][4..8], [0, 0, 0, 5]);
        assert_eq!(sent[0][24 + 28..24 + 32], [0, 0, 0, 5]);
        let sampled = V5Encoder::new(0, u16::MAX);
        assert_eq!(sampled.sampling, 0x7fff);
    }
}
