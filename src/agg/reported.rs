//! What is known of the time that reported flows are about.

use crate::flow::{Flow, Time};

/// What the spans of `all` depend on, learned from all counted flows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReportedTime {
    /// The earliest begin of a flow.
    pub(super) earliest: Option<Time>,
    /// The latest end of a flow.
    pub(super) latest: Option<Time>,
    /// The newest arrival.
    pub(super) newest: Option<Time>,
    /// Whether a flow has times of its own, so that others may still be running.
    pub(super) timed: bool,
}

impl ReportedTime {
    /// Learns from a flow that lasted from `first` to `last`.
    pub(super) fn take(&mut self, flow: &Flow, (first, last): (Time, Time)) {
        self.latest = Some(self.latest.map_or(last, |known| known.max(last)));
        self.earliest = Some(self.earliest.map_or(first, |known| known.min(first)));
        self.newest = Some(self.newest.map_or(flow.arrival, |known| known.max(flow.arrival)));
        self.timed |= flow.timed;
    }
}
