//! Decodes sFlow version 5 (sflow_version_5.txt, sflow.org 2004): samples of packets and
//! counters of interfaces, and samples of dropped packets (sflow_drops.txt).
//!
//! A sample of a packet with IP addresses becomes one flow of one packet, with the sampling rate
//! of the sample. sFlow has no export time: the times of its flows are the arrival time.

mod agents;
mod record;
pub mod sample;
pub(super) mod xdr;

pub use agents::Agents;
pub use sample::{Sample, SampleKind};

use self::sample::MAX_FORMATS;
use self::xdr::Xdr;
use super::exporter::ExporterState;
use super::exporter::sessions::WHOLE_ADDRESS;
use super::layout::fixed::FixedLayout;
use super::layout::sflow::{
    CounterSampleHeader, DiscardSampleHeader, ExpandedCounterSampleHeader,
    ExpandedFlowSampleHeader, FlowSampleHeader, OpaqueHeader, SflowHeaderEnd,
};
use super::plausibility::{Implausible, is_impossible, remove_record};
use super::report::{Cause, RecordOutcome};
use super::sets::DecodeContext;
use crate::flow::{Flow, Host, Protocol, Time};

/// Bytes of the shortest header: the version, the type of an agent address without bytes,
/// and what follows the address.
pub(super) const HEADER_LENGTH: usize = 4 + 4 + SflowHeaderEnd::LENGTH;

/// Formats of samples, all of enterprise 0 (sflow.org).
const FLOW: u32 = 1;
const COUNTER: u32 = 2;
const FLOW_EXPANDED: u32 = 3;
const COUNTER_EXPANDED: u32 = 4;
const DISCARD: u32 = 5;

/// The lowest bit of the class of a data source, and of the format of an interface, in samples
/// that are not expanded.
const SOURCE_CLASS: u32 = 24;
const INTERFACE_FORMAT: u32 = 30;

/// Decodes one datagram.
pub(super) fn decode(
    now: Time,
    address: Host,
    exporter: &mut ExporterState,
    bytes: &[u8],
    context: &mut DecodeContext,
) {
    let mut rest = Xdr(bytes);
    let Some((sample, count)) = header(&mut rest, now, exporter) else {
        // The type of the agent's address decides how long the header is.
        let cause = match bytes.get(4..8) {
            Some([0, 0, 0, 0..=2]) | None => Cause::TooShort,
            Some(_) => Cause::BadHeader,
        };
        return context.report.causes.count(cause);
    };
    let common = Flow {
        exporter: address,
        domain: sample.sub_agent,
        first: now,
        last: now,
        arrival: now,
        sampling: exporter.given_rate.unwrap_or_default(),
        ..Flow::EMPTY
    };
    let (before, beyond) = (context.out.len(), bytes.len());
    let mut samples = Samples { sample, common, exporter, context, beyond };
    for _ in 0..count {
        match samples.next(rest) {
            Some(next) => rest = next,
            None => {
                samples.context.report.causes.count(Cause::SetTruncated);
                rest = Xdr(&[]);
                break;
            }
        }
    }
    if rest.0.iter().any(|byte| *byte != 0) {
        context.report.causes.count(Cause::Leftover);
    }
    exporter.rates.apply(now, context.out.get(before..).unwrap_or_default());
    exporter.leave(context.report, WHOLE_ADDRESS, None);
}

/// Reads the header. Returns an empty sample with agent and sub-agent, and the number of
/// samples.
fn header(rest: &mut Xdr, now: Time, exporter: &mut ExporterState) -> Option<(Sample, u32)> {
    let _version = rest.u32()?;
    let agent = rest.address()?;
    let header: SflowHeaderEnd = rest.layout()?;
    let sub_agent = header.sub_agent;
    exporter.arrive(now, Protocol::Sflow5);
    exporter.agents.datagram(now, (agent, sub_agent), header.sequence, header.uptime);
    Some((Sample { agent, sub_agent, ..Sample::default() }, header.samples))
}

struct Samples<'a, 'b, 'o> {
    sample: Sample,
    common: Flow,
    exporter: &'a mut ExporterState,
    context: &'a mut DecodeContext<'b, 'o>,
    /// Bytes that may still be read beyond the declared lengths of samples, for the whole
    /// datagram. The limit is the length of the datagram, so that each byte is read at most
    /// twice.
    beyond: usize,
}

impl Samples<'_, '_, '_> {
    /// Decodes the sample at the start of `rest`. Returns what follows it, `None` when its end
    /// is unknown.
    ///
    /// A sample and its records each declare a length, and they may contradict each other. If
    /// nothing that could be a sample follows the declared end of the sample, the end of its
    /// records counts, if a sample can follow there.
    fn next<'x>(&mut self, mut rest: Xdr<'x>) -> Option<Xdr<'x>> {
        let OpaqueHeader { format, length } = rest.layout()?;
        let length = length as usize;
        let mut declared = rest;
        declared.skip(length);
        let declared = (length <= rest.len()).then_some(declared);
        let trusted = declared.is_some_and(may_be_sample);
        let after = rest.0;
        let may_read = if trusted { length } else { length.saturating_add(self.beyond) };
        let mut body = Xdr(rest.up_to(may_read));
        let given = body.len();

        self.sample.reset();
        self.sample.format = format;
        let complete = self.body(&mut body).is_some();
        let read = given - body.len();
        self.beyond = self.beyond.saturating_sub(read.saturating_sub(length));
        let body = Xdr(after.get(read..).unwrap_or(&[]));
        self.finish();
        let known = self.sample.kind != SampleKind::Other;
        if known && !complete {
            self.context.report.causes.count(Cause::BadSample);
        }
        if !trusted && known && complete && may_be_sample(body) {
            if declared.is_none_or(|declared| declared.len() != body.len()) {
                self.context.report.causes.count(Cause::BadSample);
            }
            return Some(body);
        }
        declared
    }

    /// Reads the sample as its format says. `None` when it ends too early.
    fn body(&mut self, body: &mut Xdr) -> Option<()> {
        let sample = &mut self.sample;
        let (records, whole) = match sample.format {
            FLOW | FLOW_EXPANDED => {
                sample.kind = SampleKind::Flow;
                let (header, whole) = flow_header(sample.format, body);
                sample.sequence = header.sequence;
                (sample.source_class, sample.source_index) = halves(header.source);
                (sample.rate, sample.pool, sample.drops) = (header.rate, header.pool, header.drops);
                (sample.input_format, sample.input) = halves(header.input);
                (sample.output_format, sample.output) = halves(header.output);
                (header.records, whole)
            }
            COUNTER | COUNTER_EXPANDED => {
                sample.kind = SampleKind::Counter;
                let (header, whole) = counter_header(sample.format, body);
                sample.sequence = header.sequence;
                (sample.source_class, sample.source_index) = halves(header.source);
                (header.records, whole)
            }
            DISCARD => {
                sample.kind = SampleKind::Discard;
                let (header, whole) = body.layout_prefix::<DiscardSampleHeader>();
                sample.sequence = header.sequence;
                (sample.source_class, sample.source_index) = halves(header.source);
                (sample.drops, sample.reason) = (header.drops, header.reason);
                (sample.input, sample.output) = (header.input, header.output);
                (header.records, whole)
            }
            _ => {
                sample.kind = SampleKind::Other;
                return Some(());
            }
        };
        if whole { self.records(body, records) } else { None }
    }

    /// Reads `count` records, or as many as there are bytes for.
    fn records(&mut self, body: &mut Xdr, count: u32) -> Option<()> {
        for _ in 0..count {
            self.context.pool.steps += 1;
            let (OpaqueHeader { format, length }, whole) = body.layout_prefix();
            if !whole {
                return None;
            }
            let length = length as usize;
            // Only an observer reads the formats.
            if self.context.observer.is_some() && self.sample.formats.len() < MAX_FORMATS {
                self.sample.formats.push(format);
            }
            let fits = length <= body.len();
            let content = Xdr(body.up_to(length));
            let whole = record::read(&mut self.sample, format, content).is_some();
            if !fits {
                return None;
            }
            if !whole {
                // The other records of the sample are still used.
                self.context.report.causes.count(Cause::BadSample);
            }
        }
        Some(())
    }

    /// Appends the flow of the sample, or hands its counters to the interfaces, and counts it.
    fn finish(&mut self) {
        let Samples { sample, common, exporter, context, .. } = self;
        let report = &mut context.report;
        let is_given = exporter.given_rate.is_some();
        let mut has_flow = false;
        match sample.kind {
            SampleKind::Flow => {
                report.samples.flow += 1;
                let ((rate, doubt), direction) = (sample.judged_rate(), sample.direction());
                if let Some(doubt) = doubt.filter(|_| !is_given) {
                    report.causes.count(Cause::of_rate(doubt.is_swapped));
                    exporter.rates.note_doubt(common.arrival, Some(doubt));
                }
                if let Some(packet) = sample.sampled_packet() {
                    let before = context.out.len();
                    report.flows += 1;
                    // The flow is filled in where it is stored: it is too large to be copied.
                    context.out.push(*common);
                    let flow = context.out.last_mut();
                    let is_possible = flow.is_some_and(|flow| {
                        sample.fill(packet, rate, direction, flow);
                        !is_impossible(flow)
                    });
                    // Its times are not checked: they are those of its arrival.
                    has_flow = is_possible
                        || remove_record(Implausible::Nothing, before, context.out, report)
                            == RecordOutcome::Flow;
                    if let (Some(kept), Some(flow)) =
                        (&mut context.more, context.out.get_mut(before))
                        && (kept.is_everything() || sample.is_translated())
                    {
                        let mut more = sample.more();
                        more.set_inside(flow);
                        kept.keep(flow, &more);
                    }
                } else {
                    report.addressless.records += 1;
                    report.addressless.packets += 1;
                    report.addressless.bytes += u64::from(sample.frame_length);
                    report.causes.count(Cause::NoAddresses);
                }
                exporter.agents.sample(sample, rate, direction);
            }
            SampleKind::Counter => {
                report.samples.counter += 1;
                interface(sample, exporter, common.arrival);
            }
            SampleKind::Discard => report.samples.discard += 1,
            SampleKind::Other => report.samples.other += 1,
        }
        if let Some(observer) = &mut context.observer {
            observer.sample(sample, context.out.last().filter(|_| has_flow));
        }
    }
}

/// Hands the counters and the port name of a counter sample to the exporter's interfaces.
fn interface(sample: &Sample, exporter: &mut ExporterState, now: Time) {
    if let Some((index, counters)) = sample.counters {
        exporter.about.interfaces.count(index, counters, now);
    }
    let source = (sample.source_class == 0).then_some(sample.source_index);
    let index = sample.counters.map(|(index, _)| index).or(source);
    if let Some((index, name)) = index.zip(sample.port_name.as_deref()) {
        exporter.about.interfaces.name(index, name);
    }
}

/// Reads the header of a flow sample of either format. Returns it in the expanded form, with
/// whether it is complete.
fn flow_header(format: u32, body: &mut Xdr) -> (ExpandedFlowSampleHeader, bool) {
    if format == FLOW_EXPANDED {
        return body.layout_prefix();
    }
    let (header, whole) = body.layout_prefix::<FlowSampleHeader>();
    let FlowSampleHeader { sequence, rate, pool, drops, records, .. } = header;
    let source = expanded(header.source, SOURCE_CLASS);
    let input = expanded(header.input, INTERFACE_FORMAT);
    let output = expanded(header.output, INTERFACE_FORMAT);
    let header =
        ExpandedFlowSampleHeader { sequence, source, rate, pool, drops, input, output, records };
    (header, whole)
}

/// Reads the header of a counter sample of either format. Returns it in the expanded form, with
/// whether it is complete.
fn counter_header(format: u32, body: &mut Xdr) -> (ExpandedCounterSampleHeader, bool) {
    if format == COUNTER_EXPANDED {
        return body.layout_prefix();
    }
    let (header, whole) = body.layout_prefix::<CounterSampleHeader>();
    let CounterSampleHeader { sequence, source, records } = header;
    let source = expanded(source, SOURCE_CLASS);
    (ExpandedCounterSampleHeader { sequence, source, records }, whole)
}

/// Converts a field of a sample to the expanded form, 32 bits each: the number in its bits from
/// `at` up, and the number in the bits below.
fn expanded(word: u32, at: u32) -> u64 {
    u64::from(word >> at) << 32 | u64::from(word & ((1 << at) - 1))
}

/// The two numbers in a field of an expanded sample.
fn halves(field: u64) -> (u32, u32) {
    ((field >> 32) as u32, field as u32)
}

/// Whether a sample of sflow.org can be at the start of `rest`, or `rest` is the end of the
/// datagram.
fn may_be_sample(mut rest: Xdr) -> bool {
    let Some(OpaqueHeader { format, length }) = rest.layout() else {
        // A single 32-bit word counts as the end, too.
        return matches!(rest.len(), 0 | 4);
    };
    (FLOW..=DISCARD).contains(&format) && length as usize <= rest.len()
}

#[cfg(test)]
mod tests;
