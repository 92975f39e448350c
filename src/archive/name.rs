//! What the files of an archive are called, and the folders they lie in.
//!
//! A segment is called by the beginning of its slot in UTC, so that the names
//! sort by time and no summer time doubles an hour: `flows.202611240340Z.parquet`,
//! with seconds where slots are shorter than a minute. A slot of many flows has
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
/// Files of nfcapd; the one it is writing has a `current` behind it.
const NFCAPD: &str = "nfcapd.";
/// What is being written has this behind its later name.
const TEMPORARY: &str = ".tmp";

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// A Parquet file of ours.
    Segment,
    /// What is being recorded, or was when the recorder ended.
    Journal,
    /// A file of nfcapd or nfdump, layout 2.
    Nfcapd,
}

/// When a slot begins, as a name says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotTime {
    Utc(Time),
    /// By the clock on the wall where nfcapd ran.
    Local(DateTime),
}

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedName {
    pub kind: FileKind,
    pub slot: SlotTime,
    /// Which part of the slot, from 1.
    pub part: u32,
}

/// Reads the name of a file, without its folder. `None` for files that no
/// archive has, and for those that are not finished.
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
        // Only as it is written: no zeros in front, and never 0 or 1.
        Some(number) if is_digits(number) && !number.starts_with('0') => {
            number.parse().ok().filter(|part| *part > 1)?
        }
        None if part.is_empty() => 1,
        _ => return None,
    };
    let slot = civil(digits)?.to_zoned_datetime(TimeZone::UTC).ok()?;
    Some(ParsedName { kind, slot: SlotTime::Utc(Time(slot.timestamp().as_millisecond())), part })
}

/// Whether it is the unfinished file of a segment.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    name.strip_suffix(TEMPORARY).and_then(parse).is_some_and(|one| one.kind == FileKind::Segment)
}

/// `202611240340`, with seconds or without, and with a zone where nfcapd was
/// told to write it (`+0100`).
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

/// The name of a segment of the slot that begins at `slot`; `part` from 1.
#[must_use]
pub fn segment(slot: Time, with_seconds: bool, part: u32) -> String {
    name(slot, with_seconds, part, SEGMENT)
}

/// The name of the journal that becomes that segment.
#[must_use]
pub fn journal(slot: Time, with_seconds: bool, part: u32) -> String {
    name(slot, with_seconds, part, JOURNAL)
}

/// The segment that a journal becomes.
#[must_use]
pub fn segment_of(journal: &Path) -> PathBuf {
    journal.with_extension("parquet")
}

/// What is wrong with the name of a file of ours that says of itself when its slot
/// begins: the name says another slot. A name that is of no archive says nothing.
#[must_use]
pub fn contradicts(path: &Path, slot: Time) -> Option<String> {
    let said = path.file_name()?.to_str().and_then(parse)?;
    // A slot out of the calendar has a name, too: compared is what it is called.
    let with_seconds = slot.0.rem_euclid(60_000) != 0;
    let own = segment(slot, with_seconds, 1);
    let is_other = parse(&own).is_none_or(|own| own.slot != said.slot);
    is_other.then(|| {
        let own = own.trim_end_matches(SEGMENT);
        format!("its flows are of the slot {own}, its name says another one (renamed or copied?)")
    })
}

/// What a file is called until it is whole.
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

/// A moment outside of the calendar, which no clock shows, reads as 1970.
fn in_utc(time: Time) -> jiff::ZonedDateTime {
    Timestamp::from_millisecond(time.0)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned_datetime(TimeZone::UTC)
}

/// Formats of the date folders of nfcapd(1), by their number for `-S`.
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

/// Which date folders there are, by the number that nfcapd(1) gives it; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hierarchy(u8);

/// Why a word is no hierarchy.
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

/// The folder of a slot below that of the archive, by its beginning in UTC.
#[must_use]
pub fn folder(slot: Time, hierarchy: Hierarchy) -> PathBuf {
    let format = HIERARCHIES.get(usize::from(hierarchy.0)).copied().unwrap_or_default();
    PathBuf::from(in_utc(slot).strftime(format).to_string())
}

/// How many levels of folders there are below that of the archive.
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
    fn names_are_read_as_they_are_written() {
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
    fn other_names_are_nobodys() {
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
        fn what_is_written_is_read_again(seconds in 0..4_000_000_000i64, part in 1..=u32::MAX) {
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
