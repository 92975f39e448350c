//! The interface for watching a decoder: `inspect` prints what an observer is shown.

use super::report::{Cause, RecordOutcome};
use super::sflow::Sample;
use super::template::Template;
use crate::flow::{Flow, Time};

/// A template that a datagram defined.
#[derive(Clone, Copy, Debug)]
pub struct TemplateSeen<'a> {
    /// Observation domain.
    pub domain: u32,
    /// Template id.
    pub id: u16,
    /// The template.
    pub template: &'a Template,
}

/// A data record, or an options record (see [`Template::kind`]).
#[derive(Clone, Copy, Debug)]
pub struct RecordSeen<'a> {
    /// Observation domain.
    pub domain: u32,
    /// Id of its template.
    pub id: u16,
    /// Its template.
    pub template: &'a Template,
    /// The bytes of the whole record; [`Template::values`] splits them into fields.
    pub bytes: &'a [u8],
    /// What the record became.
    pub standing: RecordOutcome,
    /// The record as a flow, if it has addresses: also when its counters are zero. Counters
    /// are not scaled by the sampling rate.
    pub flow: Option<FlowSeen>,
    /// The flows that the decoder made from the record.
    pub made: &'a [Flow],
}

/// A flow, with its times if they are reliable.
#[derive(Clone, Copy, Debug)]
pub struct FlowSeen {
    /// The flow.
    pub flow: Flow,
    /// Start and end; `None` when the record has no times, or only relative to an unknown
    /// start of the exporter.
    pub times: Option<(Time, Time)>,
}

/// Is shown everything that a decoder decodes.
pub trait Observer {
    /// A template or options template was defined, for the first time or again.
    fn template(&mut self, seen: &TemplateSeen<'_>);

    /// A record was decoded.
    fn record(&mut self, seen: &RecordSeen<'_>);

    /// A sample of an sFlow datagram was decoded; `flow` is the flow made from it, if any.
    fn sample(&mut self, _sample: &Sample, _flow: Option<&Flow>) {}

    /// Something at offset `at` of the datagram was not understood.
    fn problem(&mut self, cause: Cause, at: usize);
}
