//! NetFlow version 5: a header of 24 bytes and up to 30 records of 48 bytes.
//!
//! Source: Cisco, "NetFlow Export Datagram Format", tables for version 5.

use super::bytes::{u16_at, u32_at};
use super::exporter::{Exporter, Header};
use super::report::{Cause, Report};
use super::sequence::Unit;
use super::times::uptime_to_time;
use crate::flow::{Flow, Host, Sampling, Time};

pub(super) const HEADER_LENGTH: usize = 24;
pub(super) const RECORD_LENGTH: usize = 48;

/// What a UDP datagram can hold; a header that counts more is no header.
const MAX_RECORDS: usize = (65_507 - HEADER_LENGTH) / RECORD_LENGTH;

/// The lower 14 bits of the sampling word are the interval, the upper two its mode.
const INTERVAL_MASK: u16 = 0x3fff;

/// Decodes one datagram. Bytes after the counted records are stale and ignored.
pub(super) fn decode(
    now: Time,
    address: Host,
    exporter: &mut Exporter,
    bytes: &[u8],
    out: &mut Vec<Flow>,
    report: &mut Report,
) {
    let Some(words) = bytes.get(..HEADER_LENGTH) else {
        return report.causes.count(Cause::TooShort);
    };
    let word = |at| u32_at(words, at).unwrap_or(0);
    let count = usize::from(u16_at(words, 2).unwrap_or(0));
    if count > MAX_RECORDS {
        return report.causes.count(Cause::BadHeader);
    }
    let uptime = word(4);
    let exported = i64::from(word(8)) * 1000 + i64::from(word(12)) / 1_000_000;
    let engine = u32::from(u16_at(words, 20).unwrap_or(0));
    let sampling = Sampling::one_in(u32::from(u16_at(words, 22).unwrap_or(0) & INTERVAL_MASK));
    let header = Header {
        protocol: "netflow5",
        domain: engine,
        exported: Time(exported),
        uptime: Some(uptime),
    };
    let Some(session) = exporter.enter(now, address, &header) else {
        return report.causes.count(Cause::DomainLimit);
    };
    session.domain.sequence.datagram(Unit::Records, word(16), Some(count as u32));
    session.domain.header_sampling = sampling;

    let records = bytes[HEADER_LENGTH..].chunks_exact(RECORD_LENGTH).take(count);
    if records.len() < count {
        report.causes.count(Cause::SetTruncated);
    }
    let common = Flow {
        exporter: address,
        domain: engine,
        arrival: now,
        clock_offset: session.offset,
        sampling: session.given_rate.unwrap_or(sampling),
        ..Flow::EMPTY
    };
    let before = out.len();
    for record in records {
        let flow = flow(record, &common, exported, uptime);
        if flow.first > flow.last {
            report.causes.count(Cause::FirstAfterLast);
        }
        out.push(flow);
    }
    report.flows = (out.len() - before) as u32;
    exporter.leave(report, engine);
}

/// One record; `record` has [`RECORD_LENGTH`] bytes.
fn flow(record: &[u8], common: &Flow, exported: i64, uptime: u32) -> Flow {
    let byte = |at: usize| record.get(at).copied().unwrap_or(0);
    let half = |at| u16_at(record, at).unwrap_or(0);
    let word = |at| u32_at(record, at).unwrap_or(0);
    Flow {
        src: Host::v4(word(0)),
        dst: Host::v4(word(4)),
        next_hop: Host::v4(word(8)),
        input: u32::from(half(12)),
        output: u32::from(half(14)),
        packets: u64::from(word(16)),
        bytes: u64::from(word(20)),
        first: uptime_to_time(exported, uptime, word(24)),
        last: uptime_to_time(exported, uptime, word(28)),
        sport: half(32),
        dport: half(34),
        tcp_flags: byte(37),
        proto: byte(38),
        tos: byte(39),
        src_as: u32::from(half(40)),
        dst_as: u32::from(half(42)),
        src_mask: byte(44),
        dst_mask: byte(45),
        ..*common
    }
}
