//! Sockets to flows to windows: the collecting half of toptalk.
//!
//! One thread with its own runtime receives. It decodes and records as well, or
//! hands what came to several workers, each exporter's always to the same one.
//! None of them ever waits for a screen, a disk or a client. Another thread now
//! and then writes what was learned of exporters to a file. Two more write flows
//! to an archive, when they are to be recorded.

pub mod doubling;
mod framer;
mod guard;
mod intake;
mod losses;
mod memory;
mod options;
mod pipeline;
mod ports;
mod queue;
mod receiver;
mod recorder;
mod repeat;
mod roster;
mod socket;
mod standing;
mod stats;
mod streams;
mod tally;
mod trouble;
mod worker;
mod worker_handle;
mod wrapping;

pub use losses::{Loss, Losses};
pub use options::{
    DEFAULT_PORTS, Limits, Listen, MAX_PORTS, MAX_WORKERS, Options, StreamLimits, Workers,
};
pub use recorder::{
    Finished, Left, MAX_FOLDERS, Place, Plan, QUEUE_FLOWS, RecordError, Recording, Tape, Turned,
};
pub use repeat::MAX_REPEATS;
pub use socket::{BindError, Bound, Inbound, RECEIVE_BUFFER, own_address};
pub use stats::Published;
pub use trouble::Trouble;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use self::pipeline::Sink;
use self::receiver::Order;
use crate::agg::Windows;
use crate::clock::Clock;
use crate::flow::{Flow, More};
use crate::snapshot::Health;
use crate::wire::Policy;

/// The running threads.
pub struct Ingest {
    published: Published,
    orders: mpsc::UnboundedSender<Order>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Ingest {
    /// Starts receiving from `sockets` into `windows`.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be started.
    pub fn start(
        sockets: Vec<Bound>,
        windows: Arc<Windows>,
        clock: Clock,
        options: Options,
    ) -> io::Result<Ingest> {
        let tape = options.tape.clone();
        let sink = move || {
            let (windows, tape) = (windows.clone(), tape.clone());
            Box::new(move |flows: &[Flow], more: &[More]| {
                // First, for what panics while counting is recorded all the same.
                if let Some(tape) = &tape {
                    tape.push(flows, more);
                }
                windows.record(flows);
            }) as Sink
        };
        Ingest::start_into(sockets, sink, clock, options)
    }

    /// The same into whatever `sink` makes for each worker.
    fn start_into(
        sockets: Vec<Bound>,
        sink: impl Fn() -> Sink + Send + 'static,
        clock: Clock,
        options: Options,
    ) -> io::Result<Ingest> {
        let published = Published::new(options.tape.clone(), options.losses.clone());
        let (stop, stopped) = oneshot::channel();
        let (orders, ordered) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = published.clone();
        let thread = std::thread::Builder::new().name("ingest".to_owned()).spawn(move || {
            let _ending = stats::Ending(shared.clone());
            let wires = receiver::Wires { published: shared, ordered, stopped };
            runtime.block_on(receiver::run(sockets, sink, clock, options, wires))
        })?;
        Ok(Ingest { published, orders, stop: Some(stop), thread: Some(thread) })
    }

    /// Where its health can be read at any time.
    #[must_use]
    pub fn published(&self) -> Published {
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
