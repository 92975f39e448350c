//! The spans of time during which the wall clock was behind: a machine without a battery-backed
//! clock starts in 1970 until a time service answers, or somebody set the clock back.
//!
//! Segments recorded in such a span are named after the wrong clock. Their age must not be
//! counted from their names, or they would be removed at once.
//! counted by its name: it would be removed as soon as it is there.

use std::fmt;

use crate::flow::Time;

/// The number of spans that are kept, the newest ones. Each needs a step of the clock, or a
/// start with a wrong clock.
const MAX_SPANS: usize = 8;

/// Offsets that differ by at most this many milliseconds belong to the same span: time services
/// slew the clock, and between two runs only a part of the time is counted.
const SAME_MS: i64 = 15 * 60_000;

/// The clock is observed once a minute and may be set right after the last observation. Slots
/// up to this many milliseconds after that observation belong to the span as well.
const OBSERVATION_MS: i64 = 5 * 60_000;

/// A span during which the wall clock was behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BehindSpan {
    /// The wall clock at its beginning.
    from: Time,
    /// The wall clock at its end.
    to: Time,
    /// By how many milliseconds the wall clock was behind.
    by_ms: i64,
}

/// All known spans, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClockBehind(Vec<BehindSpan>);

impl ClockBehind {
    /// Notes that the wall clock is `by_ms` milliseconds behind. `from` is the earliest slot
    /// that can have been recorded with this offset.
    pub(super) fn observe(&mut self, from: Time, wall: Time, by_ms: i64) {
        let same = |span: &&mut BehindSpan| {
            wall >= span.from && by_ms.saturating_sub(span.by_ms).saturating_abs() <= SAME_MS
        };
        if let Some(span) = self.0.last_mut().filter(same) {
            span.to = span.to.max(wall.plus_ms(OBSERVATION_MS));
            span.by_ms = span.by_ms.max(by_ms);
            return;
        }
        if self.0.len() >= MAX_SPANS {
            self.0.remove(0);
        }
        self.0.push(BehindSpan { from, to: wall.plus_ms(OBSERVATION_MS), by_ms });
    }

    /// Removes the newest span: the clock was right, and had been ahead before.
    pub(super) fn was_right(&mut self) {
        self.0.pop();
    }

    /// The time at which a slot with this name really began, as far as known; never earlier
    /// than the name says.
    pub(super) fn began(&self, slot: Time) -> Time {
        let spans = self.0.iter().filter(|span| span.from <= slot && slot <= span.to);
        spans.map(|span| slot.plus_ms(span.by_ms)).max().unwrap_or(slot)
    }

    /// Parses the output of [`fmt::Display`]; `None` for anything else.
    pub(super) fn parse<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<ClockBehind> {
        let mut spans = Vec::new();
        while let Some(word) = words.next() {
            let mut number = || words.next()?.parse::<i64>().ok();
            let (from, to, by_ms) = (Time(number()?), Time(number()?), number()?);
            if word != "behind" || by_ms < 0 || spans.len() >= MAX_SPANS {
                return None;
            }
            spans.push(BehindSpan { from, to, by_ms });
        }
        Some(ClockBehind(spans))
    }
}

impl fmt::Display for ClockBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|BehindSpan { from, to, by_ms }| {
            writeln!(f, "behind {} {} {by_ms}", from.0, to.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const NOW: Time = Time(1_795_491_600_000);

    #[test]
    fn a_slot_began_later_while_the_clock_was_behind() {
        let mut behind = ClockBehind::default();
        let (back, by) = (NOW.plus_ms(-1_000 * HOUR), 1_000 * HOUR);
        behind.observe(back, back.plus_ms(5), by);
        behind.observe(back.plus_ms(60_000), back.plus_ms(60_000), by + 10_000);
        assert_eq!(behind.began(back.plus_ms(30_000)), NOW.plus_ms(40_000));
        for other in [back.plus_ms(-1), back.plus_ms(60_001 + OBSERVATION_MS), NOW] {
            assert_eq!(behind.began(other), other);
        }
        // Another step: both spans are kept, and parse back as they were written.
        behind.observe(Time(0), Time(9), NOW.0);
        assert_eq!(behind.began(Time(5)), NOW.plus_ms(5));
        let text = behind.to_string();
        assert_eq!(
            ClockBehind::parse(text.split_ascii_whitespace()).as_ref(),
            Some(&behind),
            "{text}"
        );
        behind.was_right();
        assert_eq!(behind.began(Time(5)), Time(5));
        for k in 0..100 {
            behind.observe(Time(k), Time(k), k * HOUR);
        }
        assert_eq!(behind.0.len(), MAX_SPANS);
        for wrong in ["behind 1 2", "ahead 1 2 3", "behind 1 2 -3", "behind 1 2 3 4"] {
            assert_eq!(ClockBehind::parse(wrong.split_ascii_whitespace()), None, "{wrong}");
        }
    }
}
