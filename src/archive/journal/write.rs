//! Gathers the records of a block.

use super::record::{EXTRAS_LEN, FLOW_LEN};
use super::{BLOCK_HEADER_LEN, BLOCK_MAGIC, MAX_BLOCK_FLOWS};
use crate::flow::{Flow, FlowExtras};

/// A block that is being filled. Its memory is reused.
#[derive(Debug, Default)]
pub struct Block {
    /// Space for the header, then the records of the flows; in a complete block also the
    /// records of their extras.
    bytes: Vec<u8>,
    extras: Vec<u8>,
    flows: u32,
    /// Whether the block is complete, so that nothing can be added.
    complete: bool,
}

impl Block {
    /// The number of flows.
    #[must_use]
    pub fn flows(&self) -> u32 {
        self.flows
    }

    /// Whether there are no flows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flows == 0
    }

    /// How many flows can still be added.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.complete { 0 } else { MAX_BLOCK_FLOWS.saturating_sub(self.flows as usize) }
    }

    /// Adds flows, as many as there is [room](Self::room) for, with their extras from `batch`.
    /// Returns the number of flows added.
    pub fn extend(&mut self, flows: &[Flow], batch: &[FlowExtras]) -> usize {
        if self.bytes.is_empty() {
            self.bytes.resize(BLOCK_HEADER_LEN, 0);
        }
        let taken = self.room().min(flows.len());
        for flow in flows.iter().take(taken) {
            let extras = (flow.more as usize).checked_sub(1).and_then(|index| batch.get(index));
            let mut flow = *flow;
            flow.more = match extras {
                Some(extras) => {
                    extras.store(&mut self.extras);
                    u32::try_from(self.extras.len() / EXTRAS_LEN).unwrap_or(0)
                }
                None => 0,
            };
            flow.store(&mut self.bytes);
            self.flows += 1;
        }
        taken
    }

    /// Completes the block and returns its bytes. Nothing can be added before
    /// [`clear`](Self::clear).
    pub fn bytes(&mut self) -> &[u8] {
        if !self.complete && self.flows > 0 {
            self.complete = true;
            let extras = u32::try_from(self.extras.len() / EXTRAS_LEN).unwrap_or(0);
            self.bytes.append(&mut self.extras);
            let (head, records) = self.bytes.split_at_mut(BLOCK_HEADER_LEN);
            debug_assert_eq!(
                records.len(),
                self.flows as usize * FLOW_LEN + extras as usize * EXTRAS_LEN
            );
            head.copy_from_slice(&header(self.flows, extras, crc32fast::hash(records)));
        }
        &self.bytes
    }

    /// Makes the block empty.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.extras.clear();
        self.flows = 0;
        self.complete = false;
    }
}

/// The header of a block; `sum` is the CRC-32 of its records.
pub(super) fn header(flows: u32, extras: u32, sum: u32) -> [u8; BLOCK_HEADER_LEN] {
    let mut bytes = [0; BLOCK_HEADER_LEN];
    let (content, own) = bytes.split_at_mut(BLOCK_HEADER_LEN - 4);
    let fields = [flows, extras, sum].map(u32::to_le_bytes).concat();
    for (byte, value) in content.iter_mut().zip(BLOCK_MAGIC.into_iter().chain(fields)) {
        *byte = value;
    }
    own.copy_from_slice(&crc32fast::hash(content).to_le_bytes());
    bytes
}
