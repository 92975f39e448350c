//! Counts messages to the outside that were lost: to the log, the service manager, a
//! metrics client or a hook. The sender counts them, and they are shown with the health.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::snapshot::DropCount;

/// A kind of message that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostMessages {
    /// A line of the log.
    Log,
    /// A message to the service manager.
    Manager,
    /// An answer to a metrics client.
    Scrape,
    /// A run of a hook.
    Hook,
    /// A line of a hook's output.
    HookOutput,
}

impl LostMessages {
    /// All kinds, in the order of the enum.
    pub const ALL: [LostMessages; 5] = [
        LostMessages::Log,
        LostMessages::Manager,
        LostMessages::Scrape,
        LostMessages::Hook,
        LostMessages::HookOutput,
    ];

    /// A short stable name for JSON, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LostMessages::Log => "log_lost",
            LostMessages::Manager => "manager_lost",
            LostMessages::Scrape => "metrics_cut_off",
            LostMessages::Hook => "hook_not_run",
            LostMessages::HookOutput => "hook_output_cut",
        }
    }

    /// An explanation for people.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            LostMessages::Log => {
                "lines of the log that could not be written: the reader has stopped, or the disk is full"
            }
            LostMessages::Manager => "messages that the service manager (systemd) did not accept",
            LostMessages::Scrape => {
                "connections for metrics that were closed: too slow, or too many at the same time"
            }
            LostMessages::Hook => {
                "recorded files for which the hook (the command of -x) was not run, because 256 files waited for it"
            }
            LostMessages::HookOutput => {
                "lines that a hook printed after its first 50, which are not logged"
            }
        }
    }
}

/// A counter for each kind. Clones share their counters.
#[derive(Clone, Debug, Default)]
pub struct LostMessageCounters(Arc<[AtomicU64; LostMessages::ALL.len()]>);

impl LostMessageCounters {
    /// Adds `count` to the counter of `loss`.
    pub fn add(&self, loss: LostMessages, count: u64) {
        if let Some(sum) = self.0.get(loss as usize) {
            sum.fetch_add(count, Relaxed);
        }
    }

    /// The counter of `loss`.
    #[must_use]
    pub fn of(&self, loss: LostMessages) -> u64 {
        self.0.get(loss as usize).map_or(0, |sum| sum.load(Relaxed))
    }

    /// The counters that are not zero, for the health.
    pub(super) fn counts(&self) -> impl Iterator<Item = DropCount> + '_ {
        LostMessages::ALL.into_iter().filter_map(|loss| {
            let count = self.of(loss);
            (count > 0).then(|| DropCount {
                cause: loss.name().into(),
                explanation: loss.explanation().into(),
                count,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_losses_that_occurred_are_listed() {
        let losses = LostMessageCounters::default();
        assert_eq!(losses.counts().count(), 0);
        losses.add(LostMessages::Scrape, 2);
        losses.clone().add(LostMessages::Scrape, 3);
        let told: Vec<_> = losses.counts().map(|one| (one.cause, one.count)).collect();
        assert_eq!(told, [("metrics_cut_off".into(), 5)]);
        for (nth, loss) in LostMessages::ALL.into_iter().enumerate() {
            assert_eq!(loss as usize, nth);
        }
    }
}
