//! The questions that can be asked.

use crate::filter::Filter;
use crate::flow::Time;
use crate::flow::field::Field;

/// A question over an archive.
#[derive(Clone, Debug)]
pub struct ArchiveQuestion {
    /// The flows that are selected.
    pub filter: Filter,
    /// The begin of the requested time, by the exporter's clock.
    pub from: Option<Time>,
    /// The end of the requested time, by the exporter's clock.
    pub to: Option<Time>,
    /// Which flows belong to the requested time.
    pub times: TimeRule,
    /// Rates of sums are over the time from the first to the last packet of a row, as in
    /// nfdump, and not over the time that the answer covers.
    pub own_rates: bool,
    /// Include duplicate flows.
    pub no_dedup: bool,
    /// The columns that records need in addition to those that are counted; `None` for all.
    pub columns: Option<Vec<Field>>,
    /// What to do with the flows.
    pub ask: QueryMode,
}

impl ArchiveQuestion {
    /// The sums of all flows of the files that are read, duplicate flows included.
    #[must_use]
    pub fn sums_of_everything() -> ArchiveQuestion {
        ArchiveQuestion {
            filter: Filter::default(),
            from: None,
            to: None,
            times: TimeRule::default(),
            own_rates: false,
            no_dedup: true,
            columns: None,
            ask: QueryMode::Summary,
        }
    }
}

/// Which flows belong to the requested time, and how much of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeRule {
    /// Flows that began and ended within it (nfdump's `-t`). Those that reach across an end are
    /// counted in [`QueryEffort::across`](super::answer::QueryEffort::across).
    #[default]
    Within,
    /// All of every flow that overlaps it.
    Overlapping,
    /// Of every flow that overlaps it, the share of its bytes and packets that passed in it, by
    /// [`Spread`](crate::flow::Spread). A flow is counted if it ended in it.
    Prorated,
}

/// What to do with the flows that match.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryMode {
    /// List them in the order in which they were recorded or in the given order; `limit` 0 for
    /// all (`-c` and `-n`).
    Records {
        /// The order; `None` for the order of recording.
        order: Option<StatOrder>,
        /// The largest number of records; 0 for all.
        limit: usize,
    },
    /// Sum them by some fields (`-a`, `-A`, `-b`); `limit` 0 for all groups.
    Groups {
        /// The key.
        by: Aggregation,
        /// The order; `None` for the order of beginning.
        order: Option<StatOrder>,
        /// The largest number of groups; 0 for all.
        limit: usize,
    },
    /// Statistics (`-s`); `limit` 0 for all rows.
    Statistics {
        /// The statistics.
        asked: Vec<Statistic>,
        /// The largest number of rows per table; 0 for all.
        limit: usize,
    },
    /// Only the totals (`-I`, `-o null`).
    Summary,
}

/// A field of a key, or the prefix of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// The field.
    pub field: Field,
    /// The number of bits of an address that are significant; addresses of another family are
    /// not cut.
    pub prefix: Option<Prefix>,
}

impl KeyPart {
    /// A complete field.
    #[must_use]
    pub const fn whole(field: Field) -> KeyPart {
        KeyPart { field, prefix: None }
    }
}

/// A prefix length for the addresses of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// This many bits of an IPv4 address.
    V4(u8),
    /// This many bits of an IPv6 address.
    V6(u8),
    /// The reported prefix length of the route ([`Field::SrcMask`], [`Field::DstMask`]).
    Reported,
}

/// The key by which flows are summed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregation {
    /// At least one part, each field once.
    pub parts: Vec<KeyPart>,
    /// How the directions of a conversation are combined.
    pub direction: FlowDirection,
}

/// How the two directions of a conversation are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowDirection {
    /// A row per direction.
    #[default]
    Apart,
    /// One row with counters of both; the direction that began first is the forward one (`-b`).
    Both,
    /// One row with counters of both; the direction to the server is the forward one, if ports
    /// tell (`-B`).
    ToServer,
}

/// One statistic of `-s`.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistic {
    /// The element.
    pub element: &'static StatElement,
    /// Whether it is separated by protocol (`:p`).
    pub by_protocol: bool,
    /// The orders, a table for each; at least one.
    pub orders: Vec<StatOrder>,
    /// The key of records if the element is `record`, otherwise `None`.
    pub by: Option<Aggregation>,
}

/// An element of statistics.
#[derive(Debug, PartialEq)]
pub struct StatElement {
    /// The word, as in `-s dstip`.
    pub name: &'static str,
    /// Its other spellings.
    pub aliases: &'static [&'static str],
    /// The label, as in `Top 10 Dst IP Addr ordered by bytes`.
    pub label: &'static str,
    /// The fields that it counts.
    pub keys: CountedSides,
}

/// The fields of a flow that an element counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CountedSides {
    /// Flows summed by 5-tuple, or as `-A` says.
    Record,
    /// One field.
    One(KeyPart),
    /// Both fields; a flow in which they are equal counts once.
    Either(KeyPart, KeyPart),
}

impl StatOrder {
    /// The order that is equal if rates are over one time for all rows.
    pub(super) fn over_one_time(self) -> StatOrder {
        match self {
            StatOrder::Pps => StatOrder::Packets,
            StatOrder::Bps => StatOrder::Bytes,
            other => other,
        }
    }
}

/// The order of a list, greatest first (times: earliest first).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatOrder {
    /// Number of flows.
    Flows,
    /// Packets of both directions.
    Packets,
    /// Packets of the forward direction.
    InPackets,
    /// Packets of the reverse direction.
    OutPackets,
    /// Bytes of both directions.
    Bytes,
    /// Bytes of the forward direction.
    InBytes,
    /// Bytes of the reverse direction.
    OutBytes,
    /// Packets per second.
    Pps,
    /// Bits per second.
    Bps,
    /// Bytes per packet.
    Bpp,
    /// Start time.
    First,
    /// End time.
    Last,
    /// Duration.
    Duration,
}
