//! Reads IPFIX over TCP (RFC 7011, 10.4): puts segments in order and splits the stream into
//! messages by their lengths.
//!
//! If the start of a connection was not captured, reading begins at the first segment that
//! begins like a message.

use std::collections::BTreeMap;

use crate::flow::Host;
use crate::wire::frame::Packet;
use crate::wire::message_length;

/// Maximum number of connections at the same time. Beyond it the oldest one is dropped.
pub const MAX_STREAMS: usize = 256;

/// Maximum number of segments of a connection that wait for an earlier one.
pub const MAX_EARLY: usize = 64;

/// IANA's port of IPFIX.
const IPFIX_PORT: u16 = 4739;

const SYN: u8 = 0x02;

/// Source, destination and ports of one direction of a connection.
type Key = (Host, Host, u16, u16);

/// One direction of a connection.
#[derive(Debug, Default)]
struct Stream {
    /// Number in the order in which they were first seen.
    number: u64,
    /// The sequence number that comes next, once reading has begun.
    next: Option<u32>,
    /// Bytes of a message that is not complete yet.
    buffer: Vec<u8>,
    early: Vec<(u32, Vec<u8>)>,
    /// Whether a message was read from it.
    ipfix: bool,
}

/// All connections of a capture.
#[derive(Debug, Default)]
pub(super) struct TcpReassembly {
    open: BTreeMap<Key, Stream>,
    number: u64,
    broken: u64,
}

impl TcpReassembly {
    /// Adds a segment with its payload. Returns the messages that it completes.
    pub(super) fn segment(
        &mut self,
        packet: &Packet,
        sequence: u32,
        payload: &[u8],
    ) -> Vec<Vec<u8>> {
        let key = (packet.src, packet.dst, packet.sport, packet.dport);
        if packet.tcp_flags & SYN != 0 {
            let next = Some(sequence.wrapping_add(1));
            self.close(key);
            self.open(key, Stream { next, ..Stream::default() });
            return Vec::new();
        }
        if payload.is_empty() {
            return Vec::new();
        }
        let known = self.open.get(&key).is_some_and(|stream| stream.next.is_some());
        if !known {
            if message_length(payload).is_none() {
                self.broken += u64::from(packet.dport == IPFIX_PORT);
                return Vec::new();
            }
            self.open(key, Stream { next: Some(sequence), ..Stream::default() });
        }
        let Some(stream) = self.open.get_mut(&key) else { return Vec::new() };
        let mut messages = Vec::new();
        let fine = stream.add(sequence, payload) && stream.cut(&mut messages);
        if !fine {
            let ipfix = stream.ipfix || packet.dport == IPFIX_PORT;
            self.broken += u64::from(ipfix);
            self.open.remove(&key);
        }
        messages
    }

    fn open(&mut self, key: Key, stream: Stream) {
        if self.open.len() >= MAX_STREAMS {
            let oldest = self.open.iter().min_by_key(|(_, stream)| stream.number);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                self.close(key);
            }
        }
        self.number += 1;
        self.open.insert(key, Stream { number: self.number, ..stream });
    }

    fn close(&mut self, key: Key) {
        let gone = self.open.remove(&key);
        self.broken += u64::from(gone.is_some_and(|stream| stream.lacks()));
    }

    /// How often a stream of IPFIX could not be read on.
    pub(super) fn finish(&self) -> u64 {
        self.broken + self.open.values().filter(|stream| stream.lacks()).count() as u64
    }
}

impl Stream {
    /// Whether it is IPFIX, and something of it is missing.
    fn lacks(&self) -> bool {
        self.ipfix && (!self.buffer.is_empty() || !self.early.is_empty())
    }

    /// Adds a segment at its place. Returns whether reading can continue.
    fn add(&mut self, sequence: u32, payload: &[u8]) -> bool {
        let mut waiting = vec![(sequence, payload.to_vec())];
        while let Some((sequence, payload)) = waiting.pop() {
            let Some(next) = self.next else { return false };
            // Sequence numbers wrap; the sign of the difference gives the order.
            let ahead = sequence.wrapping_sub(next) as i32;
            if ahead > 0 {
                if self.early.len() >= MAX_EARLY {
                    return false;
                }
                self.early.push((sequence, payload));
                continue;
            }
            // The part that was sent before is skipped.
            let Some(fresh) = payload.get(ahead.unsigned_abs() as usize..) else { continue };
            if fresh.is_empty() {
                continue;
            }
            self.buffer.extend(fresh);
            self.next = Some(next.wrapping_add(fresh.len() as u32));
            waiting.append(&mut self.early);
        }
        true
    }

    /// Takes complete messages off the front of the buffer. Returns whether the rest can become
    /// a message.
    fn cut(&mut self, messages: &mut Vec<Vec<u8>>) -> bool {
        let mut at = 0;
        let fine = loop {
            let rest = self.buffer.get(at..).unwrap_or(&[]);
            if rest.len() < 4 {
                break true;
            }
            let Some(length) = message_length(rest) else { break false };
            let Some(message) = rest.get(..length) else { break true };
            messages.push(message.to_vec());
            at += length;
            self.ipfix = true;
        };
        self.buffer.drain(..at);
        fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_messages_take_no_more_memory_than_they_have_bytes() {
        let mut message = vec![0, 10, 0, 16];
        message.extend([0; 12]);
        let mut stream = Stream { buffer: message.repeat(10_000), ..Stream::default() };
        stream.buffer.extend(&message[..7]);
        let mut messages = Vec::new();
        assert!(stream.cut(&mut messages));
        assert_eq!((messages.len(), stream.buffer.len()), (10_000, 7));
        assert!(messages.iter().all(|cut| cut == &message && cut.capacity() < 64));
    }
}
