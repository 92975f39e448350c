//! The journal: the flows recorded since the last segment, in the order of their arrival.
//!
//! A file consists of a header and blocks. Each block is written in one piece, with a checksum
//! of its header and one of its records. If a part is cut off or damaged, the other blocks can
//! still be read. All numbers are little-endian. `docs/ARCHIVE.md` describes the bytes.

mod read;
pub mod record;
mod write;

pub use read::{Scan, WholeJournal, open, read_all, scan};
pub use write::Block;

use std::path::Path;

use super::schema::Version;
use super::{ArchiveError, is_sum_of};
use crate::flow::Time;

/// The first bytes of a journal.
const MAGIC: [u8; 8] = *b"TTJOURN\n";

/// The first bytes of a block; long enough that no record contains them by chance.
const BLOCK_MAGIC: [u8; 8] = *b"\nTTBLOCK";

/// Size of the file header in bytes: magic, version, slot length in seconds, slot start in
/// milliseconds, 4 reserved bytes, checksum.
pub const HEADER_LEN: usize = 32;

/// Size of a block header in bytes: magic, number of flows, number of extras, checksum of the
/// records, checksum of this header.
const BLOCK_HEADER_LEN: usize = 24;

/// The largest number of flows in a block: 2.5 MB of records, which fit into a processor's
/// cache while they are gathered and checksummed.
pub const MAX_BLOCK_FLOWS: usize = 16_384;

/// The content of a file header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalHeader {
    /// The beginning of the slot.
    pub slot: Time,
    /// The length of the slot.
    pub slot_seconds: u32,
}

impl JournalHeader {
    /// The encoded header.
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
        let (content, sum) = bytes.split_at_mut(HEADER_LEN - 4);
        sum.copy_from_slice(&crc32fast::hash(content).to_le_bytes());
        bytes
    }

    /// Parses a header and returns it with the format version. Other versions are an error; the
    /// file is not changed.
    fn parse(
        path: &Path,
        bytes: &[u8; HEADER_LEN],
    ) -> Result<(JournalHeader, Version), ArchiveError> {
        if !bytes.starts_with(&MAGIC) {
            let what = "expected a journal, found something else".to_owned();
            return Err(ArchiveError::Foreign { path: path.to_owned(), what });
        }
        // The version is at this offset in all versions; the other fields are only known for
        // the supported ones.
        let found = number(bytes, 8);
        let Some(version) = Version::of(found) else {
            let what = format!("expected journals of version {}, found {found}", Version::READ);
            return Err(ArchiveError::Version { path: path.to_owned(), what });
        };
        let (content, sum) = bytes.split_at(HEADER_LEN - 4);
        if !is_sum_of(number(sum, 0), content) {
            return Err(ArchiveError::damaged(path, "the checksum of the header is wrong"));
        }
        let slot = bytes.get(16..).and_then(<[u8]>::first_chunk).copied().map(i64::from_le_bytes);
        let header =
            JournalHeader { slot: Time(slot.unwrap_or(0)), slot_seconds: number(bytes, 12) };
        Ok((header, version))
    }
}

/// The 32-bit number at offset `at`; 0 beyond the end.
fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk).copied();
    four.map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests;
