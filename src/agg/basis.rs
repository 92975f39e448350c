//! What tables are about: what crosses the line, or what passes through.

use std::collections::HashMap;

use super::Windows;
use super::filtered::FilteredTotals;
use super::pane::Panes;
use crate::flow::Network;
use crate::snapshot::{Allowance, Basis, HostRow, Snapshot};
use crate::topn::top_n;

/// Networks named as candidates for `--local`.
const CANDIDATES: usize = 3;

impl Windows {
    /// Sets what tables are about; says whether that is what passes through.
    pub(super) fn find_basis(
        &self,
        snapshot: &mut Snapshot,
        rolled: Option<&FilteredTotals>,
        panes: &Panes,
        allowance: &mut Allowance<'_>,
    ) -> bool {
        let totals = match rolled {
            Some(rolled) => rolled.totals,
            None => self.site().totals.sum(panes.start, panes.end),
        };
        let through = totals.transit.bytes > totals.sum().bytes / 2;
        if through {
            let mut networks = Candidates::default();
            self.each_host(rolled, panes, true, allowance, |row| networks.add(&row));
            snapshot.basis = Basis::SourceDestination { candidates: networks.best() };
        }
        through
    }
}

/// The busiest networks (/24, or /64 of IPv6) of hosts.
#[derive(Default)]
struct Candidates(HashMap<Network, u64>);

impl Candidates {
    fn add(&mut self, row: &HostRow) {
        let prefix = if row.host.as_v4().is_some() { 24 } else { 64 };
        if let Some(network) = Network::new(row.host, prefix) {
            let sum = self.0.entry(network).or_default();
            *sum = sum.saturating_add(row.traffic.sum().bytes);
        }
    }

    fn best(self) -> Vec<Network> {
        let best = top_n(self.0.into_iter(), CANDIDATES, |a, b| {
            b.1.cmp(&a.1).then(a.0.base().cmp(&b.0.base()))
        });
        best.into_iter().map(|(network, _)| network).collect()
    }
}
