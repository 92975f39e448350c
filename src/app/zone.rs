//! The zone of clocks on walls.

use std::path::{Component, Path};

use jiff::tz::TimeZone;

use super::AppError;

/// Where zones are described (tzfile(5)).
const ZONES: &str = "/usr/share/zoneinfo";

/// A description is not longer than this.
const MAX_ZONE: u64 = 1 << 20;

/// The zone that was asked for (`--tz`), else that of `TZ`, else that of this machine.
///
/// # Errors
/// When there is no such zone.
pub(super) fn zone(asked: Option<&str>) -> Result<TimeZone, AppError> {
    let variable = std::env::var("TZ").ok();
    let zone = chosen(asked, variable.as_deref());
    zone.ok_or_else(|| AppError::Zone(asked.unwrap_or_default().to_owned()))
}

/// `None` when what was asked for is no zone.
fn chosen(asked: Option<&str>, variable: Option<&str>) -> Option<TimeZone> {
    match (asked, variable.filter(|name| !name.is_empty())) {
        (Some(name), _) => named(name),
        (None, Some(name)) => {
            Some(named(name.trim_start_matches(':')).unwrap_or_else(TimeZone::system))
        }
        (None, None) => Some(TimeZone::system()),
    }
}

/// The zone of a name, or of rules as POSIX has them.
fn named(name: &str) -> Option<TimeZone> {
    if name.eq_ignore_ascii_case("utc") || name == "Z" {
        return Some(TimeZone::UTC);
    }
    let path = Path::new(name);
    let below = path.components().all(|part| matches!(part, Component::Normal(_)));
    let file = Path::new(ZONES).join(path);
    let is_file = |meta: std::fs::Metadata| meta.is_file() && meta.len() <= MAX_ZONE;
    if below && !name.is_empty() && std::fs::metadata(&file).is_ok_and(is_file) {
        let bytes = std::fs::read(&file).ok()?;
        return TimeZone::tzif(name, &bytes).ok();
    }
    TimeZone::posix(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_named_or_described() {
        assert_eq!(chosen(Some("utc"), Some("CET-1CEST")), Some(TimeZone::UTC));
        assert!(chosen(Some("CET-1CEST,M3.5.0,M10.5.0/3"), None).is_some());
        assert!(chosen(None, Some("nonsense!")).is_some());
        for bad in ["", "../../../etc/passwd", "Nowhere/Here", "/etc/localtime", "Europe"] {
            assert!(chosen(Some(bad), None).is_none(), "{bad}");
        }
    }
}
