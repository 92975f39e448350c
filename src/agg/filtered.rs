//! Filters over conversations, rolled up to hosts: a filter typed now answers
//! for the whole window behind it.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::Windows;
use super::key::{ConversationKey, IN, OUT};
use super::log::TimeLog;
use super::matching::{Asked, SUM};
use super::pane::Panes;
use super::tally::Tally;
use crate::filter::Filter;
use crate::flow::{Class, Host};
use crate::snapshot::{Allowance, Both, Totals};

/// Conversations that match a filter, rolled up.
#[derive(Default)]
pub(super) struct Rolled {
    pub(super) crossing: HashMap<Host, Both, RandomState>,
    pub(super) transit: HashMap<Host, Both, RandomState>,
    pub(super) totals: Totals,
    /// Conversations that matched.
    pub(super) rows: usize,
    /// Bytes of the window in conversations, matching or not; `None` while all
    /// conversations have rows.
    pub(super) known: Option<u64>,
}

impl Windows {
    /// Evaluates a filter on every conversation; what matches goes to `tally` too,
    /// so that its groups and these totals are of one moment.
    pub(super) fn roll_up(
        &self,
        filter: &Filter,
        panes: &Panes,
        tally: &mut Tally,
        allowance: &mut Allowance<'_>,
    ) -> Rolled {
        let mut crossing: HashMap<Host, Both, RandomState> = HashMap::default();
        let mut transit: HashMap<Host, Both, RandomState> = HashMap::default();
        let mut totals = Totals::default();
        let mut rows = 0;
        let reader = self.reader(panes);
        let mut known = self.conversations.doors.is_crowded().then_some(0u64);
        let asked = Asked::new(filter, reader);
        let visit = |key: &ConversationKey, log: &TimeLog, allowance: &mut Allowance<'_>| {
            if let Some(known) = &mut known {
                *known = known.saturating_add(reader.both(log).sum().bytes);
            }
            let both = tally.add(&asked, key, log, allowance);
            if both == Both::default() {
                return;
            }
            allowance.spend(SUM);
            rows += 1;
            *totals.of_mut(key.class(OUT)) += both.up;
            *totals.of_mut(key.class(IN)) += both.down;
            match key.class(OUT) {
                Class::Transit => {
                    *transit.entry(key.host()).or_default() += both;
                    *transit.entry(key.peer()).or_default() += both.swapped();
                }
                Class::Internal => {}
                Class::Up | Class::Down => *crossing.entry(key.host()).or_default() += both,
            }
        };
        if asked.is_long() {
            self.conversations.each_copied(allowance, |_| true, visit);
        } else {
            self.conversations.each(allowance, visit);
        }
        Rolled { crossing, transit, totals, rows, known }
    }
}
