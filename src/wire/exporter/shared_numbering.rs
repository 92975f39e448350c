//! Sequence numbers that several ports of an exporter continue: the process behind them sends
//! from more than one socket, or a translator of addresses changes its port.
//!
//! With independent processes, each port continues its own numbers. While a domain has several
//! ports, its datagrams are counted both ways, and what fits decides.

use super::numbering::{Numbering, RecordCount};
use super::sequence::{Continuation, Sequence};

/// The sequence numbers of one observation domain over all ports.
#[derive(Debug, Default)]
pub struct SharedNumbering {
    pub sequence: Sequence,
    /// Datagrams that did not continue the numbers of their own port, but those of another; and
    /// datagrams that continued neither.
    across: u64,
    nowhere: u64,
    /// Datagrams that had the number after that of the last datagram of another port, but not
    /// that of their own; and datagrams whose port went its own way or began with another number.
    one: u64,
    apart: u64,
}

impl SharedNumbering {
    /// Begins with the numbers of the port that was the only one so far.
    #[must_use]
    pub fn after(sequence: &Sequence) -> SharedNumbering {
        SharedNumbering { sequence: sequence.clone(), ..SharedNumbering::default() }
    }

    /// Takes a datagram into account; `own` says how it continued the numbers of its own port.
    pub fn datagram(
        &mut self,
        own: Continuation,
        right: Numbering,
        sequence: u32,
        records: Option<RecordCount>,
    ) {
        let all = self.sequence.datagram(right, sequence, records);
        if own == Continuation::Gap {
            match all {
                Continuation::Follows => self.across += 1,
                Continuation::Gap => self.nowhere += 1,
                Continuation::First => {}
            }
        }
    }

    /// Compares the number of a datagram, before it is taken into account, with the one that
    /// its own port and the one that the last datagram of any port let expect.
    pub fn compare(&mut self, own: &Sequence, sequence: u32) {
        let Some(all) = self.sequence.expected() else { return };
        match (own.expected().map(|own| own == sequence), all == sequence) {
            (Some(false) | None, true) => self.one += 1,
            (Some(true) | None, false) => self.apart += 1,
            // Both are equal, or a datagram was lost or overtaken.
            (Some(true), true) | (Some(false), false) => {}
        }
    }

    /// Whether the ports are those of one process, as far as is known so far. Unlike
    /// [`SharedNumbering::is_one`] this is known from the second port's first datagram on.
    #[must_use]
    pub fn ports_are_one(&self) -> bool {
        self.one > self.apart || (self.one, self.apart) == (0, 0) && self.is_one()
    }

    /// Whether the ports continue each other's numbers.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.across > self.nowhere
    }
}
