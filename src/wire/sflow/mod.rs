//! sFlow version 5 (sflow_version_5.txt, sflow.org 2004): samples of packets
//! and counters of interfaces, with sampled drops (sflow_drops.txt).
//!
//! A sample of a packet with IP addresses is one flow of one packet at the
//! sample's own rate. sFlow has no clock: its times are those of the arrival.

mod agents;
mod record;
pub mod sample;
mod xdr;

pub use agents::Agents;
pub use sample::{Sample, SampleKind};

use self::sample::MAX_FORMATS;
use self::xdr::Xdr;
use super::exporter::ExporterState;
use super::extras;
use super::report::Cause;
use super::sets::DecodeContext;
use crate::flow::{Flow, Host, Protocol, Time};

/// Version, type of an agent address of no bytes, sub-agent, sequence, uptime,
/// count of samples.
pub(super) const HEADER_LENGTH: usize = 24;

/// Formats of samples, all of enterprise 0 (sflow.org).
const FLOW: u32 = 1;
const COUNTER: u32 = 2;
const FLOW_EXPANDED: u32 = 3;
const COUNTER_EXPANDED: u32 = 4;
const DISCARD: u32 = 5;

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
    let beyond = bytes.len();
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
    exporter.leave(context.report, common.domain);
}

/// Reads the header; hands out a sample to fill and how many there are to be.
fn header(rest: &mut Xdr, now: Time, exporter: &mut ExporterState) -> Option<(Sample, u32)> {
    let _version = rest.u32()?;
    let agent = rest.address()?;
    let sub_agent = rest.u32()?;
    let sequence = rest.u32()?;
    let uptime = rest.u32()?;
    let count = rest.u32()?;
    exporter.arrive(now, Protocol::Sflow5);
    exporter.agents.datagram(now, (agent, sub_agent), sequence, uptime);
    Some((Sample { agent, sub_agent, ..Sample::default() }, count))
}

struct Samples<'a, 'b, 'o> {
    sample: Sample,
    common: Flow,
    exporter: &'a mut ExporterState,
    context: &'a mut DecodeContext<'b, 'o>,
    /// Bytes that may still be read beyond the lengths that samples give, over the
    /// whole datagram: each of its bytes twice at most, whatever lengths it has.
    beyond: usize,
}

impl Samples<'_, '_, '_> {
    /// Reads the sample at the start of `rest`; hands out what is behind it, or
    /// nothing when there is no telling where it ends.
    ///
    /// A sample says how long it is, and so do its records. Where nothing that
    /// could be a sample follows the length of the sample, the records decide,
    /// if they end better.
    fn next<'x>(&mut self, mut rest: Xdr<'x>) -> Option<Xdr<'x>> {
        let format = rest.u32()?;
        let length = rest.u32()? as usize;
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

    /// Reads what a sample's format says. `None` when it ends too early.
    fn body(&mut self, body: &mut Xdr) -> Option<()> {
        let sample = &mut self.sample;
        let expanded = matches!(sample.format, FLOW_EXPANDED | COUNTER_EXPANDED | DISCARD);
        sample.kind = match sample.format {
            FLOW | FLOW_EXPANDED => SampleKind::Flow,
            COUNTER | COUNTER_EXPANDED => SampleKind::Counter,
            DISCARD => SampleKind::Discard,
            _ => SampleKind::Other,
        };
        if sample.kind == SampleKind::Other {
            return Some(());
        }
        sample.sequence = body.u32()?;
        (sample.source_class, sample.source_index) = match expanded {
            true => (body.u32()?, body.u32()?),
            false => split(body.u32()?, 24),
        };
        match sample.kind {
            SampleKind::Flow => {
                sample.rate = body.u32()?;
                sample.pool = body.u32()?;
                sample.drops = body.u32()?;
                for (format, value) in [
                    (&mut sample.input_format, &mut sample.input),
                    (&mut sample.output_format, &mut sample.output),
                ] {
                    (*format, *value) = match expanded {
                        true => (body.u32()?, body.u32()?),
                        false => split(body.u32()?, 30),
                    };
                }
            }
            SampleKind::Discard => {
                sample.drops = body.u32()?;
                sample.input = body.u32()?;
                sample.output = body.u32()?;
                sample.reason = body.u32()?;
            }
            SampleKind::Counter | SampleKind::Other => {}
        }
        self.records(body)
    }

    /// Reads the records: as many as are counted, as far as the bytes go.
    fn records(&mut self, body: &mut Xdr) -> Option<()> {
        for _ in 0..body.u32()? {
            self.context.pool.steps += 1;
            let format = body.u32()?;
            let length = body.u32()? as usize;
            if self.sample.formats.len() < MAX_FORMATS {
                self.sample.formats.push(format);
            }
            let fits = length <= body.len();
            let content = Xdr(body.up_to(length));
            let whole = record::read(&mut self.sample, format, content).is_some();
            if !fits {
                return None;
            }
            if !whole {
                // Its neighbours are not touched by what is wrong within it.
                self.context.report.causes.count(Cause::BadSample);
            }
        }
        Some(())
    }

    /// Makes of the sample what there is to make of it.
    fn finish(&mut self) {
        let Samples { sample, common, exporter, context, .. } = self;
        let report = &mut context.report;
        let flow = sample.flow(common);
        match sample.kind {
            SampleKind::Flow => {
                report.samples.flow += 1;
                exporter.agents.sample(sample);
                if let Some(mut flow) = flow {
                    report.flows += 1;
                    if let Some(kept) = &mut context.more {
                        extras::keep(&mut flow, &sample.more(), kept);
                    }
                    context.out.push(flow);
                } else {
                    report.addressless.records += 1;
                    report.addressless.packets += 1;
                    report.addressless.bytes += u64::from(sample.frame_length);
                    report.causes.count(Cause::NoAddresses);
                }
            }
            SampleKind::Counter => {
                report.samples.counter += 1;
                interface(sample, exporter, common.arrival);
            }
            SampleKind::Discard => report.samples.discard += 1,
            SampleKind::Other => report.samples.other += 1,
        }
        if let Some(observer) = &mut context.observer {
            observer.sample(sample, flow.as_ref());
        }
    }
}

/// Hands what a counter sample says to the exporter's interfaces.
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

/// A word whose upper bits, from `at`, are a number of their own.
fn split(word: u32, at: u32) -> (u32, u32) {
    (word >> at, word & ((1 << at) - 1))
}

/// Whether a sample of sflow.org may stand here, or nothing does.
fn may_be_sample(mut rest: Xdr) -> bool {
    let Some((format, length)) = rest.u32().zip(rest.u32()) else {
        return rest.len() == 0;
    };
    (FLOW..=DISCARD).contains(&format) && length as usize <= rest.len()
}

#[cfg(test)]
mod tests;
