//! Times in filters: ISO 8601, in UTC unless an offset is given.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Parses `2026-04-10`, `2026-04-10T12:30` or `2026-04-10T12:30:05.250+02:00` to milliseconds
/// since the Unix epoch.
pub(super) fn read(word: &str) -> Option<i128> {
    let stamp = match word.parse::<Timestamp>() {
        Ok(stamp) => stamp,
        Err(_) => {
            let civil: DateTime = word.parse().ok()?;
            TimeZone::UTC.to_timestamp(civil).ok()?
        }
    };
    Some(i128::from(stamp.as_millisecond()))
}

/// Prints milliseconds since the Unix epoch in the form that [`read`] parses.
pub(super) fn print(ms: i128) -> String {
    let stamp = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    stamp.map_or_else(|| ms.to_string(), |stamp| stamp.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_unless_an_offset_is_given() {
        for (text, want) in [
            ("2026-04-10", "2026-04-10T00:00:00Z"),
            ("2026-04-10T12:30", "2026-04-10T12:30:00Z"),
            ("2026-04-10T12:30:05.250", "2026-04-10T12:30:05.25Z"),
            ("2026-04-10T12:30:05+02:00", "2026-04-10T10:30:05Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
        ] {
            let ms = read(text).unwrap();
            assert_eq!(print(ms), want, "{text}");
            assert_eq!(read(want), Some(ms));
        }
        for bad in ["", "now", "12:30", "2026-13-01", "2026-04-10T25:00", "20260410x", "1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
