//! The one table of flow fields.
//!
//! Wire elements, filter words and columns only map to a [`Field`]; what it is
//! called and how it is read off a [`Flow`] stands here and nowhere else.

use super::{Flow, Host, Time};

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
}

/// A field's value, in the shape it is compared and printed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Address(Host),
    Time(Time),
    Number(u64),
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
    /// Reads it off a flow.
    pub get: fn(&Flow) -> Value,
}

macro_rules! fields {
    ($($field:ident, $name:literal, $aliases:expr, $label:literal, |$flow:ident| $get:expr;)*) => {
        /// Every field, in the order of [`Field`].
        pub const FIELDS: &[FieldInfo] = &[$(FieldInfo {
            field: Field::$field, name: $name, aliases: &$aliases, label: $label,
            get: |$flow| $get,
        }),*];
    };
}

fields! {
    Src, "src", ["srcip"], "source", |f| Value::Address(f.src);
    Dst, "dst", ["dstip"], "destination", |f| Value::Address(f.dst);
    NextHop, "next_hop", ["nhip"], "next hop", |f| Value::Address(f.next_hop);
    Exporter, "exporter", ["router"], "exporter", |f| Value::Address(f.exporter);
    Domain, "domain", ["odid"], "domain", |f| Value::Number(u64::from(f.domain));
    First, "first", ["tstart"], "first seen", |f| Value::Time(f.first);
    Last, "last", ["tend"], "last seen", |f| Value::Time(f.last);
    Arrival, "arrival", ["received"], "received", |f| Value::Time(f.arrival);
    Bytes, "bytes", ["octets"], "bytes", |f| Value::Number(f.bytes);
    Packets, "packets", ["pkts"], "packets", |f| Value::Number(f.packets);
    Sampling, "sampling", [], "sampling", |f| Value::Number(u64::from(f.sampling.rate().unwrap_or(0)));
    Input, "input", ["inif"], "in if", |f| Value::Number(u64::from(f.input));
    Output, "output", ["outif"], "out if", |f| Value::Number(u64::from(f.output));
    SrcAs, "src_as", ["srcas"], "src AS", |f| Value::Number(u64::from(f.src_as));
    DstAs, "dst_as", ["dstas"], "dst AS", |f| Value::Number(u64::from(f.dst_as));
    SrcPort, "sport", ["srcport"], "src port", |f| Value::Number(u64::from(f.sport));
    DstPort, "dport", ["dstport"], "dst port", |f| Value::Number(u64::from(f.dport));
    Vlan, "vlan", [], "VLAN", |f| Value::Number(u64::from(f.vlan));
    Proto, "proto", ["protocol"], "protocol", |f| Value::Number(u64::from(f.proto));
    TcpFlags, "tcp_flags", ["flags"], "flags", |f| Value::Number(u64::from(f.tcp_flags));
    Tos, "tos", [], "ToS", |f| Value::Number(u64::from(f.tos));
    SrcMask, "src_mask", ["srcmask"], "src mask", |f| Value::Number(u64::from(f.src_mask));
    DstMask, "dst_mask", ["dstmask"], "dst mask", |f| Value::Number(u64::from(f.dst_mask));
    Direction, "direction", ["dir"], "direction", |f| Value::Number(u64::from(f.direction));
}

impl Field {
    /// The table's line of this field.
    #[must_use]
    pub fn info(self) -> &'static FieldInfo {
        &FIELDS[self as usize]
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
