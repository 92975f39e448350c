//! Filters over conversations, with totals per host. A filter that is typed now applies
//! to the whole window in the past.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::Windows;
use super::key::{ConversationKey, IN, OUT};
use super::log::TimeLog;
use super::matching::{FilteredQuery, SUM};
use super::pane::Panes;
use super::tally::GroupedTotals;
use crate::filter::Filter;
use crate::flow::{Host, TrafficClass};
use crate::snapshot::{Allowance, ClassTotals, UpDown};

/// Totals of the conversations that match a filter.
#[derive(Default)]
pub(super) struct FilteredTotals {
    /// Link traffic by host.
    pub(super) crossing: HashMap<Host, UpDown, RandomState>,
    /// Transit traffic by host.
    pub(super) transit: HashMap<Host, UpDown, RandomState>,
    pub(super) totals: ClassTotals,
    /// Number of conversations that matched.
    pub(super) rows: usize,
    /// Bytes of the window in all conversations that have a row, matching or not. `None` while
    /// every conversation has a row.
    pub(super) known: Option<u64>,
}

impl Windows {
    /// Evaluates a filter on every conversation. Matching traffic is also added to `tally`,
    /// so that groups and totals are of the same moment.
    pub(super) fn roll_up(
        &self,
        filter: &Filter,
        panes: &Panes,
        tally: &mut GroupedTotals,
        allowance: &mut Allowance<'_>,
    ) -> FilteredTotals {
        let mut crossing: HashMap<Host, UpDown, RandomState> = HashMap::default();
        let mut transit: HashMap<Host, UpDown, RandomState> = HashMap::default();
        let mut totals = ClassTotals::default();
        let mut rows = 0;
        let reader = self.reader(panes);
        let mut known = self.conversations.admission.is_crowded().then_some(0u64);
        let query = FilteredQuery::new(filter, reader);
        let visit = |key: &ConversationKey, log: &TimeLog, allowance: &mut Allowance<'_>| {
            if let Some(known) = &mut known {
                *known = known.saturating_add(reader.both(log).sum().bytes);
            }
            let both = tally.add(&query, key, log, allowance);
            if both == UpDown::default() {
                return;
            }
            allowance.spend(SUM);
            rows += 1;
            *totals.of_mut(key.class(OUT)) += both.up;
            *totals.of_mut(key.class(IN)) += both.down;
            match key.class(OUT) {
                TrafficClass::Transit => {
                    *transit.entry(key.host()).or_default() += both;
                    *transit.entry(key.peer()).or_default() += both.swapped();
                }
                TrafficClass::Internal => {}
                TrafficClass::Up | TrafficClass::Down => {
                    *crossing.entry(key.host()).or_default() += both
                }
            }
        };
        if query.is_long() {
            self.conversations.each_copied(allowance, |_| true, visit);
        } else {
            self.conversations.each(allowance, visit);
        }
        FilteredTotals { crossing, transit, totals, rows, known }
    }
}
