//! Limits on rates, and the alerts raised when they are exceeded. Pure: rates and times
//! are arguments.

use std::collections::{HashMap, HashSet};

use crate::flow::Time;
use crate::snapshot::{Alert, AlertSubject, Direction, Severity};

/// Maximum number of active alerts. An administrator cannot read more; the oldest stay.
pub(super) const MAX_ALERTS: usize = 1000;

/// An alert is cleared when the rate has stayed below this percentage of the limit for
/// [`CLEAR_MS`] milliseconds.
const CLEAR_PERCENT: u64 = 90;
const CLEAR_MS: i64 = 60_000;

/// The limit of a link, as a percentage of its capacity.
const LINK_PERCENT: u64 = 90;

/// Limits that raise alerts, all in bit/s. `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Limit on the rate that one host sends.
    pub host_up: Option<u64>,
    /// Limit on the rate that one host receives.
    pub host_down: Option<u64>,
    /// Capacity of the link for sending; its limit is 90 % of that.
    pub link_up: Option<u64>,
    /// Capacity of the link for receiving.
    pub link_down: Option<u64>,
}

impl Rules {
    /// The limit that applies to `subject` in bit/s, or `None`.
    #[must_use]
    pub fn limit(&self, subject: &AlertSubject) -> Option<u64> {
        let link = |capacity: u64| (u128::from(capacity) * u128::from(LINK_PERCENT) / 100) as u64;
        match subject {
            AlertSubject::Host(_, Direction::Up) => self.host_up,
            AlertSubject::Host(_, Direction::Down) => self.host_down,
            AlertSubject::Link(Direction::Up) => self.link_up.map(link),
            AlertSubject::Link(Direction::Down) => self.link_down.map(link),
        }
    }

    /// Whether any host has a limit.
    #[must_use]
    pub fn watch_hosts(&self) -> bool {
        self.host_up.is_some() || self.host_down.is_some()
    }
}

/// State of an active alert.
#[derive(Clone, Copy, Debug)]
struct Active {
    alert: Alert,
    /// Since when the rate has been low enough to clear the alert.
    calm_since: Option<Time>,
}

/// The active alerts.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    active: HashMap<AlertSubject, Active>,
    /// The end of the minute that was evaluated last.
    at: Time,
}

impl Alerts {
    /// The subjects of all active alerts.
    pub(super) fn subjects(&self) -> HashSet<AlertSubject> {
        self.active.keys().copied().collect()
    }

    /// Takes the mean rates (bit/s) of the minute that ended at `at`, for every subject above its
    /// limit and for every active alert. An active alert that is missing from `rates` had no
    /// traffic. When `trusted` is false, because not all flows of that minute have been reported,
    /// no alert is raised or cleared.
    pub(super) fn evaluate(
        &mut self,
        at: Time,
        rules: &Rules,
        trusted: bool,
        rates: &[(AlertSubject, u64)],
    ) {
        if !trusted || at <= self.at {
            return;
        }
        self.at = at;
        let means: HashMap<AlertSubject, u64> = rates.iter().copied().collect();
        self.active.retain(|subject, active| {
            let now = means.get(subject).copied().unwrap_or(0);
            active.alert.now = now;
            active.alert.peak = active.alert.peak.max(now);
            active.alert.severity = severity(subject, now, active.alert.limit);
            let limit = u128::from(active.alert.limit);
            let calm = u128::from(now) * 100 < limit * u128::from(CLEAR_PERCENT);
            active.calm_since = if calm { active.calm_since.or(Some(at)) } else { None };
            active.calm_since.is_none_or(|since| at.since(since) < CLEAR_MS)
        });
        for (subject, rate) in rates {
            let Some(limit) = rules.limit(subject).filter(|limit| rate > limit) else { continue };
            if !self.active.contains_key(subject) && self.active.len() < MAX_ALERTS {
                let severity = severity(subject, *rate, limit);
                let (subject, now) = (*subject, *rate);
                let alert = Alert { subject, severity, since: at, now, limit, peak: now };
                self.active.insert(subject, Active { alert, calm_since: None });
            }
        }
    }

    /// All active alerts, by severity (worst first), then by age (oldest first).
    pub(super) fn list(&self) -> Vec<Alert> {
        let mut list: Vec<Alert> = self.active.values().map(|active| active.alert).collect();
        list.sort_by(|a, b| {
            let oldest = a.since.cmp(&b.since).then(a.subject.cmp(&b.subject));
            b.severity.cmp(&a.severity).then(oldest)
        });
        list
    }
}

fn severity(subject: &AlertSubject, now: u64, limit: u64) -> Severity {
    let full = match subject {
        // The limit is 90 % of the capacity; at the whole capacity the link is full.
        AlertSubject::Link(_) => {
            u128::from(now) * u128::from(LINK_PERCENT) >= u128::from(limit) * 100
        }
        AlertSubject::Host(..) => now >= limit.saturating_mul(2),
    };
    if full { Severity::Critical } else { Severity::Warning }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Host;

    const HOST: AlertSubject = AlertSubject::Host(Host::octets(10, 0, 0, 1), Direction::Up);

    fn rules() -> Rules {
        Rules { host_up: Some(100), link_down: Some(1000), ..Rules::default() }
    }

    fn feed(alerts: &mut Alerts, second: i64, rate: u64) -> Vec<Alert> {
        alerts.evaluate(Time(second * 1000), &rules(), true, &[(HOST, rate)]);
        alerts.list()
    }

    #[test]
    fn raised_at_once_and_cleared_after_a_minute_below_the_limit() {
        let mut alerts = Alerts::default();
        assert!(feed(&mut alerts, 1, 100).is_empty(), "the limit itself is allowed");
        let raised = feed(&mut alerts, 2, 101);
        assert_eq!((raised.len(), raised[0].severity), (1, Severity::Warning));
        assert_eq!(feed(&mut alerts, 3, 250)[0].severity, Severity::Critical);
        assert_eq!(feed(&mut alerts, 4, 95).len(), 1, "between 90 % and the limit it stays");
        for second in 5..65 {
            assert_eq!(feed(&mut alerts, second, 80).len(), 1, "{second}");
        }
        assert_eq!(feed(&mut alerts, 64, 80).len(), 1);
        assert!(feed(&mut alerts, 65, 80).is_empty());
    }

    #[test]
    fn a_higher_rate_restarts_the_minute_before_clearing() {
        let mut alerts = Alerts::default();
        feed(&mut alerts, 1, 300);
        for second in 2..60 {
            feed(&mut alerts, second, 10);
        }
        feed(&mut alerts, 60, 95);
        let still = feed(&mut alerts, 119, 10);
        assert_eq!((still.len(), still[0].peak, still[0].since), (1, 300, Time(1000)));
        assert_eq!(feed(&mut alerts, 178, 10).len(), 1);
        assert!(feed(&mut alerts, 179, 10).is_empty());
    }

    #[test]
    fn incomplete_minutes_raise_and_clear_no_alert() {
        let mut alerts = Alerts::default();
        alerts.evaluate(Time(1000), &rules(), false, &[(HOST, 500)]);
        assert!(alerts.list().is_empty());
        feed(&mut alerts, 2, 500);
        for second in 3..200 {
            alerts.evaluate(Time(second * 1000), &rules(), false, &[]);
        }
        assert_eq!(alerts.list().len(), 1);
    }

    #[test]
    fn a_link_has_a_warning_at_ninety_percent_and_is_critical_when_full() {
        let subject = AlertSubject::Link(Direction::Down);
        let mut alerts = Alerts::default();
        alerts.evaluate(Time(1), &rules(), true, &[(subject, 900)]);
        assert!(alerts.list().is_empty());
        alerts.evaluate(Time(2), &rules(), true, &[(subject, 901)]);
        assert_eq!(alerts.list()[0].severity, Severity::Warning);
        alerts.evaluate(Time(3), &rules(), true, &[(subject, 1000)]);
        assert_eq!(alerts.list()[0].severity, Severity::Critical);
    }

    #[test]
    fn alerts_are_bounded() {
        let mut alerts = Alerts::default();
        let rates: Vec<_> =
            (0..5000).map(|n| (AlertSubject::Host(Host::v4(n), Direction::Up), 1000)).collect();
        alerts.evaluate(Time(1), &rules(), true, &rates);
        assert_eq!(alerts.list().len(), MAX_ALERTS);
    }
}
