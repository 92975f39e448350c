//! Sending datagrams on as they came, to other collectors.
//!
//! What the kernel does not take at once is dropped and counted: receiving never
//! waits. The datagrams come from this machine then, not from their exporters.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Others that datagrams are sent on to at most: each costs a system call for
/// every datagram.
pub const MAX_REPEATS: usize = 8;

/// Sockets for both families, as far as they are needed.
pub(super) struct Repeater {
    targets: Vec<(UdpSocket, SocketAddr)>,
    /// Datagrams that were not taken.
    failed: u64,
}

impl Repeater {
    /// To these addresses.
    pub(super) fn open(targets: &[SocketAddr]) -> io::Result<Repeater> {
        let targets = targets.iter().take(MAX_REPEATS).map(|target| {
            let any: SocketAddr = match target {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any)?;
            socket.set_nonblocking(true)?;
            Ok((socket, *target))
        });
        Ok(Repeater { targets: targets.collect::<io::Result<_>>()?, failed: 0 })
    }

    /// Sends a datagram to all of them.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        for (socket, target) in &self.targets {
            if !matches!(socket.send_to(bytes, target), Ok(sent) if sent == bytes.len()) {
                self.failed += 1;
            }
        }
    }

    /// Datagrams that were not sent on.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }
}
