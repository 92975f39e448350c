//! Gathering the records of a block.

use super::record::{FLOW_LEN, MORE_LEN};
use super::{BLOCK_HEADER_LEN, BLOCK_MAGIC, MAX_BLOCK_FLOWS};
use crate::flow::{Flow, FlowExtras};

/// A block that is being filled. Its memory is used again and again.
#[derive(Debug, Default)]
pub struct Block {
    /// Room for the header, then the records of flows; once it is whole, also
    /// those of what came with them.
    bytes: Vec<u8>,
    more: Vec<u8>,
    flows: u32,
    /// Whether nothing can be added any more.
    whole: bool,
}

impl Block {
    /// How many flows there are.
    #[must_use]
    pub fn flows(&self) -> u32 {
        self.flows
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flows == 0
    }

    /// How many flows can still be added.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.whole { 0 } else { MAX_BLOCK_FLOWS.saturating_sub(self.flows as usize) }
    }

    /// Adds flows with what came with their batch, as many as there is
    /// [room](Self::room) for; says how many.
    pub fn extend(&mut self, flows: &[Flow], batch: &[FlowExtras]) -> usize {
        if self.bytes.is_empty() {
            self.bytes.resize(BLOCK_HEADER_LEN, 0);
        }
        let taken = self.room().min(flows.len());
        for flow in flows.iter().take(taken) {
            let more = (flow.more as usize).checked_sub(1).and_then(|place| batch.get(place));
            let mut flow = *flow;
            flow.more = match more {
                Some(more) => {
                    more.store(&mut self.more);
                    u32::try_from(self.more.len() / MORE_LEN).unwrap_or(0)
                }
                None => 0,
            };
            flow.store(&mut self.bytes);
            self.flows += 1;
        }
        taken
    }

    /// The bytes of the block. Nothing can be added until it is cleared.
    pub fn bytes(&mut self) -> &[u8] {
        if !self.whole && self.flows > 0 {
            self.whole = true;
            let more = u32::try_from(self.more.len() / MORE_LEN).unwrap_or(0);
            self.bytes.append(&mut self.more);
            let (head, records) = self.bytes.split_at_mut(BLOCK_HEADER_LEN);
            debug_assert_eq!(
                records.len(),
                self.flows as usize * FLOW_LEN + more as usize * MORE_LEN
            );
            head.copy_from_slice(&header(self.flows, more, crc32fast::hash(records)));
        }
        &self.bytes
    }

    /// Makes it empty.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.more.clear();
        self.flows = 0;
        self.whole = false;
    }
}

/// The header of a block.
pub(super) fn header(flows: u32, more: u32, sum: u32) -> [u8; BLOCK_HEADER_LEN] {
    let mut bytes = [0; BLOCK_HEADER_LEN];
    let (said, own) = bytes.split_at_mut(BLOCK_HEADER_LEN - 4);
    let fields = [flows, more, sum].map(u32::to_le_bytes).concat();
    for (byte, value) in said.iter_mut().zip(BLOCK_MAGIC.into_iter().chain(fields)) {
        *byte = value;
    }
    own.copy_from_slice(&crc32fast::hash(said).to_le_bytes());
    bytes
}
