//! The zone of clocks on walls.

use std::path::{Component, Path};

use jiff::tz::TimeZone;

/// Where zones are described (tzfile(5)).
const ZONES: &str = "/usr/share/zoneinfo";

/// A description is not longer than this.
const MAX_ZONE: u64 = 1 << 20;

/// The zone that was asked for, else that of `TZ`, else that of this machine.
///
/// # Errors
/// When there is no such zone.
pub(super) fn zone(asked: Option<&str>, variable: Option<&str>) -> Result<TimeZone, String> {
    match (asked, variable.filter(|name| !name.is_empty())) {
        (Some(name), _) => named(name).ok_or_else(|| {
            format!("--tz: expected a zone as UTC, Europe/Berlin or CET-1CEST, found `{name}`")
        }),
        (None, Some(name)) => {
            Ok(named(name.trim_start_matches(':')).unwrap_or_else(TimeZone::system))
        }
        (None, None) => Ok(TimeZone::system()),
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
        assert_eq!(zone(Some("utc"), Some("CET-1CEST")), Ok(TimeZone::UTC));
        assert!(zone(Some("CET-1CEST,M3.5.0,M10.5.0/3"), None).is_ok());
        assert!(zone(None, Some("nonsense!")).is_ok());
        for bad in ["", "../../../etc/passwd", "Nowhere/Here", "/etc/localtime", "Europe"] {
            assert!(zone(Some(bad), None).is_err(), "{bad}");
        }
    }
}
