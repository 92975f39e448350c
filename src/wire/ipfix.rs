//! IPFIX (RFC 7011, section 3.1): the header of its messages.

use super::exporter::ExporterState;
use super::exporter::numbering::Numbering;
use super::exporter::sessions::DomainKey;
use super::header::MessageHeader;
use super::layout::fixed::FixedLayout;
use super::layout::netflow::IpfixHeader;
use super::report::Cause;
use super::sets::{DecodeContext, SetDialect, Sets};
use crate::flow::{SenderAddress, Time};

/// Bytes of a message header; no message is shorter.
pub const HEADER_LENGTH: usize = IpfixHeader::LENGTH;

/// Bytes of the message that begins here, as its header says: at least [`HEADER_LENGTH`],
/// at most 65,535. `None` when `bytes` does not begin with an IPFIX header.
#[must_use]
pub fn message_length(bytes: &[u8]) -> Option<usize> {
    let header = IpfixHeader::read_prefix(bytes);
    let length = usize::from(header.length);
    (header.version == 10 && length >= HEADER_LENGTH).then_some(length)
}

/// Decodes one message. Bytes beyond the length in its header are leftovers of the sender's
/// buffer and are ignored.
pub(super) fn decode(
    now: Time,
    from: SenderAddress,
    exporter: &mut ExporterState,
    bytes: &[u8],
    context: &mut DecodeContext<'_, '_>,
) {
    let Some(length) = message_length(bytes) else {
        return context.report.causes.count(Cause::BadHeader);
    };
    if length != bytes.len() {
        context.report.causes.count(Cause::MessageLength);
    }
    let fields = IpfixHeader::read_prefix(bytes);
    let header = MessageHeader::ipfix(&fields);
    let Some(session) = exporter.enter_with_templates(now, from, &header, context.pool) else {
        return context.report.causes.count(Cause::DomainLimit);
    };
    let key = DomainKey { port: from.port, id: header.domain };
    let mut sets = Sets::new(SetDialect::Ipfix, now, header, key, session, context);
    sets.session.compare_ports(fields.sequence);
    let records = sets.decode(bytes, HEADER_LENGTH, length.min(bytes.len()));
    sets.session.count_sequence(Numbering::Records, fields.sequence, records);
    let (wanted, news, init) = (sets.wanted, sets.news, sets.session.domain.init);
    exporter.share_templates(key, &wanted, &news, context.pool);
    exporter.leave(context.report, key.port, init);
}
