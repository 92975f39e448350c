//! The table of flow fields.
//!
//! Elements on the wire, words of filters and columns refer to a [`Field`]. Its name and the member
//! of [`Flow`] or [`FlowExtras`] that has it are declared only here. Its width, and how it is read,
//! set, gathered and stored, follows from the type of the member ([`StoredForm`]).
//!
//! To add a field, add a member (of [`FlowExtras`], unless every exporter reports it), a line at
//! the end of this table, and the elements in `wire/element.rs` that carry it. If those are neither
//! plain numbers nor members of [`FlowExtras`], also add a line where records are converted to
//! flows. For the archive, state at the member `since` which version it is stored. If nfdump has
//! the field, add its name to the tables of words: `query/element.rs`,
//! `query/format/{tag,json,raw}.rs`, `filter/words.rs`.

use super::record::since_of;
pub use super::stored::{FieldKind, FieldValue, StoredType};
use super::stored::{Numbers, StoredForm, store_of};
use super::vector::Vector;
use super::{Flow, FlowExtras, FlowText, Host, extras_of};

/// The struct that has a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// [`Flow`]: fields that every exporter reports.
    Flow,
    /// [`FlowExtras`]: fields that some exporters report.
    More,
}

/// The table's entry of a [`Field`].
pub struct FieldInfo {
    /// The field.
    pub field: Field,
    /// Name in column headers and messages, and of the archive's column.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// Label on screens.
    pub label: &'static str,
    /// Kind of its values.
    pub kind: FieldKind,
    /// The struct that has it.
    pub part: Part,
    /// How it is stored, from the type of its member.
    pub store: StoredType,
    /// Version of the archive that introduced it, as declared at its member.
    pub since: u32,
    /// Reads it from a flow and its extra fields.
    pub get: fn(&Flow, &FlowExtras) -> FieldValue,
    /// Whether its value differs from that of a field that was not reported.
    pub is_reported: fn(&Flow, &FlowExtras) -> bool,
    /// Reads it from many flows of a batch into a column ([`StoredForm::gather`]).
    pub gather: fn(&[Flow], &[FlowExtras], &mut Vector),
}

/// The member of a flow or of its extra fields.
macro_rules! member {
    ($flow:ident, $more:ident, flow $($member:tt)+) => { $flow.$($member)+ };
    ($flow:ident, $more:ident, more $($member:tt)+) => { $more.$($member)+ };
}

macro_rules! part {
    (flow) => {
        (Part::Flow, Flow::MEMBERS)
    };
    (more) => {
        (Part::More, FlowExtras::MEMBERS)
    };
}

/// Code for members of [`FlowExtras`] only.
macro_rules! if_extras {
    (flow $code:expr) => {};
    (more $code:expr) => {
        $code
    };
}

macro_rules! fields {
    ($(
        $field:ident, $name:literal, $aliases:expr, $label:literal, $kind:ident,
        $part:ident.$member:ident $([$entry:literal])?;
    )*) => {
        /// A field of [`Flow`] or [`FlowExtras`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Field {
            $(
                #[doc = concat!("The field `", $name, "` (", $label, ").")]
                $field
            ),*
        }

        /// Every field, in the order of [`Field`].
        pub const FIELDS: &[FieldInfo] = &[$(FieldInfo {
            field: Field::$field,
            name: $name,
            aliases: &$aliases,
            label: $label,
            kind: FieldKind::$kind,
            part: part!($part).0,
            store: {
                let (flow, more) = (&Flow::EMPTY, &FlowExtras::NONE);
                let _ = (flow, more);
                store_of(&member!(flow, more, $part $member $([$entry])?))
            },
            since: since_of(part!($part).1, stringify!($member)),
            get: |flow, more| {
                let _ = (flow, more);
                member!(flow, more, $part $member $([$entry])?).value()
            },
            is_reported: |flow, more| {
                let (nothing, none) = (&Flow::EMPTY, &FlowExtras::NONE);
                let _ = (flow, more, nothing, none);
                member!(flow, more, $part $member $([$entry])?)
                    != member!(nothing, none, $part $member $([$entry])?)
            },
            gather: |flows, batch, out| StoredForm::gather(flows.iter().map(|flow| {
                let more = extras_of(flow, batch);
                let _ = (flow, more);
                member!(flow, more, $part $member $([$entry])?)
            }), out),
        }),*];

        impl Field {
            /// Sets a field of numbers ([`StoredForm::set_number`]). Other kinds do not change.
            #[inline]
            pub fn set_number(self, bits: u64, flow: &mut Flow, more: &mut FlowExtras) {
                match self {
                    $(Field::$field => member!(flow, more, $part $member $([$entry])?).set_number(bits),)*
                }
            }

            /// Sets a field of addresses. Other kinds do not change.
            #[inline]
            pub fn set_address(self, host: Host, flow: &mut Flow, more: &mut FlowExtras) {
                match self {
                    $(Field::$field => member!(flow, more, $part $member $([$entry])?).set_address(host),)*
                }
            }

            /// Sets a field of texts. Other kinds do not change.
            #[inline]
            pub fn set_text(self, text: FlowText, flow: &mut Flow, more: &mut FlowExtras) {
                match self {
                    $(Field::$field => member!(flow, more, $part $member $([$entry])?).set_text(text),)*
                }
            }
        }

        impl FlowExtras {
            /// Sets every unsigned member to the number in a record on the wire, in the width of
            /// the member.
            #[inline]
            pub fn load_numbers(&mut self, numbers: &impl Numbers) {
                $(if_extras!($part self.$member $([$entry])?.load_from(Field::$field as usize, numbers));)*
            }
        }
    };
}

fields! {
    Src, "src", ["srcip"], "source", Address, flow.src;
    Dst, "dst", ["dstip"], "destination", Address, flow.dst;
    NextHop, "next_hop", ["nhip"], "next hop", Address, flow.next_hop;
    Exporter, "exporter", ["router"], "exporter", Address, flow.exporter;
    Domain, "domain", ["odid"], "domain", Number, flow.domain;
    First, "first", ["tstart"], "first seen", Time, flow.first;
    Last, "last", ["tend"], "last seen", Time, flow.last;
    Arrival, "arrival", ["received"], "received", Time, flow.arrival;
    Bytes, "bytes", ["octets"], "bytes", Number, flow.bytes;
    Packets, "packets", ["pkts"], "packets", Number, flow.packets;
    Sampling, "sampling", [], "sampling", Number, flow.sampling;
    Input, "input", ["inif"], "in if", Number, flow.input;
    Output, "output", ["outif"], "out if", Number, flow.output;
    SrcAs, "src_as", ["srcas"], "src AS", Number, flow.src_as;
    DstAs, "dst_as", ["dstas"], "dst AS", Number, flow.dst_as;
    SrcPort, "sport", ["srcport"], "src port", Number, flow.sport;
    DstPort, "dport", ["dstport"], "dst port", Number, flow.dport;
    Vlan, "vlan", [], "VLAN", Number, flow.vlan;
    Proto, "proto", ["protocol"], "protocol", Number, flow.proto;
    TcpFlags, "tcp_flags", ["flags"], "flags", Number, flow.tcp_flags;
    Tos, "tos", [], "ToS", Number, flow.tos;
    SrcMask, "src_mask", ["srcmask"], "src mask", Number, flow.src_mask;
    DstMask, "dst_mask", ["dstmask"], "dst mask", Number, flow.dst_mask;
    Direction, "direction", ["dir"], "direction", Number, flow.direction;
    Duplicate, "duplicate", [], "duplicate", Number, flow.duplicate;
    Timed, "timed", [], "timed", Number, flow.timed;
    ClockOffset, "clock_offset", [], "clock offset", Signed, flow.clock_offset;
    BgpNextHop, "bgp_next_hop", ["nhbip"], "BGP next hop", Address, more.bgp_next_hop;
    NatSrc, "nat_src", [], "NAT source", Address, more.nat_src;
    NatDst, "nat_dst", [], "NAT destination", Address, more.nat_dst;
    NatSrcPort, "nat_sport", [], "NAT src port", Number, more.nat_sport;
    NatDstPort, "nat_dport", [], "NAT dst port", Number, more.nat_dport;
    NatEvent, "nat_event", [], "NAT event", Number, more.nat_event;
    InSrcMac, "in_src_mac", ["insrcmac"], "in src MAC", Mac, more.in_src_mac;
    OutDstMac, "out_dst_mac", ["outdstmac"], "out dst MAC", Mac, more.out_dst_mac;
    InDstMac, "in_dst_mac", ["indstmac"], "in dst MAC", Mac, more.in_dst_mac;
    OutSrcMac, "out_src_mac", ["outsrcmac"], "out src MAC", Mac, more.out_src_mac;
    Mpls1, "mpls1", [], "MPLS label 1", Number, more.mpls[0];
    Mpls2, "mpls2", [], "MPLS label 2", Number, more.mpls[1];
    Mpls3, "mpls3", [], "MPLS label 3", Number, more.mpls[2];
    Mpls4, "mpls4", [], "MPLS label 4", Number, more.mpls[3];
    Mpls5, "mpls5", [], "MPLS label 5", Number, more.mpls[4];
    Mpls6, "mpls6", [], "MPLS label 6", Number, more.mpls[5];
    Mpls7, "mpls7", [], "MPLS label 7", Number, more.mpls[6];
    Mpls8, "mpls8", [], "MPLS label 8", Number, more.mpls[7];
    Mpls9, "mpls9", [], "MPLS label 9", Number, more.mpls[8];
    Mpls10, "mpls10", [], "MPLS label 10", Number, more.mpls[9];
    PrevAs, "prev_as", ["prevas"], "previous AS", Number, more.prev_as;
    NextAs, "next_as", ["nextas"], "next AS", Number, more.next_as;
    InVrf, "in_vrf", [], "in VRF", Number, more.in_vrf;
    OutVrf, "out_vrf", [], "out VRF", Number, more.out_vrf;
    DstVlan, "dst_vlan", ["dstvlan"], "dst VLAN", Number, more.dst_vlan;
    DstTos, "dst_tos", ["dsttos"], "dst ToS", Number, more.dst_tos;
    MinTtl, "min_ttl", ["minttl"], "least TTL", Number, more.min_ttl;
    MaxTtl, "max_ttl", ["maxttl"], "most TTL", Number, more.max_ttl;
    Forwarding, "forwarding", ["fwdstat"], "forwarding", Number, more.forwarding;
    FlowCount, "flow_count", [], "flow count", Number, more.flow_count;
    SrcInside, "src_inside", [], "inside source", Address, more.src_inside;
    DstInside, "dst_inside", [], "inside destination", Address, more.dst_inside;
    App, "app", [], "application", Number, more.app;
    User, "user", [], "user", Text, more.user;
    Tunnel, "tunnel", [], "tunnel", Number, more.tunnel;
    TunnelKey, "tunnel_key", [], "tunnel key", Number, more.tunnel_key;
    AppName, "app_name", [], "application name", Text, more.app_name;
}

impl Field {
    /// The table's entry of this field.
    #[inline]
    #[must_use]
    pub const fn info(self) -> &'static FieldInfo {
        &FIELDS[self as usize]
    }

    /// Whether it is in [`FlowExtras`] rather than in [`Flow`].
    #[must_use]
    pub fn is_extra(self) -> bool {
        self.info().part == Part::More
    }

    /// Whether it is an entry of the MPLS stack.
    #[inline]
    #[must_use]
    pub fn is_mpls(self) -> bool {
        (Field::Mpls1..=Field::Mpls10).contains(&self)
    }

    /// Sets it to a value of its kind. A value of another kind changes nothing.
    #[inline]
    pub fn set(self, value: FieldValue, flow: &mut Flow, more: &mut FlowExtras) {
        match value {
            FieldValue::Address(host) => self.set_address(host, flow, more),
            FieldValue::Time(time) => self.set_number(time.0.cast_unsigned(), flow, more),
            FieldValue::Number(bits) => self.set_number(bits, flow, more),
            FieldValue::Text(text) => self.set_text(text, flow, more),
        }
    }

    /// Its value in a flow and its extra fields.
    #[inline]
    #[must_use]
    pub fn value(self, flow: &Flow, more: &FlowExtras) -> FieldValue {
        (self.info().get)(flow, more)
    }

    /// Whether an exporter reported it, as far as the value shows that.
    #[inline]
    #[must_use]
    pub fn is_reported(self, flow: &Flow, more: &FlowExtras) -> bool {
        (self.info().is_reported)(flow, more)
    }

    /// The field with this name or alias.
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
    fn the_table_is_in_order_and_every_name_belongs_to_one_field() {
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
