//! Forwards datagrams unchanged to other collectors.
//!
//! A datagram that the kernel does not accept at once is dropped and counted, because receiving
//! must not wait. Forwarded datagrams have this machine's address, not the exporter's; each
//! exporting process has a port of its own there.

use std::io;
use std::net::SocketAddr;

use super::sender_sockets::SenderSockets;
use crate::flow::SenderAddress;

/// Maximum number of targets. Each costs a system call for every datagram.
pub const MAX_REPEATS: usize = 8;

/// The targets, and sockets of both address families.
pub(super) struct Repeater {
    targets: Vec<SocketAddr>,
    v4: Option<SenderSockets>,
    v6: Option<SenderSockets>,
    /// Datagrams that the kernel did not accept.
    failed: u64,
}

impl Repeater {
    /// Opens sockets for these addresses.
    pub(super) fn open(targets: &[SocketAddr]) -> io::Result<Repeater> {
        let targets: Vec<SocketAddr> = targets.iter().take(MAX_REPEATS).copied().collect();
        let open = |is_v6: bool| {
            let one = targets.iter().find(|target| target.is_ipv6() == is_v6);
            one.map(|target| SenderSockets::open(*target, true)).transpose()
        };
        let (v4, v6) = (open(false)?, open(true)?);
        Ok(Repeater { targets, v4, v6, failed: 0 })
    }

    /// Sends a datagram of this sender to all targets.
    pub(super) fn send(&mut self, from: SenderAddress, bytes: &[u8]) {
        let Repeater { targets, v4, v6, failed } = self;
        for target in targets {
            let sockets = if target.is_ipv6() { v6.as_mut() } else { v4.as_mut() };
            let sent = sockets.map(|sockets| sockets.of(from).send_to(bytes, *target));
            if !matches!(sent, Some(Ok(sent)) if sent == bytes.len()) {
                *failed += 1;
            }
        }
    }

    /// Number of datagrams that were not forwarded.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }
}
