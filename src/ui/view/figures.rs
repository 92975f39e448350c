//! The figures of exporters as text.

use crate::flow::Protocol;
use crate::snapshot::{ConditionLevel, ExporterHealth, SamplingState};
use crate::units;

use super::super::theme::Tone;

/// The tone of a condition.
pub fn tone(mark: ConditionLevel) -> Tone {
    match mark {
        ConditionLevel::Ok | ConditionLevel::Notice => Tone::Plain,
        ConditionLevel::Degraded => Tone::Warning,
        ConditionLevel::Dead => Tone::Critical,
    }
}

/// The sign of a condition.
pub fn mark(mark: ConditionLevel) -> &'static str {
    match mark {
        ConditionLevel::Ok | ConditionLevel::Notice => "",
        ConditionLevel::Degraded => "!",
        ConditionLevel::Dead => "!!",
    }
}

/// A share that distinguishes little from nothing: `0%`, `<0.01%`, `0.02%`, `12.3%`.
pub fn part(part: u64, whole: u64) -> String {
    let share = part as f64 * 100.0 / whole.max(1) as f64;
    match part {
        0 => "0%".to_owned(),
        _ if share < 0.01 => "<0.01%".to_owned(),
        _ if share < 9.995 => format!("{share:.2}%"),
        _ => format!("{share:.1}%"),
    }
}

/// A rate, with a decimal if it is small: `0.2`, `12.0`, `31.0k`.
pub fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate > 0.0 && rate < 99.95 => format!("{:.1}", rate.max(0.1)),
        rate => units::short(rate.round().max(0.0) as u64),
    }
}

/// The protocol in at most six letters.
pub fn proto(protocol: Option<Protocol>) -> &'static str {
    match protocol {
        Some(Protocol::Netflow1) => "nf1",
        Some(Protocol::Netflow5) => "nf5",
        Some(Protocol::Netflow7) => "nf7",
        Some(Protocol::Netflow9) => "nf9",
        Some(other @ (Protocol::Ipfix | Protocol::Sflow5)) => other.name(),
        None => "-",
    }
}

/// The number of confirmed templates and of all; restored templates are not confirmed.
pub fn templates(exporter: &ExporterHealth) -> String {
    if exporter.templates == 0 {
        return "-".to_owned();
    }
    let confirmed = exporter.templates.saturating_sub(exporter.remembered);
    format!("{}/{}", units::short(confirmed as u64), units::short(exporter.templates as u64))
}

/// `1:1000`, `1:262k`.
pub fn one_in(rate: u32) -> String {
    match rate {
        0..100_000 => format!("1:{rate}"),
        _ => format!("1:{}", units::short(u64::from(rate))),
    }
}

/// `1:1000` announced, `1:1000=` configured, `mixed`, `1:1 ?` unknown.
pub fn sampling(state: SamplingState) -> String {
    match state {
        SamplingState::Unknown => "1:1 ?".to_owned(),
        SamplingState::Announced(rate) => one_in(rate),
        SamplingState::Mixed(_) => "mixed".to_owned(),
        SamplingState::Given(rate) => format!("{}=", one_in(rate)),
    }
}

/// How far the exporter's clock is ahead of the collector's: `+0.02s`, `-41s`.
pub fn clock(exporter: &ExporterHealth) -> String {
    if !exporter.is_heard() || exporter.protocol == Some(Protocol::Sflow5) {
        return "-".to_owned();
    }
    let ms = exporter.clock_offset_ms;
    let sign = if ms > 0 { "-" } else { "+" };
    let ms = ms.unsigned_abs();
    match ms / 1000 {
        _ if ms < 5 => "0.00s".to_owned(),
        0..10 => format!("{sign}{:.2}s", ms as f64 / 1000.0),
        seconds @ 10..600 => format!("{sign}{seconds}s"),
        seconds @ 600..36_000 => format!("{sign}{}m", seconds / 60),
        seconds @ 36_000..360_000 => format!("{sign}{}h", seconds / 3600),
        seconds => format!("{sign}{}d", units::short(seconds / 86_400)),
    }
}

/// A duration, with a decimal if it is short: `1.2s`, `3m10s`.
pub fn span(ms: i64) -> String {
    match ms {
        0..10_000 => format!("{:.1}s", ms as f64 / 1000.0),
        _ => units::duration(ms),
    }
}

/// The time since the last datagram.
pub fn ago(exporter: &ExporterHealth, silent: i64) -> String {
    const LONG: i64 = 100 * 86_400_000;
    match silent {
        _ if !exporter.is_heard() && exporter.last_seen.0 == 0 => "-".to_owned(),
        LONG.. => format!("{}d", units::short(silent.unsigned_abs() / 86_400_000)),
        _ => units::duration(silent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_ahead_have_a_plus_and_short_durations_a_decimal() {
        let clock = |ms| {
            clock(&ExporterHealth {
                clock_offset_ms: ms,
                protocol: Some(Protocol::Ipfix),
                ..Default::default()
            })
        };
        for (ms, want) in [
            (0, "0.00s"),
            (4, "0.00s"),
            (-20, "+0.02s"),
            (41_000, "-41s"),
            (-3_600_000, "+60m"),
            (i64::MIN, "+107Gd"),
        ] {
            assert_eq!(clock(ms), want);
        }
        assert_eq!(
            [0.0, 0.01, 9.96, 99.96, 31_000.0].map(rate),
            ["0", "0.1", "10.0", "100", "31.0k"]
        );
        assert_eq!(
            [(0, 9), (1, 99_999), (2, 9_999), (5, 20)].map(|(a, b)| part(a, b)),
            ["0%", "<0.01%", "0.02%", "25.0%"]
        );
        assert_eq!(sampling(SamplingState::Given(262_144)), "1:262k=");
    }
}
