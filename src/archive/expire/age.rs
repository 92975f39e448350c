//! How much time has really passed, for expiry by age.
//!
//! The age of a segment is the time since its slot began. A wall clock that is set forward must
//! not make segments older. Ages are therefore counted by an [`AgeClock`], which advances with
//! the monotonic clock and follows the wall clock only in small steps, as time services make
//! them. A larger step is doubted: a warning is shown, ages ignore the step, and the wall clock
//! is trusted again after it has run without a further step for [`TRUSTED_MS`]. The state is
//! kept in a file in the archive ([`ExpireMark`]), so that a collector that *starts* while the
//! clock is wrong notices it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::clock_behind::ClockBehind;
use crate::archive::regular;
use crate::flow::Time;
use crate::units;

/// The file in the archive's root folder that stores the state of the age clock.
pub const NAME: &str = ".toptalk-age";

/// The largest step of the wall clock between two observations (a minute apart) that is
/// followed at once. Time services slew a clock by less.
const FOLLOWED_MS: i64 = 30_000;

/// The same limit between two runs, when only the wall clock advanced: a restart of the
/// collector or of the machine. It also covers the time since the mark was last written.
const FOLLOWED_AT_START_MS: i64 = 15 * 60_000;

/// The time after which a stepped wall clock is trusted again: long enough for an administrator
/// to see the warning and to set the clock right.
const TRUSTED_MS: i64 = 24 * 3_600_000;

/// The interval between two writes of the mark; it is also written when a doubt begins or ends.
const WRITE_MS: i64 = 5 * 60_000;

/// The largest size of a mark, in bytes.
const MAX_MARK: usize = 1024;

/// The state of the age clock as it was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpireMark {
    /// The time up to which ages were counted.
    reached: Time,
    /// The wall clock at that time.
    wall: Time,
    /// For how long the wall clock had run without a step, in milliseconds.
    steady_ms: i64,
}

impl ExpireMark {
    /// Reads the mark of an archive; `None` if there is none or it cannot be parsed.
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
        // A mark that was cut off within a number has no newline at its end.
        if !text.ends_with('\n') {
            return None;
        }
        let steady_ms = steady_ms.clamp(0, TRUSTED_MS);
        Some((ExpireMark { reached, wall, steady_ms }, ClockBehind::parse(words)?))
    }

    /// Writes the mark to a temporary file, syncs it and renames it.
    fn write(&self, behind: &ClockBehind, root: &Path) -> io::Result<()> {
        let (path, aside) = (root.join(NAME), root.join(format!("{NAME}.tmp")));
        let ExpireMark { reached, wall, steady_ms } = self;
        // A file under the temporary name was left by an interrupted write, or does not belong
        // to toptalk.
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
    /// Whether the wall clock differs from the counted time by more than is followed.
    doubted: bool,
    /// The monotonic time at which the mark was last written.
    written: Option<Time>,
    /// The monotonic time between the last two observations, in milliseconds.
    passed: i64,
    /// The spans during which the wall clock was behind.
    behind: ClockBehind,
}

impl AgeClock {
    /// Starts with the mark of the last run. Without a mark, `newest` is used: the latest time
    /// found in the files of the archive. Without either, the wall clock is trusted.
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

    /// Takes the current readings of both clocks.
    pub(super) fn observe(&mut self, running: Time, wall: Time) {
        let passed = running.since(self.running).max(0);
        self.running = running;
        self.passed = passed;
        self.pass(passed, wall, FOLLOWED_MS);
    }

    /// Notes the slot that is being recorded. While the wall clock is behind, the slot begins
    /// now, whatever time its name gives.
    pub(super) fn recording(&mut self, current: Time) {
        let ExpireMark { reached, wall, .. } = self.mark;
        let by_ms = reached.since(wall);
        if self.doubted && by_ms > FOLLOWED_MS {
            let from = current.min(wall).plus_ms(self.passed.saturating_neg());
            self.behind.observe(from, wall, by_ms);
        }
    }

    /// The time at which a slot began, for its age.
    pub(super) fn began(&self, slot: Time) -> Time {
        self.behind.began(slot)
    }

    /// Advances by `passed` milliseconds of monotonic time. Steps of the wall clock larger than
    /// `followed` are doubted.
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
        self.mark.steady_ms = self.mark.steady_ms.min(TRUSTED_MS);
        let away = wall.since(self.mark.reached);
        let near = away.saturating_abs() <= FOLLOWED_MS;
        if near || self.mark.steady_ms >= TRUSTED_MS {
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

    /// The current time for ages. It is never later than the wall clock, so that a clock that
    /// was set back removes nothing either.
    pub(super) fn now(&self) -> Time {
        self.mark.reached.min(self.mark.wall)
    }

    /// The warning to show while the wall clock is doubted. The text stays the same for the
    /// whole doubt, so that it is logged once.
    pub(super) fn doubt(&self) -> Option<String> {
        let step = self.mark.wall.since(self.mark.reached);
        // A machine that was off for an hour is no reason for a warning.
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

    /// Writes the mark if it is due.
    ///
    /// # Errors
    /// A message why the mark could not be written.
    pub(super) fn save(&mut self, root: &Path) -> Result<(), String> {
        if self.written.is_some_and(|at| self.running.since(at) < WRITE_MS) {
            return Ok(());
        }
        self.written = Some(self.running);
        self.mark.write(&self.behind, root).map_err(|error| {
            format!(
                "cannot write {}, which keeps the age of the archive: {error}",
                root.join(NAME).display()
            )
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

    /// Observes minute by minute, with the wall clock `off` milliseconds from the right time.
    fn minutes(clock: &mut AgeClock, from: i64, count: i64, off: i64) -> i64 {
        for minute in 1..=count {
            let at = NOW.plus_ms(from + minute * MINUTE);
            clock.observe(at, at.plus_ms(off));
        }
        from + count * MINUTE
    }

    #[test]
    fn a_step_adds_no_age_and_is_warned_of_until_it_is_over() {
        for off in [YEAR, -YEAR, DAY, 2 * HOUR] {
            let mut clock = AgeClock::begin(None, None, NOW, NOW);
            let at = minutes(&mut clock, 0, 10, 0);
            assert_eq!((clock.now(), clock.doubt()), (NOW.plus_ms(at), None));
            let at = minutes(&mut clock, at, 30, off);
            assert!(clock.now() <= NOW.plus_ms(at), "{off}");
            let warning = clock.doubt().unwrap();
            assert!(warning.contains("known to have passed"), "{warning}");
            let at = minutes(&mut clock, at, 1, off);
            assert_eq!(clock.doubt().unwrap(), warning, "it is logged once");
            let at = minutes(&mut clock, at, 1, 0);
            assert_eq!((clock.now(), clock.doubt()), (NOW.plus_ms(at), None), "{off}");
        }
    }

    #[test]
    fn a_step_is_trusted_after_a_day() {
        let mut clock = AgeClock::begin(None, None, NOW, NOW);
        let at = minutes(&mut clock, 0, 24 * 60, YEAR);
        assert!(clock.now() <= NOW.plus_ms(at));
        // Another step starts the day again.
        let at = minutes(&mut clock, at, 24 * 60, YEAR + HOUR);
        assert!(clock.now() <= NOW.plus_ms(at));
        let at = minutes(&mut clock, at, 2, YEAR + HOUR);
        assert_eq!(clock.now(), NOW.plus_ms(at + YEAR + HOUR), "the clock was wrong before");
        assert_eq!(clock.doubt(), None);
    }

    #[test]
    fn a_slewed_clock_is_followed() {
        let mut clock = AgeClock::begin(None, None, NOW, NOW);
        for minute in 1..=100 {
            let at = NOW.plus_ms(minute * MINUTE);
            clock.observe(at, at.plus_ms(minute * 5_000));
        }
        assert_eq!(clock.now(), NOW.plus_ms(100 * (MINUTE + 5_000)));
        assert_eq!(clock.doubt(), None);
    }

    #[test]
    fn a_start_with_a_wrong_clock_is_noticed_by_the_mark_and_by_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(ExpireMark::read(root), None);
        let mut clock = AgeClock::begin(None, None, NOW, NOW);
        clock.save(root).unwrap();
        minutes(&mut clock, 0, 4, 0);
        clock.save(root).unwrap();
        assert_eq!(
            ExpireMark::read(root).unwrap().0.reached,
            NOW,
            "it is written every five minutes"
        );
        let at = minutes(&mut clock, 4 * MINUTE, 2, 0);
        clock.save(root).unwrap();
        assert_eq!(ExpireMark::read(root).unwrap().0.reached, NOW.plus_ms(at));
        // Started several times, with the clock a year ahead or long behind.
        for (wall, warning) in [(NOW.plus_ms(YEAR), "ahead of"), (Time(0), "behind")] {
            for _ in 0..3 {
                let mut clock = AgeClock::begin(ExpireMark::read(root), None, wall, wall);
                assert!(clock.now() <= NOW.plus_ms(at + 10 * MINUTE));
                assert!(clock.doubt().unwrap().contains(warning), "{:?}", clock.doubt());
                clock.observe(wall.plus_ms(MINUTE), wall.plus_ms(MINUTE));
                clock.save(root).unwrap();
            }
        }
        // An archive of an earlier version has no mark, but files.
        let clock = AgeClock::begin(None, Some(NOW), NOW.plus_ms(YEAR), NOW.plus_ms(YEAR));
        assert_eq!(clock.now(), NOW);
        let clock = AgeClock::begin(None, Some(NOW.plus_ms(YEAR)), NOW, NOW);
        assert_eq!((clock.now(), clock.doubt()), (NOW, None), "files of a clock that was ahead");
    }

    #[test]
    fn a_restart_is_no_step_and_the_day_of_waiting_continues_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut clock = AgeClock::begin(None, None, NOW, NOW);
        let mut at = minutes(&mut clock, 0, 1, DAY);
        for _ in 0..3 {
            at = minutes(&mut clock, at, 9 * 60, DAY);
            clock.written = None;
            clock.save(root).unwrap();
            // The machine restarts within ten minutes.
            at += 10 * MINUTE;
            let running = NOW.plus_ms(at);
            clock = AgeClock::begin(ExpireMark::read(root), None, running, running.plus_ms(DAY));
        }
        assert_eq!((clock.now(), clock.doubt()), (NOW.plus_ms(at + DAY), None));
    }

    #[test]
    fn text_that_is_no_mark_is_rejected() {
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
        /// Whatever the wall clock does within a day, no segment gets older than by monotonic
        /// time and small steps.
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
