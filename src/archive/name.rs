//! The names of an archive's files and date folders.
//!
//! A segment is named after the beginning of its slot in UTC, so that names sort by time and
//! the end of summer time gives no name twice: `flows.202611240340Z.parquet`. The name includes
//! seconds if slots are shorter than a minute. A slot with many flows has several parts,
//! numbered from the second on: `flows.202611240340Z-2.parquet`.
//! several parts; from the second on they are numbered: `flows.202611240340Z-2.parquet`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::flow::Time;

const PREFIX: &str = "flows.";
const SEGMENT: &str = ".parquet";
const JOURNAL: &str = ".journal";
/// Files of nfcapd. While nfcapd writes a file, it is named `nfcapd.current` and so has no
/// time.
const NFCAPD: &str = "nfcapd.";
/// The ending of a file that is being written; it is removed when the file is complete.
const TEMPORARY: &str = ".tmp";

/// The kind of a flow file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// A Parquet file of toptalk.
    Segment,
    /// A journal: the flows of the slot that is being recorded, or that a recorder left when it
    /// ended.
    Journal,
    /// A file of nfcapd or nfdump, layout version 2.
    Nfcapd,
}

/// The beginning of a slot, as the file name gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotTime {
    /// A time in UTC.
    Utc(Time),
    /// A local time of the machine where nfcapd ran; the name does not give the time zone.
    Local(DateTime),
}

/// The parts of a file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedName {
    /// The kind of file.
    pub kind: FileKind,
    /// The beginning of its slot.
    pub slot: SlotTime,
    /// The part of the slot, from 1.
    pub part: u32,
}

/// Parses a file name without its folder. `None` for names that do not belong to an archive and
/// for unfinished files.
#[must_use]
pub fn parse(name: &str) -> Option<ParsedName> {
    if let Some(stamp) = name.strip_prefix(NFCAPD) {
        return nfcapd(stamp);
    }
    let rest = name.strip_prefix(PREFIX)?;
    let (rest, kind) = match (rest.strip_suffix(SEGMENT), rest.strip_suffix(JOURNAL)) {
        (Some(rest), _) => (rest, FileKind::Segment),
        (_, Some(rest)) => (rest, FileKind::Journal),
        _ => return None,
    };
    let (digits, part) = rest.split_once('Z')?;
    let part = match part.strip_prefix('-') {
        // Only the canonical form: no leading zeros, and never 0 or 1.
        Some(number) if is_digits(number) && !number.starts_with('0') => {
            number.parse().ok().filter(|part| *part > 1)?
        }
        None if part.is_empty() => 1,
        _ => return None,
    };
    let slot = civil(digits)?.to_zoned_datetime(TimeZone::UTC).ok()?;
    Some(ParsedName { kind, slot: SlotTime::Utc(Time(slot.timestamp().as_millisecond())), part })
}

/// Whether the name is that of an unfinished segment.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    name.strip_suffix(TEMPORARY).and_then(parse).is_some_and(|one| one.kind == FileKind::Segment)
}

/// Parses the time of an nfcapd file: `202611240340`, with or without seconds, and with an
/// offset from UTC (`+0100`) if nfcapd was configured to write it.
fn nfcapd(stamp: &str) -> Option<ParsedName> {
    let named = |slot| Some(ParsedName { kind: FileKind::Nfcapd, slot, part: 1 });
    let Some(at) = stamp.find(['+', '-']) else { return named(SlotTime::Local(civil(stamp)?)) };
    let (digits, zone) = stamp.split_at_checked(at)?;
    let (sign, zone) = zone.split_at_checked(1)?;
    let (hours, minutes) = zone.split_at_checked(2)?;
    if zone.len() != 4 || !is_digits(zone) {
        return None;
    }
    let east = SignedDuration::from_hours(hours.parse().ok()?)
        .checked_add(SignedDuration::from_mins(minutes.parse().ok()?))?;
    let east = if sign == "-" { -east } else { east };
    let utc = civil(digits)?.checked_sub(east).ok()?.to_zoned_datetime(TimeZone::UTC).ok()?;
    named(SlotTime::Utc(Time(utc.timestamp().as_millisecond())))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A date and time of 12 or 14 digits.
fn civil(digits: &str) -> Option<DateTime> {
    if !is_digits(digits) || !matches!(digits.len(), 12 | 14) {
        return None;
    }
    let number = |at: usize| digits.get(at..at + 2)?.parse::<i8>().ok();
    let second = if digits.len() == 14 { number(12)? } else { 0 };
    let year = digits.get(..4)?.parse().ok()?;
    DateTime::new(year, number(4)?, number(6)?, number(8)?, number(10)?, second, 0).ok()
}

/// The name of part number `part` (from 1) of the segment whose slot begins at `slot`.
#[must_use]
pub fn segment(slot: Time, with_seconds: bool, part: u32) -> String {
    name(slot, with_seconds, part, SEGMENT)
}

/// The name of the journal that becomes the segment of the same slot and part.
#[must_use]
pub fn journal(slot: Time, with_seconds: bool, part: u32) -> String {
    name(slot, with_seconds, part, JOURNAL)
}

/// The path of the segment that a journal becomes.
#[must_use]
pub fn segment_of(journal: &Path) -> PathBuf {
    journal.with_extension("parquet")
}

/// Compares the name of a toptalk file with the beginning of the slot in its content. Returns a
/// message if the name gives another slot; `None` if they agree or the name is not one of an
/// archive.
#[must_use]
pub fn contradicts(path: &Path, slot: Time) -> Option<String> {
    let named = path.file_name()?.to_str().and_then(parse)?;
    // A time outside the calendar also has a name (1970), so names are compared, not times.
    let with_seconds = slot.0.rem_euclid(60_000) != 0;
    let own = segment(slot, with_seconds, 1);
    let is_other = parse(&own).is_none_or(|own| own.slot != named.slot);
    is_other.then(|| {
        let own = own.trim_end_matches(SEGMENT);
        format!("its flows belong to the slot {own}, but its name gives another slot (renamed or copied?)")
    })
}

/// The name of a file while it is being written.
#[must_use]
pub fn temporary(name: &str) -> String {
    format!("{name}{TEMPORARY}")
}

fn name(slot: Time, with_seconds: bool, part: u32, ending: &str) -> String {
    let format = if with_seconds { "%Y%m%d%H%M%SZ" } else { "%Y%m%d%H%MZ" };
    let stamp = in_utc(slot).strftime(format).to_string();
    match part {
        0 | 1 => format!("{PREFIX}{stamp}{ending}"),
        part => format!("{PREFIX}{stamp}-{part}{ending}"),
    }
}

/// A time outside the calendar, which no real clock shows, is taken as 1970.
fn in_utc(time: Time) -> jiff::ZonedDateTime {
    Timestamp::from_millisecond(time.0)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned_datetime(TimeZone::UTC)
}

/// The date folders of nfcapd(1) as strftime formats; the index is the number given to `-S`.
pub const HIERARCHIES: [&str; 9] = [
    "",
    "%Y/%m/%d",
    "%Y/%m/%d/%H",
    "%Y/%W/%u",
    "%Y/%W/%u/%H",
    "%Y/%j",
    "%Y/%j/%H",
    "%Y-%m-%d",
    "%Y-%m-%d/%H",
];

/// The layout of the date folders, by the number that nfcapd(1) gives it; 0 for no folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hierarchy(u8);

/// The error for a text that is not a number of a hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 0 to 8 (0 no folders, 1 year/month/day; see nfcapd -S), found `{0}`")]
pub struct HierarchyError(String);

impl FromStr for Hierarchy {
    type Err = HierarchyError;

    fn from_str(text: &str) -> Result<Hierarchy, HierarchyError> {
        let number = text.parse().ok().filter(|n| usize::from(*n) < HIERARCHIES.len());
        number.map(Hierarchy).ok_or_else(|| HierarchyError(text.to_owned()))
    }
}

/// The date folder of a slot relative to the archive's root, from the slot's beginning in UTC.
#[must_use]
pub fn folder(slot: Time, hierarchy: Hierarchy) -> PathBuf {
    let format = HIERARCHIES.get(usize::from(hierarchy.0)).copied().unwrap_or_default();
    PathBuf::from(in_utc(slot).strftime(format).to_string())
}

/// The number of folder levels below the archive's root.
#[must_use]
pub fn levels(hierarchy: Hierarchy) -> usize {
    folder(Time(0), hierarchy).components().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-24 03:40:00 UTC.
    const SLOT: Time = Time(1_795_491_600_000);

    #[test]
    fn names_are_parsed_as_they_are_formatted() {
        let utc = |kind, ms, part| ParsedName { kind, slot: SlotTime::Utc(SLOT.plus_ms(ms)), part };
        let local = |second| {
            let slot = jiff::civil::date(2026, 11, 24).at(3, 40, second, 0);
            ParsedName { kind: FileKind::Nfcapd, slot: SlotTime::Local(slot), part: 1 }
        };
        for (name, named) in [
            ("flows.202611240340Z.parquet", utc(FileKind::Segment, 0, 1)),
            ("flows.20261124034002Z.parquet", utc(FileKind::Segment, 2_000, 1)),
            ("flows.202611240340Z-2.parquet", utc(FileKind::Segment, 0, 2)),
            ("flows.202611240340Z-4294967295.journal", utc(FileKind::Journal, 0, u32::MAX)),
            ("flows.202611240340Z.journal", utc(FileKind::Journal, 0, 1)),
            ("nfcapd.202611240340", local(0)),
            ("nfcapd.20261124034007", local(7)),
            ("nfcapd.202611240440+0100", utc(FileKind::Nfcapd, 0, 1)),
            ("nfcapd.202611232210-0530", utc(FileKind::Nfcapd, 0, 1)),
        ] {
            assert_eq!(parse(name), Some(named), "{name}");
        }
    }

    #[test]
    fn other_names_are_not_parsed() {
        for name in [
            "",
            "flows",
            "flows.",
            "flows.Z.parquet",
            "flows.202611240340.parquet",
            "flows.202611240340Z",
            "flows.202611240340Z.parquet.tmp",
            "flows.202611240340Z-.parquet",
            "flows.202611240340Z-0.parquet",
            "flows.202611240340Z-1.parquet",
            "flows.202611240340Z-02.parquet",
            "flows.202611240340Z-+2.parquet",
            "flows.202611240340Z-4294967296.parquet",
            "flows.202613240340Z.parquet",
            "flows.202611242440Z.parquet",
            "flows.2026112403400Z.parquet",
            "flows.+02611240340Z.parquet",
            "Flows.202611240340Z.parquet",
            "nfcapd.current.1234",
            "nfcapd.current",
            "nfcapd.202611240340.stat",
            "nfcapd.202611240340+01",
            "nfcapd.202611240340+01000",
            "nfcapd.202611240340+0\u{e4}0",
            "\u{e4}.parquet",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
        assert!(is_temporary("flows.202611240340Z-3.parquet.tmp"));
        assert!(!is_temporary("flows.202611240340Z.parquet"));
        assert!(!is_temporary("notes.tmp"));
    }

    #[test]
    fn folders_are_those_of_nfcapd() {
        // A Tuesday, day 328; the first Monday of that year was 5 January.
        for (number, want) in [
            ("0", ""),
            ("1", "2026/11/24"),
            ("2", "2026/11/24/03"),
            ("3", "2026/47/2"),
            ("4", "2026/47/2/03"),
            ("5", "2026/328"),
            ("6", "2026/328/03"),
            ("7", "2026-11-24"),
            ("8", "2026-11-24/03"),
        ] {
            let hierarchy = number.parse().unwrap();
            assert_eq!(folder(SLOT, hierarchy), PathBuf::from(want), "-S {number}");
            assert_eq!(levels(hierarchy), PathBuf::from(want).components().count());
        }
        for word in ["9", "-1", "", "one", "256"] {
            let error = word.parse::<Hierarchy>().unwrap_err().to_string();
            assert!(error.contains("expected 0 to 8"), "{error}");
        }
    }

    #[test]
    fn a_time_outside_the_calendar_still_has_a_name() {
        for time in [Time(i64::MAX), Time(i64::MIN)] {
            assert_eq!(segment(time, false, 1), "flows.197001010000Z.parquet");
            assert_eq!(folder(time, Hierarchy(1)), PathBuf::from("1970/01/01"));
        }
    }

    proptest! {
        #[test]
        fn formatted_names_parse_back(seconds in 0..4_000_000_000i64, part in 1..=u32::MAX) {
            let slot = Time(seconds * 1000);
            let named = |kind| Some(ParsedName { kind, slot: SlotTime::Utc(slot), part });
            prop_assert_eq!(parse(&segment(slot, true, part)), named(FileKind::Segment));
            prop_assert_eq!(parse(&journal(slot, true, part)), named(FileKind::Journal));
            prop_assert!(is_temporary(&temporary(&segment(slot, true, part))));
            let minute = Time(seconds / 60 * 60_000);
            let name = segment(minute, false, part);
            prop_assert_eq!(parse(&name).map(|named| named.slot), Some(SlotTime::Utc(minute)));
        }

        #[test]
        fn no_name_panics(name in "(flows|nfcapd)?\\.?[0-9]{0,16}[Z+-]{0,2}.{0,12}") {
            let _ = parse(&name);
            let _ = is_temporary(&name);
        }
    }
}
