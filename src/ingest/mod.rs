//! Sockets to flows to windows: the collecting half of toptalk.
//!
//! One thread with its own runtime receives. It decodes and records as well, or
//! hands what came to several workers, each exporter's always to the same one.
//! None of them ever waits for a screen, a disk or a client. Another thread now
//! and then writes what was learned of exporters to a file. Two more write flows
//! to an archive, when they are to be recorded.

mod framer;
mod guard;
mod intake;
mod losses;
mod memory;
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
mod worker;
mod worker_handle;
mod wrapping;

pub use losses::{Loss, Losses};
pub use recorder::{
    Finished, Left, MAX_FOLDERS, Place, Plan, QUEUE_FLOWS, RecordError, Recording, Tape, Turned,
};
pub use repeat::MAX_REPEATS;
pub use socket::{BindError, Bound, Inbound, RECEIVE_BUFFER, own_address};
pub use stats::{Published, Trouble};
pub use streams::StreamLimits;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use self::pipeline::Sink;
use crate::agg::Windows;
use crate::clock::Clock;
use crate::flow::{Flow, More};
use crate::snapshot::Health;
use crate::wire::{self, Policy};

/// The ports of NetFlow, IPFIX and sFlow. One of them at least must be there at the
/// start; those that are not are tried again until they are.
pub const DEFAULT_PORTS: [u16; 3] = [2055, 4739, 6343];

/// Ports that one process listens on at most.
pub const MAX_PORTS: usize = 64;

/// How long a socket that fails is left alone, so that others have their turns.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How often health is published, and looked whether something is to be saved.
const PUBLISH: Duration = Duration::from_millis(250);

/// Workers at most, and as many as there are unless said otherwise.
pub const MAX_WORKERS: usize = 16;
const MAX_AUTO_WORKERS: usize = 8;

/// How many threads decode and record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// Half as many as there are cores, 8 at most: screens and queries need some.
    #[default]
    Auto,
    Exactly(usize),
}

impl Workers {
    /// How many that is on this machine.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Workers::Auto => {
                let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
                (cores / 2).clamp(1, MAX_AUTO_WORKERS)
            }
            Workers::Exactly(count) => count.clamp(1, MAX_WORKERS),
        }
    }
}

/// Where to listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// One address instead of all.
    pub address: Option<IpAddr>,
    /// Exactly these ports; none means the default ports, as far as they are free:
    /// the others are taken later ([`Options::listen`]).
    pub ports: Vec<u16>,
    /// Of all addresses only those of IPv6; for IPv4 there is its own address
    /// for all.
    pub v6_only: bool,
    /// What is asked of the kernel instead of [`RECEIVE_BUFFER`].
    pub buffer: Option<usize>,
}

impl Listen {
    /// Opens the sockets.
    ///
    /// # Errors
    /// When a port that was asked for cannot be had, or none of the defaults.
    pub fn open(&self) -> Result<Vec<Bound>, BindError> {
        if !self.ports.is_empty() {
            return self.ports.iter().map(|port| self.bind(*port)).collect();
        }
        let mut bound: Vec<Bound> = Vec::new();
        let mut first_error = None;
        for port in DEFAULT_PORTS {
            match self.bind(port) {
                Ok(socket) => bound.push(socket),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        match first_error {
            Some(error) if bound.is_empty() => Err(error),
            _ => Ok(bound),
        }
    }

    /// Datagrams and streams of one port.
    fn bind(&self, port: u16) -> Result<Bound, BindError> {
        let buffer = self.buffer.unwrap_or(RECEIVE_BUFFER);
        Bound::open_as(self.address, port, self.v6_only, buffer).map(Bound::with_streams)
    }

    /// Streams of one port whose datagrams are received already.
    fn bind_streams(&self, port: u16) -> io::Result<TcpListener> {
        let all = |address: IpAddr| socket::accept_at(SocketAddr::new(address, port), self.v6_only);
        match self.address {
            Some(address) => all(address),
            None => all(Ipv6Addr::UNSPECIFIED.into()).or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse => Err(error),
                // This kernel has no IPv6.
                _ => all(Ipv4Addr::UNSPECIFIED.into()),
            }),
        }
    }
}

/// What collecting keeps at most, whoever sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What all workers together keep of exporters.
    pub exporters: wire::Limits,
    /// Bytes of datagrams that wait for workers, in all queues together.
    pub queue_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { exporters: wire::Limits::default(), queue_bytes: queue::QUEUE_BYTES }
    }
}

/// What collecting is told beside where to listen.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The line for the screen when the traffic is made up.
    pub demo: Option<String>,
    pub policy: Policy,
    /// The folder in which what was learned of exporters is kept; `None` keeps
    /// nothing.
    pub state: Option<PathBuf>,
    /// Whether it is also kept where numberings stand, so that what arrives between two
    /// runs is counted: for whoever runs all the time.
    pub counts_gaps: bool,
    pub streams: StreamLimits,
    pub limits: Limits,
    pub workers: Workers,
    /// What records the flows; `None` records nothing.
    pub tape: Option<Tape>,
    /// Where datagrams are sent on to, at most [`MAX_REPEATS`].
    pub repeat: Vec<SocketAddr>,
    /// What the sockets were opened from. Ports of it that are missing are tried
    /// again until they can be taken; without it there are the sockets, and no more.
    pub listen: Option<Listen>,
    /// What those who tell the outside of it count.
    pub losses: Losses,
}

/// A new policy, and whom to tell that it holds.
type Order = (Policy, oneshot::Sender<()>);

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
