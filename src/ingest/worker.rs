//! A worker: a thread that decodes and records what is in its queue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::pipeline::Pipeline;
use super::pipeline_counters::PipelineReport;
use super::queue::{DatagramQueue, NextBatch, QueueSender};
use super::stats::{PUBLISH, PublishedHealth, ThreadEndGuard};
use crate::flow::{Host, Time};
use crate::wire::Policy;
use crate::wire::saved_state::SavedState;

/// What a worker and the receiving thread share.
#[derive(Debug)]
pub(super) struct WorkerShared {
    pub(super) queue: DatagramQueue,
    /// What it published last.
    part: Mutex<PipelineReport>,
    /// Whether it has learned something since it was asked.
    learned: AtomicBool,
    /// Whether its memory is wanted, and the memory with the microseconds that
    /// gathering it took.
    wanted: AtomicBool,
    memory: Mutex<Option<(SavedState, u64)>>,
    /// Whether other rules are to hold, and the rules.
    ordered: AtomicBool,
    policy: Mutex<Option<Policy>>,
}

impl WorkerShared {
    pub(super) fn new(queue: DatagramQueue) -> WorkerShared {
        WorkerShared {
            queue,
            part: Mutex::default(),
            learned: AtomicBool::default(),
            wanted: AtomicBool::default(),
            memory: Mutex::default(),
            ordered: AtomicBool::default(),
            policy: Mutex::default(),
        }
    }

    pub(super) fn part(&self) -> PipelineReport {
        self.part.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn has_learned(&self) -> bool {
        self.learned.swap(false, Ordering::Relaxed)
    }

    /// Has other rules hold for whatever is taken from the queue from now on.
    pub(super) fn set_policy(&self, policy: Policy) {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = Some(policy);
        self.ordered.store(true, Ordering::Release);
    }

    /// The rules that are to hold, if they are other ones.
    fn ordered(&self) -> Option<Policy> {
        if !self.ordered.swap(false, Ordering::Acquire) {
            return None;
        }
        self.policy.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Asks for its memory.
    pub(super) fn want_memory(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether the memory that was asked for is there.
    pub(super) fn has_memory(&self) -> bool {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn take_memory(&self) -> Option<(SavedState, u64)> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells how things are, and gives what was asked for.
    fn publish(&self, pipeline: &mut Pipeline) {
        let part = pipeline.part();
        *self.part.lock().unwrap_or_else(PoisonError::into_inner) = part;
        if pipeline.has_learned() {
            self.learned.store(true, Ordering::Relaxed);
        }
        if self.wanted.swap(false, Ordering::Relaxed) {
            let gathered = pipeline.memory();
            *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Some(gathered);
        }
    }
}

/// Gives the queue up when it is dropped, also by a panic.
struct CloseQueueOnDrop<'a>(&'a DatagramQueue);

impl Drop for CloseQueueOnDrop<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl QueueSender for Pipeline {
    fn datagram(&mut self, arrival: Time, sender: Host, bytes: &[u8]) {
        Pipeline::datagram(self, arrival, sender, bytes);
    }

    fn reconnected(&mut self, exporter: Host) {
        Pipeline::reconnected(self, exporter);
    }
}

/// Works until the queue is closed and empty; hands back all it knows.
pub(super) fn work(
    mut pipeline: Pipeline,
    shared: &Arc<WorkerShared>,
    published: PublishedHealth,
) -> Pipeline {
    let _ending = ThreadEndGuard(published);
    let _leaving = CloseQueueOnDrop(&shared.queue);
    let mut done = None;
    let mut told = pipeline.micros();
    let pause = u64::try_from(PUBLISH.as_micros()).unwrap_or(u64::MAX);
    loop {
        match shared.queue.pop(done.take(), pipeline.patience()) {
            NextBatch::Batch(batch) => {
                let began = pipeline.micros();
                if let Some(policy) = shared.ordered() {
                    pipeline.set_policy(policy);
                }
                batch.give(&mut pipeline);
                pipeline.pause(began);
                done = Some(batch);
            }
            NextBatch::Nothing => pipeline.idle(),
            NextBatch::Closed => {
                pipeline.finish();
                return pipeline;
            }
        }
        if pipeline.micros().saturating_sub(told) >= pause {
            shared.publish(&mut pipeline);
            told = pipeline.micros();
        }
    }
}
