//! What collecting is told: where to listen, how many workers, within which limits.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use super::lost_messages::LostMessageCounters;
use super::queue::QUEUE_BYTES;
use super::recorder::RecorderHandle;
use super::socket::{self, BindError, BoundSocket, RECEIVE_BUFFER};
use crate::wire::{self, Policy};

/// The ports of NetFlow, IPFIX and sFlow. One of them at least must be there at the
/// start; those that are not are tried again until they are.
pub const DEFAULT_PORTS: [u16; 3] = [2055, 4739, 6343];

/// Ports that one process listens on at most.
pub const MAX_PORTS: usize = 64;

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

    /// Datagrams and streams of one port.
    pub(super) fn bind(&self, port: u16) -> Result<BoundSocket, BindError> {
        let buffer = self.buffer.unwrap_or(RECEIVE_BUFFER);
        BoundSocket::open_as(self.address, port, self.v6_only, buffer)
            .map(BoundSocket::with_streams)
    }

    /// Streams of one port whose datagrams are received already.
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

/// What collecting keeps at most, whoever sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestLimits {
    /// What all workers together keep of exporters.
    pub exporters: wire::DecoderLimits,
    /// Bytes of datagrams that wait for workers, in all queues together.
    pub queue_bytes: usize,
}

impl Default for IngestLimits {
    fn default() -> IngestLimits {
        IngestLimits { exporters: wire::DecoderLimits::default(), queue_bytes: QUEUE_BYTES }
    }
}

/// What collecting is told beside where to listen.
#[derive(Clone, Debug, Default)]
pub struct IngestConfig {
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
    pub limits: IngestLimits,
    pub workers: Workers,
    /// What records the flows; `None` records nothing.
    pub recorder: Option<RecorderHandle>,
    /// Where datagrams are sent on to, at most [`MAX_REPEATS`](super::MAX_REPEATS).
    pub repeat: Vec<SocketAddr>,
    /// What the sockets were opened from. Ports of it that are missing are tried
    /// again until they can be taken; without it there are the sockets, and no more.
    pub listen: Option<Listen>,
    /// What those who tell the outside of it count.
    pub losses: LostMessageCounters,
}

/// How much connections may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Connections at the same time, and of one exporter: routers keep one, some
    /// one per line card. With half a message each they take 8 MB.
    pub connections: usize,
    pub per_peer: usize,
    /// A message that takes longer, or a connection that begins with nothing for
    /// as long, is somebody holding a place.
    pub message_ms: i64,
    /// Exporters send templates at least every half an hour; one that is silent
    /// for longer has gone without a word.
    pub idle_ms: i64,
}

impl Default for StreamLimits {
    fn default() -> StreamLimits {
        StreamLimits { connections: 128, per_peer: 8, message_ms: 60_000, idle_ms: 3_600_000 }
    }
}
