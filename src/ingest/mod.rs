//! Sockets to flows to windows: the collecting half of toptalk.
//!
//! One thread with its own runtime receives. It decodes and records as well, or
//! hands what came to several workers, each exporter's always to the same one.
//! None of them ever waits for a screen, a disk or a client. Another thread now
//! and then writes what was learned of exporters to a file. Two more write flows
//! to an archive, when they are to be recorded.

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

/// The running threads.
pub struct Ingest {
    published: PublishedHealth,
    orders: mpsc::UnboundedSender<PolicyUpdate>,
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
                // First, for what panics while counting is recorded all the same.
                if let Some(recorder) = &recorder {
                    recorder.push(flows, more);
                }
                windows.record(flows);
            }) as FlowSink
        };
        Ingest::start_into(sockets, sink, clock, options)
    }

    /// The same into whatever `sink` makes for each worker.
    fn start_into(
        sockets: Vec<BoundSocket>,
        sink: impl Fn() -> FlowSink + Send + 'static,
        clock: Clock,
        options: IngestConfig,
    ) -> io::Result<Ingest> {
        let published = PublishedHealth::new(options.recorder.clone(), options.losses.clone());
        let (stop, stopped) = oneshot::channel();
        let (orders, ordered) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = published.clone();
        let thread = std::thread::Builder::new().name("ingest".to_owned()).spawn(move || {
            let _ending = stats::ThreadEndGuard(shared.clone());
            let channels = receiver::Channels { published: shared, ordered, stopped };
            runtime.block_on(receiver::run(sockets, sink, clock, options, channels))
        })?;
        Ok(Ingest { published, orders, stop: Some(stop), thread: Some(thread) })
    }

    /// Where its health can be read at any time.
    #[must_use]
    pub fn published(&self) -> PublishedHealth {
        self.published.clone()
    }

    /// Has other rules hold for exporters. When what is returned resolves, they
    /// hold for every datagram that is read from then on; nothing is lost.
    pub fn set_policy(&self, policy: Policy) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        // Who has ended has no use for rules; whoever waits learns it.
        let _ = self.orders.send((policy, tell));
        told
    }

    /// Stops receiving after taking in what the kernel still holds.
    ///
    /// # Errors
    /// When receiving had failed or one of the threads had panicked.
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
        // Whoever wanted to know how it ended has called `stop`.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests;
