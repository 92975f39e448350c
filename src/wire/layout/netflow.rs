//! Headers of NetFlow and IPFIX, and the records of NetFlow versions 1, 5 and 7.
//!
//! Source of versions 1, 5 and 7: Cisco, "NetFlow Export Datagram Format", tables of the
//! headers and records. The three versions share the first 16 bytes of the header and the
//! first 36 bytes of a record.

use super::fixed::{FieldLayout, FixedLayout, WireValue, fills, layout};

layout! {
    /// The part of the header that NetFlow versions 1, 5 and 7 share; all of the header of
    /// version 1.
    FixedHeaderStart from 0 to 16 {
        /// 1, 5 or 7.
        0 version: u16,
        /// Records in the datagram.
        2 count: u16,
        /// Milliseconds since the exporter started.
        4 uptime: u32,
        /// Export time: seconds since 1970.
        8 seconds: u32,
        /// Export time: nanoseconds after `seconds`.
        12 nanoseconds: u32,
    }

    /// The rest of the header of NetFlow version 5.
    V5HeaderEnd from 16 to 24 {
        /// Flows that the exporter sent before this datagram.
        16 sequence: u32,
        /// Engine type (high byte) and engine id (low byte).
        20 engine: u16,
        /// Sampling mode (upper 2 bits) and sampling interval (lower 14 bits).
        22 sampling: u16,
    }

    /// The rest of the header of NetFlow version 7.
    V7HeaderEnd from 16 to 24 {
        /// Flows that the exporter sent before this datagram.
        16 sequence: u32,
        /// Reserved.
        20 reserved: u32,
    }

    /// The part of a record that NetFlow versions 1, 5 and 7 share.
    FixedRecordStart from 0 to 36 {
        /// IPv4 source address.
        0 src: u32,
        /// IPv4 destination address.
        4 dst: u32,
        /// IPv4 address of the next router.
        8 next_hop: u32,
        /// ifIndex of the input interface.
        12 input: u16,
        /// ifIndex of the output interface.
        14 output: u16,
        /// Packets of the flow.
        16 packets: u32,
        /// Bytes of the flow at layer 3.
        20 bytes: u32,
        /// Uptime in milliseconds at the first packet.
        24 first: u32,
        /// Uptime in milliseconds at the last packet.
        28 last: u32,
        /// Source port.
        32 src_port: u16,
        /// Destination port; type * 256 + code for ICMP.
        34 dst_port: u16,
    }

    /// The rest of a record of NetFlow version 1, without the last four reserved bytes of
    /// Cisco's table: softflowd does not send them.
    V1RecordEnd from 36 to 48 {
        /// Padding.
        36 padding: u16,
        /// IP protocol number.
        38 proto: u8,
        /// Type of service.
        39 tos: u8,
        /// TCP flags of all packets, ORed.
        40 tcp_flags: u8,
        /// Reserved.
        41 reserved: [u8; 7],
    }

    /// The rest of a record of NetFlow version 5. Version 7 has [`V7RecordEnd`] after it.
    V5RecordEnd from 36 to 48 {
        /// Padding; in version 7 flags that say which fields are valid.
        36 padding: u8,
        /// TCP flags of all packets, ORed.
        37 tcp_flags: u8,
        /// IP protocol number.
        38 proto: u8,
        /// Type of service.
        39 tos: u8,
        /// AS number of the source: of its origin or of the peer.
        40 src_as: u16,
        /// AS number of the destination: of its origin or of the peer.
        42 dst_as: u16,
        /// Prefix length of the source.
        44 src_mask: u8,
        /// Prefix length of the destination.
        45 dst_mask: u8,
        /// Padding; in version 7 flags.
        46 end_padding: u16,
    }

    /// The end of a record of NetFlow version 7 (Catalyst 5000).
    V7RecordEnd from 48 to 52 {
        /// IPv4 address of the router that the switch bypassed.
        48 bypassed_router: u32,
    }

    /// Header of NetFlow version 9 (RFC 3954, section 5.1).
    V9Header from 0 to 20 {
        /// 9.
        0 version: u16,
        /// Records in all sets of the datagram, those of templates included. Exporters
        /// disagree on what it counts; the decoder ignores it.
        2 count: u16,
        /// Milliseconds since the exporter started.
        4 uptime: u32,
        /// Export time: seconds since 1970.
        8 seconds: u32,
        /// Datagrams that the exporter sent before this one.
        12 sequence: u32,
        /// Source id: the observation domain.
        16 source_id: u32,
    }

    /// Header of an IPFIX message (RFC 7011, section 3.1).
    IpfixHeader from 0 to 16 {
        /// 10.
        0 version: u16,
        /// Bytes of the message, this header included.
        2 length: u16,
        /// Export time: seconds since 1970.
        4 seconds: u32,
        /// Data records that the exporter sent before this message.
        8 sequence: u32,
        /// Observation domain id.
        12 domain: u32,
    }
}
