//! Filters over conversations, rolled up to hosts: a filter typed now answers
//! for the whole window behind it.

use std::collections::HashMap;

use super::Windows;
use super::answer::Panes;
use super::key::{ConversationKey, IN, OUT};
use super::log::{Reader, TimeLog};
use crate::filter::{Columns, Filter};
use crate::flow::{Class, Host};
use crate::snapshot::{Both, Totals};

/// Conversations that match a filter, rolled up.
pub(super) struct Rolled {
    pub(super) crossing: HashMap<Host, Both>,
    pub(super) transit: HashMap<Host, Both>,
    pub(super) totals: Totals,
    /// Conversations that matched.
    pub(super) rows: usize,
}

/// One direction of a conversation, as a filter sees it.
struct OneWay<'a> {
    key: &'a ConversationKey,
    out: bool,
}

impl Columns for OneWay<'_> {
    fn src(&self) -> Host {
        if self.out { self.key.host() } else { self.key.peer() }
    }

    fn dst(&self) -> Host {
        if self.out { self.key.peer() } else { self.key.host() }
    }

    fn proto(&self) -> u8 {
        self.key.proto
    }

    fn ports(&self) -> (u16, u16) {
        (self.key.port, self.key.port)
    }
}

/// The traffic of a conversation in the directions that match a filter, seen
/// from its host.
pub(super) fn matching(
    filter: &Filter,
    key: &ConversationKey,
    log: &TimeLog,
    reader: &Reader<'_>,
) -> Both {
    let mut both = Both::default();
    let out = filter.matches(&OneWay { key, out: true });
    let back = filter.matches(&OneWay { key, out: false });
    if out || back {
        let all = reader.both(log);
        both.up = if out { all.up } else { both.up };
        both.down = if back { all.down } else { both.down };
    }
    both
}

impl Windows {
    /// Evaluates a filter on every conversation.
    pub(super) fn roll_up(&self, filter: &Filter, panes: &Panes) -> Rolled {
        let mut crossing: HashMap<Host, Both> = HashMap::new();
        let mut transit: HashMap<Host, Both> = HashMap::new();
        let mut totals = Totals::default();
        let mut rows = 0;
        let reader = self.reader(panes);
        self.conversations.each(|key, log| {
            let both = matching(filter, key, log, &reader);
            if both == Both::default() {
                return;
            }
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
        });
        Rolled { crossing, transit, totals, rows }
    }
}
