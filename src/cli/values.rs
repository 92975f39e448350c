//! The values of flags. An error says what was expected and what was found.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::agg::{LagRule, MAX_LAG_MS};
use crate::flow::{Host, Sampling};
use crate::ingest::{MAX_WORKERS, Workers};
use crate::snapshot::Window;
use crate::units::{parse_duration, parse_rate};
use crate::wire::policy::GivenRate;

/// Capacities in bit/s.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) down: u64,
    pub(super) up: u64,
}

/// A whole number in a range; `of` says what is counted, as in ` of seconds`.
pub(super) fn whole<T>(text: &str, range: RangeInclusive<T>, of: &str) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let number = text.parse::<T>().ok().filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    number.ok_or_else(|| {
        format!("expected a whole number{of} from {least} to {most}, found `{text}`")
    })
}

/// The number of a UDP or TCP port.
pub(super) fn port(text: &str) -> Result<u16, String> {
    let port = text.parse::<u16>().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("expected a port from 1 to 65535, found `{text}`"))
}

/// An address to listen on.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    let wrong = |_| format!("expected an address such as 192.0.2.1 or 2001:db8::1, found `{text}`");
    text.parse().map_err(wrong)
}

/// The most rows of a table.
pub(super) fn rows(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("expected a whole number such as 1000000, found `{text}`"))
}

pub(super) fn given_rate(text: &str) -> Result<GivenRate, String> {
    let wrong = || {
        format!(
            "expected RATE or EXPORTER=RATE with a RATE from 1, as in 100 or 192.0.2.1=100, found `{text}`"
        )
    };
    let (exporter, rate) = match text.rsplit_once('=') {
        Some((exporter, rate)) => (Some(exporter.parse::<Host>().map_err(|_| wrong())?), rate),
        None => (None, text),
    };
    match rate.parse::<u32>() {
        Ok(rate @ 1..) => Ok(GivenRate { exporter, rate: Sampling::one_in(rate) }),
        _ => Err(wrong()),
    }
}

pub(super) fn metrics(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse::<u16>().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    port.or_else(|_| text.parse()).map_err(|_| {
        format!("expected a port or an address with one, as in 9655 or [::1]:9655, found `{text}`")
    })
}

pub(super) fn lag(text: &str) -> Result<LagRule, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(LagRule::Auto);
    }
    match parse_duration(text) {
        Ok(ms) if ms <= MAX_LAG_MS => Ok(LagRule::Fixed(ms)),
        _ => Err(format!("expected auto or 0 to {} seconds, found `{text}`", MAX_LAG_MS / 1000)),
    }
}

pub(super) fn link(text: &str) -> Result<Link, String> {
    let rate = |text| parse_rate(text).map_err(|error| error.to_string());
    // The slash of `MB/s` separates no rates: the first one that does is not before an `s`
    // that ends a rate.
    let is_unit = |rest: &str| rest == "s" || rest.starts_with("s/");
    let mut slashes = text.match_indices('/').map(|(at, _)| text.split_at(at));
    let between = slashes.find(|(_, rest)| !rest.strip_prefix('/').is_some_and(is_unit));
    match between {
        Some((down, up)) => Ok(Link { down: rate(down)?, up: rate(up.get(1..).unwrap_or(""))? }),
        None => rate(text).map(|both| Link { down: both, up: both }),
    }
}

pub(super) fn sliding(text: &str) -> Result<Window, String> {
    Window::SLIDING
        .into_iter()
        .find(|window| window.name() == text)
        .ok_or_else(|| format!("expected 10s, 1m, 5m, 15m or 1h, found `{text}`"))
}

pub(super) fn window(text: &str) -> Result<Window, String> {
    if text == Window::All.name() {
        return Ok(Window::All);
    }
    sliding(text).map_err(|_| format!("expected 10s, 1m, 5m, 15m, 1h or all, found `{text}`"))
}

pub(super) fn workers(text: &str) -> Result<Workers, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(Workers::Auto);
    }
    match text.parse::<usize>() {
        Ok(count @ 1..=MAX_WORKERS) => Ok(Workers::Exactly(count)),
        _ => Err(format!("expected auto or 1 to {MAX_WORKERS}, found `{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_one_rate_or_two_in_any_spelling_of_a_rate() {
        let read = |text| link(text).map(|Link { down, up }| (down, up));
        for (text, want) in [
            ("100M", (100_000_000, 100_000_000)),
            ("100M/20M", (100_000_000, 20_000_000)),
            ("10MB/s", (80_000_000, 80_000_000)),
            ("10MB/s/5MB/s", (80_000_000, 40_000_000)),
            ("10MB/s/20M", (80_000_000, 20_000_000)),
            ("100M/5MB/s", (100_000_000, 40_000_000)),
            ("100Mbit/s", (100_000_000, 100_000_000)),
            ("100Mb/s/20Mbit/s", (100_000_000, 20_000_000)),
        ] {
            assert_eq!(read(text), Ok(want), "{text}");
        }
        for bad in ["", "/", "100M/", "/5M", "1M/2M/3M", "1M//2M", "s", "1M/s", "1M/s/s", "MB/s"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
