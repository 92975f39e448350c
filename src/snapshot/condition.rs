//! The condition of an exporter: a level, and a sentence with the remedy.

use super::coverage;
use super::exporter::{ExporterHealth, SamplingState};
use crate::flow::{CLOCK_OFF_MS, Protocol, RateDoubt, SequenceUnit, Time};

/// An exporter that was silent for this many milliseconds counts as dead: even the quietest router
/// sends its templates.
pub const DEAD_MS: i64 = 300_000;

/// Silence in milliseconds that is reported: longer than the minute after which most exporters
/// report every flow.
pub const QUIET_MS: i64 = 90_000;

/// A longer active timeout in milliseconds is reported: windows are late then.
const LONG_TIMEOUT_MS: i64 = 120_000;

/// A larger loss than one part in this many (0.1 %) is reported.
const LOST_PART: u128 = 1_000;

/// More duplicates than one flow in this many (1 %) are reported.
const DUPLICATE_PART: u128 = 100;

/// How severe a condition is, the worst last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionLevel {
    /// Nothing to report.
    #[default]
    Ok,
    /// Worth knowing; no figures are affected.
    Notice,
    /// Figures are late, wrong or too low.
    Degraded,
    /// The exporter sends nothing.
    Dead,
}

impl ConditionLevel {
    /// The level as a word of at most four letters.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ConditionLevel::Ok => "ok",
            ConditionLevel::Notice => "note",
            ConditionLevel::Degraded => "DEGR",
            ConditionLevel::Dead => "DEAD",
        }
    }
}

/// The condition of an exporter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Its level.
    pub mark: ConditionLevel,
    /// The problem and the remedy.
    pub text: String,
}

impl ExporterHealth {
    /// The worst condition at `now`.
    #[must_use]
    pub fn condition(&self, now: Time) -> Condition {
        self.conditions(now).into_iter().next().unwrap_or_default()
    }

    /// All conditions at `now`, the worst first. Never empty.
    #[must_use]
    pub fn conditions(&self, now: Time) -> Vec<Condition> {
        if !self.is_heard() {
            let text = "remembered from an earlier run, not heard yet in this one";
            return vec![Condition { mark: ConditionLevel::Notice, text: text.to_owned() }];
        }
        let checks: [fn(&ExporterHealth, Time) -> Option<Condition>; 14] = [
            silent,
            waiting,
            losing,
            unsent,
            timeout,
            rate_order,
            clock,
            missed,
            changed,
            doubled,
            sampled_twice,
            uncovered,
            remembered,
            sampling,
        ];
        let mut all: Vec<Condition> =
            checks.into_iter().filter_map(|check| check(self, now)).collect();
        // Within a level, in the order of the checks.
        all.sort_by_key(|condition| std::cmp::Reverse(condition.mark));
        if all.is_empty() {
            all.push(Condition { mark: ConditionLevel::Ok, text: "all is well".to_owned() });
        }
        all
    }
}

fn condition(mark: ConditionLevel, text: String) -> Option<Condition> {
    Some(Condition { mark, text })
}

fn silent(exporter: &ExporterHealth, now: Time) -> Option<Condition> {
    let ms = now.since(exporter.last_seen);
    let mark = match ms {
        DEAD_MS.. => ConditionLevel::Dead,
        QUIET_MS.. => ConditionLevel::Degraded,
        _ => return None,
    };
    let span = span(ms);
    condition(mark, format!("silent for {span}: is it up, and does its export still point here?"))
}

fn waiting(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let sets = match exporter.held {
        0 => return None,
        1 => "1 data set waits for its template".to_owned(),
        held => format!("{held} data sets wait for their templates"),
    };
    condition(
        ConditionLevel::Degraded,
        format!("{sets}: `ip flow-export template refresh-rate 1` sends them more often"),
    )
}

fn losing(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let sent = exporter.lost.saturating_add(exporter.received());
    if u128::from(exporter.lost) * LOST_PART <= u128::from(sent) {
        return None;
    }
    let share = exporter.lost as f64 * 100.0 / sent as f64;
    condition(
        ConditionLevel::Degraded,
        format!(
            "{share:.1} % never arrived: raise net.core.rmem_max if the kernel drops, else look at the network"
        ),
    )
}

fn missed(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let unit = exporter.protocol.map_or(SequenceUnit::Datagrams, Protocol::sequence_unit).name();
    let count = exporter.missed_while_down;
    let text = format!("{count} {unit} were sent while no collector ran");
    if count > 0 { condition(ConditionLevel::Notice, text) } else { None }
}

fn unsent(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let samples = exporter.unsent;
    if u128::from(samples) * LOST_PART <= u128::from(exporter.flows) {
        return None;
    }
    condition(
        ConditionLevel::Degraded,
        format!("{samples} samples were taken but never sent: let it sample fewer packets"),
    )
}

fn rate_order(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let RateDoubt { sent, swapped, is_swapped } = exporter.rate_doubt?;
    if is_swapped {
        let text = format!(
            "sampling 1:{sent} was read the other way round (byte order): 1:{swapped} (else --sampling)"
        );
        return condition(ConditionLevel::Notice, text);
    }
    let text = format!(
        "sampling 1:{sent} may have the wrong byte order (1:{swapped}): set the right one with --sampling"
    );
    condition(ConditionLevel::Degraded, text)
}

fn sampled_twice(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let ExporterHealth { sampled_twice: twice, flows, .. } = *exporter;
    if u128::from(twice) * DUPLICATE_PART <= u128::from(flows) {
        return None;
    }
    let share = twice as f64 * 100.0 / flows.max(1) as f64;
    let text = format!(
        "{share:.0} % of its samples are of packets that it samples on their way in and out (counted twice): sample ingress only"
    );
    condition(ConditionLevel::Degraded, text)
}

fn clock(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let off = exporter.clock_offset_ms.saturating_abs();
    let direction = if exporter.clock_offset_ms > 0 { "behind" } else { "ahead" };
    let text =
        || format!("its clock is {} {direction} (corrected): `ntp server ...` on it", span(off));
    (off > CLOCK_OFF_MS).then(text).and_then(|text| condition(ConditionLevel::Notice, text))
}

fn timeout(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let timeout = exporter.active_timeout_ms.filter(|ms| *ms > LONG_TIMEOUT_MS)?;
    condition(
        ConditionLevel::Degraded,
        format!(
            "reports long flows only every {}: `ip flow-cache timeout active 1`",
            span(timeout)
        ),
    )
}

fn changed(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let changes = exporter.detail.templates.iter().map(|template| u64::from(template.changes));
    let changes: u64 = changes.sum();
    let times = match changes {
        0 => return None,
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    condition(
        ConditionLevel::Notice,
        format!(
            "templates came with another shape {times}: a new configuration, or a forger (--allow)"
        ),
    )
}

fn doubled(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let ExporterHealth { doubled, flows, .. } = *exporter;
    if u128::from(doubled) * DUPLICATE_PART <= u128::from(flows) {
        return None;
    }
    let share = doubled as f64 * 100.0 / flows.max(1) as f64;
    condition(
        ConditionLevel::Notice,
        format!(
            "{share:.0} % of its flows came from two interfaces (counted once): export ingress only"
        ),
    )
}

fn remembered(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let of = match exporter.remembered {
        0 => return None,
        count if count == exporter.templates => "templates are".to_owned(),
        1 => "1 template is".to_owned(),
        count => format!("{count} templates are"),
    };
    condition(
        ConditionLevel::Ok,
        format!("{of} remembered from an earlier run until they come again"),
    )
}

fn sampling(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    let text = "announces no sampling: assumed 1:1 (else --sampling)";
    (exporter.sampling == SamplingState::Unknown)
        .then(|| text.to_owned())
        .and_then(|text| condition(ConditionLevel::Ok, text))
}

fn uncovered(exporter: &ExporterHealth, _: Time) -> Option<Condition> {
    coverage::sentence(exporter).and_then(|text| condition(ConditionLevel::Degraded, text))
}

/// A duration in one unit.
fn span(ms: i64) -> String {
    let seconds = (ms.max(0).saturating_add(500)) / 1000;
    match seconds {
        0..100 => format!("{seconds} s"),
        100..5_400 => format!("{} min", (seconds + 30) / 60),
        5_400..172_800 => format!("{} h", (seconds + 1_800) / 3_600),
        _ => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Health;
    use super::super::exporter::{ExporterDetail, TemplateHealth};
    use super::*;

    const NOW: Time = Time(1_800_000_000_000);

    fn healthy() -> ExporterHealth {
        ExporterHealth {
            protocol: Some(Protocol::Netflow9),
            datagrams: 1_000,
            flows: 20_000,
            templates: 2,
            sampling: SamplingState::Announced(1),
            active_timeout_ms: Some(60_000),
            last_seen: NOW,
            ..ExporterHealth::default()
        }
    }

    #[test]
    fn every_problem_has_its_level_and_text() {
        let template = TemplateHealth { changes: 2, ..TemplateHealth::default() };
        let detail =
            Arc::new(ExporterDetail { templates: vec![template; 2], ..ExporterDetail::default() });
        let with = |change: fn(&mut ExporterHealth)| {
            let mut exporter = healthy();
            change(&mut exporter);
            exporter
        };
        let cases = [
            (healthy(), ConditionLevel::Ok, "all is well"),
            (with(|e| e.last_seen = NOW.plus_ms(-89_999)), ConditionLevel::Ok, "all is well"),
            (
                with(|e| e.last_seen = NOW.plus_ms(-90_000)),
                ConditionLevel::Degraded,
                "silent for 90 s",
            ),
            (
                with(|e| e.last_seen = NOW.plus_ms(-300_000)),
                ConditionLevel::Dead,
                "silent for 5 min",
            ),
            (with(|e| e.last_seen = NOW.plus_ms(60_000)), ConditionLevel::Ok, "all is well"),
            (with(|e| e.held = 3), ConditionLevel::Degraded, "3 data sets wait"),
            (
                with(|e| e.missed_while_down = 614),
                ConditionLevel::Notice,
                "614 datagrams were sent while no",
            ),
            (with(|e| e.lost = 1), ConditionLevel::Ok, "all is well"),
            (with(|e| e.lost = 21), ConditionLevel::Degraded, "2.1 % never arrived"),
            (
                with(|e| (e.lost, e.protocol) = (20, Some(Protocol::Ipfix))),
                ConditionLevel::Ok,
                "all is well",
            ),
            (
                with(|e| (e.lost, e.protocol) = (100, Some(Protocol::Ipfix))),
                ConditionLevel::Degraded,
                "0.5 % never",
            ),
            (with(|e| e.unsent = 20), ConditionLevel::Ok, "all is well"),
            (with(|e| e.unsent = 21), ConditionLevel::Degraded, "21 samples"),
            (with(|e| e.clock_offset_ms = 5_000), ConditionLevel::Ok, "all is well"),
            (with(|e| e.clock_offset_ms = -7_000), ConditionLevel::Notice, "7 s ahead"),
            (
                with(|e| e.active_timeout_ms = Some(1_800_000)),
                ConditionLevel::Degraded,
                "every 30 min",
            ),
            (
                ExporterHealth { detail, ..healthy() },
                ConditionLevel::Notice,
                "another shape 4 times",
            ),
            (with(|e| e.doubled = 200), ConditionLevel::Ok, "all is well"),
            (with(|e| e.doubled = 10_000), ConditionLevel::Notice, "50 % of its flows"),
            (with(|e| e.remembered = 2), ConditionLevel::Ok, "templates are remembered"),
            (with(|e| e.sampling = SamplingState::Unknown), ConditionLevel::Ok, "assumed 1:1"),
            (with(|e| e.protocol = None), ConditionLevel::Notice, "not heard yet"),
        ];
        for (exporter, mark, text) in cases {
            let condition = exporter.condition(NOW);
            assert_eq!(condition.mark, mark, "{condition:?}");
            assert!(condition.text.contains(text), "{condition:?}: {text}");
        }
    }

    #[test]
    fn problems_of_sampling_have_their_level_and_text() {
        let with = |change: fn(&mut ExporterHealth)| {
            let mut exporter = healthy();
            change(&mut exporter);
            exporter
        };
        let cases = [
            (
                with(|e| {
                    e.rate_doubt = Some(RateDoubt { sent: 1 << 24, swapped: 1, is_swapped: true });
                }),
                ConditionLevel::Notice,
                "sampling 1:16777216 was read the other way round (byte order): 1:1 ",
            ),
            (
                with(|e| {
                    e.rate_doubt =
                        Some(RateDoubt { sent: 131_072, swapped: 512, is_swapped: false });
                }),
                ConditionLevel::Degraded,
                "sampling 1:131072 may have the wrong byte order (1:512)",
            ),
            (with(|e| e.sampled_twice = 200), ConditionLevel::Ok, "all is well"),
            (with(|e| e.sampled_twice = 10_000), ConditionLevel::Degraded, "50 % of its samples"),
        ];
        for (exporter, mark, text) in cases {
            let condition = exporter.condition(NOW);
            assert_eq!(condition.mark, mark, "{condition:?}");
            assert!(condition.text.contains(text), "{condition:?}: {text}");
        }
    }

    #[test]
    fn forged_counts_do_not_wrap() {
        let template = TemplateHealth { changes: u32::MAX, ..TemplateHealth::default() };
        let detail =
            Arc::new(ExporterDetail { templates: vec![template; 2], ..ExporterDetail::default() });
        let exporter = ExporterHealth { detail, lost: u64::MAX, ..healthy() };
        let conditions = exporter.conditions(NOW);
        assert!(conditions.iter().any(|one| one.text.contains("8589934590")), "{conditions:?}");
        let health = Health { exporters: vec![exporter; 2], ..Health::default() };
        assert_eq!(health.lost(), u64::MAX);
    }

    #[test]
    fn the_worst_comes_first() {
        let exporter = ExporterHealth {
            last_seen: NOW.plus_ms(-3_600_000 * 50),
            lost: u64::MAX,
            held: usize::MAX,
            doubled: u64::MAX,
            clock_offset_ms: i64::MIN,
            active_timeout_ms: Some(i64::MAX),
            sampling: SamplingState::Unknown,
            ..healthy()
        };
        let conditions = exporter.conditions(NOW);
        assert_eq!(conditions[0].mark, ConditionLevel::Dead);
        assert!(conditions[0].text.contains("2 days"), "{conditions:?}");
        assert!(conditions.windows(2).all(|pair| pair[0].mark >= pair[1].mark), "{conditions:?}");
        assert_eq!(conditions.len(), 7);
    }
}
