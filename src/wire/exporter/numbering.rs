//! Finds out what an exporter's sequence numbers count.
//!
//! The protocol defines it, but exporters do not always comply: some count datagrams instead of
//! records or the other way round, do not count options records, or number a datagram by the
//! last record in it instead of the first. When the numbers do not fit the protocol's numbering,
//! the numbering that fits is adopted.

use serde::{Deserialize, Serialize};

/// Records in a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCount {
    /// Data records of data templates.
    pub data: u32,
    /// Data records of options templates.
    pub options: u32,
}

/// What a sequence number counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Numbering {
    /// Each datagram has the next number: NetFlow v9 (RFC 3954, 5.1), sFlow v5.
    #[default]
    Datagrams,
    /// All data records before this datagram: IPFIX (RFC 7011, 3.1), and NetFlow v5 and v7
    /// (Cisco, header tables), which have no options records.
    Records,
    /// All data records before this datagram and in it.
    RecordsAndThese,
    /// The records of data templates before this datagram, without options records.
    Data,
    /// The records of data templates before this datagram and in it, as softflowd counts.
    DataAndThese,
}

/// All numberings, the more likely ones first.
const ALL: [Numbering; 5] = [
    Numbering::Datagrams,
    Numbering::Records,
    Numbering::DataAndThese,
    Numbering::Data,
    Numbering::RecordsAndThese,
];

/// Datagrams in a row that must fit only another numbering before it replaces a numbering that
/// has fitted before. A numbering that never fitted is replaced at once: it is rare that a gap
/// looks like another numbering.
const VOTES: u8 = 3;

impl Numbering {
    /// The number of the first unit in a datagram, and the number of units in it.
    fn span(self, sequence: u32, records: RecordCount) -> (u32, u32) {
        let all = records.data.saturating_add(records.options);
        match self {
            Numbering::Datagrams => (sequence, 1),
            Numbering::Records => (sequence, all),
            Numbering::RecordsAndThese => (sequence.wrapping_sub(all), all),
            Numbering::Data => (sequence, records.data),
            Numbering::DataAndThese => (sequence.wrapping_sub(records.data), records.data),
        }
    }
}

/// Detects the numbering of an exporter.
#[derive(Clone, Debug, Default)]
pub struct NumberingDetector {
    adopted: Option<Numbering>,
    /// Whether the adopted numbering has ever fitted.
    proven: bool,
    /// For each numbering: the number expected next, if known, and how many datagrams in a row
    /// fitted.
    ways: [(Option<u32>, u8); ALL.len()],
}

/// A datagram's place in the numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequencePoint {
    pub begin: u32,
    /// Number of units in the datagram; `None` when it is unknown, since a template is missing.
    pub units: Option<u32>,
    /// Whether another numbering was adopted just now. What was counted before is invalid.
    pub anew: bool,
}

impl NumberingDetector {
    /// Takes a datagram with this sequence number and these records into account (`None`: a
    /// template is missing). The protocol defines the numbering `right`.
    pub fn place(
        &mut self,
        right: Numbering,
        sequence: u32,
        records: Option<RecordCount>,
    ) -> SequencePoint {
        let current = *self.adopted.get_or_insert(right);
        let Some(records) = records else {
            self.ways = Default::default();
            let units = (current == Numbering::Datagrams).then_some(1);
            return SequencePoint { begin: sequence, units, anew: false };
        };
        for (way, (expected, fits)) in ALL.iter().zip(&mut self.ways) {
            let (begin, units) = way.span(sequence, records);
            let goes_on = *expected == Some(begin);
            *fits = if goes_on { fits.saturating_add(1) } else { 0 };
            *expected = Some(begin.wrapping_add(units));
        }
        let fits = |way: Numbering| {
            ALL.iter().zip(&self.ways).find(|(one, _)| **one == way).map_or(0, |(_, way)| way.1)
        };
        let votes = if self.proven { VOTES } else { 1 };
        let better = ALL.into_iter().find(|way| fits(*way) >= votes);
        let change = better.filter(|_| fits(current) == 0);
        let way = change.unwrap_or(current);
        let proven = fits(way) > 0;
        self.proven |= proven;
        self.adopted = Some(way);
        let (begin, units) = way.span(sequence, records);
        SequencePoint { begin, units: Some(units), anew: change.is_some() }
    }

    /// The adopted numbering, once it has fitted.
    pub fn proven(&self) -> Option<Numbering> {
        self.adopted.filter(|_| self.proven)
    }

    /// Starts with a numbering that fitted in an earlier run.
    pub fn adopt(&mut self, way: Numbering) {
        self.adopted = Some(way);
        self.proven = true;
    }

    /// Forgets the expected numbers, as after a restart of the exporter.
    pub fn restart(&mut self) {
        self.ways = Default::default();
    }
}
