//! The lines that `inspect` prints, as data. `-o ndjson` prints them as they are; the table
//! shows the same data.

use serde::{Serialize, Serializer};

use super::value::PrintedValue;
use crate::flow::Host;

/// One line; its `kind` is the name of the variant.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InspectLine<'a> {
    Datagram(DatagramLine<'a>),
    Template(TemplateLine<'a>),
    OptionsTemplate(TemplateLine<'a>),
    Flow(RecordLine<'a>),
    Event(RecordLine<'a>),
    Options(OptionsLine<'a>),
    Problem(ProblemLine<'a>),
}

/// A datagram: its header, and the number of lines of each kind that follow.
#[derive(Clone, Debug, Serialize)]
pub struct DatagramLine<'a> {
    pub protocol: &'a str,
    pub version: u16,
    /// Address of the sender; `null` when the file does not have it.
    pub exporter: Option<Host>,
    pub sport: Option<u16>,
    pub dport: Option<u16>,
    pub bytes: usize,
    pub domain: u32,
    pub sequence: Option<u32>,
    /// Export time in its header, in milliseconds since 1970.
    pub export_ms: Option<i64>,
    pub time_ms: Option<i64>,
    pub uptime_ms: Option<u32>,
    /// Address of the sFlow agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Host>,
    #[serde(flatten)]
    pub counts: LineCounts,
    pub file: Option<&'a str>,
}

/// Number of lines of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LineCounts {
    pub flows: u64,
    pub events: u64,
    pub options: u64,
    pub templates: u64,
    pub options_templates: u64,
    /// Data sets of the datagram that wait for their template.
    pub held: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_samples: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter_samples: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discard_samples: Option<u64>,
    /// Samples of other formats; they have no lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_samples: Option<u64>,
}

/// A template or options template.
#[derive(Clone, Debug, Serialize)]
pub struct TemplateLine<'a> {
    pub exporter: Option<Host>,
    pub domain: u32,
    pub id: u16,
    pub fields: Vec<FieldLine<'a>>,
}

/// One field of a template.
#[derive(Clone, Debug, Serialize)]
pub struct FieldLine<'a> {
    pub id: u16,
    pub pen: u32,
    pub name: &'a str,
    pub length: Length,
    /// Whether it is a scope field.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub scope: bool,
}

/// Length of a field in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Bytes(u16),
    /// Each record has its own length.
    Variable,
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Length::Bytes(length) => to.serialize_u16(*length),
            Length::Variable => to.serialize_str("variable"),
        }
    }
}

/// A record of a data template, a record of fixed layout, or a sample.
///
/// Counters are as reported, not multiplied by `sampling`. What the record does not have is
/// `null`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RecordLine<'a> {
    pub src: Option<Host>,
    pub dst: Option<Host>,
    pub sport: Option<u16>,
    pub dport: Option<u16>,
    pub proto: Option<u8>,
    pub bytes: Option<u64>,
    pub packets: Option<u64>,
    /// Start in milliseconds since 1970, by the exporter's clock.
    pub start_ms: Option<i64>,
    pub end_ms: Option<i64>,
    pub input: Option<u32>,
    pub output: Option<u32>,
    pub sampling: Option<u32>,
    pub exporter: Option<Host>,
    pub domain: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<u16>,
    /// Counters after the exporter's services (elements 23 and 24).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_packets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverse: Option<Reverse>,
    /// What is counted of the record, if that is not what it reports: of a total, what was not
    /// counted before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<CountedLine>,
    /// Event of a firewall or NAT log: its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_name: Option<&'a str>,
    #[serde(flatten)]
    pub sample: Option<SampleLine>,
    pub fields: NamedFields<'a>,
}

/// Counters of the reverse direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reverse {
    pub bytes: Option<u64>,
    pub packets: Option<u64>,
}

/// What is counted of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CountedLine {
    pub bytes: u64,
    pub packets: u64,
    /// What is counted of the reverse direction; `null` if nothing is.
    pub reverse: Option<Reverse>,
}

/// Fields of an sFlow sample that are not about the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SampleLine {
    /// `flow`, `counter` or `discard`.
    pub sample: &'static str,
    pub agent: Host,
    pub sub_agent: u32,
    pub sample_sequence: u32,
    pub source_class: u32,
    pub source_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drops: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// Why the packet was dropped, a number of the list in sflow_drops.txt.
    pub reason: Option<u32>,
}

/// A record of an options template, or a counter sample.
#[derive(Clone, Debug, Serialize)]
pub struct OptionsLine<'a> {
    pub exporter: Option<Host>,
    pub domain: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<u16>,
    #[serde(flatten)]
    pub sample: Option<SampleLine>,
    pub fields: NamedFields<'a>,
}

/// Names with values, in the order of the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamedFields<'a>(pub Vec<(&'a str, PrintedValue)>);

impl Serialize for NamedFields<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Something that was not understood or not used.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProblemLine<'a> {
    /// A stable name; docs/TROUBLE.md lists the causes.
    pub cause: &'a str,
    pub explanation: &'a str,
    /// How often it occurred, in this datagram or file.
    pub count: u64,
    /// Offset in the datagram, in bytes; for a damaged file, offset in the file.
    pub at: Option<u64>,
    pub exporter: Option<Host>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sport: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dport: Option<u16>,
    pub file: Option<&'a str>,
}
