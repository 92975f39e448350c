//! A worker as the receiving thread sees it: queue, thread and last state.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::pipeline::Pipeline;
use super::queue::{DatagramBatch, Urgency};
use super::worker::WorkerShared;
use crate::wire::saved_state::SavedState;

/// Handle of one worker.
pub(super) struct WorkerHandle {
    pub(super) shared: Arc<WorkerShared>,
    pub(super) thread: Option<JoinHandle<Pipeline>>,
    /// Datagrams that were read since the last push.
    pub(super) pending: DatagramBatch,
    /// Datagrams dropped because the queue was full.
    pub(super) dropped: u64,
    /// The worker's last state; at first the restored state.
    pub(super) last_state: Option<SavedState>,
}

impl WorkerHandle {
    /// Whether the worker's thread has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// The requested state, or the last one that is known.
    pub(super) fn state(&mut self) -> Option<(SavedState, u64)> {
        match self.shared.take_state() {
            Some((state, micros)) => {
                self.last_state = Some(state.clone());
                Some((state, micros))
            }
            None => self.last_state.clone().map(|state| (state, 0)),
        }
    }

    /// Pushes the pending datagrams to the queue.
    pub(super) fn push_pending(&mut self, urgency: Urgency) {
        if !self.pending.is_empty() {
            self.dropped += self.shared.queue.push(&mut self.pending, urgency) as u64;
        }
    }

    /// Number of datagrams that never reached the worker.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped + self.shared.queue.lost() as u64
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.take() {
            // The result has been published.
            let _ = thread.join();
        }
    }
}
