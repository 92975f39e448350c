//! What comes back.

use super::question::{Aggregation, StatOrder, Statistic};
use crate::flow::field::FieldValue;
use crate::flow::{Flow, FlowExtras, Time};

/// Sums over flows, scaled by their sampling rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerSums {
    pub flows: u64,
    pub packets: u64,
    pub bytes: u64,
    /// When the earliest began and the latest ended.
    pub first: Time,
    pub last: Time,
}

/// A record, or several summed: what they are not summed by is as in [`Flow::EMPTY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerRow {
    /// Its counters are unscaled only in a single record; take [`Row::sums`].
    pub flow: Flow,
    pub more: FlowExtras,
    pub sums: AnswerSums,
    /// Whether it is a single record whose times lie more than a day from its arrival.
    pub odd_times: bool,
    /// The way back, where both directions were summed.
    pub out_packets: u64,
    pub out_bytes: u64,
}

/// A line of a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatRow {
    pub value: FieldValue,
    /// Where protocols are told apart.
    pub proto: Option<u8>,
    pub sums: AnswerSums,
}

/// A list of an answer, sorted and cut.
#[derive(Clone, Debug)]
pub enum AnswerTable {
    /// Records or groups of records.
    Rows {
        by: Option<Aggregation>,
        order: Option<StatOrder>,
        rows: Vec<AnswerRow>,
        groups: u64,
    },
    Statistic {
        asked: Statistic,
        order: StatOrder,
        rows: Vec<StatRow>,
        groups: u64,
    },
}

/// Sums of what matched, by protocol as nfdump's summary has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProtocolTotals {
    /// `None` when nothing matched. Its times are those of flows with plausible ones,
    /// unless there is none.
    pub all: Option<AnswerSums>,
    /// Flows with times that lie more than a day from their arrival.
    pub odd_times: u64,
    /// Flows, packets and bytes of TCP, UDP, ICMP (both families) and the rest.
    pub tcp: [u64; 3],
    pub udp: [u64; 3],
    pub icmp: [u64; 3],
    pub other: [u64; 3],
}

/// What was done for an answer.
#[derive(Clone, Debug, Default)]
pub struct QueryEffort {
    /// Files that were looked into, and that were passed over by name or footer.
    pub files: u64,
    pub skipped: u64,
    /// Files that were removed between being listed and being opened: they expired.
    pub removed: u64,
    /// Records of the files that were not passed over.
    pub records: u64,
    /// Flows left out because they were reported twice.
    pub duplicates: u64,
    pub bytes_read: u64,
    /// What could not be read: each costs only the part it names.
    pub problems: Vec<String>,
    /// Whether it was cut short (Ctrl-C): the answer is over what was read until then.
    pub interrupted: bool,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct QueryAnswer {
    pub totals: ProtocolTotals,
    pub tables: Vec<AnswerTable>,
    pub effort: QueryEffort,
}
