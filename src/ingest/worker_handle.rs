//! A worker as the receiving thread sees it: its queue, its thread, what it told.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::pipeline::Pipeline;
use super::queue::{DatagramBatch, Urgency};
use super::worker::WorkerShared;
use crate::wire::saved_state::SavedState;

/// The way to one worker.
pub(super) struct WorkerHandle {
    pub(super) shared: Arc<WorkerShared>,
    pub(super) thread: Option<JoinHandle<Pipeline>>,
    /// What was read since the last batch was handed on.
    pub(super) pending: DatagramBatch,
    /// Datagrams dropped because the queue was full.
    pub(super) dropped: u64,
    /// What its worker last told of exporters; at first what an earlier run knew.
    pub(super) known: Option<SavedState>,
}

impl WorkerHandle {
    /// Whether its worker is no more: it will tell nothing.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// What its worker knows, or knew when it last told.
    pub(super) fn memory(&mut self) -> Option<(SavedState, u64)> {
        match self.shared.take_memory() {
            Some((memory, micros)) => {
                self.known = Some(memory.clone());
                Some((memory, micros))
            }
            None => self.known.clone().map(|memory| (memory, 0)),
        }
    }

    /// Gives it what was read since the last time.
    pub(super) fn hand_on(&mut self, urgency: Urgency) {
        if !self.pending.is_empty() {
            self.dropped += self.shared.queue.push(&mut self.pending, urgency) as u64;
        }
    }

    /// Datagrams that never came to the worker.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped + self.shared.queue.lost() as u64
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.take() {
            // How it ended has been published.
            let _ = thread.join();
        }
    }
}
