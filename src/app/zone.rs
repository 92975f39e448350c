//! The time zone in which a command reads and prints times.

use std::path::{Component, Path, PathBuf};

use jiff::tz::TimeZone;

use super::AppError;
use super::messages::tell;
use crate::archive::regular;

/// The default folder of time zone files (tzfile(5)); `TZDIR` names another one.
const ZONES: &str = "/usr/share/zoneinfo";

/// The time zone of this machine.
const HERE: &str = "/etc/localtime";

/// The rule that glibc uses for a zone with summer time and without a rule.
const USUAL_RULE: &str = ",M3.2.0,M11.1.0";

/// Maximum size of a time zone file in bytes.
const MAX_ZONE: usize = 1 << 20;

/// The zone of `--tz` or `TOPTALK_TZ`, otherwise that of `TZ`, otherwise that of this machine.
/// An unknown `TZ` gives a warning, and times are in UTC, as with the C library.
///
/// # Errors
/// When there is no such zone.
pub(super) fn zone(asked: Option<&str>) -> Result<TimeZone, AppError> {
    let own = std::env::var("TOPTALK_TZ").ok().filter(|name| !name.is_empty());
    let asked = asked.or(own.as_deref());
    let variable = std::env::var_os("TZ").map(|name| name.to_string_lossy().into_owned());
    let folder = std::env::var_os("TZDIR").filter(|folder| !folder.is_empty());
    let zones = Zones { folder: folder.map_or_else(|| ZONES.into(), PathBuf::from) };
    let Some(chosen) = zones.chosen(asked, variable.as_deref()) else {
        return Err(AppError::Zone(asked.unwrap_or_default().to_owned()));
    };
    if let ChosenZone::Unknown(name) = &chosen {
        tell(format_args!(
            "TZ={name}: unknown time zone, times are in UTC; expected a name such as Europe/Berlin or a rule such as CET-1CEST,M3.5.0,M10.5.0/3"
        ));
    }
    Ok(match chosen {
        ChosenZone::Known(zone) => zone,
        ChosenZone::Unknown(_) => TimeZone::UTC,
    })
}

/// A zone, or the value of `TZ` that is not one.
#[derive(Debug, PartialEq)]
enum ChosenZone {
    Known(TimeZone),
    Unknown(String),
}

/// Where zones are looked up: in the files of this machine, which are newer, otherwise in the
/// built-in ones.
struct Zones {
    folder: PathBuf,
}

impl Zones {
    /// `None` when the given name is not a zone.
    fn chosen(&self, asked: Option<&str>, variable: Option<&str>) -> Option<ChosenZone> {
        let zone = match (asked, variable) {
            (Some(name), _) => return self.named(name).map(ChosenZone::Known),
            // An empty variable means UTC (tzset(3)).
            (None, Some("")) => Some(TimeZone::UTC),
            (None, Some(name)) => self.variable(name.strip_prefix(':').unwrap_or(name)),
            (None, None) => Some(self.here()),
        };
        let unknown = || ChosenZone::Unknown(variable.unwrap_or_default().to_owned());
        Some(zone.map_or_else(unknown, ChosenZone::Known))
    }

    /// The zone of `TZ` (tzset(3)): a name, a rule, or the file of a zone.
    fn variable(&self, name: &str) -> Option<TimeZone> {
        if name.starts_with('/') {
            return file(Path::new(name), name).or_else(|| self.linked(Path::new(name)));
        }
        self.named(name).or_else(|| TimeZone::posix(&format!("{name}{USUAL_RULE}")).ok())
    }

    /// The zone of a name or a POSIX rule.
    fn named(&self, name: &str) -> Option<TimeZone> {
        if name.eq_ignore_ascii_case("utc") || name == "Z" {
            return Some(TimeZone::UTC);
        }
        let path = Path::new(name);
        let below = path.components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !below {
            return None;
        }
        file(&self.folder.join(path), name)
            .or_else(|| TimeZone::get(name).ok())
            .or_else(|| TimeZone::posix(name).ok())
    }

    /// The zone of this machine; UTC if it is unknown.
    fn here(&self) -> TimeZone {
        let path = Path::new(HERE);
        let target = std::fs::read_link(path).unwrap_or_default();
        self.linked(&target).or_else(|| file(path, "local")).unwrap_or(TimeZone::UTC)
    }

    /// The zone that a path names after `zoneinfo`, whether or not the file exists.
    fn linked(&self, path: &Path) -> Option<TimeZone> {
        let text = path.to_str()?;
        self.named(text.split_once("/zoneinfo/")?.1)
    }
}

/// The zone in a file.
fn file(path: &Path, name: &str) -> Option<TimeZone> {
    TimeZone::tzif(name, &regular::read(path, MAX_ZONE).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(folder: &str) -> Zones {
        Zones { folder: folder.into() }
    }

    #[test]
    fn zones_are_named_or_described() {
        let chosen = |asked, variable| zones(ZONES).chosen(asked, variable);
        let utc = Some(ChosenZone::Known(TimeZone::UTC));
        assert_eq!(chosen(Some("utc"), Some("CET-1CEST")), utc);
        assert!(chosen(Some("CET-1CEST,M3.5.0,M10.5.0/3"), None).is_some());
        let unknown = |name: &str| Some(ChosenZone::Unknown(name.to_owned()));
        assert_eq!(chosen(None, Some("nonsense!")), unknown("nonsense!"));
        assert_eq!(chosen(None, Some("Nowhere/Here")), unknown("Nowhere/Here"));
        assert_eq!(chosen(None, Some("")), utc);
        for bad in ["", "../../../etc/passwd", "Nowhere/Here", "/etc/localtime", "Europe"] {
            assert!(chosen(Some(bad), None).is_none(), "{bad}");
        }
        assert!(matches!(chosen(None, None), Some(ChosenZone::Known(_))));
    }

    /// The same hours, whether the machine has files of zones or not.
    #[test]
    fn zones_are_known_where_no_files_are() {
        let empty = tempfile::tempdir().unwrap();
        let none = zones(empty.path().to_str().unwrap());
        let hour = |zone: TimeZone| {
            let stamp: jiff::Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
            zone.to_datetime(stamp).hour()
        };
        for (name, want) in [
            ("Asia/Tokyo", 21),
            (":Asia/Tokyo", 21),
            ("Japan", 21),
            ("Europe/Berlin", 14),
            ("JST-9", 21),
            ("<+0530>-5:30", 17),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 14),
            // Without a rule summer is that of glibc.
            ("EST5EDT", 8),
            ("CET-1CEST", 14),
            ("/usr/share/zoneinfo/Asia/Tokyo", 21),
            ("/nowhere/zoneinfo/Asia/Tokyo", 21),
        ] {
            for zones in [&none, &zones(ZONES)] {
                let Some(ChosenZone::Known(zone)) = zones.chosen(None, Some(name)) else {
                    panic!("{name} in {:?}", zones.folder)
                };
                assert_eq!(hour(zone), want, "{name} in {:?}", zones.folder);
            }
        }
        assert_eq!(none.linked(Path::new("../usr/share/zoneinfo/Asia/Tokyo")).map(hour), Some(21));
        assert!(none.linked(Path::new("/etc/passwd")).is_none());
    }
}
