//! A worker: a thread that decodes and records the datagrams in its queue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::pipeline::Pipeline;
use super::pipeline_counters::PipelineReport;
use super::queue::{DatagramQueue, NextBatch, QueueSender};
use super::stats::{PUBLISH, PublishedHealth, ThreadEndGuard};
use crate::flow::{SenderAddress, Time};
use crate::wire::Policy;
use crate::wire::saved_state::SavedState;

/// State that a worker and the receiving thread share.
#[derive(Debug)]
pub(super) struct WorkerShared {
    pub(super) queue: DatagramQueue,
    /// The last published report.
    part: Mutex<PipelineReport>,
    /// Whether decoders have learned something since this was last read.
    learned: AtomicBool,
    /// Whether the state is requested.
    state_requested: AtomicBool,
    /// The requested state, and how many microseconds it took to gather.
    state: Mutex<Option<(SavedState, u64)>>,
    /// Whether there is a new policy.
    new_policy: AtomicBool,
    /// The new policy.
    policy: Mutex<Option<Policy>>,
}

impl WorkerShared {
    pub(super) fn new(queue: DatagramQueue) -> WorkerShared {
        WorkerShared {
            queue,
            part: Mutex::default(),
            learned: AtomicBool::default(),
            state_requested: AtomicBool::default(),
            state: Mutex::default(),
            new_policy: AtomicBool::default(),
            policy: Mutex::default(),
        }
    }

    pub(super) fn part(&self) -> PipelineReport {
        self.part.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn has_learned(&self) -> bool {
        self.learned.swap(false, Ordering::Relaxed)
    }

    /// Sets a new policy for everything that is taken from the queue from now on.
    pub(super) fn set_policy(&self, policy: Policy) {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = Some(policy);
        self.new_policy.store(true, Ordering::Release);
    }

    /// The new policy, if there is one.
    fn new_policy(&self) -> Option<Policy> {
        if !self.new_policy.swap(false, Ordering::Acquire) {
            return None;
        }
        self.policy.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Requests the state.
    pub(super) fn request_state(&self) {
        self.state_requested.store(true, Ordering::Relaxed);
    }

    /// Whether the requested state is available.
    pub(super) fn has_state(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn take_state(&self) -> Option<(SavedState, u64)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Publishes the report, and the state if it was requested.
    fn publish(&self, pipeline: &mut Pipeline) {
        let part = pipeline.part();
        *self.part.lock().unwrap_or_else(PoisonError::into_inner) = part;
        if pipeline.has_learned() {
            self.learned.store(true, Ordering::Relaxed);
        }
        if self.state_requested.swap(false, Ordering::Relaxed) {
            let gathered = pipeline.state();
            *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Some(gathered);
        }
    }
}

/// Abandons the queue when it is dropped, also by a panic.
struct CloseQueueOnDrop<'a>(&'a DatagramQueue);

impl Drop for CloseQueueOnDrop<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl QueueSender for Pipeline {
    fn datagram(&mut self, arrival: Time, sender: SenderAddress, bytes: &[u8]) {
        Pipeline::datagram(self, arrival, sender, bytes);
    }

    fn reconnected(&mut self, exporter: SenderAddress) {
        Pipeline::reconnected(self, exporter);
    }

    fn disconnected(&mut self, exporter: SenderAddress) {
        Pipeline::disconnected(self, exporter);
    }
}

/// Works until the queue is closed and empty. Returns the pipeline.
pub(super) fn work(
    mut pipeline: Pipeline,
    shared: &Arc<WorkerShared>,
    published: PublishedHealth,
) -> Pipeline {
    let _ending = ThreadEndGuard(published);
    let _leaving = CloseQueueOnDrop(&shared.queue);
    let mut done = None;
    let mut published_at = pipeline.micros();
    let pause = u64::try_from(PUBLISH.as_micros()).unwrap_or(u64::MAX);
    loop {
        match shared.queue.pop(done.take(), pipeline.time_left()) {
            NextBatch::Batch(batch) => {
                let began = pipeline.micros();
                if let Some(policy) = shared.new_policy() {
                    pipeline.set_policy(policy);
                }
                batch.deliver(&mut pipeline);
                pipeline.pause(began);
                done = Some(batch);
            }
            NextBatch::Nothing => pipeline.idle(),
            NextBatch::Closed => {
                pipeline.finish();
                return pipeline;
            }
        }
        if pipeline.micros().saturating_sub(published_at) >= pause {
            shared.publish(&mut pipeline);
            published_at = pipeline.micros();
        }
    }
}
