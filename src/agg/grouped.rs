//! Traffic by port, protocol, peer network, interface and named network. Groups are added
//! up from rows when a view asks for them.

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
    /// Ranks groups. With a filter, `tally` was filled while the filter was evaluated.
    pub(super) fn rank_groups(
        &self,
        snapshot: &mut Snapshot,
        grouping: Grouping,
        (mut tally, filtered): (GroupedTotals, Option<&FilteredTotals>),
        panes: &Panes,
        allowance: &mut Allowance<'_>,
    ) {
        let through = self.find_basis(snapshot, filtered, panes, allowance);
        if filtered.is_none() && tally.by.is_some() {
            let query = FilteredQuery::new(&snapshot.view.filter, self.reader(panes));
            self.conversations.each(allowance, |key, log, allowance| {
                // Internal traffic counts for interfaces only.
                if key.reach != Reach::Internal || grouping == Grouping::Interface {
                    tally.add(&query, key, log, allowance);
                }
            });
        }
        let groups = match grouping {
            Grouping::Group => self.name_hosts(filtered, panes, through, allowance),
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

    /// Traffic of hosts by the name of their network.
    fn name_hosts(
        &self,
        filtered: Option<&FilteredTotals>,
        panes: &Panes,
        through: bool,
        allowance: &mut Allowance<'_>,
    ) -> Groups {
        let mut groups = Groups::default();
        let tuning = self.tuning();
        self.each_host(filtered, panes, through, allowance, |row| {
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

/// The total of a list of groups, given the total of a list of hosts. For interfaces it is
/// all traffic, because every flow enters at one interface and leaves at another.
pub(super) fn group_total(grouping: Grouping, totals: &ClassTotals, hosts: UpDown) -> UpDown {
    match grouping {
        Grouping::Interface => UpDown { up: totals.sum(), down: totals.sum() },
        _ => hosts,
    }
}
