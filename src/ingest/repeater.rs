//! Forwards datagrams unchanged to other collectors.
//!
//! A datagram that the kernel does not accept at once is dropped and counted, because
//! receiving
//! must not wait. Forwarded datagrams have this machine's address, not the exporter's.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Maximum number of targets. Each costs a system call for every datagram.
pub const MAX_REPEATS: usize = 8;

/// A socket for each target.
pub(super) struct Repeater {
    targets: Vec<(UdpSocket, SocketAddr)>,
    /// Datagrams that the kernel did not accept.
    failed: u64,
}

impl Repeater {
    /// Opens sockets for these addresses.
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

    /// Sends a datagram to all targets.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        for (socket, target) in &self.targets {
            if !matches!(socket.send_to(bytes, target), Ok(sent) if sent == bytes.len()) {
                self.failed += 1;
            }
        }
    }

    /// Number of datagrams that were not forwarded.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }
}
