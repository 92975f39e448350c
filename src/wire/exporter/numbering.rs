//! What an exporter's sequence numbers count.
//!
//! Protocols say it, exporters do not always keep to it: some count datagrams
//! where records are meant or the other way round, leave options records out, or
//! number a datagram by the last record in it instead of the first. The way that
//! fits is adopted when the right one does not.

use serde::{Deserialize, Serialize};

/// What a datagram holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCount {
    /// Data records of data templates.
    pub data: u32,
    /// Data records of options templates.
    pub options: u32,
}

/// A way to number datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Numbering {
    /// Each datagram has the next number: NetFlow v9 (RFC 3954, 5.1), sFlow v5.
    #[default]
    Datagrams,
    /// The number of records before this datagram's: IPFIX (RFC 7011, 3.1), and
    /// NetFlow v5 and v7 (Cisco, header tables), which have no options.
    Records,
    /// The same with this datagram's records.
    RecordsAndThese,
    /// The number of records of data templates before this datagram's.
    Data,
    /// The same with this datagram's, as softflowd has it.
    DataAndThese,
}

/// All ways, the likelier ones first.
const ALL: [Numbering; 5] = [
    Numbering::Datagrams,
    Numbering::Records,
    Numbering::DataAndThese,
    Numbering::Data,
    Numbering::RecordsAndThese,
];

/// Datagrams in a row that must fit another way only, before it is adopted in the
/// place of one that has fitted before. One that never has goes at once: that a
/// gap looks just like another way is rare.
const VOTES: u8 = 3;

impl Numbering {
    /// The number a datagram begins with, and how many it takes up.
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

/// Finds out how an exporter numbers.
#[derive(Clone, Debug, Default)]
pub struct NumberingDetector {
    adopted: Option<Numbering>,
    /// Whether the adopted way has ever fitted.
    proven: bool,
    /// By way: what the next datagram should begin with, if that is known, and
    /// how many in a row did.
    ways: [(Option<u32>, u8); ALL.len()],
}

/// A datagram's place in the numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequencePoint {
    pub begin: u32,
    /// How many numbers it takes up; `None`: unknown, as a template is.
    pub units: Option<u32>,
    /// Whether another way was adopted just now: nothing counted before holds.
    pub anew: bool,
}

impl NumberingDetector {
    /// Takes note of a datagram with this number and these records (`None`: its
    /// template is not known), in a protocol that numbers by `right`.
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

    /// The way that was adopted, once it has fitted.
    pub fn proven(&self) -> Option<Numbering> {
        self.adopted.filter(|_| self.proven)
    }

    /// Begins with a way that has fitted in an earlier run.
    pub fn adopt(&mut self, way: Numbering) {
        self.adopted = Some(way);
        self.proven = true;
    }

    /// Forgets what the next number should be, as after a restart.
    pub fn restart(&mut self) {
        self.ways = Default::default();
    }
}
