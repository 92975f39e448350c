//! The queue between those who decode and the recorder, and what else they share.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::waiting::QueueCounts;
use crate::archive::recorder::{FinishedSlot, Status};
use crate::flow::{Flow, FlowExtras, Time};

/// Flows that an empty batch keeps room for: as many as batches have. One that was
/// larger gives the rest back.
const KEPT_FLOWS: usize = 8192;

/// Flows on their way, in the order they came.
#[derive(Default)]
pub(super) struct RecordBatch {
    pub(super) flows: Vec<Flow>,
    pub(super) more: Vec<FlowExtras>,
    /// Whether the times of the flows follow the wall clock already.
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
    /// Flows in the batches.
    pub(super) waiting: QueueCounts,
    pub(super) closing: bool,
    /// Whether the encoder has something to say.
    pub(super) told: bool,
    /// How often it was asked that all be written, and how far that is done.
    pub(super) flush: u64,
    pub(super) flushed: u64,
}

impl RecordQueue {
    pub(super) fn new(limit: usize) -> RecordQueue {
        RecordQueue {
            batches: VecDeque::new(),
            spare: Vec::new(),
            waiting: QueueCounts::new(limit),
            closing: false,
            told: false,
            flush: 0,
            flushed: 0,
        }
    }
}

pub(super) struct RecorderShared {
    pub(super) folder: String,
    pub(super) queue: Mutex<RecordQueue>,
    pub(super) filled: Condvar,
    /// All is written that was to be.
    pub(super) written: Condvar,
    pub(super) status: Mutex<Status>,
    /// Slots that have ended and files that were finished, until someone asks.
    pub(super) turned: Mutex<VecDeque<EndedSlot>>,
    pub(super) finished: Mutex<VecDeque<Finished>>,
}

/// A slot of an archive that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndedSlot {
    /// What the archive is called; empty for none.
    pub ident: String,
    pub rotated: FinishedSlot,
}

/// A file that will not change any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// What its archive is called; empty for none.
    pub ident: String,
    /// The folder of the archive, and the file.
    pub folder: PathBuf,
    pub file: PathBuf,
    pub slot: Time,
    pub flows: u64,
}

impl RecorderShared {
    /// For so many flows that may wait.
    pub(super) fn new(folder: String, limit: usize) -> RecorderShared {
        RecorderShared {
            folder,
            queue: Mutex::new(RecordQueue::new(limit)),
            filled: Condvar::new(),
            written: Condvar::new(),
            status: Mutex::default(),
            turned: Mutex::default(),
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
