//! NetFlow versions 1, 5 and 7: a header and records of one fixed layout.
//!
//! Source: Cisco, "NetFlow Export Datagram Format", tables for the versions. Version 7
//! (Catalyst 5000) is version 5 with the router that was bypassed at the end of each
//! record. Version 1 has other bytes after the ports, and no sequence numbers, engines or
//! AS numbers.

use std::slice::ChunksExact;

use super::addressless;
use super::exporter::ExporterState;
use super::exporter::numbering::{Numbering, RecordCount};
use super::exporter::rates::SelectorRate;
use super::header::MessageHeader;
use super::layout::fixed::FixedLayout;
use super::layout::netflow::{
    FixedHeaderStart, FixedRecordStart, V1RecordEnd, V5HeaderEnd, V5RecordEnd, V7HeaderEnd,
    V7RecordEnd,
};
use super::ordinary::{OrdinaryFlows, append_copies, count_backwards, count_far_off};
use super::plausibility::remove_flows;
use super::report::{Cause, DatagramReport};
use super::times::uptime_to_time;
use crate::flow::{Flow, Host, Protocol, Sampling, SenderAddress, Time};

/// Lengths of a version's header and records.
pub(super) struct HeaderLayout {
    /// Bytes of the header.
    pub header: usize,
    /// Bytes of a record.
    pub record: usize,
}

pub(super) const V1: HeaderLayout =
    HeaderLayout { header: FixedHeaderStart::END, record: V1RecordEnd::END };
pub(super) const V5: HeaderLayout =
    HeaderLayout { header: V5HeaderEnd::END, record: V5RecordEnd::END };
pub(super) const V7: HeaderLayout =
    HeaderLayout { header: V7HeaderEnd::END, record: V7RecordEnd::END };

/// Bytes of a version 1 record as in Cisco's table, with eight reserved bytes at the end;
/// softflowd sends four of them.
const V1_LONG_RECORD: usize = 52;

/// The largest payload of a UDP datagram over IPv4, in bytes.
const MAX_PAYLOAD: usize = 65_507;

/// The lower 14 bits of the header's sampling field are the interval, the upper two bits
/// its mode.
const INTERVAL_MASK: u16 = 0x3fff;

const fn protocol(version: u16) -> Protocol {
    match version {
        1 => Protocol::Netflow1,
        7 => Protocol::Netflow7,
        _ => Protocol::Netflow5,
    }
}

/// Decodes one datagram of version 1, 5 or 7.
pub(super) fn decode(
    now: Time,
    from: SenderAddress,
    exporter: &mut ExporterState,
    bytes: &[u8],
    out: &mut Vec<Flow>,
    report: &mut DatagramReport,
) {
    match report.version {
        1 => decode_as::<1>(now, from, exporter, bytes, out, report),
        7 => decode_as::<7>(now, from, exporter, bytes, out, report),
        _ => decode_as::<5>(now, from, exporter, bytes, out, report),
    }
}

/// Decodes one datagram. Bytes after the counted records are leftovers of the sender's
/// buffer and are ignored. A header that counts more records than a datagram can hold is
/// not a NetFlow header.
fn decode_as<const VERSION: u16>(
    now: Time,
    from: SenderAddress,
    exporter: &mut ExporterState,
    bytes: &[u8],
    out: &mut Vec<Flow>,
    report: &mut DatagramReport,
) {
    let layout = const { layout(VERSION) };
    let Some((words, body)) = bytes.split_at_checked(layout.header) else {
        return report.causes.count(Cause::TooShort);
    };
    let start = FixedHeaderStart::read_prefix(words);
    let count = usize::from(start.count);
    if count > (MAX_PAYLOAD - layout.header) / layout.record {
        return report.causes.count(Cause::BadHeader);
    }
    let (sequence, engine, interval) = match VERSION {
        1 => (None, 0, 0),
        7 => (Some(V7HeaderEnd::read_prefix(words).sequence), 0, 0),
        _ => {
            let end = V5HeaderEnd::read_prefix(words);
            (Some(end.sequence), end.engine, end.sampling & INTERVAL_MASK)
        }
    };
    let sampling = Sampling::one_in(u32::from(interval));
    let header = MessageHeader::fixed(const { protocol(VERSION) }, engine, &start);
    let (engine, exported) = (header.domain, header.exported.0);
    let Some(mut session) = exporter.enter(now, from, &header) else {
        return report.causes.count(Cause::DomainLimit);
    };
    if let Some(sequence) = sequence {
        let records = RecordCount { data: count as u32, options: 0 };
        session.count_sequence(Numbering::Records, sequence, Some(records));
    }
    session.domain.header_sampling = sampling;
    if let Some(rate) = sampling.rate() {
        let seen = SelectorRate { domain: engine, selector: None, rate, seen: now };
        session.rates.note_selector(seen);
    }
    let long = VERSION == 1 && body.len() == count * V1_LONG_RECORD;
    let length = if long { V1_LONG_RECORD } else { layout.record };
    let records = body.get(..count * length).unwrap_or(body).chunks_exact(length);
    if records.len() < count {
        report.causes.count(Cause::SetTruncated);
    }
    let init = session.domain.init;
    let common = Flow {
        exporter: from.host,
        domain: engine,
        session: from.port,
        arrival: now,
        clock_offset: session.offset,
        sampling: session.given_rate.unwrap_or(sampling),
        // Exporters that do not fill in the nanoseconds have a clock with steps of a second.
        coarse_clock: start.nanoseconds == 0,
        ..Flow::EMPTY
    };
    report.flows = records.len() as u32;
    let before = out.len();
    append_copies(out, &common, records.len());
    let made = out.get_mut(before..).unwrap_or_default();
    if !fill_all::<VERSION>(made, records, exported, start.uptime) {
        count_backwards(made, report);
        addressless::remove(out, before, report);
        remove_flows(before, out, report);
        count_far_off(out.get(before..).unwrap_or_default(), report);
    }
    if report.flows > 0 {
        exporter.rates.apply_one(now, common.sampling);
    }
    exporter.leave(report, from.port, init);
}

const fn layout(version: u16) -> HeaderLayout {
    match version {
        1 => V1,
        7 => V7,
        _ => V5,
    }
}

/// Decodes records into flows with what all have in common. Returns whether all are ordinary.
fn fill_all<const VERSION: u16>(
    flows: &mut [Flow],
    records: ChunksExact<'_, u8>,
    exported: i64,
    uptime: u32,
) -> bool {
    let Some(first) = flows.first() else { return true };
    let bounds = OrdinaryFlows::of(first);
    let mut all = true;
    for (flow, record) in flows.iter_mut().zip(records) {
        fill::<VERSION>(flow, record, exported, uptime);
        all &= bounds.include(flow);
    }
    all
}

/// Decodes one record into a flow with what all have in common; `record` has at least the bytes
/// of the version's layout.
#[inline]
fn fill<const VERSION: u16>(flow: &mut Flow, record: &[u8], exported: i64, uptime: u32) {
    let Some((record, _)) = record.split_at_checked(const { layout(VERSION).record }) else {
        return;
    };
    let start = FixedRecordStart::read_prefix(record);
    flow.src = Host::v4(start.src);
    flow.dst = Host::v4(start.dst);
    flow.next_hop = Host::v4(start.next_hop);
    flow.input = u32::from(start.input);
    flow.output = u32::from(start.output);
    flow.packets = u64::from(start.packets);
    flow.bytes = u64::from(start.bytes);
    flow.first = uptime_to_time(exported, uptime, start.first);
    flow.last = uptime_to_time(exported, uptime, start.last);
    (flow.sport, flow.dport) = (start.src_port, start.dst_port);
    if VERSION == 1 {
        let end = V1RecordEnd::read_prefix(record);
        (flow.proto, flow.tos, flow.tcp_flags) = (end.proto, end.tos, end.tcp_flags);
    } else {
        let end = V5RecordEnd::read_prefix(record);
        (flow.proto, flow.tos, flow.tcp_flags) = (end.proto, end.tos, end.tcp_flags);
        (flow.src_as, flow.dst_as) = (u32::from(end.src_as), u32::from(end.dst_as));
        (flow.src_mask, flow.dst_mask) = (end.src_mask, end.dst_mask);
    }
}

#[cfg(test)]
mod tests {
    use crate::flow::{Flow, Host, Protocol, Sampling, Time};
    use crate::wire::{Cause, DatagramReport, Decoder};

    /// A datagram exported at 1,700,000,000.5 s, 10 s after the start of the exporter.
    /// `more` is what the version's header has after the first 16 bytes.
    fn datagram(version: u16, count: u16, more: &[u8], record: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(version.to_be_bytes());
        out.extend(count.to_be_bytes());
        out.extend(10_000u32.to_be_bytes());
        out.extend(1_700_000_000u32.to_be_bytes());
        out.extend(500_000_000u32.to_be_bytes());
        out.extend(more);
        out.extend(record.repeat(usize::from(count)));
        out
    }

    /// A record: the 36 bytes that the three versions share, and `tail`.
    fn record(tail: &[u8]) -> Vec<u8> {
        let mut out = vec![10, 0, 0, 1, 192, 0, 2, 9, 192, 0, 2, 254, 0, 3, 0, 4];
        out.extend([0, 0, 0, 7, 0, 0, 3, 0xe8]);
        out.extend(8_000u32.to_be_bytes());
        out.extend(9_000u32.to_be_bytes());
        out.extend([0x9c, 0x40, 1, 0xbb]);
        out.extend(tail);
        out
    }

    fn decode(bytes: &[u8]) -> (Vec<Flow>, DatagramReport) {
        let mut flows = Vec::new();
        let from = Host::octets(192, 0, 2, 1);
        let now = Time(1_700_000_000_600);
        let report = Decoder::new().decode(now, from, bytes, &mut flows);
        (flows, report)
    }

    fn check(flow: &Flow) {
        assert_eq!((flow.src, flow.dst), (Host::octets(10, 0, 0, 1), Host::octets(192, 0, 2, 9)));
        assert_eq!(flow.next_hop, Host::octets(192, 0, 2, 254));
        assert_eq!((flow.input, flow.output, flow.packets, flow.bytes), (3, 4, 7, 1000));
        assert_eq!((flow.sport, flow.dport, flow.proto), (40_000, 443, 6));
        assert_eq!((flow.tos, flow.tcp_flags), (0xb8, 0x1b));
        assert_eq!((flow.first, flow.last), (Time(1_699_999_998_500), Time(1_699_999_999_500)));
        assert_eq!((flow.clock_offset, flow.sampling), (100, Sampling::UNKNOWN));
    }

    #[test]
    fn version_1_has_records_of_48_or_52_bytes() {
        for padding in [7, 11] {
            let tail = [&[0, 0, 6, 0xb8, 0x1b][..], &vec![0xee; padding]].concat();
            let bytes = datagram(1, 24, &[], &record(&tail));
            let (flows, report) = decode(&bytes);
            assert_eq!(
                (flows.len(), report.flows, report.protocol),
                (24, 24, Some(Protocol::Netflow1))
            );
            assert_eq!(report.causes.iter().count(), 0, "{padding}");
            flows.iter().for_each(check);
        }
        let tail = [0, 0, 6, 0xb8, 0x1b, 0, 0, 0, 0, 0, 0, 0];
        let mut cut = datagram(1, 3, &[], &record(&tail));
        cut.pop();
        let (flows, report) = decode(&cut);
        assert_eq!((flows.len(), report.causes.get(Cause::SetTruncated)), (2, 1));
    }

    #[test]
    fn version_7_has_no_sampling_in_its_header() {
        let tail = [0, 0x1b, 6, 0xb8, 0xfb, 0xf4, 0xfb, 0xf5, 24, 16, 0, 0, 10, 0, 0, 254];
        let more = [0, 0, 0, 9, 1, 2, 0x40, 100];
        let (flows, report) = decode(&datagram(7, 27, &more, &record(&tail)));
        assert_eq!((flows.len(), report.protocol), (27, Some(Protocol::Netflow7)));
        for flow in &flows {
            check(flow);
            assert_eq!((flow.src_as, flow.dst_as, flow.domain), (64_500, 64_501, 0));
            assert_eq!((flow.src_mask, flow.dst_mask), (24, 16));
        }
        let (_, report) = decode(&datagram(7, 2000, &more, &[]));
        assert_eq!(report.causes.get(Cause::BadHeader), 1);
    }

    #[test]
    fn versions_without_a_sequence_lose_nothing() {
        let mut decoder = Decoder::new();
        let from = Host::octets(192, 0, 2, 1);
        let tail = [0, 0, 6, 0xb8, 0x1b, 0, 0, 0, 0, 0, 0, 0];
        for second in 0..5 {
            let bytes = datagram(1, 3, &[], &record(&tail));
            decoder.decode(Time(second * 1000), from, &bytes, &mut Vec::new());
        }
        let known = &decoder.exporters()[0];
        assert_eq!((known.flows, known.lost, known.protocol), (15, 0, Some(Protocol::Netflow1)));
    }
}
