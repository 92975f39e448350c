//! A UDP socket with a large buffer and the kernel's count of dropped datagrams.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessageOwned, MsgFlags, SockFlag, SockType, SockaddrStorage,
    bind, cmsg_space, listen, recvmsg, setsockopt, socket, sockopt,
};
use tokio::io::Interest;

use super::wrapping::WrappingCounter;
use crate::flow::SenderAddress;
use crate::snapshot::Listener;

/// Receive buffer in bytes that is requested from the kernel. 64 MB hold about 58,000 full
/// datagrams, a second or more of the busiest exporter. The default holds 92.
pub const RECEIVE_BUFFER: usize = 64 << 20;

/// How long a socket that fails is not read, so that others are served.
pub(super) const BACK_OFF: Duration = Duration::from_millis(100);

/// The largest UDP payload plus one byte, so that a cut datagram is noticed.
const DATAGRAM: usize = 65_536;

/// Number of connections that may wait to be accepted. After a restart, all exporters of a site
/// connect at once.
const BACKLOG: i32 = 128;

/// Why a port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program uses the port.
    #[error(
        "port {port} is in use by another program (often nfcapd or another toptalk): stop it, or choose a port with -p"
    )]
    Busy {
        /// The port.
        port: u16,
    },
    /// The process may not open ports below 1024.
    #[error("port {port} needs privileges (below 1024): choose a port above, as in `-p 2055`")]
    Privileged {
        /// The port.
        port: u16,
    },
    /// The address does not belong to this machine.
    #[error("{address} is not an address of this machine")]
    NoSuchAddress {
        /// The address.
        address: IpAddr,
    },
    /// Any other error.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// Address and port.
        address: SocketAddr,
        /// The error of the kernel.
        source: io::Error,
    },
}

impl BindError {
    fn of(address: SocketAddr, errno: Errno) -> BindError {
        let port = address.port();
        match errno {
            Errno::EADDRINUSE => BindError::Busy { port },
            Errno::EACCES | Errno::EPERM => BindError::Privileged { port },
            Errno::EADDRNOTAVAIL => BindError::NoSuchAddress { address: address.ip() },
            other => BindError::Other { address, source: other.into() },
        }
    }

    /// The cause, for a sentence that has already named the port.
    pub(super) fn cause(&self) -> String {
        match self {
            BindError::Busy { .. } => {
                "another program holds it (often nfcapd or another toptalk)".to_owned()
            }
            BindError::Other { source, .. } => source.to_string(),
            other => other.to_string(),
        }
    }
}

/// A bound socket.
#[derive(Debug)]
pub struct BoundSocket {
    socket: UdpSocket,
    stream: Option<TcpListener>,
    v6_only: bool,
    listener: Listener,
    /// A note for the user about the socket.
    pub note: Option<String>,
    /// Why the port does not accept streams, although it should.
    pub no_streams: Option<String>,
}

impl BoundSocket {
    /// Opens `port` on `address`, or on every IPv4 and IPv6 address if that is `None`. Port 0
    /// chooses a free port.
    ///
    /// # Errors
    /// When the port is in use or not permitted, or the address is not one of this machine.
    pub fn open(address: Option<IpAddr>, port: u16) -> Result<BoundSocket, BindError> {
        BoundSocket::open_as(address, port, false, RECEIVE_BUFFER)
    }

    /// Opens a socket, optionally for IPv6 only, with a receive buffer of `buffer` bytes.
    ///
    /// # Errors
    /// As [`BoundSocket::open`].
    pub fn open_as(
        address: Option<IpAddr>,
        port: u16,
        v6_only: bool,
        buffer: usize,
    ) -> Result<BoundSocket, BindError> {
        let any = address.is_none();
        let first = SocketAddr::new(address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()), port);
        match open(first, SockType::Datagram, v6_only) {
            Ok(fd) => Ok(BoundSocket::new(fd.into(), None, v6_only, buffer)),
            Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL | Errno::EPROTONOSUPPORT) if any => {
                let second = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
                let fd = open(second, SockType::Datagram, v6_only)
                    .map_err(|errno| BindError::of(second, errno))?;
                let note = "this kernel has no IPv6: listening on IPv4 only";
                Ok(BoundSocket::new(fd.into(), Some(note.to_owned()), v6_only, buffer))
            }
            Err(errno) => Err(BindError::of(first, errno)),
        }
    }

    fn new(
        socket: UdpSocket,
        mut note: Option<String>,
        v6_only: bool,
        buffer: usize,
    ) -> BoundSocket {
        let granted = grow_buffer(&socket, buffer);
        if granted < buffer {
            note = note.or(Some(format!(
                "receive buffer is {} of {}: bursts may be lost (sysctl -w net.core.rmem_max={buffer})",
                crate::units::size(granted as u64),
                crate::units::size(buffer as u64),
            )));
        }
        let address = socket.local_addr().map(|address| address.to_string()).unwrap_or_default();
        let listener = Listener {
            address,
            buffer_asked: buffer,
            buffer_granted: granted,
            kernel_drops: 0,
            connections: None,
        };
        BoundSocket { socket, stream: None, v6_only, listener, note, no_streams: None }
    }

    /// Also listens for TCP streams on the same address and port. If that fails, datagrams are
    /// received all the same, and the reason is in `no_streams`.
    #[must_use]
    pub fn with_streams(mut self) -> BoundSocket {
        let address = self.socket.local_addr();
        let listened = address.and_then(|address| accept_at(address, self.v6_only));
        match listened {
            Ok(stream) => {
                self.stream = Some(stream);
                self.listener.connections = Some(0);
            }
            Err(error) => {
                self.no_streams = Some(error.to_string());
            }
        }
        self
    }

    /// Takes out the listener for streams.
    pub(super) fn take_stream(&mut self) -> Option<TcpListener> {
        self.stream.take()
    }

    /// The bound address, or `None` if that is every address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        let address = self.socket.local_addr().ok()?.ip();
        (!address.is_unspecified()).then_some(address)
    }

    /// The bound port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }
}

/// Listens for streams on an address.
pub(super) fn accept_at(address: SocketAddr, v6_only: bool) -> io::Result<TcpListener> {
    let fd = open(address, SockType::Stream, v6_only)?;
    listen(&fd, Backlog::new(BACKLOG)?)?;
    Ok(TcpListener::from(fd))
}

fn open(address: SocketAddr, kind: SockType, v6_only: bool) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, kind, flags, None)?;
    if address.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &v6_only)?;
    }
    if kind == SockType::Stream {
        // Connections of an earlier run may still be in TIME_WAIT for a minute.
        setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    }
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

/// The first address of this machine that others can send to, IPv4 before IPv6.
#[must_use]
pub fn own_address() -> Option<IpAddr> {
    let all = nix::ifaddrs::getifaddrs().ok()?.filter_map(|one| {
        let address = one.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    });
    let reachable = |address: &IpAddr| match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    };
    all.filter(reachable).min_by_key(IpAddr::is_ipv6)
}

/// Requests a receive buffer of `bytes` bytes. Returns what the kernel granted.
fn grow_buffer(socket: &UdpSocket, bytes: usize) -> usize {
    if setsockopt(socket, sockopt::RcvBufForce, &bytes).is_err() {
        // Without the privilege the kernel caps it at net.core.rmem_max.
        let _ = setsockopt(socket, sockopt::RcvBuf, &bytes);
    }
    let _ = setsockopt(socket, sockopt::RxqOvfl, &1);
    // The kernel doubles the figure for its own bookkeeping (socket(7)).
    nix::sys::socket::getsockopt(socket, sockopt::RcvBuf).map_or(0, |bytes| bytes / 2)
}

/// A socket from which datagrams are read.
#[derive(Debug)]
pub struct InboundSocket {
    socket: tokio::net::UdpSocket,
    listener: Listener,
    buffer: Vec<u8>,
    control: Vec<u8>,
    /// The kernel's count of dropped datagrams (SO_RXQ_OVFL), a 32-bit counter.
    drops: WrappingCounter,
}

impl InboundSocket {
    /// Registers a bound socket with the running tokio runtime.
    ///
    /// # Errors
    /// When the runtime cannot register it.
    pub fn new(bound: BoundSocket) -> io::Result<InboundSocket> {
        Ok(InboundSocket {
            socket: tokio::net::UdpSocket::from_std(bound.socket)?,
            listener: bound.listener,
            buffer: vec![0; DATAGRAM],
            control: vec![0; cmsg_space::<u32>()],
            drops: WrappingCounter::default(),
        })
    }

    /// The state of the socket.
    #[must_use]
    pub fn listener(&self) -> &Listener {
        &self.listener
    }

    /// The port of the socket.
    pub(super) fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    /// Notes that connections are now accepted on the same port.
    pub(super) fn takes_streams(&mut self) {
        self.listener.connections = Some(0);
    }

    /// Waits until a datagram can be read.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub async fn ready(&self) -> io::Result<()> {
        // The readiness stays until `drain` finds nothing left.
        self.socket.readable().await
    }

    /// Reads up to `most` datagrams and passes each with its sender to `take`.
    ///
    /// # Errors
    /// When the socket fails. It may fail again at once, so serve other sockets first.
    pub fn drain(
        &mut self,
        most: usize,
        mut take: impl FnMut(SenderAddress, &[u8]),
    ) -> io::Result<()> {
        for _ in 0..most {
            let InboundSocket { socket, listener, buffer, control, drops } = self;
            // On `WouldBlock` the runtime clears the readiness.
            let read = socket.try_io(Interest::READABLE, || {
                receive(socket, buffer, control, drops, listener).map_err(io::Error::from)
            });
            match read {
                Ok((length, sender)) => take(sender, buffer.get(..length).unwrap_or(&[])),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is left in the kernel's buffer, at most `most` datagrams, without the runtime.
    /// Used at the end of collecting.
    pub fn drain_rest(&mut self, most: usize, mut take: impl FnMut(SenderAddress, &[u8])) {
        let InboundSocket { socket, listener, buffer, control, drops } = self;
        for _ in 0..most {
            match receive(socket, buffer, control, drops, listener) {
                Ok((length, sender)) => take(sender, buffer.get(..length).unwrap_or(&[])),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }
}

fn receive(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
    control: &mut [u8],
    drops: &mut WrappingCounter,
    listener: &mut Listener,
) -> Result<(usize, SenderAddress), Errno> {
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(control), flags)?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::RxqOvfl(total) = control {
            drops.observe(total);
            listener.kernel_drops = drops.total();
        }
    }
    Ok((message.bytes, sender(message.address.as_ref())))
}

fn sender(address: Option<&SockaddrStorage>) -> SenderAddress {
    let Some(address) = address else { return SenderAddress::default() };
    if let Some(v4) = address.as_sockaddr_in() {
        return SenderAddress { host: IpAddr::V4(v4.ip()).into(), port: v4.port() };
    }
    // A dual-stack socket reports IPv4 senders as ::ffff:a.b.c.d, the form of `Host`.
    address.as_sockaddr_in6().map_or(SenderAddress::default(), |v6| SenderAddress {
        host: IpAddr::V6(v6.ip()).into(),
        port: v6.port(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::*;
    use crate::agg::{Config, Windows};
    use crate::clock::Clock;
    use crate::ingest::{Ingest, IngestConfig};

    #[test]
    fn a_failing_socket_does_not_block_others() {
        let clock = Clock::start();
        // A pipe is always ready, and reading it as a socket fails.
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"x").unwrap();
        let broken = UdpSocket::from(OwnedFd::from(reader));
        broken.set_nonblocking(true).unwrap();
        let broken = BoundSocket::new(broken, None, false, RECEIVE_BUFFER);
        let good = BoundSocket::open(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        let port = good.port();
        let windows = Arc::new(Windows::new(Config::default()));
        let sockets = vec![broken, good];
        let ingest = Ingest::start(sockets, windows, clock, IngestConfig::default()).unwrap();
        let published = ingest.published();
        let errors = || published.read().dropped.iter().map(|drop| drop.count).sum::<u64>();
        let wait = |done: &dyn Fn() -> bool| {
            while !done() {
                assert!(clock.micros() < 60_000_000);
                std::thread::yield_now();
            }
        };
        wait(&|| errors() >= 3);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let empty = [&[0, 10, 0, 16][..], &[0; 12]].concat();
        for _ in 0..500 {
            sender.send_to(&empty, ("127.0.0.1", port)).unwrap();
        }
        wait(&|| published.read().datagrams == 500);
        let most = u128::from(clock.micros()) / BACK_OFF.as_micros() + 1;
        assert!(u128::from(errors()) <= most, "{} errors, at most {most}", errors());
        ingest.stop().unwrap();
    }

    #[test]
    fn a_tcp_port_in_use_is_a_note() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let bound =
            BoundSocket::open(Some(Ipv4Addr::LOCALHOST.into()), port).unwrap().with_streams();
        // The receiver reports the missing port with this reason.
        let why = bound.no_streams.clone().unwrap();
        assert!(why.contains("Address already in use"), "{why}");
        assert_eq!((bound.stream.is_none(), bound.listener.connections), (true, None));
    }
}
