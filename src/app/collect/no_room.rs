//! Log messages about exporters whose data was dropped because a pool was full.

use std::collections::HashMap;

use tracing::warn;

use crate::flow::Host;
use crate::snapshot::{Label, NoRoom};

/// Minimum interval between these messages, so that a flood does not fill the log.
const PAUSE_MICROS: u64 = 60_000_000;

/// Maximum number of lines at a time, one for each exporter and cause, the most frequent
/// first; the others are only counted.
const LINES: usize = 8;

/// What was logged.
#[derive(Debug, Default)]
pub(super) struct ReportedNoRoom {
    /// The counts as of the last message, at most `MAX_NO_ROOM`.
    counts: HashMap<(Host, Label), u64>,
    /// The time of the last message, in microseconds of running time.
    at: Option<u64>,
}

/// The messages to log.
#[derive(Debug, Default, PartialEq, Eq)]
struct NoRoomChanges {
    /// Each with its count since the last message.
    lines: Vec<NoRoom>,
    /// How many more exporters and causes there are.
    others: usize,
}

impl ReportedNoRoom {
    /// Logs what is new at `micros`, in microseconds of running time.
    pub(super) fn tell(&mut self, listed: &[NoRoom], micros: u64) {
        let NoRoomChanges { lines, others } = self.news(listed, micros);
        for NoRoom { exporter, cause, count } in lines {
            warn!(%exporter, cause = cause.as_ref(), count, "found no room");
        }
        if others > 0 {
            warn!(others, "further exporters found no room: the screen and the metrics list them");
        }
    }

    fn news(&mut self, listed: &[NoRoom], micros: u64) -> NoRoomChanges {
        if self.at.is_some_and(|at| micros.saturating_sub(at) < PAUSE_MICROS) {
            return NoRoomChanges::default();
        }
        let before = |one: &NoRoom| {
            self.counts.get(&(one.exporter, one.cause.clone())).copied().unwrap_or(0)
        };
        let since = |one: &NoRoom| NoRoom { count: one.count - before(one), ..one.clone() };
        // A smaller count than before is of another worker, or the entry had left the list.
        let grown = listed.iter().filter(|one| one.count > before(one));
        let mut lines: Vec<NoRoom> = grown.map(since).collect();
        if lines.is_empty() {
            return NoRoomChanges::default();
        }
        lines.sort_by(|a, b| b.count.cmp(&a.count).then(a.exporter.cmp(&b.exporter)));
        let others = lines.len().saturating_sub(LINES);
        lines.truncate(LINES);
        self.at = Some(micros);
        let count = |one: &NoRoom| ((one.exporter, one.cause.clone()), one.count);
        self.counts = listed.iter().map(count).collect();
        NoRoomChanges { lines, others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(exporter: u32, cause: &'static str, count: u64) -> NoRoom {
        NoRoom { exporter: Host::v4(exporter), cause: cause.into(), count }
    }

    #[test]
    fn who_found_no_room_is_told_with_what_came_since() {
        let mut told = ReportedNoRoom::default();
        let minute = PAUSE_MICROS;
        assert_eq!(told.news(&[], 0), NoRoomChanges::default());
        let first = [one(1, "template_limit", 5), one(2, "held_dropped", 9)];
        let lines = vec![first[1].clone(), first[0].clone()];
        assert_eq!(told.news(&first, 0), NoRoomChanges { lines, others: 0 });
        // More of it, and something else: a minute later, once.
        let more =
            [one(1, "template_limit", 7), one(2, "held_dropped", 9), one(1, "held_dropped", 1)];
        assert_eq!(told.news(&more, minute - 1), NoRoomChanges::default());
        let lines = vec![one(1, "template_limit", 2), one(1, "held_dropped", 1)];
        assert_eq!(told.news(&more, minute), NoRoomChanges { lines, others: 0 });
        assert_eq!(told.news(&more, 2 * minute), NoRoomChanges::default(), "nothing is new");
        // What waits for nothing is told at once.
        let last = [one(3, "exporter_limit", 1)];
        assert_eq!(told.news(&last, 2 * minute + 1).lines, last);
    }

    #[test]
    fn a_flood_fills_no_log() {
        let mut told = ReportedNoRoom::default();
        let flood: Vec<NoRoom> =
            (0..64).map(|n| one(n, "exporter_limit", 100 - u64::from(n))).collect();
        let NoRoomChanges { lines, others } = told.news(&flood, 0);
        assert_eq!((lines.len(), others, &lines[0]), (LINES, 64 - LINES, &flood[0]));
        assert!(told.counts.len() <= crate::snapshot::MAX_NO_ROOM);
    }
}
