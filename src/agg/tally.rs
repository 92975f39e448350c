//! Totals of conversations by group.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::key::{ConversationKey, LogLane};
use super::log::TimeLog;
use super::matching::{FilteredQuery, SUM};
use super::path_stats::via;
use crate::flow::{Host, Network};
use crate::snapshot::{Allowance, Counters, GroupKey, Grouping, Reach, Subject, UpDown};

/// Prefix length of peer networks: the longest prefix that is usually routed on the
/// Internet.
const NETWORK_V4: u8 = 24;

const NETWORK_V6: u8 = 48;

/// Totals of a group.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) traffic: UpDown,
    pub(super) members: u64,
}

/// Totals by group. There are no more groups than rows, or for interfaces, twice the paths.
pub(super) type Groups = HashMap<GroupKey, Sum, RandomState>;

/// Totals by group that are being added up.
#[derive(Default)]
pub(super) struct GroupedTotals {
    /// The grouping, or `None` if conversations are not grouped.
    pub(super) by: Option<Grouping>,
    /// Link traffic by group. For interfaces: all traffic.
    pub(super) crossing: Groups,
    /// Transit traffic by group.
    pub(super) transit: Groups,
    /// Traffic of the current conversation by path number.
    pub(super) paths: Vec<(u32, Counters)>,
    /// Traffic of the current conversation by exporter and interface.
    pub(super) interfaces: Vec<((Host, u32), UpDown)>,
}

impl GroupedTotals {
    /// Empty totals for a view. Named networks are not grouped here, but from hosts.
    pub(super) fn of(subject: Subject) -> GroupedTotals {
        let by = match subject {
            Subject::Groups(grouping) if grouping != Grouping::Group => Some(grouping),
            _ => None,
        };
        GroupedTotals { by, ..GroupedTotals::default() }
    }

    /// Adds the matching traffic of a conversation. Returns it as well, seen from the
    /// conversation's host.
    pub(super) fn add(
        &mut self,
        query: &FilteredQuery<'_>,
        key: &ConversationKey,
        log: &TimeLog,
        allowance: &mut Allowance<'_>,
    ) -> UpDown {
        if self.by == Some(Grouping::Interface) {
            return self.add_interfaces(query, key, log, allowance);
        }
        let both = query.both(key, log, allowance);
        if both == UpDown::default() {
            return both;
        }
        allowance.spend(SUM);
        match key.reach {
            Reach::Internal => {}
            Reach::Line => self.add_line(key, both),
            Reach::Transit => self.add_transit(key, both),
        }
        both
    }

    pub(super) fn add_line(&mut self, key: &ConversationKey, both: UpDown) {
        let group = match self.by {
            Some(Grouping::PeerNetwork) => network(key.peer()),
            Some(by) => service(by, key),
            None => None,
        };
        join(&mut self.crossing, group, both, 1);
    }

    pub(super) fn add_transit(&mut self, key: &ConversationKey, both: UpDown) {
        match self.by {
            Some(Grouping::PeerNetwork) => {
                let (one, other) = (network(key.host()), network(key.peer()));
                let inside = one == other;
                join(&mut self.transit, one, both, 1);
                join(&mut self.transit, other, both.swapped(), u64::from(!inside));
            }
            // Every group of transit traffic has sent it and received it.
            Some(by) => {
                let sum = both.sum();
                join(&mut self.transit, service(by, key), UpDown { up: sum, down: sum }, 1);
            }
            None => {}
        }
    }

    pub(super) fn add_interfaces(
        &mut self,
        query: &FilteredQuery<'_>,
        key: &ConversationKey,
        log: &TimeLog,
        allowance: &mut Allowance<'_>,
    ) -> UpDown {
        let mut both = UpDown::default();
        query.each(key, log, allowance, |what, counters| {
            *(if LogLane::is_out(what.lane) { &mut both.up } else { &mut both.down }) += counters;
            // Each direction mostly stays on one path, so the last two are compared.
            let mut last = self.paths.iter_mut().rev().take(2);
            match last.find(|(path, _)| *path == what.path) {
                Some((_, sum)) => *sum += counters,
                None => self.paths.push((what.path, counters)),
            }
        });
        allowance.spend(SUM * self.paths.len() as u64);
        for (path, counters) in self.paths.drain(..) {
            let Some(via) = via(query.path(path)).filter(|_| !counters.is_zero()) else { continue };
            let none = Counters::default();
            let (incoming, outgoing) =
                (UpDown { up: none, down: counters }, UpDown { up: counters, down: none });
            self.interfaces.push(((via.exporter, via.input), incoming));
            self.interfaces.push(((via.exporter, via.output), outgoing));
        }
        self.interfaces.sort_unstable_by_key(|(interface, _)| *interface);
        for same in self.interfaces.chunk_by(|a, b| a.0 == b.0) {
            let mut sum = UpDown::default();
            same.iter().for_each(|(_, both)| sum += *both);
            let interface = same.first().map(|((exporter, index), _)| GroupKey::Interface {
                exporter: *exporter,
                index: *index,
            });
            join(&mut self.crossing, interface, sum, 1);
        }
        self.interfaces.clear();
        both
    }
}

/// The group of a conversation by port or protocol.
fn service(by: Grouping, key: &ConversationKey) -> Option<GroupKey> {
    match by {
        Grouping::Port => Some(GroupKey::Service { port: key.port, proto: key.proto }),
        Grouping::Protocol => Some(GroupKey::Protocol(key.proto)),
        Grouping::PeerNetwork | Grouping::Interface | Grouping::Group => None,
    }
}

/// The network of a remote host.
fn network(host: Host) -> Option<GroupKey> {
    let bits = if host.as_v4().is_some() { NETWORK_V4 } else { NETWORK_V6 };
    Network::new(host, bits).map(GroupKey::Network)
}

pub(super) fn join(groups: &mut Groups, group: Option<GroupKey>, both: UpDown, members: u64) {
    if let Some(group) = group {
        let sum = groups.entry(group).or_default();
        sum.traffic += both;
        sum.members += members;
    }
}
