//! Which traffic of a conversation matches a filter.

use super::entry::EntryKind;
use super::key::{ConversationKey, LogLane};
use super::log::{Reader, TimeLog};
use super::paths::Path;
use crate::filter::{Filter, FilterSubject};
use crate::flow::Host;
use crate::snapshot::{Allowance, Counters, UpDown};

/// A filter with at most this many tests is evaluated while the shard of the rows is
/// locked: a writer waits some milliseconds at most. For a longer filter the rows
/// are copied first.
const SHORT: u64 = 32;

/// Cost of adding a row to a sum by host or by group, in steps of an allowance.
pub(super) const SUM: u64 = 4;

/// One direction of a conversation on one path, as a filter sees it.
struct DirectedConversation<'a> {
    key: &'a ConversationKey,
    out: bool,
    path: Path,
}

impl FilterSubject for DirectedConversation<'_> {
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

/// A filter evaluated on conversations over the panes of a window.
pub(super) struct FilteredQuery<'a> {
    filter: &'a Filter,
    reader: Reader<'a>,
    /// Whether the result depends on the path. Otherwise one test per direction is enough.
    by_path: bool,
    /// Number of tests in the filter.
    cost: u64,
}

impl<'a> FilteredQuery<'a> {
    pub(super) fn new(filter: &'a Filter, reader: Reader<'a>) -> FilteredQuery<'a> {
        let cost = filter.cost();
        FilteredQuery { filter, reader, by_path: filter.needs_interfaces(), cost }
    }

    /// Whether the filter is so long that rows are copied before it is evaluated.
    pub(super) fn is_long(&self) -> bool {
        self.cost > SHORT
    }

    /// The path with this number.
    pub(super) fn path(&self, number: u32) -> Path {
        self.reader.paths.get(number)
    }

    fn matches(&self, key: &ConversationKey, out: bool, path: Path) -> bool {
        self.filter.matches(&DirectedConversation { key, out, path })
    }

    /// Calls `visit(kind, counters)` for the matching traffic of a conversation.
    pub(super) fn each(
        &self,
        key: &ConversationKey,
        log: &TimeLog,
        allowance: &mut Allowance<'_>,
        mut visit: impl FnMut(EntryKind, Counters),
    ) {
        if !allowance.spend(2 * self.cost) {
            return;
        }
        if !self.by_path {
            let plain = Path::default();
            let (out, back) = (self.matches(key, true, plain), self.matches(key, false, plain));
            if out || back {
                self.reader.each(log, |_, what, counters| {
                    if if LogLane::is_out(what.lane) { out } else { back } {
                        visit(what, counters);
                    }
                });
            }
            return;
        }
        // Each direction mostly stays on one path, so its last result is reused.
        let mut last_results: [Option<(u32, bool)>; 2] = [None; 2];
        self.reader.each(log, |_, what, counters| {
            let out = LogLane::is_out(what.lane);
            let last = &mut last_results[usize::from(out)];
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

    /// The matching traffic of a conversation, seen from its host.
    pub(super) fn both(
        &self,
        key: &ConversationKey,
        log: &TimeLog,
        allowance: &mut Allowance<'_>,
    ) -> UpDown {
        let mut both = UpDown::default();
        self.each(key, log, allowance, |what, counters| {
            *(if LogLane::is_out(what.lane) { &mut both.up } else { &mut both.down }) += counters;
        });
        both
    }
}
