//! Times in their written forms: `2026-04-10 12:30`, `2h`, `yesterday`, and nfdump's
//! `2026/04/10.12:30:00`.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::flow::Time;
use crate::units::parse_duration;

/// A time as it was written; what it means depends on the current time and the time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenTime {
    /// A point in time.
    At(Time),
    /// A local time.
    Wall(DateTime),
    /// A whole day.
    Day(Date),
    /// A whole month or year: its first day, and the day after its last one.
    Days(Date, Date),
    /// This many days before today.
    DaysAgo(i32),
    /// A time of day, this many days before today.
    DaysAgoAt(i32, jiff::civil::Time),
    /// A time of day: the last time it was that time.
    Clock(jiff::civil::Time),
    /// This many milliseconds before now.
    Ago(i64),
}

/// The end of a window that a time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The start: a day, a month or a year stands for its beginning.
    From,
    /// The end: a day, a month or a year stands for its end.
    To,
}

/// The value of `-t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeWindow {
    /// From one time to another; without the second one, the whole period of the first.
    Between(WrittenTime, Option<WrittenTime>),
    /// The first milliseconds of the data.
    Head(i64),
    /// The last milliseconds of the data.
    Tail(i64),
}

/// Why a time is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// A text of another form; it is for `--from` and `--to`.
    #[error(
        "expected a time such as 14:20, 2026-04-10, 2026-04, 2026, 2026-04-10T12:30, 2026-04-10T12:30+02:00, 2h (ago), 3d, today, yesterday or 'yesterday 14:00', found `{0}`"
    )]
    Form(String),
    /// A text of another form; it is for `-t`.
    #[error(
        "expected a time such as YYYY/MM/dd.hh:mm:ss[-YYYY/MM/dd.hh:mm:ss], +N or -N, found `{0}`"
    )]
    Window(String),
    /// A local time that occurred twice.
    #[error(
        "{wall} occurred twice in {zone}, because the clocks were set back: write {earlier} or {later}"
    )]
    Twice {
        /// The local time.
        wall: DateTime,
        /// The time zone.
        zone: String,
        /// The earlier time, with its offset.
        earlier: String,
        /// The later time, with its offset.
        later: String,
    },
    /// A local time that was skipped.
    #[error(
        "{wall} did not occur in {zone}, because the clocks were set forward: write {before} or {after}"
    )]
    Never {
        /// The local time.
        wall: DateTime,
        /// The time zone.
        zone: String,
        /// The time with the offset before the change.
        before: String,
        /// The time with the offset after the change.
        after: String,
    },
    /// A time that cannot be represented.
    #[error("the time is outside the calendar")]
    Calendar,
}

impl WhenError {
    /// Replaces the suggested times, which are in the form `2026-10-25T02:30:00+02:00`, by the
    /// form that the user can write.
    #[must_use]
    pub fn with_spelling(self, spell: impl Fn(String) -> String) -> WhenError {
        match self {
            WhenError::Twice { wall, zone, earlier, later } => {
                WhenError::Twice { wall, zone, earlier: spell(earlier), later: spell(later) }
            }
            WhenError::Never { wall, zone, before, after } => {
                WhenError::Never { wall, zone, before: spell(before), after: spell(after) }
            }
            other => other,
        }
    }

    /// The suggested times in the form of `-t`: `2026/10/25.02:30:00+02:00`.
    #[must_use]
    pub fn in_slashes(self) -> WhenError {
        self.with_spelling(|iso| match iso.split_once('T') {
            Some((date, time)) => format!("{}.{time}", date.replace('-', "/")),
            None => iso,
        })
    }
}

const DAY_MS: i64 = 86_400_000;

impl WrittenTime {
    /// Parses the value of `--from` and `--to`: ISO 8601, a date, an age (`90s`, `5m`, `2h`,
    /// `3d`, `1w`), a time of day, `now`, `today` or `yesterday`, of which the last two may be
    /// followed by a time of day.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<WrittenTime, WhenError> {
        let word = text.trim();
        if word.eq_ignore_ascii_case("now") {
            return Ok(WrittenTime::Ago(0));
        }
        if let Some(days) = named_day(word) {
            return Ok(WrittenTime::DaysAgo(days));
        }
        if let Some(clock) = clock(word) {
            return Ok(WrittenTime::Clock(clock));
        }
        if let Some((day, time)) = word.split_once(char::is_whitespace)
            && let (Some(days), Some(clock)) = (named_day(day), clock(time.trim()))
        {
            return Ok(WrittenTime::DaysAgoAt(days, clock));
        }
        if let Some(ms) = age(word) {
            return Ok(WrittenTime::Ago(ms));
        }
        // jiff ignores the zone and the calendar of RFC 9557 (`[Asia/Tokyo]`).
        if word.contains('[') {
            return Err(WhenError::Form(text.to_owned()));
        }
        if let Ok(stamp) = word.parse::<Timestamp>() {
            return Ok(WrittenTime::At(Time(stamp.as_millisecond())));
        }
        // jiff also parses a date as its midnight, and a time without minutes.
        if let (10, Ok(date)) = (word.len(), word.parse::<Date>()) {
            return Ok(WrittenTime::Day(date));
        }
        if let (true, Ok(wall)) = (word.len() > 10, word.parse::<DateTime>()) {
            return Ok(WrittenTime::Wall(wall));
        }
        // A month in the form of ISO 8601, which jiff does not parse.
        let month =
            word.split_once('-').filter(|(year, month)| (year.len(), month.len()) == (4, 2));
        let with_spelling =
            month.map_or_else(|| word.to_owned(), |(year, month)| format!("{year}/{month}"));
        whole(&with_spelling).ok_or_else(|| WhenError::Form(text.to_owned()))
    }

    /// The point in time, for the current time `now` and the time zone of local times.
    ///
    /// # Errors
    /// When the local time is ambiguous or was skipped.
    pub fn resolve(self, end: End, now: Time, zone: &TimeZone) -> Result<Time, WhenError> {
        match self {
            WrittenTime::At(time) => Ok(time),
            WrittenTime::Wall(wall) => at(wall, zone),
            WrittenTime::Ago(ms) => Ok(now.plus_ms(ms.saturating_neg())),
            WrittenTime::Day(date) => day(date, end, zone),
            WrittenTime::Days(first, next) => match end {
                End::From => day(first, end, zone),
                End::To => day(next.saturating_sub(1.day()), end, zone),
            },
            WrittenTime::DaysAgo(days) => day(days_before(days, now, zone)?, end, zone),
            WrittenTime::DaysAgoAt(days, clock) => {
                at(days_before(days, now, zone)?.to_datetime(clock), zone)
            }
            WrittenTime::Clock(clock) => {
                let today = at(days_before(0, now, zone)?.to_datetime(clock), zone)?;
                match today > now {
                    true => at(days_before(1, now, zone)?.to_datetime(clock), zone),
                    false => Ok(today),
                }
            }
        }
    }

    /// The end of a time that begins at `from`. A time of day is the first one after that, so
    /// that `--from 23:00 --to 00:30` is an hour and a half.
    ///
    /// # Errors
    /// As [`resolve`](WrittenTime::resolve).
    pub fn resolve_after(self, from: Time, now: Time, zone: &TimeZone) -> Result<Time, WhenError> {
        let WrittenTime::Clock(clock) = self else { return self.resolve(End::To, now, zone) };
        let same = at(days_before(0, from, zone)?.to_datetime(clock), zone)?;
        match same < from {
            true => at(days_before(-1, from, zone)?.to_datetime(clock), zone),
            false => Ok(same),
        }
    }

    /// Whether this is `yesterday`, which alone is a whole day and not the time since then.
    #[must_use]
    pub fn is_past_day(self) -> bool {
        matches!(self, WrittenTime::DaysAgo(1..))
    }
}

/// The date so many days before that of `time`.
fn days_before(days: i32, time: Time, zone: &TimeZone) -> Result<Date, WhenError> {
    let stamp = Timestamp::from_millisecond(time.0).map_err(|_| WhenError::Calendar)?;
    Ok(zone.to_datetime(stamp).date().saturating_sub(days.days()))
}

/// The day that is meant by `today` or `yesterday`, as days before today.
fn named_day(word: &str) -> Option<i32> {
    ["today", "yesterday"]
        .iter()
        .zip(0..)
        .find_map(|(name, days)| word.eq_ignore_ascii_case(name).then_some(days))
}

/// Parses `14:20` or `14:20:05`.
fn clock(word: &str) -> Option<jiff::civil::Time> {
    let parts: Vec<i8> = word
        .split(':')
        .map(|part| number(part).filter(|_| part.len() <= 2)?.try_into().ok())
        .collect::<Option<_>>()?;
    match parts[..] {
        [hour, minute] => jiff::civil::Time::new(hour, minute, 0, 0).ok(),
        [hour, minute, second] => jiff::civil::Time::new(hour, minute, second, 0).ok(),
        _ => None,
    }
}

/// Parses `90s`, `5m`, `2h`, `3d` or `1w` to milliseconds; a bare number is not an age.
fn age(word: &str) -> Option<i64> {
    let number = |end: char| word.strip_suffix(end)?.parse::<u32>().ok().map(i64::from);
    if let Some(days) = number('d') {
        return days.checked_mul(DAY_MS);
    }
    if let Some(weeks) = number('w') {
        return weeks.checked_mul(7 * DAY_MS);
    }
    word.ends_with(|last: char| last.is_ascii_alphabetic())
        .then(|| parse_duration(word).ok())
        .flatten()
}

/// The beginning of a day, or its last millisecond.
fn day(date: Date, end: End, zone: &TimeZone) -> Result<Time, WhenError> {
    // If midnight was skipped, the day begins at the first time after the gap.
    let begin = |date: Date| {
        let midnight = zone.to_ambiguous_timestamp(date.to_datetime(jiff::civil::Time::midnight()));
        midnight.compatible().map(|stamp| Time(stamp.as_millisecond()))
    };
    match end {
        End::From => begin(date),
        End::To => begin(date.saturating_add(1.day())).map(|time| time.plus_ms(-1)),
    }
    .map_err(|_| WhenError::Calendar)
}

/// The point in time of a local time.
///
/// # Errors
/// When the local time is ambiguous or was skipped; the error has both readings.
pub fn at(wall: DateTime, zone: &TimeZone) -> Result<Time, WhenError> {
    let name = || zone.iana_name().unwrap_or("this zone").to_owned();
    let with = |offset: Offset| {
        let stamp = offset.to_timestamp(wall).map_err(|_| WhenError::Calendar)?;
        Ok::<_, WhenError>(stamp.display_with_offset(offset).to_string())
    };
    let readings = zone.to_ambiguous_timestamp(wall);
    match readings.offset() {
        AmbiguousOffset::Unambiguous { .. } => {}
        AmbiguousOffset::Fold { before, after } => {
            let (earlier, later) = (with(before)?, with(after)?);
            return Err(WhenError::Twice { wall, zone: name(), earlier, later });
        }
        AmbiguousOffset::Gap { before, after } => {
            let (before, after) = (with(before)?, with(after)?);
            return Err(WhenError::Never { wall, zone: name(), before, after });
        }
    }
    let stamp = readings.unambiguous().map_err(|_| WhenError::Calendar)?;
    Ok(Time(stamp.as_millisecond()))
}

/// Parses the value of `-t` (nfdump(1)): two times separated by a hyphen, of which everything
/// after the year may be omitted, or seconds such as `+10` or `-10`. A time of day may be
/// followed by its offset, which distinguishes the two hours when the clocks are set back:
/// `2026/10/25.02:30+02:00`.
///
/// # Errors
/// When the text has another form.
pub fn window(text: &str) -> Result<TimeWindow, WhenError> {
    let wrong = || WhenError::Window(text.to_owned());
    let text_trimmed = text.trim();
    let seconds = |digits: &str| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = digits.parse().ok().filter(|seconds| plain && *seconds > 0)?;
        seconds.checked_mul(1000)
    };
    if let Some(digits) = text_trimmed.strip_prefix('+') {
        return seconds(digits).map(TimeWindow::Head).ok_or_else(wrong);
    }
    if let Some(digits) = text_trimmed.strip_prefix('-') {
        return seconds(digits).map(TimeWindow::Tail).ok_or_else(wrong);
    }
    // The hyphen between two times is followed by a year, that of an offset by an hour.
    let between = text_trimmed.match_indices('-').find(|(at, _)| {
        let rest = text_trimmed.get(at + 1..).unwrap_or("");
        offset_of(rest.get(..5).unwrap_or("")).is_none()
    });
    let (from, to) = match between.map(|(at, _)| text_trimmed.split_at(at)) {
        Some((from, to)) => (from, to.strip_prefix('-')),
        None => (text_trimmed, None),
    };
    let from = slashed(from).ok_or_else(wrong)?;
    let to = to.map(|to| slashed(to).ok_or_else(wrong)).transpose()?;
    Ok(TimeWindow::Between(from, to))
}

/// [`slashed`], except that a date without a time of day means its whole day, month or year.
fn whole(text: &str) -> Option<WrittenTime> {
    let when = slashed(text)?;
    let WrittenTime::Wall(wall) = when else { return Some(when) };
    let date = wall.date();
    Some(match (text.contains('.'), text.split('/').count()) {
        (true, _) => when,
        (false, 1) => WrittenTime::Days(date, date.saturating_add(1.year())),
        (false, 2) => WrittenTime::Days(date, date.saturating_add(1.month())),
        (false, _) => WrittenTime::Day(date),
    })
}

/// Parses `2026/04/10.12:30:00`, of which any trailing part may be omitted; an offset may
/// follow a time.
fn slashed(text: &str) -> Option<WrittenTime> {
    let (date, time) = match text.split_once('.') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let parts = date.split('/').count();
    let mut date = date.split('/').map(number);
    let year = i16::try_from(date.next()??).ok().filter(|year| *year >= 1970)?;
    let mut two = |least: i8| match date.next() {
        None => Some(least),
        Some(part) => i8::try_from(part?).ok(),
    };
    let (month, day) = (two(1)?, two(1)?);
    // A time of day requires a complete date.
    if date.next().is_some() || (time.is_some() && parts < 3) {
        return None;
    }
    let (time, offset) = match time {
        None => (None, None),
        Some(time) => match time.find(['+', '-', 'Z']) {
            None => (Some(time), None),
            Some(at) => {
                let (time, offset) = time.split_at(at);
                (Some(time), Some(offset_from(offset)?))
            }
        },
    };
    let mut time = time.into_iter().flat_map(|time| time.split(':')).map(number);
    let mut two = || match time.next() {
        None => Some(0),
        Some(part) => i8::try_from(part?).ok(),
    };
    let (hour, minute, second) = (two()?, two()?, two()?);
    if time.next().is_some() {
        return None;
    }
    let wall = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    match offset {
        None => Some(WrittenTime::Wall(wall)),
        Some(offset) => {
            let stamp = offset.to_timestamp(wall).ok()?;
            Some(WrittenTime::At(Time(stamp.as_millisecond())))
        }
    }
}

/// Parses `+02:00`, `-05:00` or `Z`.
fn offset_from(text: &str) -> Option<Offset> {
    match text.split_at_checked(1)? {
        ("Z", "") => Some(Offset::UTC),
        ("+", rest) => offset_of(rest),
        ("-", rest) => offset_of(rest).map(Offset::negate),
        _ => None,
    }
}

/// Parses the hours and minutes of an offset, `05:30`.
fn offset_of(text: &str) -> Option<Offset> {
    let (hours, minutes) = text.split_once(':').filter(|_| text.len() == 5)?;
    let minutes = i32::from(number(hours)?) * 60 + i32::from(number(minutes)?);
    Offset::from_seconds(minutes * 60).ok()
}

fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
#[path = "when_tests.rs"]
mod tests;
