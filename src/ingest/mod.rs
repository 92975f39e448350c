//! The collecting half of toptalk: from sockets to flows to windows.
//!
//! One thread with its own runtime receives. It also decodes and records, or passes datagrams to
//! several workers, those of one exporter always to the same worker. None of these threads ever
//! waits for a screen, a disk or a client. Another thread regularly saves to a file what was
//! learned of exporters. If flows are recorded, two more threads write them to an archive.

mod catch_panic;
pub mod deduplication;
mod dispatcher;
mod exporter_stats;
mod framer;
mod issue;
mod lost_messages;
mod numbering_saver;
mod options;
mod pipeline;
mod pipeline_counters;
mod ports;
mod queue;
mod receiver;
mod recorder;
mod repeater;
mod same_flows;
pub mod sender_sockets;
mod sightings;
mod socket;
mod state_saver;
mod stats;
mod streams;
mod worker;
mod worker_handle;
mod wrapping;

pub use issue::IngestIssue;
pub use lost_messages::{LostMessageCounters, LostMessages};
pub use options::{
    DEFAULT_PORTS, IngestConfig, IngestLimits, Listen, MAX_PORTS, MAX_WORKERS, StreamLimits,
    Workers,
};
pub use recorder::{
    EndedSlot, Finished, LeftoverParts, MAX_FOLDERS, QUEUE_FLOWS, RecordError, RecordFolder,
    RecordPlan, RecorderHandle, RecorderThreads,
};
pub use repeater::MAX_REPEATS;
pub use socket::{BindError, BoundSocket, InboundSocket, RECEIVE_BUFFER, own_address};
pub use stats::PublishedHealth;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use self::pipeline::FlowSink;
use self::receiver::PolicyUpdate;
use crate::agg::Windows;
use crate::clock::Clock;
use crate::flow::{Flow, FlowExtras};
use crate::snapshot::Health;
use crate::wire::Policy;

/// The running threads of the collector.
pub struct Ingest {
    published: PublishedHealth,
    policy_updates: mpsc::UnboundedSender<PolicyUpdate>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Ingest {
    /// Starts receiving from `sockets` into `windows`.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be started.
    pub fn start(
        sockets: Vec<BoundSocket>,
        windows: Arc<Windows>,
        clock: Clock,
        options: IngestConfig,
    ) -> io::Result<Ingest> {
        let recorder = options.recorder.clone();
        let sink = move || {
            let (windows, recorder) = (windows.clone(), recorder.clone());
            Box::new(move |flows: &[Flow], more: &[FlowExtras]| {
                // The recorder comes first, so that flows are recorded even if counting
                // panics.
                if let Some(recorder) = &recorder {
                    recorder.push(flows, more);
                }
                windows.record_with(flows, more);
            }) as FlowSink
        };
        Ingest::start_into(sockets, sink, clock, options)
    }

    /// Starts receiving into the sinks that `sink` creates, one for each worker.
    fn start_into(
        sockets: Vec<BoundSocket>,
        sink: impl Fn() -> FlowSink + Send + 'static,
        clock: Clock,
        options: IngestConfig,
    ) -> io::Result<Ingest> {
        let published = PublishedHealth::new(options.recorder.clone(), options.losses.clone());
        let (stop, stopped) = oneshot::channel();
        let (policy_updates, new_policies) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = published.clone();
        let thread = std::thread::Builder::new().name("ingest".to_owned()).spawn(move || {
            let _ending = stats::ThreadEndGuard(shared.clone());
            let channels = receiver::Channels { published: shared, new_policies, stopped };
            runtime.block_on(receiver::run(sockets, sink, clock, options, channels))
        })?;
        Ok(Ingest { published, policy_updates, stop: Some(stop), thread: Some(thread) })
    }

    /// A handle from which the health can be read at any time.
    #[must_use]
    pub fn published(&self) -> PublishedHealth {
        self.published.clone()
    }

    /// Replaces the policy for exporters. When the returned receiver resolves, the new policy
    /// applies to every datagram that is read from then on. No datagram is lost.
    pub fn set_policy(&self, policy: Policy) -> oneshot::Receiver<()> {
        let (confirm, confirmed) = oneshot::channel();
        // If the thread has ended, the receiver resolves with an error.
        let _ = self.policy_updates.send((policy, confirm));
        confirmed
    }

    /// Stops receiving, after reading what is left in the kernel's buffers.
    ///
    /// # Errors
    /// When receiving has failed or one of the threads has panicked.
    pub fn stop(mut self) -> io::Result<Health> {
        self.finish()?;
        Ok(self.published.read())
    }

    fn finish(&mut self) -> io::Result<()> {
        drop(self.stop.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the ingest thread panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        // A caller that needs the result calls `stop`.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests;
