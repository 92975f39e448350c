//! The state of an exporter, as plain data.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Label;
use crate::flow::{Host, Protocol, RateDoubt, SequenceUnit, Time};

/// What is known of an exporter's sampling rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SamplingState {
    /// No rate is known; counters are used as they are.
    #[default]
    Unknown,
    /// The flows of the exporter have this rate, which it sent itself: one packet in this many.
    /// Before any flow, the rate that it announced.
    Announced(u32),
    /// Its flows have several rates, or some have none; this is the highest.
    Mixed(u32),
    /// The rate configured with `--sampling`, which replaces announced ones.
    Given(u32),
}

impl SamplingState {
    /// The rate in use; the highest if there are several.
    #[must_use]
    pub fn rate(self) -> Option<u32> {
        match self {
            SamplingState::Unknown => None,
            SamplingState::Announced(rate)
            | SamplingState::Mixed(rate)
            | SamplingState::Given(rate) => Some(rate),
        }
    }
}

/// An exporter: an address that sends datagrams.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExporterHealth {
    /// Its address.
    pub address: Host,
    /// The protocol of its last datagram; `None` if it has only been restored from an
    /// earlier run.
    #[serde(with = "crate::flow::protocol")]
    pub protocol: Option<Protocol>,
    /// Datagrams and messages in this run; 0 if it has only been restored.
    pub datagrams: u64,
    /// Flow records in this run.
    pub flows: u64,
    /// Datagrams per second, a mean over about ten seconds (less for a new exporter).
    pub datagrams_per_s: f64,
    /// Flows per second, a mean over the same time.
    pub flows_per_s: f64,
    /// Number of units missing according to its sequence numbers, in the protocol's unit
    /// (v5 and v7: flows, IPFIX: records, v9 and sFlow: datagrams).
    pub lost: u64,
    /// Number of units that it sent while no collector ran, between an earlier run and this one, in
    /// the same unit. Not part of `lost`.
    pub missed_while_down: u64,
    /// Samples that an sFlow agent took but could not send.
    pub unsent: u64,
    /// Number of times that its sequence numbers started again.
    pub restarts: u32,
    /// Number of valid templates, including options templates.
    pub templates: usize,
    /// Number of these that were restored from an earlier run and not received again yet.
    pub remembered: usize,
    /// Number of data sets that wait for their template.
    pub held: usize,
    /// Number of flows that it reported before, from another interface.
    pub doubled: u64,
    /// Its sampling rate.
    pub sampling: SamplingState,
    /// A sampling rate of the exporter whose bytes are, or may be, in the wrong order.
    pub rate_doubt: Option<RateDoubt>,
    /// Number of its samples whose packet is sampled on its way in and on its way out, so that
    /// it counts twice (sFlow).
    pub sampled_twice: u64,
    /// The collector's clock minus the exporter's clock, in milliseconds.
    pub clock_offset_ms: i64,
    /// When its last datagram arrived.
    pub last_seen: Time,
    /// Its active timeout in milliseconds, estimated from its longest flows.
    pub active_timeout_ms: Option<i64>,
    /// Time from a flow's end to the arrival of its record in milliseconds (99th
    /// percentile).
    pub export_delay_ms: Option<i64>,
    /// Everything that it reported about itself, at most a few seconds old. Empty for all but the
    /// busiest exporters.
    pub detail: Arc<ExporterDetail>,
}

impl ExporterHealth {
    /// Whether it has sent anything in this run. Otherwise it has only been restored.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.protocol.is_some()
    }

    /// Number of units of its sequence numbers that arrived: flows if they count flows or records,
    /// otherwise datagrams.
    #[must_use]
    pub fn received(&self) -> u64 {
        match self.protocol.map(Protocol::sequence_unit) {
            Some(SequenceUnit::Flows | SequenceUnit::Records) => self.flows,
            Some(SequenceUnit::Datagrams) | None => self.datagrams,
        }
    }

    /// The name of its protocol; empty if it has only been restored.
    #[must_use]
    pub fn protocol_name(&self) -> &'static str {
        self.protocol.map_or("", Protocol::name)
    }

    /// The name of an interface, or its description if it has no name.
    #[must_use]
    pub fn interface_name(&self, index: u32) -> Option<&str> {
        let interfaces = &self.detail.interfaces;
        let at = interfaces.binary_search_by_key(&index, |interface| interface.index).ok()?;
        let interface = interfaces.get(at)?;
        [&interface.name, &interface.description]
            .into_iter()
            .map(String::as_str)
            .find(|text| !text.is_empty())
    }
}

/// Everything that an exporter reported about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExporterDetail {
    /// Number of observation domains: line cards, virtual routers, sFlow agents.
    pub domains: usize,
    /// Templates, sorted by domain and id.
    pub templates: Vec<TemplateHealth>,
    /// Interfaces, sorted by index.
    pub interfaces: Vec<InterfaceHealth>,
    /// Number of applications that it has named.
    pub applications: usize,
    /// Its sampling rates, and what each applies to.
    pub samplers: Vec<SamplerHealth>,
    /// Counters of its own work with their names.
    pub statistics: Vec<(Label, u64)>,
}

/// A sampling rate, as an exporter announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamplerHealth {
    /// Observation domain.
    pub domain: u32,
    /// What the rate applies to.
    pub selector: Selector,
    /// One packet in this many.
    pub rate: u32,
}

/// What a sampling rate applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Selector {
    /// All records, by options.
    All,
    /// Records that name this sampler, by options.
    Sampler(u64),
    /// Packets sampled on this interface, by options.
    Interface(u32),
    /// The rate comes with the records, or in the header of NetFlow v5.
    InRecords,
    /// The rate comes with records that name this sampler.
    SamplerInRecords(u64),
}

/// A valid template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateHealth {
    /// Observation domain.
    pub domain: u32,
    /// Template id.
    pub id: u16,
    /// Whether it is an options template.
    pub options: bool,
    /// Number of fields.
    pub fields: usize,
    /// When it was first received in its current form.
    pub defined: Time,
    /// When it was last received.
    pub refreshed: Time,
    /// When a data set last used it.
    pub used: Time,
    /// Number of times that its form changed: after a new configuration, or by forged
    /// datagrams.
    pub changes: u32,
    /// Whether it was restored from an earlier run and not received again yet.
    pub remembered: bool,
}

/// An interface as its exporter describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceHealth {
    /// SNMP index.
    pub index: u32,
    /// Name; empty if not reported.
    pub name: String,
    /// Description; empty if not reported.
    pub description: String,
    /// Speed in bit/s, 0 if not known.
    pub speed: u64,
    /// Incoming rate in bit/s by the interface's own counters.
    pub in_rate: Option<u64>,
    /// Outgoing rate in bit/s by the interface's own counters.
    pub out_rate: Option<u64>,
    /// Bytes of flows as a percentage of the bytes that the interface itself counted, incoming
    /// and outgoing, over the last ten to twenty minutes. `None` without counters or traffic.
    pub covered: [Option<u32>; 2],
}
