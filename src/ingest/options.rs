//! Configuration of the collector: where to listen, how many workers, and limits.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use super::lost_messages::LostMessageCounters;
use super::queue::QUEUE_BYTES;
use super::recorder::RecorderHandle;
use super::socket::{self, BindError, BoundSocket, RECEIVE_BUFFER};
use crate::wire::{self, Policy};

/// The default ports of NetFlow, IPFIX and sFlow. At least one of them must be free at the start.
/// The others are retried until they can be opened.
pub const DEFAULT_PORTS: [u16; 3] = [2055, 4739, 6343];

/// Maximum number of ports that one process listens on.
pub const MAX_PORTS: usize = 64;

/// Maximum number of workers.
pub const MAX_WORKERS: usize = 16;

/// Maximum number of workers if their number is not configured.
const MAX_AUTO_WORKERS: usize = 8;

/// Number of threads that decode and record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// Half the number of cores, at most 8, because screens and queries need some.
    #[default]
    Auto,
    /// This many, at least 1 and at most [`MAX_WORKERS`].
    Exactly(usize),
}

impl Workers {
    /// The number of workers on this machine.
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
    /// A single address instead of all.
    pub address: Option<IpAddr>,
    /// The ports. If empty, those of the default ports that are free; the others are opened
    /// later ([`IngestConfig::listen`]).
    pub ports: Vec<u16>,
    /// Listen on all IPv6 addresses only, because another socket has the IPv4 address for
    /// all.
    pub v6_only: bool,
    /// Receive buffer in bytes to request from the kernel instead of [`RECEIVE_BUFFER`].
    pub buffer: Option<usize>,
}

impl Listen {
    /// Opens the sockets.
    ///
    /// # Errors
    /// When a configured port cannot be opened, or none of the default ports.
    pub fn open(&self) -> Result<Vec<BoundSocket>, BindError> {
        if !self.ports.is_empty() {
            return self.ports.iter().map(|port| self.bind(*port)).collect();
        }
        let mut bound: Vec<BoundSocket> = Vec::new();
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

    /// Opens one port for datagrams and streams.
    pub(super) fn bind(&self, port: u16) -> Result<BoundSocket, BindError> {
        let buffer = self.buffer.unwrap_or(RECEIVE_BUFFER);
        BoundSocket::open_as(self.address, port, self.v6_only, buffer)
            .map(BoundSocket::with_streams)
    }

    /// Opens one port for streams whose datagrams are received already.
    pub(super) fn bind_streams(&self, port: u16) -> io::Result<TcpListener> {
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

/// Limits of memory for the collector, whatever exporters send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestLimits {
    /// Limits for exporters, for all workers together.
    pub exporters: wire::DecoderLimits,
    /// Bytes of datagrams that may wait for workers, in all queues together.
    pub queue_bytes: usize,
}

impl Default for IngestLimits {
    fn default() -> IngestLimits {
        IngestLimits { exporters: wire::DecoderLimits::default(), queue_bytes: QUEUE_BYTES }
    }
}

/// Configuration of the collector, besides its sockets.
#[derive(Clone, Debug, Default)]
pub struct IngestConfig {
    /// The note on the screen when the traffic is simulated.
    pub demo: Option<String>,
    /// Which exporters are accepted, and their configured sampling rates.
    pub policy: Policy,
    /// The folder for saved templates and options of exporters. `None` saves nothing.
    pub state: Option<PathBuf>,
    /// Whether sequence numbers are saved too, so that what arrives between two runs is
    /// counted. For services that run all the time.
    pub counts_gaps: bool,
    /// Limits for TCP connections.
    pub streams: StreamLimits,
    /// Limits of memory.
    pub limits: IngestLimits,
    /// Number of threads that decode.
    pub workers: Workers,
    /// The recorder of flows; `None` records nothing.
    pub recorder: Option<RecorderHandle>,
    /// Where datagrams are forwarded to, at most [`MAX_REPEATS`](super::MAX_REPEATS)
    /// addresses.
    pub repeat: Vec<SocketAddr>,
    /// The configuration from which the sockets were opened. Its missing ports are retried
    /// until they can be opened. With `None`, only the given sockets are used.
    pub listen: Option<Listen>,
    /// Whether a flow that several exporters report is counted once.
    pub count_once: bool,
    /// Counters of lost messages to the outside.
    pub losses: LostMessageCounters,
}

/// Limits for TCP connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Maximum number of connections. Routers open one, some one per line card. With half a
    /// message each, 128 take 8 MB.
    pub connections: usize,
    /// Maximum number of connections of one exporter.
    pub per_peer: usize,
    /// Milliseconds after which a connection with an incomplete message, or with no first
    /// message, is closed, because it only occupies a place.
    pub message_ms: i64,
    /// Milliseconds of silence after which a connection is closed. Exporters send templates at
    /// least every half hour, so a longer silence means that the exporter is gone.
    pub idle_ms: i64,
}

impl Default for StreamLimits {
    fn default() -> StreamLimits {
        StreamLimits { connections: 128, per_peer: 8, message_ms: 60_000, idle_ms: 3_600_000 }
    }
}
