//! What could not be told to somebody outside: the log, the service manager, who
//! reads metrics, a hook. Whoever tells counts it, and it is shown with the health.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::snapshot::DropCount;

/// What was lost on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Log,
    Manager,
    Scrape,
    Hook,
    HookOutput,
}

impl Loss {
    /// All of them, in the order of the enum.
    pub const ALL: [Loss; 5] =
        [Loss::Log, Loss::Manager, Loss::Scrape, Loss::Hook, Loss::HookOutput];

    /// A short stable name for JSON, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Loss::Log => "log_lost",
            Loss::Manager => "manager_lost",
            Loss::Scrape => "metrics_cut_off",
            Loss::Hook => "hook_not_run",
            Loss::HookOutput => "hook_output_cut",
        }
    }

    /// The same in a sentence for people.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Loss::Log => {
                "lines of the log that could not be written: nobody reads them, or their disk is full"
            }
            Loss::Manager => "messages that the service manager did not take",
            Loss::Scrape => {
                "connections for metrics that were closed: too slow, or too many at the same time"
            }
            Loss::Hook => "finished files for which the hook was not run",
            Loss::HookOutput => "lines that a hook printed beyond those that are logged",
        }
    }
}

/// How often each of them happened. Copies count together.
#[derive(Clone, Debug, Default)]
pub struct Losses(Arc<[AtomicU64; Loss::ALL.len()]>);

impl Losses {
    /// Counts so many more.
    pub fn add(&self, loss: Loss, count: u64) {
        if let Some(sum) = self.0.get(loss as usize) {
            sum.fetch_add(count, Relaxed);
        }
    }

    /// How often it happened until now.
    #[must_use]
    pub fn of(&self, loss: Loss) -> u64 {
        self.0.get(loss as usize).map_or(0, |sum| sum.load(Relaxed))
    }

    /// Those that occurred, for the health.
    pub(super) fn counts(&self) -> impl Iterator<Item = DropCount> + '_ {
        Loss::ALL.into_iter().filter_map(|loss| {
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
    fn what_occurred_is_told_and_nothing_else() {
        let losses = Losses::default();
        assert_eq!(losses.counts().count(), 0);
        losses.add(Loss::Scrape, 2);
        losses.clone().add(Loss::Scrape, 3);
        let told: Vec<_> = losses.counts().map(|one| (one.cause, one.count)).collect();
        assert_eq!(told, [("metrics_cut_off".into(), 5)]);
        for (nth, loss) in Loss::ALL.into_iter().enumerate() {
            assert_eq!(loss as usize, nth);
        }
    }
}
