//! Sockets that forward datagrams of several senders, each from a port of its own.
//!
//! A collector tells the processes behind one address apart by their ports. Forwarded datagrams
//! all have this machine's address, so that the ports are all that is left of their senders.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::flow::SenderAddress;

/// Senders that get a socket of their own; datagrams of further senders share one. The next
/// toptalk keeps as many sessions of one address apart.
const MAX_SENDERS: usize = crate::wire::MAX_SESSIONS - 1;

/// Ports below this one belong to services and are not taken.
const FIRST_FREE_PORT: u16 = 1024;

/// Sockets of one address family.
#[derive(Debug)]
pub struct SenderSockets {
    is_v6: bool,
    nonblocking: bool,
    own: HashMap<SenderAddress, UdpSocket>,
    shared: UdpSocket,
}

impl SenderSockets {
    /// Opens the socket that senders without one of their own share. With `nonblocking`,
    /// sending never waits.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub fn open(to: SocketAddr, nonblocking: bool) -> io::Result<SenderSockets> {
        let is_v6 = to.is_ipv6();
        let shared = bind(is_v6, 0, nonblocking)?;
        Ok(SenderSockets { is_v6, nonblocking, own: HashMap::new(), shared })
    }

    /// The socket of a sender: it has the sender's port if that is free.
    pub fn of(&mut self, from: SenderAddress) -> &UdpSocket {
        let SenderSockets { is_v6, nonblocking, own, shared } = self;
        let is_full = own.len() >= MAX_SENDERS;
        match own.entry(from) {
            _ if from.port == 0 => shared,
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full => shared,
            Entry::Vacant(place) => {
                let same = if from.port >= FIRST_FREE_PORT { from.port } else { 0 };
                let opened = bind(*is_v6, same, *nonblocking);
                match opened.or_else(|_| bind(*is_v6, 0, *nonblocking)) {
                    Ok(socket) => place.insert(socket),
                    Err(_) => shared,
                }
            }
        }
    }
}

fn bind(is_v6: bool, port: u16, nonblocking: bool) -> io::Result<UdpSocket> {
    let any: SocketAddr = match is_v6 {
        true => (Ipv6Addr::UNSPECIFIED, port).into(),
        false => (Ipv4Addr::UNSPECIFIED, port).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(nonblocking)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Host;

    #[test]
    fn senders_keep_their_ports_apart() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        // A port that was free a moment ago.
        let free = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let mut sockets = SenderSockets::open(to, true).unwrap();
        let mut seen = |host: u32, port: u16| {
            let from = SenderAddress { host: Host::v4(host), port };
            sockets.of(from).send_to(b"x", to).unwrap();
            receiver.recv_from(&mut [0; 9]).unwrap().1.port()
        };
        let (first, second) = (seen(1, free), seen(2, free));
        assert_ne!(first, second, "two exporters with the same port");
        assert_eq!((seen(1, free), seen(2, free)), (first, second));
        let ports: std::collections::BTreeSet<u16> = (1..200).map(|host| seen(host, 7)).collect();
        assert_eq!(ports.len(), MAX_SENDERS - 2 + 1, "and one for all others");
        assert!(!ports.contains(&7));
    }
}
