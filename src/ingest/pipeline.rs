//! Everything between a datagram and the windows.

use std::sync::Arc;

use super::stats::{Stats, Trouble};
use crate::agg::Windows;
use crate::clock::Clock;
use crate::flow::{Flow, Host, Time};
use crate::wire::doubling::Doubling;
use crate::wire::{Decoder, Policy};

/// Flows held at most before they are recorded: a datagram of tiny records can
/// have 16,000.
const FLOWS_PER_BATCH: usize = 4096;

/// Decodes what sockets read, marks what came twice, and hands it on.
pub(super) struct Pipeline {
    pub(super) decoder: Decoder,
    pub(super) stats: Stats,
    pub(super) clock: Clock,
    policy: Policy,
    doubling: Doubling,
    windows: Arc<Windows>,
    flows: Vec<Flow>,
    /// Whether templates or options came since someone asked.
    learned: bool,
}

impl Pipeline {
    pub(super) fn new(policy: Policy, windows: Arc<Windows>, clock: Clock, stats: Stats) -> Self {
        Pipeline {
            decoder: Decoder::with_policy(policy.clone()),
            stats,
            clock,
            policy,
            doubling: Doubling::default(),
            windows,
            flows: Vec::new(),
            learned: false,
        }
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Takes in a datagram, or a message of a stream.
    pub(super) fn datagram(&mut self, sender: Host, bytes: &[u8]) {
        let now = self.clock.now();
        let report = self.decoder.decode(now, sender, bytes, &mut self.flows);
        self.learned |= report.templates + report.options_templates + report.options > 0;
        self.stats.datagram(&report);
        if self.flows.len() >= FLOWS_PER_BATCH {
            self.record();
        }
    }

    /// Records what has been decoded since `began` (microseconds).
    pub(super) fn flush(&mut self, began: u64) {
        self.record();
        self.stats.batch(self.clock.micros().saturating_sub(began));
    }

    fn record(&mut self) {
        let doubled = self.doubling.mark(&mut self.flows);
        if doubled > 0 {
            self.stats.doubled(&self.flows, doubled);
        }
        self.windows.record(&self.flows);
        self.flows.clear();
    }

    /// Whether a stream of this peer may begin; a refusal is counted.
    pub(super) fn welcomes(&mut self, peer: Host) -> bool {
        if self.policy.allows(peer) {
            return true;
        }
        // The decoder keeps the list of those who are refused.
        self.decoder.decode(self.clock.now(), peer, &[], &mut self.flows);
        self.stats.trouble(Trouble::TcpRefused);
        false
    }

    /// Whether templates or options came since this was asked the last time.
    pub(super) fn has_learned(&mut self) -> bool {
        std::mem::take(&mut self.learned)
    }
}
