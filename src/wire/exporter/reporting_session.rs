//! The session that reports a flow, and which other ports are the same session.

use super::sessions::{Sessions, WHOLE_ADDRESS};

/// The session of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct ReportingSession<'a> {
    pub port: u16,
    /// Whether the ports of the domain continue each other's sequence numbers.
    pub ports_are_one: bool,
    pub sessions: &'a Sessions,
}

impl ReportingSession<'_> {
    /// Whether what was reported from `port` came from this session. What a session that has
    /// ended reported belongs to the address as a whole, as its templates do.
    #[must_use]
    pub fn is_also(&self, port: u16) -> bool {
        self.port == port
            || self.ports_are_one
            || [self.port, port].contains(&WHOLE_ADDRESS)
            || !self.sessions.known.contains_key(&port)
    }
}
