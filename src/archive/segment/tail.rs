//! The end of a segment: Parquet's metadata, with a checksum among their key-value pairs,
//! because Parquet has none for them.
//!
//! The metadata decide answers without any page being read: which times and values there are,
//! and where. The checksum covers all bytes of the metadata, with its own digits taken as
//! zeros.

use std::io::{self, Write};
use std::ops::Range;

use super::super::is_sum_of;

/// The key of the pair; the value is a CRC-32 in eight lower-case hexadecimal digits.
pub(super) const KEY: &str = "toptalk.checksum";

/// The placeholder until the checksum is known.
pub(super) const UNKNOWN: &str = "00000000";

/// The bytes after the key in Thrift's compact protocol: the next field is a text of this
/// length.
const VALUE: [u8; 2] = [0x18, UNKNOWN.len() as u8];

/// The size of the end of a Parquet file after the metadata: their length and "PAR1".
const TRAILER: usize = 8;

/// The result of checking a file's checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TailCheck {
    Missing,
    Right,
    Wrong,
}

/// The location of the digits: after the last occurrence of the key, because only that one was
/// written as the key.
fn digits(metadata: &[u8]) -> Option<Range<usize>> {
    let length = KEY.len() + VALUE.len();
    let is_key =
        |bytes: &[u8]| bytes.strip_prefix(KEY.as_bytes()).is_some_and(|behind| behind == VALUE);
    let begin = metadata.windows(length).rposition(is_key)? + length;
    let range = begin..begin + UNKNOWN.len();
    metadata.get(range.clone()).map(|_| range)
}

/// The metadata with zeros for the digits.
fn summed(metadata: &[u8], digits: Range<usize>) -> Vec<u8> {
    let mut bytes = metadata.to_vec();
    if let Some(digits) = bytes.get_mut(digits) {
        digits.copy_from_slice(UNKNOWN.as_bytes());
    }
    bytes
}

/// Checks the checksum of metadata.
pub(super) fn check(metadata: &[u8]) -> TailCheck {
    let Some(range) = digits(metadata) else { return TailCheck::Missing };
    let stored = metadata.get(range.clone()).unwrap_or_default();
    let is_lower = stored.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let stored =
        str::from_utf8(stored).ok().and_then(|stored| u32::from_str_radix(stored, 16).ok());
    match stored {
        Some(sum) if is_lower && is_sum_of(sum, &summed(metadata, range)) => TailCheck::Right,
        _ => TailCheck::Wrong,
    }
}

/// Passes on what is written. After [`hold`](ChecksummedTail::hold), it is kept until the
/// checksum is inserted.
pub(super) struct ChecksummedTail<W> {
    out: W,
    kept: Option<Vec<u8>>,
}

impl<W: Write> ChecksummedTail<W> {
    pub fn new(out: W) -> ChecksummedTail<W> {
        ChecksummedTail { out, kept: None }
    }

    /// Keeps everything written from here on.
    pub fn hold(&mut self) {
        self.kept.get_or_insert_default();
    }

    /// Inserts the checksum into the kept bytes, which must end like a Parquet file, and passes
    /// them on.
    ///
    /// # Errors
    /// Those of `out`; also when the metadata have no place for a checksum.
    pub fn finish(mut self) -> io::Result<()> {
        let mut kept = self.kept.take().unwrap_or_default();
        let end = kept.len().saturating_sub(TRAILER);
        let length = kept.get(end..).and_then(<[u8]>::first_chunk).copied();
        let begin = end.saturating_sub(length.map_or(0, u32::from_le_bytes) as usize);
        let metadata = kept.get_mut(begin..end).unwrap_or_default();
        let Some(range) = digits(metadata) else {
            return Err(io::Error::other("no place for the checksum in the metadata"));
        };
        let sum = format!("{:08x}", crc32fast::hash(&summed(metadata, range.clone())));
        if let Some(bytes) = metadata.get_mut(range) {
            bytes.copy_from_slice(sum.as_bytes());
        }
        self.out.write_all(&kept)
    }
}

impl<W: Write> Write for ChecksummedTail<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.kept {
            Some(kept) => kept.write(bytes),
            None => self.out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &self.kept {
            Some(_) => Ok(()),
            None => self.out.flush(),
        }
    }
}
