//! Where a datagram or message came from.

use std::net::SocketAddr;

use super::Host;

/// The address and port that a datagram or a TCP connection came from. Several exporting
/// processes may share an address; each has a port of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SenderAddress {
    /// The address.
    pub host: Host,
    /// The UDP or TCP port; 0 when it is not known.
    pub port: u16,
}

impl From<Host> for SenderAddress {
    /// An address whose port is not known.
    fn from(host: Host) -> SenderAddress {
        SenderAddress { host, port: 0 }
    }
}

impl From<(Host, u16)> for SenderAddress {
    fn from((host, port): (Host, u16)) -> SenderAddress {
        SenderAddress { host, port }
    }
}

impl From<SocketAddr> for SenderAddress {
    fn from(address: SocketAddr) -> SenderAddress {
        SenderAddress { host: address.ip().into(), port: address.port() }
    }
}
