//! The part that is being written.

use std::io;

use super::disk::DiskFile;
use super::part::ClosedPart;
use crate::archive::journal::{HEADER_LEN, JournalHeader};
use crate::flow::Time;

/// The part that is being written.
pub(super) struct OpenPart {
    pub(super) part: ClosedPart,
    pub(super) out: Box<dyn DiskFile>,
    /// The size in bytes of the header and all complete blocks.
    pub(super) length: u64,
    pub(super) wrote_at: Time,
    pub(super) synced_at: Time,
    /// Whether something was written since the last sync.
    pub(super) unsynced: bool,
}

/// Appends a block, after the file header if it is the first; returns the number of bytes.
pub(super) fn append(open: &mut OpenPart, block: &[u8]) -> io::Result<u64> {
    let mut written = block.len() as u64;
    if open.length == 0 {
        let header = JournalHeader { slot: open.part.slot, slot_seconds: open.part.slot_seconds };
        open.out.write_all(&header.bytes())?;
        written += HEADER_LEN as u64;
    }
    open.out.write_all(block)?;
    Ok(written)
}
