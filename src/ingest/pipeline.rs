//! Everything between a datagram and the windows.

use std::time::Duration;

use super::catch_panic::{guarded, poisoned};
use super::deduplication::Deduplication;
use super::pipeline_counters::{PipelineCounters, PipelineReport};
use super::stats::PUBLISH;
use crate::clock::Clock;
use crate::flow::{Flow, FlowExtras, Host, Time};
use crate::wire::numbering_states::ExporterNumbering;
use crate::wire::saved_state::SavedState;
use crate::wire::{Cause, Decoder, Policy, SharedLimits};

/// Flows held at most before they are recorded: the more, the more often rows
/// are met twice at once. A datagram of tiny records can have as many again.
const FLOWS_PER_BATCH: usize = 4096;

/// Flows that there stays room for between batches. A datagram of tiny records
/// takes more, and gives it back.
const KEPT_FLOWS: usize = 4 * FLOWS_PER_BATCH;

/// A flow waits no longer than this to be recorded.
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// Where flows go, with what came with them ([`Flow::more`]).
pub(super) type FlowSink = Box<dyn FnMut(&[Flow], &[FlowExtras]) + Send>;

/// Decodes what sockets read, marks what came twice, and hands it on. A panic in
/// any of that costs what was being worked on, and is counted.
pub(super) struct Pipeline {
    decoder: Decoder,
    tally: PipelineCounters,
    clock: Clock,
    policy: Policy,
    budget: SharedLimits,
    doubling: Deduplication,
    sink: FlowSink,
    flows: Vec<Flow>,
    /// When the first of the flows was decoded, in running microseconds.
    since: u64,
    /// Whether what came with flows is wanted.
    keeps_more: bool,
    /// Whether templates or options came since someone asked.
    learned: bool,
}

impl Pipeline {
    /// One of so many `workers` that share a budget.
    pub(super) fn new(
        policy: Policy,
        budget: SharedLimits,
        clock: Clock,
        workers: usize,
        sink: FlowSink,
    ) -> Pipeline {
        Pipeline {
            decoder: Decoder::sharing(policy.clone(), &budget),
            tally: PipelineCounters::new(workers),
            clock,
            policy,
            budget,
            doubling: Deduplication::default(),
            sink,
            flows: Vec::new(),
            since: 0,
            keeps_more: false,
            learned: false,
        }
    }

    /// Has what came with flows kept for the sink, too.
    pub(super) fn keep_more(&mut self) {
        self.keeps_more = true;
        self.decoder.keep_more(true);
    }

    /// Has other rules hold for exporters; what is known of them stays.
    pub(super) fn set_policy(&mut self, policy: Policy) {
        self.decoder.set_policy(policy.clone());
        self.policy = policy;
    }

    /// Takes in a datagram, or a message of a stream, that came at `now`.
    pub(super) fn datagram(&mut self, now: Time, sender: Host, bytes: &[u8]) {
        let before = self.flows.len();
        let Pipeline { decoder, flows, .. } = self;
        let decoded = guarded(|| {
            let report = decoder.decode(now, sender, bytes, flows);
            poisoned(bytes);
            report
        });
        match decoded {
            Ok(report) => {
                self.learned |= report.templates + report.options_templates + report.options > 0;
                self.tally.datagram(&report);
            }
            Err(why) => {
                self.flows.truncate(before);
                self.tally.undecoded(now, sender, &why);
                self.reset_exporter(now, sender);
            }
        }
        self.gather(before);
    }

    /// Flows came where there were so many `before`.
    fn gather(&mut self, before: usize) {
        if before == 0 {
            self.since = self.clock.micros();
        }
        if self.flows.len() >= FLOWS_PER_BATCH {
            self.record();
        }
    }

    /// Decodes a piece of what had waited for templates, if any have come: so much
    /// at once that others need not wait for it.
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
                self.tally.released(&report);
                self.gather(before);
            }
            Ok(None) => {}
            Err(why) => {
                self.flows.truncate(before);
                let sender = self.decoder.being_released();
                self.tally.undecoded(now, sender, &why);
                self.reset_exporter(now, sender);
            }
        }
    }

    /// Puts the decoder in order: the exporter at hand keeps what it would after
    /// a restart, the others keep everything.
    fn reset_exporter(&mut self, now: Time, sender: Host) {
        let decoder = &mut self.decoder;
        match guarded(|| decoder.reset_exporter(now, sender)) {
            Ok(held) => self.tally.cause(Cause::HeldDropped, held as u64),
            // What it knows cannot even be read: exporters will send it again.
            Err(_) => {
                self.decoder = Decoder::sharing(self.policy.clone(), &self.budget);
                self.decoder.keep_more(self.keeps_more);
            }
        }
    }

    /// A connection of this exporter was opened: its numbers begin anew.
    pub(super) fn reconnected(&mut self, exporter: Host) {
        self.decoder.reconnected(exporter);
    }

    /// The end of work that began at `began` (microseconds). Flows may wait for more.
    pub(super) fn pause(&mut self, began: u64) {
        self.release();
        self.record_due();
        self.tally.batch(self.clock.micros().saturating_sub(began));
    }

    /// Records what has waited for long enough.
    pub(super) fn record_due(&mut self) {
        let is_old = !self.flows.is_empty() && self.waits_for().is_zero();
        if is_old {
            self.record();
        }
    }

    /// The same when nothing else came meanwhile: then there is time for what had
    /// waited for templates.
    pub(super) fn idle(&mut self) {
        self.release();
        self.record_due();
    }

    /// How long to wait for more: for so long what was decoded may still wait,
    /// and what is published. Not at all while there are held sets to decode.
    pub(super) fn patience(&self) -> Duration {
        if self.decoder.is_due() {
            return Duration::ZERO;
        }
        if self.flows.is_empty() { PUBLISH } else { self.waits_for() }
    }

    /// How long the flows that wait may still do so.
    fn waits_for(&self) -> Duration {
        let waited = Duration::from_micros(self.clock.micros().saturating_sub(self.since));
        LONGEST_WAIT.saturating_sub(waited)
    }

    /// Whether there are flows that wait, or held sets to decode.
    pub(super) fn is_waiting(&self) -> bool {
        !self.flows.is_empty() || self.decoder.is_due()
    }

    /// Decodes and records all that there is: nothing more will come.
    pub(super) fn finish(&mut self) {
        while self.decoder.is_due() {
            self.release();
        }
        self.record();
    }

    /// Records everything that was decoded.
    pub(super) fn record(&mut self) {
        if self.flows.is_empty() {
            return;
        }
        let Pipeline { decoder, doubling, sink, flows, tally, .. } = self;
        let recorded = guarded(|| {
            let doubled = doubling.mark(flows);
            if doubled > 0 {
                tally.doubled(flows, doubled);
            }
            sink(flows, decoder.more());
        });
        if let Err(why) = recorded {
            self.tally.unrecorded(self.clock.now(), self.flows.len(), &why);
        }
        self.flows.clear();
        self.flows.shrink_to(KEPT_FLOWS);
        self.decoder.forget_more();
    }

    /// What to publish. What it counts has been recorded.
    pub(super) fn part(&mut self) -> PipelineReport {
        self.record();
        self.tally.part(self.clock.now(), &self.decoder)
    }

    /// Whether templates or options came since this was asked the last time.
    pub(super) fn has_learned(&mut self) -> bool {
        std::mem::take(&mut self.learned)
    }

    /// Takes over what an earlier run remembered of exporters.
    pub(super) fn restore(&mut self, now: Time, memory: &SavedState) -> Result<(), String> {
        self.decoder.restore(now, memory).map(|_| ()).map_err(|error| error.to_string())
    }

    /// Has numberings go on where an earlier run left them.
    pub(super) fn resume(&mut self, now: Time, standing: &[ExporterNumbering]) {
        self.decoder.resume(now, standing);
    }

    /// What to remember, and how many microseconds it took to gather.
    pub(super) fn memory(&self) -> (SavedState, u64) {
        let began = self.clock.micros();
        let memory = self.decoder.memory();
        (memory, self.clock.micros().saturating_sub(began))
    }

    /// Running time in microseconds.
    pub(super) fn micros(&self) -> u64 {
        self.clock.micros()
    }
}
