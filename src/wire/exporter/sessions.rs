//! The transport sessions of an exporter: processes that send from one address, each from its
//! own port (RFC 7011, section 3.4.1).
//!
//! Templates, sequence numbers, uptime, start and clock belong to a session. Port 0 stands for
//! the address as a whole: for senders whose port is not known, for what sessions that ended
//! have left, and for all ports once there are more than [`MAX_SESSIONS`].

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::clock_offset::ClockOffset;
use crate::flow::Time;

/// Sessions that are kept apart per exporter: a firewall has a probe for each of its interfaces,
/// a chassis one for each line card. Beyond this number, ports change with every datagram or
/// so (address translation, load generators), and are all of one session.
pub const MAX_SESSIONS: usize = 64;

/// A session that was not heard for this long is forgotten: its templates have been due twice
/// meanwhile. After this time it is also tried again whether there are few sessions.
pub const IDLE_MS: i64 = 3_600_000;

/// The port of the address as a whole.
pub const WHOLE_ADDRESS: u16 = 0;

/// An observation domain of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainKey {
    /// Port of the session.
    pub port: u16,
    /// Observation domain.
    pub id: u32,
}

/// What is known of a session.
#[derive(Clone, Debug, Default)]
pub struct Session {
    pub last_seen: Time,
    pub datagrams: u64,
    pub clock: ClockOffset,
    /// When the process started, as options of any of its domains say.
    pub init: Option<i64>,
    /// Number of its domains.
    pub domains: usize,
}

/// The sessions of one exporter.
#[derive(Debug, Default)]
pub struct Sessions {
    pub(in crate::wire) known: HashMap<u16, Session, RandomState>,
    /// Since when all ports are one session.
    pub(in crate::wire) merged: Option<Time>,
}

impl Sessions {
    /// Number of sessions, without the address as a whole.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known.len() - usize::from(self.known.contains_key(&WHOLE_ADDRESS))
    }

    /// Whether one session can differ from another.
    #[must_use]
    pub fn are_several(&self) -> bool {
        self.known.len() > 1
    }

    /// Whether all ports count as one session, because there are too many.
    #[must_use]
    pub fn are_merged(&self) -> bool {
        self.merged.is_some()
    }

    /// The ports of all sessions, [`WHOLE_ADDRESS`] first.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        let others = self.known.keys().copied().filter(|port| *port != WHOLE_ADDRESS);
        std::iter::once(WHOLE_ADDRESS).chain(others)
    }

    /// The session of a port, which is added if it is not known.
    pub fn entry(&mut self, port: u16) -> &mut Session {
        self.known.entry(port).or_default()
    }

    /// The session that was heard last.
    #[must_use]
    pub fn newest(&self) -> Option<&Session> {
        self.known.values().max_by_key(|session| session.last_seen)
    }

    /// The start of the processes, if all sessions that say it started within a minute.
    #[must_use]
    pub fn common_init(&self) -> Option<i64> {
        let mut all = self.known.values().filter_map(|session| session.init);
        let first = all.next()?;
        all.all(|init| init.abs_diff(first) <= 60_000).then_some(first)
    }

    /// The start of the process of a session: its own, otherwise that of the others.
    #[must_use]
    pub fn init(&self, port: u16) -> Option<i64> {
        let own = self.known.get(&port).and_then(|session| session.init);
        own.or_else(|| self.common_init())
    }
}
