//! The journal: what was recorded since the last segment, in the order it came.
//!
//! A file is a header and blocks. A block is written at once, with checksums of
//! its own header and of its records; whatever is cut off or damaged, the other
//! blocks can be read. All numbers are little-endian. `docs/ARCHIVE.md` has the
//! bytes.

mod read;
pub mod record;
mod write;

pub use read::{Scan, WholeJournal, open, read_all, scan};
pub use write::Block;

use std::path::Path;

use super::schema::Version;
use super::{ArchiveError, is_sum_of};
use crate::flow::Time;

/// What a journal begins with.
const MAGIC: [u8; 8] = *b"TTJOURN\n";

/// What a block begins with: long enough that no record looks like one by chance.
const BLOCK_MAGIC: [u8; 8] = *b"\nTTBLOCK";

/// Bytes of the header of a file: magic, version, length of the slot in seconds,
/// its beginning in milliseconds, 4 bytes for later, checksum.
pub const HEADER_LEN: usize = 32;

/// Bytes of the header of a block: magic, flows, more, checksum of the records,
/// checksum of this header.
const BLOCK_HEADER_LEN: usize = 24;

/// Flows of a block at most: 2.5 MB of records, which a processor's cache holds
/// while they are gathered and summed.
pub const MAX_BLOCK_FLOWS: usize = 16_384;

/// What the header of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalHeader {
    /// When the slot begins.
    pub slot: Time,
    pub slot_seconds: u32,
}

impl JournalHeader {
    /// The bytes of the header.
    #[must_use]
    pub fn bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let fields: [&[u8]; 4] = [
            &MAGIC,
            &Version::NEWEST.number().to_le_bytes(),
            &self.slot_seconds.to_le_bytes(),
            &self.slot.0.to_le_bytes(),
        ];
        for (byte, value) in bytes.iter_mut().zip(fields.concat()) {
            *byte = value;
        }
        let (said, sum) = bytes.split_at_mut(HEADER_LEN - 4);
        sum.copy_from_slice(&crc32fast::hash(said).to_le_bytes());
        bytes
    }

    /// Reads a header, and of which version the journal is; those of other versions
    /// are left alone.
    fn parse(
        path: &Path,
        bytes: &[u8; HEADER_LEN],
    ) -> Result<(JournalHeader, Version), ArchiveError> {
        if !bytes.starts_with(&MAGIC) {
            let what = "expected a journal, found something else".to_owned();
            return Err(ArchiveError::Foreign { path: path.to_owned(), what });
        }
        // In every version it stands here; the rest is only known of ours.
        let found = number(bytes, 8);
        let Some(version) = Version::of(found) else {
            let what = format!("expected journals of version {}, found {found}", Version::READ);
            return Err(ArchiveError::Version { path: path.to_owned(), what });
        };
        let (said, sum) = bytes.split_at(HEADER_LEN - 4);
        if !is_sum_of(number(sum, 0), said) {
            return Err(ArchiveError::damaged(path, "the header's checksum is wrong"));
        }
        let slot = bytes.get(16..).and_then(<[u8]>::first_chunk).copied().map(i64::from_le_bytes);
        let header =
            JournalHeader { slot: Time(slot.unwrap_or(0)), slot_seconds: number(bytes, 12) };
        Ok((header, version))
    }
}

/// The number of four bytes at a place; 0 beyond the end.
fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk).copied();
    four.map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests;
