//! Notes of answers: what limits have cost, and what a filter may miss.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::filtered::FilteredTotals;
use super::pane::Panes;
use super::{SharedState, Windows};
use crate::snapshot::{DropCount, Health, View};

impl Windows {
    /// Adds what limits have cost to the counts in `health`.
    pub(super) fn count_limits(&self, site: &SharedState, health: &mut Health) {
        let load = |count: &AtomicU64| count.load(Relaxed);
        let (hosts, conversations) = (&self.hosts.admission, &self.conversations.admission);
        // None of this traffic is lost: it is in "others". `older_bytes` counts bytes and must not
        // be added to counts of flows and datagrams.
        let counts = [
            (
                load(&hosts.refused),
                "host_limit",
                "flows of hosts beyond --max-hosts with too little traffic for a row; they are part of others",
            ),
            (
                load(&conversations.refused),
                "conversation_limit",
                "flows of conversations beyond --max-conversations with too little traffic for a row; they are part of others",
            ),
            (
                load(&hosts.evicted),
                "hosts_evicted",
                "hosts whose rows were given to busier ones; their traffic is part of others",
            ),
            (
                load(&conversations.evicted),
                "conversations_evicted",
                "conversations whose rows were given to busier ones; their traffic is part of others",
            ),
            (
                self.paths.refused(),
                "path_limit",
                "flows whose interfaces are not distinguished: too many pairs of interfaces",
            ),
            (
                site.totals.older().bytes,
                "older_bytes",
                "bytes of long flows from more than an hour ago, which no window shows",
            ),
        ];
        let noticed = counts.into_iter().filter(|(count, ..)| *count > 0);
        health.noticed.extend(noticed.map(|(count, cause, explanation)| DropCount {
            cause: cause.into(),
            explanation: explanation.into(),
            count,
        }));
    }

    /// Notes about the answer to a filter.
    pub(super) fn notes(
        &self,
        view: &View,
        filtered: Option<&FilteredTotals>,
        panes: &Panes,
    ) -> Vec<String> {
        let Some(filtered) = filtered else { return Vec::new() };
        let mut notes = Vec::new();
        let all = self.site().totals.sum(panes.start, panes.end).sum().bytes;
        let lost = filtered.known.map_or(0, |known| all.saturating_sub(known));
        if lost > 0 {
            notes.push(format!(
                "{} of this window have no conversation row (--max-conversations): no filter finds them",
                crate::units::size(lost)
            ));
        }
        if filtered.rows == 0 {
            for port in view.filter.ports() {
                notes.push(format!(
                    "no conversation has service port {port}; rows have the service's port, not the client's"
                ));
            }
        }
        notes
    }
}
