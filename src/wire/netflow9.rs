//! NetFlow version 9 (RFC 3954, section 5.1): the header of its datagrams.

use super::exporter::ExporterState;
use super::exporter::numbering::Numbering;
use super::exporter::sessions::DomainKey;
use super::header::MessageHeader;
use super::layout::fixed::FixedLayout;
use super::layout::netflow::V9Header;
use super::report::Cause;
use super::sets::{DecodeContext, SetDialect, Sets};
use crate::flow::{SenderAddress, Time};

/// Decodes one datagram. The decoder ignores the header's count: exporters disagree on what
/// it counts, and the sets have their own lengths.
pub(super) fn decode(
    now: Time,
    from: SenderAddress,
    exporter: &mut ExporterState,
    bytes: &[u8],
    context: &mut DecodeContext<'_, '_>,
) {
    let fields = V9Header::read_prefix(bytes);
    let header = MessageHeader::v9(&fields);
    let Some(session) = exporter.enter_with_templates(now, from, &header, context.pool) else {
        return context.report.causes.count(Cause::DomainLimit);
    };
    let key = DomainKey { port: from.port, id: header.domain };
    let mut sets = Sets::new(SetDialect::Netflow9, now, header, key, session, context);
    sets.session.compare_ports(fields.sequence);
    let records = sets.decode(bytes, V9Header::LENGTH, bytes.len());
    sets.session.count_sequence(Numbering::Datagrams, fields.sequence, records);
    let (wanted, news, init) = (sets.wanted, sets.news, sets.session.domain.init);
    exporter.share_templates(key, &wanted, &news, context.pool);
    exporter.leave(context.report, key.port, init);
}
