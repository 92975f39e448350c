//! What can be asked.

use crate::filter::Filter;
use crate::flow::Time;
use crate::flow::field::Field;

/// A question over an archive.
#[derive(Clone, Debug)]
pub struct ArchiveQuestion {
    pub filter: Filter,
    /// Only flows that began at or after `from` and ended at or before `to`, by
    /// the exporters' clocks (nfdump's `-t`).
    pub from: Option<Time>,
    pub to: Option<Time>,
    /// Take flows in that were reported twice.
    pub no_dedup: bool,
    /// The columns that records are to have besides those that are counted; `None`
    /// for all.
    pub columns: Option<Vec<Field>>,
    pub ask: QueryMode,
}

/// What to do with the flows that match.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryMode {
    /// One by one, in the order they were recorded or in the given one; `limit`
    /// 0 for all of them (`-c` and `-n`).
    Records { order: Option<StatOrder>, limit: usize },
    /// Summed by some fields (`-a`, `-A`, `-b`), `limit` 0 for all.
    Groups { by: Aggregation, order: Option<StatOrder>, limit: usize },
    /// Tables of who had most (`-s`), `limit` 0 for all.
    Statistics { asked: Vec<Statistic>, limit: usize },
    /// Only the totals (`-I`, `-o null`).
    Summary,
}

/// A field to sum by, or a part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPart {
    pub field: Field,
    /// How many bits of an IPv4 and of an IPv6 address count; other addresses
    /// than those of the given family are left as they are.
    pub prefix: Option<Prefix>,
}

impl KeyPart {
    /// A field as it is.
    #[must_use]
    pub const fn whole(field: Field) -> KeyPart {
        KeyPart { field, prefix: None }
    }
}

/// A length for the addresses of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    V4(u8),
    V6(u8),
    /// As long as the route to it was reported to be ([`Field::SrcMask`], [`Field::DstMask`]).
    Reported,
}

/// What makes flows one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregation {
    /// At least one, each field once.
    pub parts: Vec<KeyPart>,
    pub ways: FlowDirection,
}

/// What becomes of the two directions of a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowDirection {
    /// A row for each.
    #[default]
    Apart,
    /// One row with counters of both; there is the way that began first (`-b`).
    Both,
    /// The same, and there is the way to the server, where ports tell (`-B`).
    ToServer,
}

/// One of `-s`.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistic {
    pub element: &'static StatElement,
    /// Apart by protocol (`:p`).
    pub by_protocol: bool,
    /// A table for each of these; at least one.
    pub orders: Vec<StatOrder>,
    /// What makes a record, where the element is `record` (else empty).
    pub by: Option<Aggregation>,
}

/// What a statistic is about.
#[derive(Debug, PartialEq)]
pub struct StatElement {
    /// Its word, as in `-s dstip`.
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// As in `Top 10 Dst IP Addr ordered by bytes`.
    pub label: &'static str,
    pub keys: CountedSides,
}

/// What of a flow counts for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CountedSides {
    /// Flows summed by 5-tuple, or as `-A` says.
    Record,
    One(KeyPart),
    /// Both; a flow in which they are equal counts once.
    Either(KeyPart, KeyPart),
}

/// What to sort by, greatest first (times: earliest first).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatOrder {
    Flows,
    Packets,
    InPackets,
    OutPackets,
    Bytes,
    InBytes,
    OutBytes,
    Pps,
    Bps,
    Bpp,
    First,
    Last,
    Duration,
}
