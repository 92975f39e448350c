//! The queue between the decoding threads and the recorder, and their other shared state.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::waiting::QueueCounts;
use crate::archive::recorder::{FinishedSlot, Status};
use crate::flow::{Flow, FlowExtras, Time};

/// Capacity that an empty batch keeps, in flows: the usual size of a batch. Larger batches free the
/// rest.
const KEPT_FLOWS: usize = 8192;

/// Flows in the queue, in the order in which they arrived.
#[derive(Default)]
pub(super) struct RecordBatch {
    pub(super) flows: Vec<Flow>,
    pub(super) more: Vec<FlowExtras>,
    /// Whether the times of the flows have been converted to the wall clock.
    pub(super) is_shifted: bool,
}

impl RecordBatch {
    pub(super) fn clear(&mut self) {
        self.is_shifted = false;
        self.flows.clear();
        self.flows.shrink_to(KEPT_FLOWS);
        self.more.clear();
        self.more.shrink_to(KEPT_FLOWS);
    }
}

pub(super) struct RecordQueue {
    pub(super) batches: VecDeque<RecordBatch>,
    pub(super) spare: Vec<RecordBatch>,
    /// Counts of the flows in the batches.
    pub(super) waiting: QueueCounts,
    pub(super) closing: bool,
    /// Whether the encoder has finished something.
    pub(super) encoder_done: bool,
    /// Number of flushes that were requested.
    pub(super) flush: u64,
    /// Number of flushes that are done.
    pub(super) flushed: u64,
}

impl RecordQueue {
    pub(super) fn new(limit: usize) -> RecordQueue {
        RecordQueue {
            batches: VecDeque::new(),
            spare: Vec::new(),
            waiting: QueueCounts::new(limit),
            closing: false,
            encoder_done: false,
            flush: 0,
            flushed: 0,
        }
    }
}

pub(super) struct RecorderShared {
    pub(super) folder: String,
    pub(super) queue: Mutex<RecordQueue>,
    pub(super) filled: Condvar,
    /// Notified when a flush is done.
    pub(super) written: Condvar,
    pub(super) status: Mutex<Status>,
    /// Slots that have ended, until they are read.
    pub(super) ended_slots: Mutex<VecDeque<EndedSlot>>,
    /// Files that were finished, until they are read.
    pub(super) finished: Mutex<VecDeque<Finished>>,
}

/// A slot of an archive that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndedSlot {
    /// Name of the archive; empty if it has none.
    pub ident: String,
    /// The slot, with its sums.
    pub slot: FinishedSlot,
}

/// A file that will not change any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// Name of the archive; empty if it has none.
    pub ident: String,
    /// The folder of the archive.
    pub folder: PathBuf,
    /// The path of the file.
    pub file: PathBuf,
    /// Start of the slot.
    pub slot: Time,
    /// Number of flows in the file.
    pub flows: u64,
}

impl RecorderShared {
    /// For at most `limit` waiting flows.
    pub(super) fn new(folder: String, limit: usize) -> RecorderShared {
        RecorderShared {
            folder,
            queue: Mutex::new(RecordQueue::new(limit)),
            filled: Condvar::new(),
            written: Condvar::new(),
            status: Mutex::default(),
            ended_slots: Mutex::default(),
            finished: Mutex::default(),
        }
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, RecordQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
