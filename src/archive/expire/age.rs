//! How much time has really passed, for expiry by age.
//!
//! The age of a segment is the time that has passed since its slot began. A wall clock
//! that is set ahead lets no time pass: so ages are counted by an [`AgeClock`], which goes
//! on with running time (monotonic) and follows the wall clock only in small steps, as
//! time services make them. A larger step is doubted: it is told, ages go on without it,
//! and it is believed when the wall clock has run on with it for [`BELIEVED_MS`]. What
//! was reached is kept in a file in the archive ([`Mark`]), so that a collector that is
//! *started* while the clock is wrong knows it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::clock_behind::ClockBehind;
use crate::archive::regular;
use crate::flow::Time;
use crate::units;

/// The file in the folder of an archive that says up to when time has passed.
pub const NAME: &str = ".toptalk-age";

/// A step of the wall clock between two looks, a minute apart, that is followed at once:
/// time services slew a clock by less.
const FOLLOWED_MS: i64 = 30_000;

/// The same from one run to the next, during which only the wall clock went on: a restart,
/// or a machine that starts anew. Also covers the time since the mark was last written.
const FOLLOWED_AT_START_MS: i64 = 15 * 60_000;

/// A wall clock that has run on for so long after a step is believed: long enough for an
/// administrator to read the warning and to set the clock right.
const BELIEVED_MS: i64 = 24 * 3_600_000;

/// The mark is written anew this often, and whenever a doubt begins or ends.
const WRITE_MS: i64 = 5 * 60_000;

/// A mark is not longer than this.
const MAX_MARK: usize = 1024;

/// What is known from the last run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpireMark {
    /// Up to when time had passed.
    reached: Time,
    /// What the wall clock said then.
    wall: Time,
    /// For how long it had run without a step.
    steady_ms: i64,
}

impl ExpireMark {
    /// Reads the mark of an archive; `None` when there is none, or none that makes sense.
    pub(super) fn read(root: &Path) -> Option<(ExpireMark, ClockBehind)> {
        let bytes = regular::read(&root.join(NAME), MAX_MARK).ok()?;
        ExpireMark::parse(std::str::from_utf8(&bytes).ok()?)
    }

    fn parse(text: &str) -> Option<(ExpireMark, ClockBehind)> {
        let mut words = text.split_ascii_whitespace();
        if (words.next()?, words.next()?) != ("toptalk-age", "1") {
            return None;
        }
        let mut number = || words.next()?.parse::<i64>().ok();
        let (reached, wall, steady_ms) = (Time(number()?), Time(number()?), number()?);
        // A mark that was cut off in the middle of a number has no end of its line.
        if !text.ends_with('\n') {
            return None;
        }
        let steady_ms = steady_ms.clamp(0, BELIEVED_MS);
        Some((ExpireMark { reached, wall, steady_ms }, ClockBehind::parse(words)?))
    }

    /// Writes the mark aside, has it synced and renames it.
    fn write(&self, behind: &ClockBehind, root: &Path) -> io::Result<()> {
        let (path, aside) = (root.join(NAME), root.join(format!("{NAME}.tmp")));
        let ExpireMark { reached, wall, steady_ms } = self;
        // What lies there under this name was left by a kill, or is none of ours.
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::File::create_new(&aside)?;
        write!(file, "toptalk-age 1 {} {} {steady_ms}\n{behind}", reached.0, wall.0)?;
        file.sync_all()?;
        fs::rename(&aside, &path)
    }
}

/// Counts the time that has really passed.
#[derive(Clone, Debug)]
pub(super) struct AgeClock {
    mark: ExpireMark,
    running: Time,
    /// Whether the wall clock differs from what was reached by more than is followed.
    doubted: bool,
    /// Running time at which the mark was written.
    written: Option<Time>,
    /// Running time between the last two looks, in milliseconds.
    passed: i64,
    /// When the wall clock was behind.
    behind: ClockBehind,
}

impl AgeClock {
    /// Begins with what the last run left. Without a mark, `newest` is the latest moment of
    /// which files of the archive tell; without either, the wall clock is believed.
    pub(super) fn begin(
        mark: Option<(ExpireMark, ClockBehind)>,
        newest: Option<Time>,
        running: Time,
        wall: Time,
    ) -> AgeClock {
        let reached = newest.map_or(wall, |newest| newest.min(wall));
        let first = ExpireMark { reached, wall: reached, steady_ms: 0 };
        let (mark, behind) = mark.unwrap_or((first, ClockBehind::default()));
        let mut clock =
            AgeClock { mark, running, doubted: false, written: None, passed: 0, behind };
        clock.pass(0, wall, FOLLOWED_AT_START_MS);
        clock
    }

    /// Takes in what the clocks say now.
    pub(super) fn observe(&mut self, running: Time, wall: Time) {
        let passed = running.since(self.running).max(0);
        self.running = running;
        self.passed = passed;
        self.pass(passed, wall, FOLLOWED_MS);
    }

    /// Takes note of the slot that is recorded into: one of a clock that is behind begins
    /// now, whatever it is called.
    pub(super) fn recording(&mut self, current: Time) {
        let ExpireMark { reached, wall, .. } = self.mark;
        let by_ms = reached.since(wall);
        if self.doubted && by_ms > FOLLOWED_MS {
            let from = current.min(wall).plus_ms(self.passed.saturating_neg());
            self.behind.observe(from, wall, by_ms);
        }
    }

    /// When a slot began by which ages are counted.
    pub(super) fn began(&self, slot: Time) -> Time {
        self.behind.began(slot)
    }

    /// Running time went on by `passed`; other steps of the wall clock than small ones
    /// are doubted.
    fn pass(&mut self, passed: i64, wall: Time, followed: i64) {
        let was_doubted = self.doubted;
        let ExpireMark { reached, wall: before, steady_ms } = self.mark;
        let step = wall.since(before.plus_ms(passed));
        let small = step.saturating_abs() <= followed;
        let passed_now = passed.saturating_add(if small { step } else { 0 }).max(0);
        self.mark = ExpireMark {
            reached: reached.plus_ms(passed_now),
            wall,
            steady_ms: if small { steady_ms.saturating_add(passed_now) } else { 0 },
        };
        self.mark.steady_ms = self.mark.steady_ms.min(BELIEVED_MS);
        let away = wall.since(self.mark.reached);
        let near = away.saturating_abs() <= FOLLOWED_MS;
        if near || self.mark.steady_ms >= BELIEVED_MS {
            if was_doubted && !near && away < 0 {
                self.behind.was_right();
            }
            self.mark.reached = wall;
            self.doubted = false;
        } else {
            self.doubted = true;
        }
        if was_doubted != self.doubted {
            self.written = None;
        }
    }

    /// The moment by which ages are counted: never later than the wall clock has it, so
    /// that one that was set back removes nothing either.
    pub(super) fn now(&self) -> Time {
        self.mark.reached.min(self.mark.wall)
    }

    /// What is told while the wall clock is doubted. The text stays the same as long as
    /// the doubt does.
    pub(super) fn doubt(&self) -> Option<String> {
        let step = self.mark.wall.since(self.mark.reached);
        // A machine that was off for an hour is nothing to warn of.
        if !self.doubted || step.saturating_abs() < 3_600_000 {
            return None;
        }
        let hours = step.saturating_abs() / 3_600_000;
        let by = units::duration(hours.saturating_mul(3_600_000));
        let way = if step > 0 { "ahead of" } else { "behind" };
        Some(format!(
            "the clock is {by} {way} the time that is known to have passed: it was set, or the \
             machine was off. Expiry by age counts that only when the clock has run on for a \
             day; if it is wrong, set it right before"
        ))
    }

    /// Writes the mark when that is due. Says why it could not be written.
    pub(super) fn keep(&mut self, root: &Path) -> Result<(), String> {
        if self.written.is_some_and(|at| self.running.since(at) < WRITE_MS) {
            return Ok(());
        }
        self.written = Some(self.running);
        self.mark.write(&self.behind, root).map_err(|error| {
            format!("the age of the archive is not kept in {}: {error}", root.join(NAME).display())
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    const NOW: Time = Time(1_795_491_600_000);

    /// Lets minutes pass with the wall clock this far from the right time.
    fn minutes(clock: &mut AgeClock, from: i64, count: i64, off: i64) -> i64 {
        for minute in 1..=count {
            let at = NOW.plus_ms(from + minute * MINUTE);
            clock.observe(at, at.plus_ms(off));
        }
        from + count * MINUTE
    }

    #[test]
    fn a_step_is_no_age_and_is_told_until_it_is_over() {
        for off in [YEAR, -YEAR, DAY, 2 * HOUR] {
            let mut clock = AgeClock::begin(None, None, NOW, NOW);
            let at = minutes(&mut clock, 0, 10, 0);
            assert_eq!((clock.now(), clock.doubt()), (NOW.plus_ms(at), None));
            let at = minutes(&mut clock, at, 30, off);
            assert!(clock.now() <= NOW.plus_ms(at), "{off}");
            let said = clock.doubt().unwrap();
            assert!(said.contains("known to have passed"), "{said}");
            let at = minutes(&mut clock, at, 1, off);
            assert_eq!(clock.doubt().unwrap(), said, "it is told once");
            let at = minutes(&mut clock, at, 1, 0);
            assert_eq!((clock.now(), clock.doubt()), (NOW.plus_ms(at), None), "{off}");
        }
    }

    #[test]
    fn a_step_is_waited_out_for_a_day() {
        let mut clock = AgeClock::begin(None, None, NOW, NOW);
        let at = minutes(&mut clock, 0, 24 * 60, YEAR);
        assert!(clock.now() <= NOW.plus_ms(at));
        // Another step begins the day anew.
        let at = minutes(&mut clock, at, 24 * 60, YEAR + HOUR);
        assert!(clock.now() <= NOW.plus_ms(at));
        let at = minutes(&mut clock, at, 2, YEAR + HOUR);
        assert_eq!(clock.now(), NOW.plus_ms(at + YEAR + HOUR), "the clock was wrong before");
        assert_eq!(clock.doubt(), None);
    }

    #[test]
    fn a_clock_that_is_slewed_is_followed() {
        let mut clock = AgeClock::begin(None, None, NOW, NOW);
        for minute in 1..=100 {
            let at = NOW.plus_ms(minute * MINUTE);
            clock.observe(at, at.plus_ms(minute * 5_000));
        }
        assert_eq!(clock.now(), NOW.plus_ms(100 * (MINUTE + 5_000)));
        assert_eq!(clock.doubt(), None);
    }

    #[test]
    fn a_start_with_a_wrong_clock_is_known_by_the_mark_and_by_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(ExpireMark::read(root), None);
        let mut clock = AgeClock::begin(None, None, NOW, NOW);
        clock.keep(root).unwrap();
        minutes(&mut clock, 0, 4, 0);
        clock.keep(root).unwrap();
        assert_eq!(
            ExpireMark::read(root).unwrap().0.reached,
            NOW,
            "it is written every five minutes"
        );
        let at = minutes(&mut clock, 4 * MINUTE, 2, 0);
        clock.keep(root).unwrap();
        assert_eq!(ExpireMark::read(root).unwrap().0.reached, NOW.plus_ms(at));
        // Started again and again, the clock a year ahead or as it was long ago.
        for (wall, said) in [(NOW.plus_ms(YEAR), "ahead of"), (Time(0), "behind")] {
            for _ in 0..3 {
                let mut clock = AgeClock::begin(ExpireMark::read(root), None, wall, wall);
                assert!(clock.now() <= NOW.plus_ms(at + 10 * MINUTE));
                assert!(clock.doubt().unwrap().contains(said), "{:?}", clock.doubt());
                clock.observe(wall.plus_ms(MINUTE), wall.plus_ms(MINUTE));
                clock.keep(root).unwrap();
            }
        }
        // An archive of an earlier version has no mark, but files.
        let clock = AgeClock::begin(None, Some(NOW), NOW.plus_ms(YEAR), NOW.plus_ms(YEAR));
        assert_eq!(clock.now(), NOW);
        let clock = AgeClock::begin(None, Some(NOW.plus_ms(YEAR)), NOW, NOW);
        assert_eq!((clock.now(), clock.doubt()), (NOW, None), "files of a clock that was ahead");
    }

    #[test]
    fn a_restart_is_no_step_and_a_day_of_waiting_goes_on_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut clock = AgeClock::begin(None, None, NOW, NOW);
        let mut at = minutes(&mut clock, 0, 1, DAY);
        for _ in 0..3 {
            at = minutes(&mut clock, at, 9 * 60, DAY);
            clock.written = None;
            clock.keep(root).unwrap();
            // The machine starts anew within ten minutes.
            at += 10 * MINUTE;
            let running = NOW.plus_ms(at);
            clock = AgeClock::begin(ExpireMark::read(root), None, running, running.plus_ms(DAY));
        }
        assert_eq!((clock.now(), clock.doubt()), (NOW.plus_ms(at + DAY), None));
    }

    #[test]
    fn what_is_no_mark_is_not_taken_for_one() {
        for text in ["", "toptalk-age 1 1 2 3", "toptalk-age 2 1 2 3\n", "toptalk-age 1 1 2\n"] {
            assert_eq!(ExpireMark::parse(text), None, "{text:?}");
        }
        let mark = ExpireMark { reached: Time(1), wall: Time(-2), steady_ms: 3 };
        assert_eq!(
            ExpireMark::parse("toptalk-age 1 1 -2 3\n"),
            Some((mark, ClockBehind::default()))
        );
    }

    proptest! {
        /// Whatever a wall clock does within a day, no segment looks older than running
        /// time and small steps make it.
        #[test]
        fn no_step_makes_anything_old(steps in prop::collection::vec(any::<i64>(), 1..60)) {
            let mut clock = AgeClock::begin(None, None, NOW, NOW);
            for (minute, step) in (1..).zip(&steps) {
                clock.observe(NOW.plus_ms(minute * MINUTE), NOW.plus_ms(*step));
                prop_assert!(clock.now() <= NOW.plus_ms(minute * (MINUTE + FOLLOWED_MS)));
            }
        }
    }
}
