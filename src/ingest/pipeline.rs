//! The work between a datagram and the windows.

use std::time::Duration;

use super::catch_panic::{guarded, panic_in_tests};
use super::deduplication::Deduplication;
use super::pipeline_counters::{PipelineCounters, PipelineReport};
use super::same_flows::SameFlows;
use super::stats::PUBLISH;
use crate::clock::Clock;
use crate::flow::{Flow, FlowExtras, Host, SenderAddress, Time};
use crate::wire::numbering_states::ExporterNumbering;
use crate::wire::saved_state::SavedState;
use crate::wire::{Cause, Decoder, KeptExtras, Policy, SharedLimits};

/// Maximum number of flows that are collected before they are recorded. Larger batches hit the same
/// rows more often. A datagram of tiny records can add as many again.
const FLOWS_PER_BATCH: usize = 4096;

/// Capacity for flows that is kept between batches. A datagram of tiny records may need
/// more, which is freed afterwards.
const KEPT_FLOWS: usize = 4 * FLOWS_PER_BATCH;

/// The longest time that a flow waits to be recorded.
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// Receives flows and their extra fields ([`Flow::more`]).
pub(super) type FlowSink = Box<dyn FnMut(&[Flow], &[FlowExtras]) + Send>;

/// Decodes datagrams, marks duplicates, and passes flows to the sink. A panic in one of these steps
/// loses the datagram or batch at hand, and is counted.
pub(super) struct Pipeline {
    decoder: Decoder,
    counters: PipelineCounters,
    clock: Clock,
    policy: Policy,
    budget: SharedLimits,
    deduplication: Deduplication,
    sink: FlowSink,
    flows: Vec<Flow>,
    /// When the first of the flows was decoded, in running microseconds.
    since: u64,
    /// The extra fields of flows that the sink needs.
    kept: KeptExtras,
    /// Whether templates or options have arrived since the last call of `has_learned`.
    learned: bool,
}

impl Pipeline {
    /// One of `workers` pipelines that share limits.
    pub(super) fn new(
        policy: Policy,
        budget: SharedLimits,
        clock: Clock,
        workers: usize,
        same: SameFlows,
        sink: FlowSink,
    ) -> Pipeline {
        let mut decoder = Decoder::sharing(policy.clone(), &budget);
        decoder.keep_extras(KeptExtras::Inside);
        Pipeline {
            decoder,
            counters: PipelineCounters::new(workers),
            clock,
            policy,
            budget,
            deduplication: Deduplication::sharing(same),
            sink,
            flows: Vec::new(),
            since: 0,
            kept: KeptExtras::Inside,
            learned: false,
        }
    }

    /// Keeps all extra fields of flows for the sink, not only inside addresses.
    pub(super) fn keep_extras(&mut self) {
        self.kept = KeptExtras::Everything;
        self.decoder.keep_extras(self.kept);
    }

    /// Replaces the policy for exporters. The state of exporters stays.
    pub(super) fn set_policy(&mut self, policy: Policy) {
        self.decoder.set_policy(policy.clone());
        self.policy = policy;
    }

    /// Handles a datagram, or a message of a stream, that arrived at `now`.
    pub(super) fn datagram(&mut self, now: Time, sender: SenderAddress, bytes: &[u8]) {
        let before = self.flows.len();
        let Pipeline { decoder, flows, .. } = self;
        let decoded = guarded(|| {
            let report = decoder.decode(now, sender, bytes, flows);
            panic_in_tests(bytes);
            report
        });
        match decoded {
            Ok(report) => {
                self.learned |= report.templates + report.options_templates + report.options > 0;
                self.counters.datagram(&report);
            }
            Err(why) => {
                self.flows.truncate(before);
                self.counters.undecoded(now, sender.host, &why);
                self.reset_exporter(now, sender.host);
            }
        }
        self.gather(before);
    }

    /// Called after flows were added; `before` is the number of flows there were before.
    fn gather(&mut self, before: usize) {
        self.flows.iter_mut().skip(before).for_each(Flow::correct_times);
        if before == 0 {
            self.since = self.clock.micros();
        }
        if self.flows.len() >= FLOWS_PER_BATCH {
            self.record();
        }
    }

    /// Decodes some of the data sets that waited for a template, if templates have arrived. The
    /// amount is limited, so that other exporters do not wait long.
    fn release(&mut self) {
        if !self.decoder.is_due() {
            return self.decoder.begin_turn();
        }
        let now = self.clock.now();
        let before = self.flows.len();
        let Pipeline { decoder, flows, .. } = self;
        match guarded(|| decoder.release(now, flows, None)) {
            Ok(Some(report)) => {
                self.learned |= report.options > 0;
                self.counters.released(&report);
                self.gather(before);
            }
            Ok(None) => {}
            Err(why) => {
                self.flows.truncate(before);
                let sender = self.decoder.being_released();
                self.counters.undecoded(now, sender, &why);
                self.reset_exporter(now, sender);
            }
        }
    }

    /// Repairs the decoder after a panic. The exporter at hand has the state it would have after a
    /// restart; the others are not affected.
    fn reset_exporter(&mut self, now: Time, sender: Host) {
        let decoder = &mut self.decoder;
        match guarded(|| decoder.reset_exporter(now, sender)) {
            Ok(held) => self.counters.cause(Cause::HeldDropped, held as u64),
            // The exporter's state cannot even be read. Exporters will send their templates
            // again.
            Err(_) => {
                self.decoder = Decoder::sharing(self.policy.clone(), &self.budget);
                self.decoder.keep_extras(self.kept);
            }
        }
    }

    /// Resets the sequence numbers of an exporter that has opened a new connection.
    pub(super) fn reconnected(&mut self, exporter: SenderAddress) {
        self.decoder.reconnected(exporter);
    }

    /// Ends the session of a connection that was closed.
    pub(super) fn disconnected(&mut self, exporter: SenderAddress) {
        self.decoder.disconnected(exporter);
    }

    /// Ends work that began at `began` (microseconds). Flows may wait for more.
    pub(super) fn pause(&mut self, began: u64) {
        self.release();
        self.record_due();
        self.counters.batch(self.clock.micros().saturating_sub(began));
    }

    /// Records flows that have waited long enough.
    pub(super) fn record_due(&mut self) {
        let is_old = !self.flows.is_empty() && self.remaining_wait().is_zero();
        if is_old {
            self.record();
        }
    }

    /// Called when nothing was received meanwhile: there is time for data sets that waited for
    /// templates.
    pub(super) fn idle(&mut self) {
        self.release();
        self.record_due();
    }

    /// How long to wait for more data, until decoded flows or the next report are due. Zero
    /// while pending data sets can be decoded.
    pub(super) fn time_left(&self) -> Duration {
        if self.decoder.is_due() {
            return Duration::ZERO;
        }
        if self.flows.is_empty() { PUBLISH } else { self.remaining_wait() }
    }

    /// How long the waiting flows may still wait.
    fn remaining_wait(&self) -> Duration {
        let waited = Duration::from_micros(self.clock.micros().saturating_sub(self.since));
        LONGEST_WAIT.saturating_sub(waited)
    }

    /// Whether flows wait, or pending data sets can be decoded.
    pub(super) fn is_waiting(&self) -> bool {
        !self.flows.is_empty() || self.decoder.is_due()
    }

    /// Decodes and records everything that is left, at the end.
    pub(super) fn finish(&mut self) {
        while self.decoder.is_due() {
            self.release();
        }
        self.record();
    }

    /// Records all decoded flows.
    pub(super) fn record(&mut self) {
        if self.flows.is_empty() {
            return;
        }
        let Pipeline { decoder, deduplication, sink, flows, counters, clock, .. } = self;
        let recorded = guarded(|| {
            let doubled = deduplication.mark(clock.now(), flows);
            if doubled > 0 {
                counters.doubled(flows, doubled);
            }
            decoder.cover_interfaces(flows);
            sink(flows, decoder.more());
        });
        if let Err(why) = recorded {
            self.counters.unrecorded(self.clock.now(), self.flows.len(), &why);
        }
        self.flows.clear();
        self.flows.shrink_to(KEPT_FLOWS);
        self.decoder.forget_more();
    }

    /// The report to publish. All flows that it counts have been recorded.
    pub(super) fn part(&mut self) -> PipelineReport {
        self.record();
        self.counters.part(self.clock.now(), &self.decoder)
    }

    /// Whether templates or options have arrived since the last call.
    pub(super) fn has_learned(&mut self) -> bool {
        std::mem::take(&mut self.learned)
    }

    /// Restores the state of exporters that an earlier run saved.
    pub(super) fn restore(&mut self, now: Time, state: &SavedState) -> Result<(), String> {
        self.decoder.restore(now, state).map(|_| ()).map_err(|error| error.to_string())
    }

    /// Continues sequence numbers where an earlier run ended.
    pub(super) fn resume(&mut self, now: Time, standing: &[ExporterNumbering]) {
        self.decoder.resume(now, standing);
    }

    /// The state to save, and how many microseconds it took to gather.
    pub(super) fn state(&self) -> (SavedState, u64) {
        let began = self.clock.micros();
        let state = self.decoder.memory();
        (state, self.clock.micros().saturating_sub(began))
    }

    /// Running time in microseconds.
    pub(super) fn micros(&self) -> u64 {
        self.clock.micros()
    }
}
