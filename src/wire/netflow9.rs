//! NetFlow version 9 (RFC 3954, section 5.1): the header of its datagrams.

use super::bytes::u32_at;
use super::exporter::ExporterState;
use super::exporter::numbering::Numbering;
use super::header::MessageHeader;
use super::report::Cause;
use super::sets::{DecodeContext, SetDialect, Sets};
use crate::flow::{Host, Protocol, Time};

pub(super) const HEADER_LENGTH: usize = 20;

/// Decodes one datagram. The header's count is not trusted: exporters disagree
/// on what it counts, and the sets carry their own lengths.
pub(super) fn decode(
    now: Time,
    address: Host,
    exporter: &mut ExporterState,
    bytes: &[u8],
    context: &mut DecodeContext<'_, '_>,
) {
    let word = |at| u32_at(bytes, at).unwrap_or(0);
    let header = MessageHeader {
        protocol: Protocol::Netflow9,
        domain: word(16),
        exported: Time(i64::from(word(8)) * 1000),
        uptime: Some(word(4)),
    };
    let Some(session) = exporter.enter(now, address, &header) else {
        return context.report.causes.count(Cause::DomainLimit);
    };
    let mut sets = Sets::new(SetDialect::Netflow9, now, header, session, context);
    let records = sets.decode(bytes, HEADER_LENGTH, bytes.len());
    sets.count_sequence(Numbering::Datagrams, word(12), records);
    exporter.leave(context.report, header.domain);
}
