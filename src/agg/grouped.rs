//! Traffic by something else than host: port, protocol, peer network, interface
//! and named network, added up from rows when somebody asks.

use std::cmp::Ordering;

use super::Windows;
use super::filtered::FilteredTotals;
use super::matching::FilteredQuery;
use super::pane::Panes;
use super::ranking::{TableDirection, Traffic, ranking, traffic_order};
use super::tally::{GroupedTotals, Groups, Sum, join};
use crate::snapshot::{
    Allowance, ClassTotals, GroupKey, GroupRow, Grouping, Reach, RowOrder, Snapshot, SortKey,
    UpDown,
};
use crate::topn::TopN;

impl Traffic for GroupRow {
    fn traffic(&self) -> UpDown {
        self.traffic
    }
}

impl Windows {
    /// Ranks groups; with a filter, `tally` has been filled while it was rolled up.
    pub(super) fn rank_groups(
        &self,
        snapshot: &mut Snapshot,
        grouping: Grouping,
        (mut tally, rolled): (GroupedTotals, Option<&FilteredTotals>),
        panes: &Panes,
        allowance: &mut Allowance<'_>,
    ) {
        let through = self.find_basis(snapshot, rolled, panes, allowance);
        if rolled.is_none() && tally.by.is_some() {
            let asked = FilteredQuery::new(&snapshot.view.filter, self.reader(panes));
            self.conversations.each(allowance, |key, log, allowance| {
                // What stays inside uses interfaces, and nothing else that is listed.
                if key.reach != Reach::Internal || grouping == Grouping::Interface {
                    tally.add(&asked, key, log, allowance);
                }
            });
        }
        let groups = match grouping {
            Grouping::Group => self.name_hosts(rolled, panes, through, allowance),
            Grouping::Interface => tally.crossing,
            _ if through => tally.transit,
            _ => tally.crossing,
        };
        let order = snapshot.view.order;
        let mut top =
            TopN::new(snapshot.view.limit, |a: &GroupRow, b: &GroupRow| group_order(&order, a, b));
        for (key, Sum { traffic, members }) in groups {
            if !allowance.spend(1) {
                break;
            }
            top.push(GroupRow { key, traffic, members });
        }
        snapshot.groups = ranking(top);
    }

    /// Hosts by the name of their network.
    fn name_hosts(
        &self,
        rolled: Option<&FilteredTotals>,
        panes: &Panes,
        through: bool,
        allowance: &mut Allowance<'_>,
    ) -> Groups {
        let mut groups = Groups::default();
        let tuning = self.tuning();
        self.each_host(rolled, panes, through, allowance, |row| {
            let name = tuning.groups.of(row.host).cloned();
            join(&mut groups, Some(GroupKey::Named(name)), row.traffic, 1);
        });
        groups
    }
}

fn group_order(order: &RowOrder, a: &GroupRow, b: &GroupRow) -> Ordering {
    let by_group = a.key.cmp(&b.key);
    let by_key = match order.key {
        SortKey::Address => by_group,
        key => traffic_order(key, TableDirection::Both, &a.traffic, &b.traffic),
    };
    let by_key = if order.reverse { by_key.reverse() } else { by_key };
    by_key.then(by_group)
}

/// What a list of groups adds up to, given what one of hosts does: everything
/// comes in by an interface and leaves by one.
pub(super) fn group_total(grouping: Grouping, totals: &ClassTotals, hosts: UpDown) -> UpDown {
    match grouping {
        Grouping::Interface => UpDown { up: totals.sum(), down: totals.sum() },
        _ => hosts,
    }
}
