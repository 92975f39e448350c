//! What is known about an exporter, as plain data.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Label;
use crate::flow::{Host, Protocol, SequenceUnit, Time};

/// What is known about an exporter's sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SamplingState {
    /// Nothing announced; counters are taken as they are.
    #[default]
    Unknown,
    /// One packet in this many.
    Announced(u32),
    /// More than one rate in use; the highest.
    Mixed(u32),
    /// The rate that `--sampling` gives, whatever it announces.
    Given(u32),
}

impl SamplingState {
    /// The rate in use, the highest of several.
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

/// One exporter: an address that datagrams come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExporterHealth {
    pub address: Host,
    /// The last protocol seen; `None` when it is only remembered from an earlier run.
    #[serde(with = "crate::flow::protocol")]
    pub protocol: Option<Protocol>,
    /// Datagrams and messages in this run; 0 when it is only remembered.
    pub datagrams: u64,
    pub flows: u64,
    /// Means over the last ten seconds or so; over less just after it came.
    pub datagrams_per_s: f64,
    pub flows_per_s: f64,
    /// What its sequence numbers say went missing, in the protocol's own unit
    /// (v5 and v7: flows, IPFIX: records, v9 and sFlow: datagrams).
    pub lost: u64,
    /// The same unit: what its sequence numbers say arrived while the collector was
    /// down, between an earlier run and this one. Not part of `lost`.
    pub missed_while_down: u64,
    /// Samples that an sFlow agent took but could not send.
    pub unsent: u64,
    /// How often its numbering began anew.
    pub restarts: u32,
    /// Templates in force, options templates included.
    pub templates: usize,
    /// How many of them are remembered from an earlier run, not yet sent again.
    pub remembered: usize,
    /// Data sets that wait for their template.
    pub held: usize,
    /// Flows that it reported before, from another interface.
    pub doubled: u64,
    pub sampling: SamplingState,
    /// Our clock minus its clock in milliseconds.
    pub clock_offset_ms: i64,
    /// When its last datagram arrived.
    pub last_seen: Time,
    /// The active timeout that its longest flows suggest.
    pub active_timeout_ms: Option<i64>,
    /// How long after a flow's end its record arrives (99th percentile).
    pub export_delay_ms: Option<i64>,
    /// Everything it said about itself, a few seconds old at most; empty for
    /// all but the busiest exporters.
    pub detail: Arc<ExporterDetail>,
}

impl ExporterHealth {
    /// Whether anything came from it in this run; otherwise it is only remembered.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.protocol.is_some()
    }

    /// Units of its sequence numbers that arrived: flows where the protocol
    /// counts flows or records, datagrams elsewhere.
    #[must_use]
    pub fn received(&self) -> u64 {
        match self.protocol.map(Protocol::sequence_unit) {
            Some(SequenceUnit::Flows | SequenceUnit::Records) => self.flows,
            Some(SequenceUnit::Datagrams) | None => self.datagrams,
        }
    }

    /// The name of its protocol, empty when it is only remembered.
    #[must_use]
    pub fn protocol_name(&self) -> &'static str {
        self.protocol.map_or("", Protocol::name)
    }

    /// The name of one of its interfaces, its description when it has no name.
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

/// Everything that an exporter said about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExporterDetail {
    /// Observation domains: line cards, virtual routers, sFlow agents.
    pub domains: usize,
    /// By domain and id.
    pub templates: Vec<TemplateHealth>,
    /// By index.
    pub interfaces: Vec<InterfaceHealth>,
    /// How many applications it has named.
    pub applications: usize,
    /// Counters of its own work, with what they are.
    pub statistics: Vec<(Label, u64)>,
}

/// A template in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateHealth {
    pub domain: u32,
    pub id: u16,
    pub options: bool,
    pub fields: usize,
    /// When it came in this shape, when it was last sent, when data last used it.
    pub defined: Time,
    pub refreshed: Time,
    pub used: Time,
    /// Times it came with another shape: after a restart, or spoofed.
    pub changes: u32,
    /// From an earlier run, not yet sent in this one.
    pub remembered: bool,
}

/// An interface as its exporter describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceHealth {
    pub index: u32,
    pub name: String,
    pub description: String,
    /// bit/s, 0 when not known.
    pub speed: u64,
    /// bit/s by its own counters.
    pub in_rate: Option<u64>,
    pub out_rate: Option<u64>,
}
