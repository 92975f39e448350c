//! Whether tables show link traffic or transit traffic.

use std::collections::HashMap;

use super::Windows;
use super::filtered::FilteredTotals;
use super::pane::Panes;
use crate::flow::Network;
use crate::snapshot::{Allowance, Basis, HostRow, Snapshot};
use crate::topn::top_n;

/// Number of networks that are proposed for `--local`.
const CANDIDATES: usize = 3;

impl Windows {
    /// Sets the basis of the tables. Returns whether they show transit traffic.
    pub(super) fn find_basis(
        &self,
        snapshot: &mut Snapshot,
        filtered: Option<&FilteredTotals>,
        panes: &Panes,
        allowance: &mut Allowance<'_>,
    ) -> bool {
        let totals = match filtered {
            Some(filtered) => filtered.totals,
            None => self.site().totals.sum(panes.start, panes.end),
        };
        let through = totals.transit.bytes > totals.sum().bytes / 2;
        if through {
            let mut networks = Candidates::default();
            self.each_host(filtered, panes, true, allowance, |row| networks.add(&row));
            snapshot.basis = Basis::SourceDestination { candidates: networks.best() };
        }
        through
    }
}

/// The networks (/24, for IPv6 /64) of hosts with their bytes.
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
