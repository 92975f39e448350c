//! The part that is being written.

use std::io;

use super::disk::DiskFile;
use super::part::ClosedPart;
use crate::archive::journal::{HEADER_LEN, JournalHeader};
use crate::flow::Time;

/// A part that is being written.
pub(super) struct OpenPart {
    pub(super) part: ClosedPart,
    pub(super) out: Box<dyn DiskFile>,
    /// Bytes of whole blocks and of the header.
    pub(super) length: u64,
    pub(super) wrote_at: Time,
    pub(super) synced_at: Time,
    /// Whether something was written since.
    pub(super) unsynced: bool,
}

/// Appends a block, behind the header when it is the first; says how many bytes.
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
