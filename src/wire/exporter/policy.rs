//! What the administrator configures about exporters: which may send, and their sampling rates.

use std::collections::HashMap;

use crate::flow::{Host, Network, Sampling};

/// Maximum number of refused senders that are remembered to be shown.
pub const MAX_REFUSED: usize = 64;

/// Rules about exporters of every protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Networks that exporters may be in; empty means anywhere.
    pub allow: Vec<Network>,
    /// Sampling rates that replace announced ones. The rate of one exporter takes precedence
    /// over the rate of all exporters.
    pub sampling: Vec<GivenRate>,
    /// The sampling rate of flows whose rate is not known otherwise.
    pub assumed: Sampling,
}

/// A configured sampling rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenRate {
    /// The exporter; `None` for every exporter.
    pub exporter: Option<Host>,
    /// The rate.
    pub rate: Sampling,
}

impl Policy {
    /// Whether datagrams from this address are decoded.
    #[must_use]
    pub fn allows(&self, exporter: Host) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|network| network.contains(exporter))
    }

    /// Whether `--allow` names this address itself, not only a network around it. Such an
    /// exporter counts as known before it has a history.
    #[must_use]
    pub fn names(&self, exporter: Host) -> bool {
        self.allow.iter().any(|network| network.is_single() && network.contains(exporter))
    }

    /// The configured sampling rate of an exporter, which replaces any announced one.
    #[must_use]
    pub fn rate_of(&self, exporter: Host) -> Option<Sampling> {
        let for_whom = |whom: Option<Host>| {
            self.sampling.iter().rev().find(|given| given.exporter == whom).map(|given| given.rate)
        };
        for_whom(Some(exporter)).or_else(|| for_whom(None))
    }
}

/// Senders whose datagrams were not decoded, with their numbers of datagrams.
#[derive(Debug, Default)]
pub struct RefusedSenders {
    counts: HashMap<Host, u64>,
    /// Datagrams of senders beyond [`MAX_REFUSED`].
    others: u64,
}

impl RefusedSenders {
    /// Counts one more datagram.
    pub fn count(&mut self, sender: Host) {
        self.add(sender, 1);
    }

    /// Counts `more` datagrams.
    pub fn add(&mut self, sender: Host, more: u64) {
        let full = self.counts.len() >= MAX_REFUSED;
        match self.counts.get_mut(&sender) {
            Some(count) => *count = count.saturating_add(more),
            None if full => self.others = self.others.saturating_add(more),
            None => {
                self.counts.insert(sender, more);
            }
        }
    }

    /// The refused senders, those with the most datagrams first, and the number of datagrams of
    /// all others.
    #[must_use]
    pub fn list(&self) -> (Vec<(Host, u64)>, u64) {
        let mut list: Vec<_> = self.counts.iter().map(|(host, count)| (*host, *count)).collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        (list, self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exporters_own_rate_goes_before_the_one_for_all() {
        let host = Host::octets(192, 0, 2, 1);
        let given = |exporter, rate| GivenRate { exporter, rate: Sampling::one_in(rate) };
        let policy =
            Policy { sampling: vec![given(Some(host), 7), given(None, 100)], ..Policy::default() };
        assert_eq!(policy.rate_of(host), Some(Sampling::one_in(7)));
        assert_eq!(policy.rate_of(Host::UNSPECIFIED), Some(Sampling::one_in(100)));
        assert_eq!(Policy::default().rate_of(host), None);
    }

    #[test]
    fn refused_senders_are_bounded_and_add_up() {
        let policy = Policy { allow: vec!["192.0.2.0/24".parse().unwrap()], ..Policy::default() };
        assert!(policy.allows(Host::octets(192, 0, 2, 9)));
        assert!(!policy.allows(Host::octets(192, 0, 3, 9)));
        let mut refused = RefusedSenders::default();
        for sender in 0..1000u32 {
            for _ in 0..=(sender == 3) as u32 {
                refused.count(Host::v4(sender));
            }
        }
        let (list, others) = refused.list();
        assert_eq!(list.len(), MAX_REFUSED);
        assert_eq!(list[0], (Host::v4(3), 2));
        assert_eq!(list.iter().map(|(_, n)| n).sum::<u64>() + others, 1001);
    }
}
