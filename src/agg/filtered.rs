//! Filters over conversations, rolled up to hosts: a filter typed now answers
//! for the whole window behind it.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::Windows;
use super::answer::Panes;
use super::entry::What;
use super::grouped::Tally;
use super::key::{ConversationKey, IN, Lane, OUT};
use super::log::{Reader, TimeLog};
use super::paths::Path;
use crate::filter::{Columns, Filter};
use crate::flow::{Class, Host};
use crate::snapshot::{Allowance, Both, Counters, Totals};

/// A filter of so many tests is asked of rows while their shard is locked: a writer
/// waits for some milliseconds at most. With a longer one rows are copied first.
const SHORT: u64 = 32;

/// What it costs to add a row to a sum by host or by group, in steps.
pub(super) const SUM: u64 = 4;

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

/// One direction of a conversation on one path, as a filter sees it.
struct OneWay<'a> {
    key: &'a ConversationKey,
    out: bool,
    path: Path,
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

    fn exporter(&self) -> Host {
        self.path.exporter
    }

    fn interfaces(&self) -> (u32, u32) {
        (self.path.input, self.path.output)
    }
}

/// A filter asked of conversations over the panes of a window.
pub(super) struct Asked<'a> {
    filter: &'a Filter,
    reader: Reader<'a>,
    /// Whether the answer hangs on the path; else one of each direction will do.
    by_path: bool,
    /// Tests of the filter.
    cost: u64,
}

impl<'a> Asked<'a> {
    pub(super) fn new(filter: &'a Filter, reader: Reader<'a>) -> Asked<'a> {
        let cost = filter.cost();
        Asked { filter, reader, by_path: filter.needs_interfaces(), cost }
    }

    /// Whether rows are to be copied before they are asked.
    pub(super) fn is_long(&self) -> bool {
        self.cost > SHORT
    }

    /// The path of a number.
    pub(super) fn path(&self, number: u32) -> Path {
        self.reader.paths.get(number)
    }

    fn matches(&self, key: &ConversationKey, out: bool, path: Path) -> bool {
        self.filter.matches(&OneWay { key, out, path })
    }

    /// Calls `visit(what, counters)` for the traffic of a conversation that matches.
    pub(super) fn each(
        &self,
        key: &ConversationKey,
        log: &TimeLog,
        allowance: &mut Allowance<'_>,
        mut visit: impl FnMut(What, Counters),
    ) {
        if !allowance.spend(2 * self.cost) {
            return;
        }
        if !self.by_path {
            let plain = Path::default();
            let (out, back) = (self.matches(key, true, plain), self.matches(key, false, plain));
            if out || back {
                self.reader.each(log, |_, what, counters| {
                    if if Lane::is_out(what.lane) { out } else { back } {
                        visit(what, counters);
                    }
                });
            }
            return;
        }
        // Each direction mostly keeps to its path: the last answer is at hand.
        let mut known: [Option<(u32, bool)>; 2] = [None; 2];
        self.reader.each(log, |_, what, counters| {
            let out = Lane::is_out(what.lane);
            let last = &mut known[usize::from(out)];
            let matches = match *last {
                Some((path, matches)) if path == what.path => matches,
                _ => allowance.spend(self.cost) && self.matches(key, out, self.path(what.path)),
            };
            *last = Some((what.path, matches));
            if matches {
                visit(what, counters);
            }
        });
    }

    /// The traffic of a conversation that matches, seen from its host.
    pub(super) fn both(
        &self,
        key: &ConversationKey,
        log: &TimeLog,
        allowance: &mut Allowance<'_>,
    ) -> Both {
        let mut both = Both::default();
        self.each(key, log, allowance, |what, counters| {
            *(if Lane::is_out(what.lane) { &mut both.up } else { &mut both.down }) += counters;
        });
        both
    }
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
