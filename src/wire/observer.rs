//! Looking on while datagrams are decoded: what `inspect` prints.

use super::report::{Cause, RecordOutcome};
use super::sflow::Sample;
use super::template::Template;
use crate::flow::{Flow, Time};

/// A template as it was defined.
#[derive(Clone, Copy, Debug)]
pub struct TemplateSeen<'a> {
    pub domain: u32,
    pub id: u16,
    pub template: &'a Template,
}

/// A data record, or an options record (see [`Template::kind`]).
#[derive(Clone, Copy, Debug)]
pub struct RecordSeen<'a> {
    pub domain: u32,
    pub id: u16,
    pub template: &'a Template,
    /// The whole record; [`Template::values`] takes it apart.
    pub bytes: &'a [u8],
    pub standing: RecordOutcome,
    /// What the record says as a flow, if it names addresses: also when nothing
    /// was counted, and with unscaled counters.
    pub flow: Option<FlowSeen>,
    /// The flows it became.
    pub made: &'a [Flow],
}

/// A flow, and whether its times mean anything.
#[derive(Clone, Copy, Debug)]
pub struct FlowSeen {
    pub flow: Flow,
    /// `None` where the record says nothing that can be placed in time.
    pub times: Option<(Time, Time)>,
}

/// Gets to see everything that is decoded.
pub trait Observer {
    /// A template or options template was defined (again).
    fn template(&mut self, seen: &TemplateSeen<'_>);

    /// A record was decoded.
    fn record(&mut self, seen: &RecordSeen<'_>);

    /// A sample of an sFlow datagram was decoded, with the flow it became, if any.
    fn sample(&mut self, _sample: &Sample, _flow: Option<&Flow>) {}

    /// Something was not understood, `at` bytes into the datagram.
    fn problem(&mut self, cause: Cause, at: usize);
}
