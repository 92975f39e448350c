//! The one table of flow fields.
//!
//! Wire elements, filter words and columns only map to a [`Field`]; what it is
//! called and how it is read off a [`Flow`] stands here and nowhere else.

use super::vector::Vector;
use super::{Flow, Host, More, Text, Time, more_of};

/// A field of a [`Flow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Field {
    Src,
    Dst,
    NextHop,
    Exporter,
    Domain,
    First,
    Last,
    Arrival,
    Bytes,
    Packets,
    Sampling,
    Input,
    Output,
    SrcAs,
    DstAs,
    SrcPort,
    DstPort,
    Vlan,
    Proto,
    TcpFlags,
    Tos,
    SrcMask,
    DstMask,
    Direction,
    Duplicate,
    Timed,
    ClockOffset,
    // From here on: what is kept in [`More`].
    BgpNextHop,
    NatSrc,
    NatDst,
    NatSrcPort,
    NatDstPort,
    NatEvent,
    InSrcMac,
    OutDstMac,
    InDstMac,
    OutSrcMac,
    Mpls1,
    Mpls2,
    Mpls3,
    Mpls4,
    Mpls5,
    Mpls6,
    Mpls7,
    Mpls8,
    Mpls9,
    Mpls10,
    PrevAs,
    NextAs,
    InVrf,
    OutVrf,
    DstVlan,
    DstTos,
    MinTtl,
    MaxTtl,
    Forwarding,
    // From here on: since version 2 of the archive.
    FlowCount,
    SrcInside,
    DstInside,
    App,
    User,
    Tunnel,
    TunnelKey,
}

/// What the values of a [`Field`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Address,
    Time,
    Number,
    /// A number whose bits are those of an `i64`.
    Signed,
    Mac,
    Text,
}

/// A field's value, in the shape it is compared and printed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Address(Host),
    Time(Time),
    Number(u64),
    Text(Text),
}

/// What there is to know about a [`Field`].
pub struct FieldInfo {
    pub field: Field,
    /// The name in column headers and messages.
    pub name: &'static str,
    /// Further words people use for it.
    pub aliases: &'static [&'static str],
    /// The label on screens.
    pub label: &'static str,
    pub kind: Kind,
    /// Reads it off a flow and what came with it.
    pub get: fn(&Flow, &More) -> Value,
    /// Reads it off many flows of a batch into a column: addresses, texts, or
    /// numbers (times and signed ones as their bits). What it held before is gone.
    pub gather: fn(&[Flow], &[More], &mut Vector),
}

macro_rules! value {
    (Address, $get:expr) => {
        Value::Address($get)
    };
    (Time, $get:expr) => {
        Value::Time($get)
    };
    (Text, $get:expr) => {
        Value::Text($get)
    };
    (Signed, $get:expr) => {
        Value::Number($get.cast_unsigned())
    };
    ($kind:ident, $get:expr) => {
        Value::Number(u64::from($get))
    };
}

/// The column of a field: what [`value`] is for one flow.
macro_rules! column {
    (Address, $out:ident, $rows:expr) => {
        $out.addresses().extend($rows)
    };
    (Text, $out:ident, $rows:expr) => {
        $out.texts().extend($rows)
    };
    (Time, $out:ident, $rows:expr) => {
        $out.numbers().extend($rows.map(|time: Time| time.0.cast_unsigned()))
    };
    (Signed, $out:ident, $rows:expr) => {
        $out.numbers().extend($rows.map(|number: i64| number.cast_unsigned()))
    };
    ($kind:ident, $out:ident, $rows:expr) => {
        $out.numbers().extend($rows.map(u64::from))
    };
}

macro_rules! fields {
    ($($field:ident, $name:literal, $aliases:expr, $label:literal, $kind:ident, |$flow:pat_param, $more:pat_param| $get:expr;)*) => {
        /// Every field, in the order of [`Field`].
        pub const FIELDS: &[FieldInfo] = &[$(FieldInfo {
            field: Field::$field, name: $name, aliases: &$aliases, label: $label,
            kind: Kind::$kind, get: |$flow, $more| value!($kind, $get),
            gather: |flows, batch, out| column!($kind, out, flows.iter().map(|flow| {
                let ($flow, $more) = (flow, more_of(flow, batch));
                $get
            })),
        }),*];
    };
}

fields! {
    Src, "src", ["srcip"], "source", Address, |f, _| f.src;
    Dst, "dst", ["dstip"], "destination", Address, |f, _| f.dst;
    NextHop, "next_hop", ["nhip"], "next hop", Address, |f, _| f.next_hop;
    Exporter, "exporter", ["router"], "exporter", Address, |f, _| f.exporter;
    Domain, "domain", ["odid"], "domain", Number, |f, _| f.domain;
    First, "first", ["tstart"], "first seen", Time, |f, _| f.first;
    Last, "last", ["tend"], "last seen", Time, |f, _| f.last;
    Arrival, "arrival", ["received"], "received", Time, |f, _| f.arrival;
    Bytes, "bytes", ["octets"], "bytes", Number, |f, _| f.bytes;
    Packets, "packets", ["pkts"], "packets", Number, |f, _| f.packets;
    Sampling, "sampling", [], "sampling", Number, |f, _| f.sampling.rate().unwrap_or(0);
    Input, "input", ["inif"], "in if", Number, |f, _| f.input;
    Output, "output", ["outif"], "out if", Number, |f, _| f.output;
    SrcAs, "src_as", ["srcas"], "src AS", Number, |f, _| f.src_as;
    DstAs, "dst_as", ["dstas"], "dst AS", Number, |f, _| f.dst_as;
    SrcPort, "sport", ["srcport"], "src port", Number, |f, _| f.sport;
    DstPort, "dport", ["dstport"], "dst port", Number, |f, _| f.dport;
    Vlan, "vlan", [], "VLAN", Number, |f, _| f.vlan;
    Proto, "proto", ["protocol"], "protocol", Number, |f, _| f.proto;
    TcpFlags, "tcp_flags", ["flags"], "flags", Number, |f, _| f.tcp_flags;
    Tos, "tos", [], "ToS", Number, |f, _| f.tos;
    SrcMask, "src_mask", ["srcmask"], "src mask", Number, |f, _| f.src_mask;
    DstMask, "dst_mask", ["dstmask"], "dst mask", Number, |f, _| f.dst_mask;
    Direction, "direction", ["dir"], "direction", Number, |f, _| f.direction;
    Duplicate, "duplicate", [], "duplicate", Number, |f, _| f.duplicate;
    Timed, "timed", [], "timed", Number, |f, _| f.timed;
    ClockOffset, "clock_offset", [], "clock offset", Signed, |f, _| f.clock_offset;
    BgpNextHop, "bgp_next_hop", ["nhbip"], "BGP next hop", Address, |_, m| m.bgp_next_hop;
    NatSrc, "nat_src", [], "NAT source", Address, |_, m| m.nat_src;
    NatDst, "nat_dst", [], "NAT destination", Address, |_, m| m.nat_dst;
    NatSrcPort, "nat_sport", [], "NAT src port", Number, |_, m| m.nat_sport;
    NatDstPort, "nat_dport", [], "NAT dst port", Number, |_, m| m.nat_dport;
    NatEvent, "nat_event", [], "NAT event", Number, |_, m| m.nat_event;
    InSrcMac, "in_src_mac", ["insrcmac"], "in src MAC", Mac, |_, m| m.in_src_mac;
    OutDstMac, "out_dst_mac", ["outdstmac"], "out dst MAC", Mac, |_, m| m.out_dst_mac;
    InDstMac, "in_dst_mac", ["indstmac"], "in dst MAC", Mac, |_, m| m.in_dst_mac;
    OutSrcMac, "out_src_mac", ["outsrcmac"], "out src MAC", Mac, |_, m| m.out_src_mac;
    Mpls1, "mpls1", [], "MPLS label 1", Number, |_, m| m.mpls[0];
    Mpls2, "mpls2", [], "MPLS label 2", Number, |_, m| m.mpls[1];
    Mpls3, "mpls3", [], "MPLS label 3", Number, |_, m| m.mpls[2];
    Mpls4, "mpls4", [], "MPLS label 4", Number, |_, m| m.mpls[3];
    Mpls5, "mpls5", [], "MPLS label 5", Number, |_, m| m.mpls[4];
    Mpls6, "mpls6", [], "MPLS label 6", Number, |_, m| m.mpls[5];
    Mpls7, "mpls7", [], "MPLS label 7", Number, |_, m| m.mpls[6];
    Mpls8, "mpls8", [], "MPLS label 8", Number, |_, m| m.mpls[7];
    Mpls9, "mpls9", [], "MPLS label 9", Number, |_, m| m.mpls[8];
    Mpls10, "mpls10", [], "MPLS label 10", Number, |_, m| m.mpls[9];
    PrevAs, "prev_as", ["prevas"], "previous AS", Number, |_, m| m.prev_as;
    NextAs, "next_as", ["nextas"], "next AS", Number, |_, m| m.next_as;
    InVrf, "in_vrf", [], "in VRF", Number, |_, m| m.in_vrf;
    OutVrf, "out_vrf", [], "out VRF", Number, |_, m| m.out_vrf;
    DstVlan, "dst_vlan", ["dstvlan"], "dst VLAN", Number, |_, m| m.dst_vlan;
    DstTos, "dst_tos", ["dsttos"], "dst ToS", Number, |_, m| m.dst_tos;
    MinTtl, "min_ttl", ["minttl"], "least TTL", Number, |_, m| m.min_ttl;
    MaxTtl, "max_ttl", ["maxttl"], "most TTL", Number, |_, m| m.max_ttl;
    Forwarding, "forwarding", ["fwdstat"], "forwarding", Number, |_, m| m.forwarding;
    FlowCount, "flow_count", [], "flow count", Number, |_, m| m.flow_count;
    SrcInside, "src_inside", [], "inside source", Address, |_, m| m.src_inside;
    DstInside, "dst_inside", [], "inside destination", Address, |_, m| m.dst_inside;
    App, "app", [], "application", Number, |_, m| m.app;
    User, "user", [], "user", Text, |_, m| m.user;
    Tunnel, "tunnel", [], "tunnel", Number, |_, m| m.tunnel;
    TunnelKey, "tunnel_key", [], "tunnel key", Number, |_, m| m.tunnel_key;
}

impl Field {
    /// The table's line of this field.
    #[must_use]
    pub fn info(self) -> &'static FieldInfo {
        &FIELDS[self as usize]
    }

    /// Whether it is kept in [`More`] rather than in the flow.
    #[must_use]
    pub fn is_more(self) -> bool {
        self as u8 >= Field::BgpNextHop as u8
    }

    /// The field of a name or an alias.
    #[must_use]
    pub fn named(word: &str) -> Option<Field> {
        FIELDS
            .iter()
            .find(|info| info.name == word || info.aliases.contains(&word))
            .map(|info| info.field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_every_word_means_one_field() {
        let mut words = Vec::new();
        for (index, info) in FIELDS.iter().enumerate() {
            assert_eq!(info.field as usize, index, "{}", info.name);
            assert_eq!(Field::named(info.name), Some(info.field));
            words.push(info.name);
            words.extend(info.aliases);
        }
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
    }
}
