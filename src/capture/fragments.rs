//! Datagrams that IP cut into pieces, put together again (RFC 791, 3.2; RFC
//! 8200, 4.5).
//!
//! Nothing is guessed: pieces that overlap spoil their datagram (RFC 5722), and
//! what stays incomplete is counted.

use std::collections::BTreeMap;

use crate::flow::{Host, Time};
use crate::wire::frame::Packet;

/// Datagrams that wait for pieces at once; then the oldest is given up.
pub const MAX_WAITING: usize = 256;

/// Bytes of one datagram: what IP's offsets can reach.
pub const MAX_BYTES: usize = 65_535;

/// Pieces of one datagram: at the smallest MTU of IPv4 that is in use (576) it
/// has 120.
pub const MAX_PIECES: usize = 1024;

/// Pieces that are further apart are of two datagrams (RFC 8200, 4.5).
const TIMEOUT_MS: i64 = 60_000;

/// A datagram with its UDP header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReassembledDatagram(pub Vec<u8>);

/// What the pieces of one datagram have in common.
type Key = (Host, Host, u8, u32);

/// A datagram that is not complete.
#[derive(Debug, Default)]
struct Waiting {
    /// In the order in which they began to wait.
    number: u64,
    began: Option<Time>,
    pieces: BTreeMap<usize, Vec<u8>>,
    /// Bytes there are, and bytes there have to be, once the last is there.
    have: usize,
    length: Option<usize>,
    spoilt: bool,
}

/// All datagrams that wait.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    waiting: BTreeMap<Key, Waiting>,
    number: u64,
    given_up: u64,
}

impl Fragments {
    /// Takes a piece; hands out the datagram if it was the last one missing.
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

    /// How many datagrams did not become whole.
    pub(super) fn finish(&self) -> u64 {
        self.given_up + self.waiting.len() as u64
    }
}

impl Waiting {
    /// Where the pieces that are there end.
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
        // All pieces but the last are whole numbers of 8 bytes.
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
