//! Finds the protocol of a datagram by its first bytes.

use super::bytes::{u16_at, u32_at};
use super::layout::fixed::FixedLayout;
use super::layout::netflow::{IpfixHeader, V9Header};
use super::report::Cause;
use super::{netflow5, sflow};
use crate::flow::Protocol;

/// The protocol of a datagram: NetFlow and IPFIX begin with a 16-bit version, sFlow with a
/// 32-bit version.
///
/// # Errors
/// The cause why the datagram cannot be decoded: its version is unknown, or it is shorter
/// than its header.
pub(super) fn protocol_of(bytes: &[u8]) -> Result<Protocol, Cause> {
    let (protocol, header) = match u16_at(bytes, 0).ok_or(Cause::TooShort)? {
        1 => (Protocol::Netflow1, netflow5::V1.header),
        5 => (Protocol::Netflow5, netflow5::V5.header),
        7 => (Protocol::Netflow7, netflow5::V7.header),
        9 => (Protocol::Netflow9, V9Header::LENGTH),
        10 => (Protocol::Ipfix, IpfixHeader::LENGTH),
        0 if u32_at(bytes, 0) == Some(5) => (Protocol::Sflow5, sflow::HEADER_LENGTH),
        _ => return Err(Cause::UnknownVersion),
    };
    if bytes.len() < header { Err(Cause::TooShort) } else { Ok(protocol) }
}
