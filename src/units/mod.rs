//! Formats bytes, rates and durations for people, and parses them. The only module that
//! uses `humansize`.

pub mod similar_words;

use humansize::{DECIMAL, FormatSizeOptions};
use jiff::tz::TimeZone;

use crate::flow::Time;

/// Unit in which rates are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// bit/s.
    #[default]
    Bits,
    /// byte/s.
    Bytes,
    /// packets/s.
    Packets,
}

impl Unit {
    /// The next unit; after the last comes the first.
    #[must_use]
    pub fn next(self) -> Unit {
        match self {
            Unit::Bits => Unit::Bytes,
            Unit::Bytes => Unit::Packets,
            Unit::Packets => Unit::Bits,
        }
    }

    /// The name in the header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Unit::Bits => "bits/s",
            Unit::Bytes => "bytes/s",
            Unit::Packets => "packets/s",
        }
    }
}

const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];

/// A number in at most five characters: three significant digits and an SI prefix (`0`,
/// `999`, `1.00k`,
/// `94.2M`, `612M`).
#[must_use]
pub fn short(value: u64) -> String {
    if value < 1000 {
        return value.to_string();
    }
    let mut scaled = value as f64;
    let mut prefix = 0;
    // 999.5 and more would be printed as 1000, so the next prefix is used.
    while scaled >= 999.5 && prefix + 1 < PREFIXES.len() {
        scaled /= 1000.0;
        prefix += 1;
    }
    let digits = if scaled < 9.995 {
        2
    } else if scaled < 99.95 {
        1
    } else {
        0
    };
    format!("{scaled:.digits$}{}", PREFIXES[prefix])
}

/// A number of bytes with its unit, for sentences (`64.0 MB`).
#[must_use]
pub fn size(bytes: u64) -> String {
    let places = if bytes < 1000 { 0 } else { 1 };
    let options = FormatSizeOptions::from(DECIMAL).decimal_places(places).decimal_zeroes(places);
    humansize::format_size(bytes, options)
}

/// `part` of `whole` in percent, rounded; 0 if `whole` is 0.
#[must_use]
pub fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let hundredfold = u128::from(part) * 100 + u128::from(whole) / 2;
    u64::try_from(hundredfold / u128::from(whole)).unwrap_or(u64::MAX)
}

/// A duration in at most six characters: `42s`, `3m10s`, `2h03m`, `4d07h`.
#[must_use]
pub fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A short duration with three digits: `812 us`, `20.9 ms`, `1.25 s`.
#[must_use]
pub fn microseconds(us: u64) -> String {
    match short(us) {
        short if us < 1000 => format!("{short} us"),
        short => match (short.strip_suffix('k'), short.strip_suffix('M')) {
            (Some(ms), _) => format!("{ms} ms"),
            (_, Some(seconds)) => format!("{seconds} s"),
            _ => format!("{} s", self::short(us / 1_000_000)),
        },
    }
}

/// The time of day in a time zone: `14:31:02`.
#[must_use]
pub fn clock_time(time: Time, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_millisecond(time.0) {
        Ok(stamp) => stamp.to_zoned_datetime(zone.clone()).strftime("%H:%M:%S").to_string(),
        Err(_) => "--:--:--".to_owned(),
    }
}

/// Whether a time zone is UTC by name and offset at a time. Such times are marked for the
/// reader.
#[must_use]
pub fn is_utc(time: Time, zone: &TimeZone) -> bool {
    let stamp = jiff::Timestamp::from_millisecond(time.0).unwrap_or_default();
    let shown = zone.to_offset_info(stamp);
    shown.offset().is_zero() && matches!(shown.abbreviation(), "UTC" | "Z")
}

/// RFC 3339 in a time zone, with the offset from UTC (`Z` for none):
/// `2026-11-23T23:31:02.000+09:00`.
/// Empty for a time beyond the calendar.
#[must_use]
pub fn rfc3339_in(time: Time, zone: &TimeZone) -> String {
    let Ok(stamp) = jiff::Timestamp::from_millisecond(time.0) else { return String::new() };
    let zoned = stamp.to_zoned_datetime(zone.clone());
    if zoned.offset().is_zero() {
        return rfc3339(time);
    }
    zoned.strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string()
}

/// RFC 3339 in UTC with milliseconds: `2026-11-23T14:31:02.000Z`. Empty for a time beyond
/// the calendar.
#[must_use]
pub fn rfc3339(time: Time) -> String {
    match jiff::Timestamp::from_millisecond(time.0) {
        Ok(stamp) => stamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        Err(_) => String::new(),
    }
}

/// The time in a file name, in UTC: `20261123T143102Z`.
#[must_use]
pub fn file_stamp(time: Time) -> String {
    match jiff::Timestamp::from_millisecond(time.0) {
        Ok(stamp) => stamp.strftime("%Y%m%dT%H%M%SZ").to_string(),
        Err(_) => "unknown-time".to_owned(),
    }
}

/// Why a text is not a rate or a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found `{found}`")]
pub struct UnitError {
    /// The expected form.
    pub expected: &'static str,
    /// The text that was found.
    pub found: String,
}

const RATE_FORM: &str = "a rate such as 80M, 1.5G (bit/s) or 10MB/s (bytes)";

/// Parses a rate in bit/s: a number, k, M, G or T (powers of 1000), and `B/s` if it is in
/// bytes.
/// `bit/s` and `b/s` are allowed.
///
/// # Errors
/// When the text has another form, is zero, or is too large.
pub fn parse_rate(text: &str) -> Result<u64, UnitError> {
    let wrong = || UnitError { expected: RATE_FORM, found: text.to_owned() };
    let rest = text.trim();
    let (rest, per_byte) = match rest.strip_suffix("B/s") {
        Some(rest) => (rest, 8.0),
        None => (strip_any(rest, &["bit/s", "b/s", "bps"]), 1.0),
    };
    let (number, factor) = match rest.char_indices().last() {
        Some((at, 'k' | 'K')) => (&rest[..at], 1e3),
        Some((at, 'm' | 'M')) => (&rest[..at], 1e6),
        Some((at, 'g' | 'G')) => (&rest[..at], 1e9),
        Some((at, 't' | 'T')) => (&rest[..at], 1e12),
        _ => (rest, 1.0),
    };
    let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let value: f64 = number.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
    let bits = (value * factor * per_byte).round();
    if (1.0..=1e18).contains(&bits) { Ok(bits as u64) } else { Err(wrong()) }
}

fn strip_any<'a>(text: &'a str, suffixes: &[&str]) -> &'a str {
    suffixes.iter().find_map(|suffix| text.strip_suffix(suffix)).unwrap_or(text)
}

const DURATION_FORM: &str = "a duration such as 10s, 5m or 1h";

/// Parses a duration in milliseconds: a whole number with `ms`, `s` (or nothing), `m` or
/// `h`.
///
/// # Errors
/// When the text has another form or is too large.
pub fn parse_duration(text: &str) -> Result<i64, UnitError> {
    let wrong = || UnitError { expected: DURATION_FORM, found: text.to_owned() };
    let text_trimmed = text.trim();
    let split = text_trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(text_trimmed.len());
    let (number, unit) = text_trimmed.split_at(split);
    let factor: i64 = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number.parse::<i64>().ok().and_then(|n| n.checked_mul(factor)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_have_three_digits_and_at_most_five_characters() {
        for (value, want) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.00k"),
            (9_994, "9.99k"),
            (9_995, "10.0k"),
            (94_200_000, "94.2M"),
            (99_950_000, "100M"),
            (999_499, "999k"),
            (999_500, "1.00M"),
            (612_000_000, "612M"),
            (u64::MAX, "18.4E"),
        ] {
            assert_eq!(short(value), want, "{value}");
            assert!(short(value).len() <= 5);
        }
    }

    #[test]
    fn rates_are_parsed_in_all_forms() {
        for (text, want) in [
            ("80M", 80_000_000),
            ("1.5G", 1_500_000_000),
            ("500k", 500_000),
            ("10MB/s", 80_000_000),
            ("64000", 64_000),
            ("2Mbit/s", 2_000_000),
        ] {
            assert_eq!(parse_rate(text), Ok(want), "{text}");
        }
        for bad in ["", "M", "-1M", "1e9", "0", "10X", "inf", "1..2M", "99999999999999T", "ß"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_formatted_and_parsed() {
        for (us, want) in [
            (0, "0 us"),
            (999, "999 us"),
            (1000, "1.00 ms"),
            (20_913, "20.9 ms"),
            (999_999, "1.00 s"),
            (61_000_000, "61.0 s"),
            (5_000_000_000, "5.00k s"),
        ] {
            assert_eq!(microseconds(us), want);
        }
        for (ms, want) in
            [(0, "0s"), (190_000, "3m10s"), (7_380_000, "2h03m"), (370_800_000, "4d07h")]
        {
            assert_eq!(duration(ms), want);
        }
        for (text, want) in [("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000), ("250ms", 250)] {
            assert_eq!(parse_duration(text), Ok(want));
        }
        for bad in ["", "s", "1d", "-5s", "99999999999999999999s", "9999999999999999h"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_in_the_time_zone_and_utc_is_recognised() {
        let tokyo = TimeZone::posix("JST-9").unwrap();
        let london = TimeZone::posix("GMT0BST,M3.5.0/1,M10.5.0").unwrap();
        let time = Time(1_700_000_000_010);
        assert_eq!(rfc3339_in(time, &tokyo), "2023-11-15T07:13:20.010+09:00");
        assert_eq!(clock_time(time, &tokyo), "07:13:20");
        assert_eq!(rfc3339_in(time, &TimeZone::UTC), rfc3339(time));
        assert_eq!(rfc3339_in(time, &london), "2023-11-14T22:13:20.010Z");
        let india = TimeZone::posix("IST-5:30").unwrap();
        assert_eq!(rfc3339_in(time, &india), "2023-11-15T03:43:20.010+05:30");
        for (zone, utc) in [(TimeZone::UTC, true), (tokyo, false), (london, false)] {
            assert_eq!(is_utc(time, &zone), utc, "{zone:?}");
            assert_eq!(rfc3339_in(Time(i64::MAX), &zone), "");
        }
        assert!(is_utc(Time(i64::MAX), &TimeZone::posix("UTC0").unwrap()));
    }

    #[test]
    fn times_outside_the_calendar_do_not_panic() {
        for time in [Time(i64::MAX), Time(i64::MIN)] {
            assert_eq!(rfc3339(time), "");
            assert_eq!(clock_time(time, &TimeZone::UTC), "--:--:--");
        }
        assert_eq!(rfc3339(Time(1_700_000_000_010)), "2023-11-14T22:13:20.010Z");
        assert_eq!(file_stamp(Time(1_700_000_000_010)), "20231114T221320Z");
        assert_eq!(size(64_000_000), "64.0 MB");
        assert_eq!(percent(1, 3), 33);
    }
}
