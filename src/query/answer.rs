//! The answer to a question.

use super::question::{Aggregation, StatOrder, Statistic};
use crate::flow::field::FieldValue;
use crate::flow::{Flow, FlowExtras, Time};

/// Sums over flows, multiplied by their sampling rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerSums {
    /// The number of flows.
    pub flows: u64,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// When the earliest flow began.
    pub first: Time,
    /// When the latest flow ended.
    pub last: Time,
}

/// A record, or the sum of several: fields that are not part of the key are as in
/// [`Flow::EMPTY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerRow {
    /// The fields. Their counters are those of a single record, without sampling; use
    /// [`AnswerRow::sums`].
    pub flow: Flow,
    /// The extras of the fields.
    pub extras: FlowExtras,
    /// The sums.
    pub sums: AnswerSums,
    /// Whether this is a single record whose times are more than a day from its arrival.
    pub odd_times: bool,
    /// Packets of the reverse direction if both directions were summed.
    pub out_packets: u64,
    /// Bytes of the reverse direction.
    pub out_bytes: u64,
}

/// A line of a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatRow {
    /// The value of the element.
    pub value: FieldValue,
    /// The protocol if the statistic is separated by protocol.
    pub proto: Option<u8>,
    /// The sums.
    pub sums: AnswerSums,
}

/// A table of an answer, sorted and limited.
#[derive(Clone, Debug)]
pub enum AnswerTable {
    /// Records, or groups of records.
    Rows {
        /// The key of groups; `None` for records.
        by: Option<Aggregation>,
        /// The order, if one was requested.
        order: Option<StatOrder>,
        /// The rows, at most as many as requested.
        rows: Vec<AnswerRow>,
        /// The number of groups before the limit.
        groups: u64,
    },
    /// A statistic in one order.
    Statistic {
        /// The statistic.
        asked: Statistic,
        /// The order.
        order: StatOrder,
        /// The rows, at most as many as requested.
        rows: Vec<StatRow>,
        /// The number of values before the limit.
        groups: u64,
    },
}

/// The sums of everything that matched, by protocol as in nfdump's summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProtocolTotals {
    /// All flows; `None` if nothing matched. The times are those of flows with plausible times,
    /// unless there are none.
    pub all: Option<AnswerSums>,
    /// The number of flows whose times are more than a day from their arrival.
    pub odd_times: u64,
    /// Flows, packets and bytes of TCP.
    pub tcp: [u64; 3],
    /// Flows, packets and bytes of UDP.
    pub udp: [u64; 3],
    /// Flows, packets and bytes of ICMP, both families.
    pub icmp: [u64; 3],
    /// Flows, packets and bytes of all other protocols.
    pub other: [u64; 3],
}

/// The effort of answering.
#[derive(Clone, Debug, Default)]
pub struct QueryEffort {
    /// The number of files that were read.
    pub files: u64,
    /// The number of files that were skipped by their names or footers.
    pub skipped: u64,
    /// The number of files that were removed between listing and opening: they expired.
    pub removed: u64,
    /// The number of records in the files that were read.
    pub records: u64,
    /// The number of duplicate flows that were left out.
    pub duplicates: u64,
    /// Flows and scaled bytes that matched but reach across an end of the requested time and
    /// are therefore not in the answer ([`TimeRule::Within`](super::question::TimeRule::Within)).
    /// `None` if the scan ended before all were counted.
    pub across: Option<(u64, u64)>,
    /// The number of bytes read.
    pub bytes_read: u64,
    /// Errors while reading; each affects only the part it names.
    pub problems: Vec<String>,
    /// Whether the query was interrupted (Ctrl-C): the answer covers what was read until then.
    pub interrupted: bool,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct QueryAnswer {
    /// The totals.
    pub totals: ProtocolTotals,
    /// The tables, in the order of the question.
    pub tables: Vec<AnswerTable>,
    /// The effort.
    pub effort: QueryEffort,
}
