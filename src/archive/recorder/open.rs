//! The part that is being written.

use std::io;

use super::disk::Out;
use super::part::Part;
use crate::archive::journal::{HEADER_LEN, Header};
use crate::flow::Time;

/// A part that is being written.
pub(super) struct Open {
    pub(super) part: Part,
    pub(super) out: Box<dyn Out>,
    /// Bytes of whole blocks and of the header.
    pub(super) length: u64,
    pub(super) wrote_at: Time,
    pub(super) synced_at: Time,
    /// Whether something was written since.
    pub(super) unsynced: bool,
}

/// Appends a block, behind the header when it is the first; says how many bytes.
pub(super) fn append(open: &mut Open, block: &[u8]) -> io::Result<u64> {
    let mut written = block.len() as u64;
    if open.length == 0 {
        let header = Header { slot: open.part.slot, slot_seconds: open.part.slot_seconds };
        open.out.write_all(&header.bytes())?;
        written += HEADER_LEN as u64;
    }
    open.out.write_all(block)?;
    Ok(written)
}
