//! Reassembles datagrams from IP fragments (RFC 791, 3.2; RFC 8200, 4.5).
//!
//! Nothing is guessed: a datagram with overlapping fragments is dropped (RFC 5722), and
//! datagrams that stay incomplete are counted.

use std::collections::BTreeMap;

use crate::flow::{Host, Time};
use crate::wire::frame::Packet;

/// Maximum number of incomplete datagrams. Beyond it the oldest one is dropped.
pub const MAX_WAITING: usize = 256;

/// Maximum length of a datagram in bytes: the reach of IP's fragment offsets.
pub const MAX_BYTES: usize = 65_535;

/// Maximum number of fragments of a datagram. At the smallest MTU of IPv4 in use (576), a
/// datagram has 120.
pub const MAX_PIECES: usize = 1024;

/// Fragments that are further apart than this belong to two datagrams (RFC 8200, 4.5).
const TIMEOUT_MS: i64 = 60_000;

/// A reassembled datagram, beginning with its UDP header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReassembledDatagram(pub Vec<u8>);

/// What all fragments of a datagram have in common: source, destination, protocol,
/// identification.
type Key = (Host, Host, u8, u32);

/// A datagram that is not complete.
#[derive(Debug, Default)]
struct Waiting {
    /// Number in the order in which the first fragments arrived.
    number: u64,
    began: Option<Time>,
    pieces: BTreeMap<usize, Vec<u8>>,
    /// Bytes of the fragments so far, and length of the datagram if the last fragment has
    /// arrived.
    have: usize,
    length: Option<usize>,
    spoilt: bool,
}

/// All incomplete datagrams.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    waiting: BTreeMap<Key, Waiting>,
    number: u64,
    given_up: u64,
}

impl Fragments {
    /// Adds a fragment. Returns the datagram if it is complete now.
    pub(super) fn add(
        &mut self,
        packet: &Packet,
        piece: &[u8],
        time: Option<Time>,
    ) -> Option<ReassembledDatagram> {
        let key = (packet.src, packet.dst, packet.proto, packet.ip_id);
        let late = |waiting: &Waiting| {
            time.zip(waiting.began).is_some_and(|(now, then)| now.since(then).abs() > TIMEOUT_MS)
        };
        if self.waiting.get(&key).is_some_and(late) {
            self.give_up(key);
        }
        if !self.waiting.contains_key(&key) {
            if self.waiting.len() >= MAX_WAITING {
                let oldest = self.waiting.iter().min_by_key(|(_, waiting)| waiting.number);
                if let Some(key) = oldest.map(|(key, _)| *key) {
                    self.give_up(key);
                }
            }
            self.number += 1;
        }
        let (number, began) = (self.number, time);
        let fresh = || Waiting { number, began, ..Waiting::default() };
        let waiting = self.waiting.entry(key).or_insert_with(fresh);
        waiting.add(usize::from(packet.fragment_offset), piece, packet.more_fragments);
        if waiting.spoilt || waiting.length != Some(waiting.have) {
            return None;
        }
        let waiting = self.waiting.remove(&key)?;
        Some(ReassembledDatagram(waiting.pieces.into_values().flatten().collect()))
    }

    fn give_up(&mut self, key: Key) {
        self.waiting.remove(&key);
        self.given_up += 1;
    }

    /// Number of datagrams that were not completed.
    pub(super) fn finish(&self) -> u64 {
        self.given_up + self.waiting.len() as u64
    }
}

impl Waiting {
    /// Offset of the end of the fragments so far.
    fn end(&self) -> usize {
        self.pieces.last_key_value().map_or(0, |(start, piece)| start + piece.len())
    }

    fn add(&mut self, at: usize, piece: &[u8], more: bool) {
        let end = at + piece.len();
        let before = self.pieces.range(..=at).next_back();
        if before.is_some_and(|(start, known)| *start == at && known == piece) {
            return; // sent, or captured, twice
        }
        let hits_before = before.is_some_and(|(start, known)| start + known.len() > at);
        let hits_after = self.pieces.range(at..).next().is_some_and(|(start, _)| *start < end);
        let last = if more { None } else { Some(end) };
        let other_end = self.length.zip(last).is_some_and(|(one, other)| one != other);
        let beyond = self.length.or(last).is_some_and(|length| end > length)
            || last.is_some_and(|length| self.end() > length);
        // All fragments but the last have a multiple of 8 bytes.
        let ragged = more && !piece.len().is_multiple_of(8);
        let too_much = end > MAX_BYTES || self.pieces.len() >= MAX_PIECES || piece.is_empty();
        if hits_before || hits_after || other_end || beyond || ragged || too_much {
            self.spoilt = true;
            self.pieces.clear();
            self.have = 0;
        }
        self.length = self.length.or(last);
        if !self.spoilt {
            self.have += piece.len();
            self.pieces.insert(at, piece.to_vec());
        }
    }
}
