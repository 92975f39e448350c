//! Retries ports that could not be opened, for as long as the collector runs.

use std::net::TcpListener;
use std::time::Duration;

use super::options::{DEFAULT_PORTS, Listen};
use super::socket::BoundSocket;
use crate::flow::Time;
use crate::snapshot::{MissingPort, Transport};

/// How often a missing port is retried. An attempt takes three system calls.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// The configured ports, and those of them that are missing.
#[derive(Debug, Default)]
pub(super) struct WantedPorts {
    listen: Listen,
    missing: Vec<MissingPort>,
}

/// The result of one attempt.
#[derive(Debug, Default)]
pub(super) struct PortAttempt {
    /// Sockets of ports that were missing for UDP.
    pub(super) sockets: Vec<BoundSocket>,
    /// TCP listeners of ports whose datagrams are received already.
    pub(super) streams: Vec<(u16, TcpListener)>,
}

impl Listen {
    /// The configured ports that are not among `bound`: default ports that were in use when they
    /// were to be opened, and ports without TCP.
    #[must_use]
    pub fn missing(&self, bound: &[BoundSocket], now: Time) -> Vec<MissingPort> {
        let wanted = if self.ports.is_empty() { &DEFAULT_PORTS[..] } else { &self.ports };
        let absent = wanted.iter().filter(|port| bound.iter().all(|one| one.port() != **port));
        let absent =
            absent.map(|port| (*port, Transport::Udp, "another program holds it".to_owned()));
        let half = bound.iter().filter_map(|one| {
            let why = one.no_streams.clone()?;
            Some((one.port(), Transport::Tcp, why))
        });
        let missing = |(port, transport, why)| MissingPort { port, transport, why, since: now };
        absent.chain(half).map(missing).collect()
    }
}

impl WantedPorts {
    /// Compares the configured ports with the bound ones. Without `listen`, no port is
    /// missing.
    pub(super) fn new(listen: Option<Listen>, bound: &[BoundSocket], now: Time) -> WantedPorts {
        let Some(listen) = listen else { return WantedPorts::default() };
        let missing = listen.missing(bound, now);
        WantedPorts { listen, missing }
    }

    /// The ports that are missing now.
    pub(super) fn missing(&self) -> &[MissingPort] {
        &self.missing
    }

    /// Tries to open every missing port once.
    pub(super) fn retry(&mut self, now: Time) -> PortAttempt {
        let mut taken = PortAttempt::default();
        let WantedPorts { listen, missing } = self;
        let mut half = Vec::new();
        missing.retain_mut(|one| match one.transport {
            Transport::Udp => match listen.bind(one.port) {
                Ok(bound) => {
                    half.extend(bound.no_streams.clone().map(|why| (one.port, why)));
                    taken.sockets.push(bound);
                    false
                }
                Err(error) => {
                    one.why = error.cause();
                    true
                }
            },
            Transport::Tcp => match listen.bind_streams(one.port) {
                Ok(stream) => {
                    taken.streams.push((one.port, stream));
                    false
                }
                Err(error) => {
                    one.why = error.to_string();
                    true
                }
            },
        });
        for (port, why) in half {
            self.put_back(now, port, Transport::Tcp, why);
        }
        taken
    }

    /// Adds a port that was opened but could not be used to the missing ones.
    pub(super) fn put_back(&mut self, now: Time, port: u16, transport: Transport, why: String) {
        self.missing.push(MissingPort { port, transport, why, since: now });
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

    #[test]
    fn a_port_is_missing_until_it_can_be_taken() {
        let holder = UdpSocket::bind((HERE, 0)).unwrap();
        let port = holder.local_addr().unwrap().port();
        let stream_holder = TcpListener::bind((HERE, port)).unwrap();
        let listen = Listen { address: Some(HERE.into()), ports: vec![port], ..Listen::default() };
        let mut ports = WantedPorts::new(Some(listen.clone()), &[], Time(1));
        let taken = ports.retry(Time(2));
        assert!(taken.sockets.is_empty() && taken.streams.is_empty());
        let missing = ports.missing()[0].clone();
        assert_eq!(
            (missing.port, missing.transport, missing.since),
            (port, Transport::Udp, Time(1))
        );
        assert!(missing.why.starts_with("another program holds it"), "{}", missing.why);

        // First UDP becomes free, while another program still has the TCP port.
        drop(holder);
        let taken = ports.retry(Time(3));
        assert_eq!(taken.sockets[0].port(), port);
        let missing = ports.missing()[0].clone();
        assert_eq!((missing.transport, missing.since), (Transport::Tcp, Time(3)));
        drop(stream_holder);
        let streams = ports.retry(Time(4)).streams;
        assert_eq!(streams[0].0, port);
        assert!(ports.missing().is_empty());
    }

    #[test]
    fn bound_ports_are_not_missing() {
        let bound = BoundSocket::open(Some(HERE.into()), 0).unwrap();
        let ports = vec![bound.port()];
        let listen = Listen { address: Some(HERE.into()), ports, ..Listen::default() };
        assert!(
            WantedPorts::new(Some(listen), std::slice::from_ref(&bound), Time(1))
                .missing()
                .is_empty()
        );
        assert!(WantedPorts::new(None, &[bound], Time(1)).missing().is_empty());
    }
}
