//! Sockets and pacing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, MultiHeaders, sendmmsg};
use toptalk::clock::Clock;
use toptalk::flow::Time;

use crate::pool::{Head, Pool};

/// Datagrams passed to the kernel in one call, all of one exporter.
const DATAGRAMS: usize = 32;

/// Interval in microseconds at which flows are sent.
const TICK_US: u64 = 5_000;
/// At most the flows of this time in microseconds are sent at once, so that delays are caught up at twice the rate.
const BURST_US: u64 = 10_000;

/// Interval of templates.
const TEMPLATES_MS: i64 = 1_000;

struct Exporter {
    socket: UdpSocket,
    sequence: u32,
    announced: Option<Time>,
}

impl Exporter {
    /// One of `count` senders. If there are several, each has its own address.
    fn open(to: SocketAddr, nth: u32, count: u32) -> io::Result<Exporter> {
        let from: IpAddr = match to.ip() {
            IpAddr::V4(_) if count > 1 => {
                Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + 1 + nth).into()
            }
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((from, 0))?;
        socket.connect(to)?;
        Ok(Exporter { socket, sequence: 0, announced: None })
    }
}

pub struct Sender {
    exporters: Vec<Exporter>,
    next: usize,
    head: Head,
    templates: Option<Vec<u8>>,
    headers: MultiHeaders<()>,
    clock: Clock,
    pub datagrams: u64,
}

impl Sender {
    pub fn new(to: SocketAddr, exporters: u32, head: Head, clock: Clock) -> io::Result<Sender> {
        let open = (0..exporters).map(|nth| Exporter::open(to, nth, exporters));
        Ok(Sender {
            exporters: open.collect::<io::Result<_>>()?,
            next: 0,
            head,
            templates: head.templates(),
            headers: MultiHeaders::preallocate(DATAGRAMS, None),
            clock,
            datagrams: 0,
        })
    }

    /// Sends about `flows` flows, but at most as many as fit into one call, from the next
    /// exporter. Returns their number.
    fn send(&mut self, pool: &mut Pool, flows: u64) -> io::Result<u64> {
        let now = self.clock.now();
        self.next = (self.next + 1) % self.exporters.len();
        let exporter = &mut self.exporters[self.next];
        if let Some(templates) = &mut self.templates
            && exporter.announced.is_none_or(|then| now.since(then) >= TEMPLATES_MS)
        {
            exporter.announced = Some(now);
            exporter.sequence = self.head.write(templates, now, exporter.sequence, 0);
            exporter.socket.send(templates)?;
            self.datagrams += 1;
        }
        let (which, count) = pool.ready(now, &mut exporter.sequence, DATAGRAMS, flows);
        let slices = pool.slices(which);
        let mut rest = &slices[..];
        while !rest.is_empty() {
            let fd = exporter.socket.as_raw_fd();
            let no_address = [None; DATAGRAMS];
            let sent =
                sendmmsg(fd, &mut self.headers, rest, no_address, [], MsgFlags::empty())?.count();
            rest = &rest[sent..];
            self.datagrams += sent as u64;
        }
        Ok(count)
    }
}

/// Flows of one kind, at a steady rate until a number is reached, or as fast as possible.
pub struct Stream {
    pub pool: Pool,
    /// Flows per second; `None` is as fast as possible.
    pub rate: Option<f64>,
    /// Number of flows to send; `None` means until the time is over.
    pub total: Option<u64>,
    pub sent: u64,
}

impl Stream {
    /// Number of flows due at `micros` after the start.
    fn due(&self, micros: u64) -> u64 {
        let left = self.total.map_or(u64::MAX, |total| total.saturating_sub(self.sent));
        let Some(rate) = self.rate else { return left };
        let by = |micros: u64| (rate * micros as f64 / 1e6) as u64;
        left.min(by(micros).saturating_sub(self.sent)).min(by(BURST_US).max(1))
    }
}

/// Sends the streams at the same time for `seconds`. Returns the seconds that it took.
pub fn run(sender: &mut Sender, streams: &mut [Stream], seconds: f64) -> io::Result<f64> {
    let began = sender.clock.micros();
    let elapsed = |sender: &Sender| sender.clock.micros() - began;
    let finish = (seconds * 1e6) as u64;
    loop {
        let tick = elapsed(sender);
        let mut due: Vec<u64> = streams.iter().map(|stream| stream.due(tick)).collect();
        let timed = streams.iter().any(|stream| stream.total.is_none());
        let done = streams.iter().all(|stream| stream.total.is_some_and(|n| stream.sent >= n));
        if done || (timed && tick >= finish) {
            return Ok(elapsed(sender) as f64 / 1e6);
        }
        while due.iter().any(|due| *due > 0) && !(timed && elapsed(sender) >= finish) {
            for (stream, due) in streams.iter_mut().zip(&mut due).filter(|(_, due)| **due > 0) {
                let count = sender.send(&mut stream.pool, *due)?;
                stream.sent += count;
                *due = due.saturating_sub(count);
            }
        }
        if let Some(left) = (tick + TICK_US).checked_sub(elapsed(sender)) {
            std::thread::sleep(Duration::from_micros(left));
        }
    }
}
