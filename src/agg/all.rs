//! The span of `--window all`: everything that is in memory.
//!
//! A record is about the time before it arrived. So the span of everything that was received
//! is not the time of listening, and it is seldom known completely: of the time before,
//! only what was reported later is known, and of the newest time, nothing of the flows that
//! still run. Rates are bytes that passed in the span, over the span.

use super::Config;
use super::lag::Lag;
use super::pane::{Edges, FINE, Panes, floor, moment, seconds};
use super::reported::ReportedTime;
use super::timing::MAX_LAG_MS;
use super::totals::SiteTotals;
use crate::flow::Time;
use crate::snapshot::{AnswerSpan, Completeness};
use crate::units::duration;

/// The shortest span of which `all` says that it is known completely, in milliseconds.
const SHORTEST_MS: i64 = 5_000;

/// Records that arrive within this time after their traffic are not late: windows move in
/// steps of it.
const PROMPT_MS: i64 = FINE as i64 * 1000;

/// A span reaches back at least this far if records do. Farther back it only reaches if more
/// than one part in [`OLD_PART`] of the bytes lies there: a few long flows of little traffic
/// would otherwise thin out all rates.
const FAR_MS: i64 = 300_000;
const OLD_PART: u64 = 100;

/// What is known when an answer is made.
pub(super) struct KnownTime<'a> {
    pub config: &'a Config,
    pub edges: Edges,
    pub lag: Lag,
    pub totals: &'a SiteTotals,
    pub reported: ReportedTime,
    pub now: Time,
}

impl KnownTime<'_> {
    /// The panes and the span of all that is in memory, and a note if the span begins before
    /// collecting did.
    pub(super) fn span(&self) -> (Panes, AnswerSpan, Option<String>) {
        if self.config.keep_all {
            let start = self.reported.earliest.map_or(self.started(), |at| at.min(self.started()));
            let span = AnswerSpan { start, end: self.now, completeness: self.filling(self.now) };
            let panes = Panes { edges: self.edges, start: 0, end: u32::MAX, known: 0 };
            return (panes, span, self.reach_note(start));
        }
        if self.config.to_now { self.listened() } else { self.collected() }
    }

    fn started(&self) -> Time {
        self.config.started
    }

    fn begun(&self) -> u32 {
        seconds(self.started()).saturating_add(1) / FINE * FINE
    }

    fn filling(&self, end: Time) -> Completeness {
        match self.lag.beyond {
            Some((exporter, active_timeout_ms)) => {
                Completeness::Incomplete { exporter, active_timeout_ms }
            }
            None => Completeness::Filling { known_ms: end.since(self.started()).max(0) },
        }
    }

    fn complete(&self, end: Time) -> Completeness {
        match self.lag.beyond {
            Some(_) => self.filling(end),
            None => Completeness::Complete,
        }
    }

    /// Of a collector that goes on: from its start, or an hour ago, to the end of live windows.
    /// Just after its start, that is nothing yet, and the span is as if it listened for a while.
    fn collected(&self) -> (Panes, AnswerSpan, Option<String>) {
        let KnownTime { edges, .. } = *self;
        let begun = edges.ceil(self.begun());
        if moment(edges.edge).since(moment(begun)) < SHORTEST_MS {
            return self.listened();
        }
        let start = begun.max(edges.keep_from);
        let span = AnswerSpan {
            start: moment(start),
            end: moment(edges.edge),
            // Until then, exporters with a longer active timeout may not have reported once.
            completeness: match self.now.since(self.started()) >= MAX_LAG_MS + self.lag.ms {
                true => self.complete(moment(edges.edge)),
                false => self.filling(moment(edges.edge)),
            },
        };
        (Panes { edges, start, end: edges.edge, known: start }, span, None)
    }

    /// Of a process that listens for a while. If it listened so long that the records cover
    /// most of that time, the span is what they cover completely. Otherwise it is all the time
    /// that they are about.
    fn listened(&self) -> (Panes, AnswerSpan, Option<String>) {
        let edges = self.edges;
        let lag = if self.reported.timed { self.lag.ms.max(0) } else { 0 };
        let listened = self.now.since(self.started()).max(0);
        let begun = edges.ceil(self.begun());
        let covered = floor(seconds(self.now.plus_ms(-lag)), FINE);
        let goes_on =
            self.reported.newest.is_some_and(|at| self.now.since(at) <= lag.max(PROMPT_MS));
        let long_enough = listened >= 2 * lag + SHORTEST_MS && begun < covered;
        if goes_on && long_enough && self.holds_most(begun, covered) {
            let end = moment(covered);
            let is_known = !self.reported.timed || listened >= MAX_LAG_MS + lag;
            let completeness = if is_known { self.complete(end) } else { self.filling(end) };
            let span = AnswerSpan { start: moment(begun), end, completeness };
            return (Panes { edges, start: begun, end: covered, known: begun }, span, None);
        }
        let end = floor(seconds(self.now), FINE).saturating_add(FINE);
        let earliest = self.reported.earliest.unwrap_or(self.now);
        let oldest = floor(seconds(earliest), FINE).max(edges.keep_from);
        let far = floor(seconds(self.started().plus_ms(-FAR_MS)), FINE);
        let is_thin =
            |far| self.totals.bytes_before(far) <= self.totals.bytes_before(end) / OLD_PART;
        let start = if oldest < far && is_thin(far) { far } else { oldest };
        let start =
            edges.pane(start.min(floor(seconds(self.started()), FINE)).max(edges.keep_from));
        let is_before = moment(start) < self.started().plus_ms(-PROMPT_MS);
        // Nothing passed before the earliest flow. After the latest one, only flows passed that
        // are not reported yet.
        let earliest = earliest.max(moment(start));
        let latest = self.reported.latest.unwrap_or(self.now).min(self.now);
        let begin = if is_before { earliest } else { self.started() };
        let is_over = is_before && latest.since(earliest) >= PROMPT_MS;
        let until = if is_over { latest } else { self.now };
        let prompt = self.reported.newest.is_some() && !self.reported.timed && !is_before;
        let completeness = if prompt { self.complete(until) } else { self.filling(until) };
        let span = AnswerSpan { start: begin, end: until, completeness };
        (Panes { edges, start, end, known: start }, span, self.reach_note(begin))
    }

    /// Whether `[begun, covered)` holds at least as many bytes as what was reported of the time
    /// after it. With fewer, there was a burst at the end, and a span without it would answer
    /// another question.
    fn holds_most(&self, begun: u32, covered: u32) -> bool {
        let before = |end| self.totals.bytes_before(end);
        let held = before(covered).saturating_sub(before(begun));
        held >= before(u32::MAX).saturating_sub(before(covered))
    }

    /// Explains a span that begins before collecting did.
    fn reach_note(&self, start: Time) -> Option<String> {
        let before = self.started().since(start);
        let listened = self.now.since(self.started()).max(0);
        (before > PROMPT_MS).then(|| {
            let (reach, listened) = (duration(before / 1000 * 1000), duration(listened));
            format!(
                "the records reach back {reach} before listening began, and flows that still \
                 run are not reported yet: figures and rates are of all that time, of which \
                 {listened} were listened to; listen longer (--for), or ask a collector that \
                 runs all the time"
            )
        })
    }
}
