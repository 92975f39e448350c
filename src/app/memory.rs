//! The memory budget of collecting on this machine, and its parts.

use std::path::Path;

use crate::agg::Config;
use crate::config::memory::{MemoryBudget, MemoryLimit, MemoryShares, budget};
use crate::ingest::IngestLimits;
use crate::units;
use crate::wire;

/// The memory budget of this process; `asked` is the value of `--memory` in bytes.
pub(super) fn find(asked: Option<u64>) -> MemoryBudget {
    budget(asked, &|path: &Path| std::fs::read_to_string(path).ok())
}

/// The configuration of windows whose rows stay within their shares.
pub(super) fn bounded(config: Config, shares: &MemoryShares) -> Config {
    Config { host_bytes: shares.hosts, conversation_bytes: shares.conversations, ..config }
}

/// The limits of exporter data and of the worker queues, within their shares.
pub(super) fn limits(shares: &MemoryShares) -> IngestLimits {
    let usual = IngestLimits::default();
    let exporters = wire::DecoderLimits {
        template_bytes: usual.exporters.template_bytes.min(shares.templates),
        counter_bytes: usual.exporters.counter_bytes.min(shares.counters),
        held_bytes: usual.exporters.held_bytes.min(shares.held),
        ..usual.exporters
    };
    IngestLimits { exporters, queue_bytes: usual.queue_bytes.min(shares.queues) }
}

/// The budget as a sentence.
pub(super) fn sentence(budget: &MemoryBudget) -> String {
    let bytes = units::size(budget.bytes);
    match budget.whole {
        MemoryLimit::Asked => format!("{bytes} for collecting, set by --memory"),
        MemoryLimit::Group(all) => {
            format!("{bytes} for collecting, half of the {} of its control group", units::size(all))
        }
        MemoryLimit::Machine(all) => {
            format!("{bytes} for collecting, half of the {} of this machine", units::size(all))
        }
        MemoryLimit::Unknown => format!(
            "{bytes} for collecting, because the memory of this machine cannot be determined"
        ),
    }
}
