//! Whether an answer is complete.

use super::{Completeness, Health, Snapshot};

impl Snapshot {
    /// Whether the figures of the window are final and known to be complete: the window is
    /// over for all exporters, something was received, and no data wait for a template.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.span.completeness == Completeness::Complete
            && self.health.heard().next().is_some()
            && self.health.held() == 0
    }
}

impl Health {
    /// Number of data sets that wait for their templates.
    #[must_use]
    pub fn held(&self) -> usize {
        self.heard().map(|exporter| exporter.held).fold(0, usize::saturating_add)
    }
}
