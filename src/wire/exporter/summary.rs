//! Summaries of exporters as plain data.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::options::Statistics;
use super::sampling::SamplerScope;
use super::state::ExporterState;
use super::templates::StoredTemplate;
use crate::flow::{Host, Protocol, RateDoubt, Time};
use crate::wire::template::TemplateKind;

/// Maximum number of templates that are listed per exporter.
const LISTED_TEMPLATES: usize = 64;

/// Maximum number of sampling rates that are listed per exporter.
const LISTED_SAMPLERS: usize = 64;

/// Maximum number of interfaces that are listed per exporter; listed are those with a name or
/// counters.
const LISTED_INTERFACES: usize = 512;

/// A summary of an exporter, cheap enough to be made often.
#[derive(Clone, Debug)]
pub struct ExporterSummary {
    /// Source address of its datagrams.
    pub address: Host,
    /// Protocol of its last datagram; `None` when it is only known from an earlier run.
    pub protocol: Option<Protocol>,
    /// Datagrams of this run.
    pub datagrams: u64,
    /// Flows and events of this run.
    pub flows: u64,
    /// Sequence gaps in the unit of the protocol (v5 and v7: flows, IPFIX: records, v9 and
    /// sFlow: datagrams).
    pub lost: u64,
    /// Gaps between an earlier run and this one, in the same unit.
    pub missed: u64,
    /// Samples that sFlow agents took but could not send.
    pub dropped: u64,
    /// How often its sequence numbers started again.
    pub restarts: u32,
    /// Its transport sessions: processes that send from a port each.
    pub sessions: usize,
    /// Whether it sends from so many ports that they count as one session.
    pub merged: bool,
    /// Templates in use, options templates included.
    pub templates: usize,
    /// How many of the templates are from an earlier run and were not sent again yet.
    pub remembered: usize,
    /// Data sets that wait for their template.
    pub held: usize,
    /// The sampling rates that were applied to its flows lately, lowest first; before any
    /// flow, those that it announces. 0 stands for flows whose rate was not known, if others
    /// have one.
    pub rates: Vec<u32>,
    /// Samples whose packet is sampled on its way in and on its way out (sFlow).
    pub sampled_twice: u64,
    /// A rate whose bytes are, or may be, in the wrong order.
    pub rate_doubt: Option<RateDoubt>,
    /// The configured sampling rate, which replaces the announced ones.
    pub given_rate: Option<u32>,
    /// The collector's clock minus the exporter's clock, in milliseconds.
    pub clock_offset_ms: i64,
    /// Arrival of its last datagram.
    pub last_seen: Time,
}

/// A template in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateSummary {
    /// Observation domain.
    pub domain: u32,
    /// Template id.
    pub id: u16,
    /// Whether it is an options template.
    pub options: bool,
    /// Number of its fields.
    pub fields: usize,
    /// When it was first sent with these fields.
    pub defined: Time,
    /// When it was last sent.
    pub refreshed: Time,
    /// When a data set last used it.
    pub used: Time,
    /// How often the template was redefined with other fields: after a restart, or by a spoofed
    /// sender.
    pub changes: u32,
    /// Whether it is from an earlier run and was not sent again yet.
    pub remembered: bool,
}

/// A sampling rate as the exporter sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplerSummary {
    /// Observation domain.
    pub domain: u32,
    /// What the rate applies to.
    pub selector: RateScope,
    /// One packet in this many.
    pub rate: u32,
}

/// Where a sampling rate comes from, and what it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateScope {
    /// Options announce it.
    Announced(SamplerScope),
    /// It comes with the records, which may name a sampler, or in the header of NetFlow v5.
    InRecords(Option<u64>),
}

/// An interface as the exporter describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceSummary {
    /// ifIndex.
    pub index: u32,
    /// Short name, empty when not known.
    pub name: String,
    /// Description, empty when not known.
    pub description: String,
    /// Nominal speed in bit/s, 0 when not known.
    pub speed: u64,
    /// Bit/s over the last two counter samples.
    pub in_rate: Option<u64>,
    /// Sent bit/s over the last two counter samples.
    pub out_rate: Option<u64>,
    /// Bytes of flows as a percentage of the bytes that the interface received and sent, over the
    /// last ten to twenty minutes.
    pub covered: [Option<u32>; 2],
}

/// Details of one exporter, for the view of a single exporter.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// Number of its observation domains.
    pub domains: usize,
    /// The first templates, by domain and id.
    pub templates: Vec<TemplateSummary>,
    /// The first interfaces that have a name or counters.
    pub interfaces: Arc<Vec<InterfaceSummary>>,
    /// Number of its applications with a name.
    pub applications: usize,
    /// The first of its sampling rates, by domain.
    pub samplers: Vec<SamplerSummary>,
    /// Counters of its own work.
    pub statistics: Statistics,
}

impl ExporterState {
    /// The summary of the exporter at `address`.
    #[must_use]
    pub fn summary(&self, address: Host) -> ExporterSummary {
        let totals = self.numbering_totals();
        let templates = || {
            let all = self.domains.values();
            let all = all.flat_map(|domain| domain.templates.iter().map(|(_, entry)| entry));
            all.filter(|entry| entry.adopted.is_none())
        };
        let newest = self.sessions.newest();
        ExporterSummary {
            address,
            protocol: self.protocol,
            datagrams: self.datagrams,
            flows: self.flows,
            lost: self.agents.lost().saturating_add(totals.lost),
            missed: self.agents.missed().saturating_add(totals.missed),
            dropped: self.agents.dropped(),
            restarts: self.agents.restarts().saturating_add(totals.restarts),
            sessions: self.sessions.known.len(),
            merged: self.sessions.are_merged(),
            templates: templates().count(),
            remembered: templates().filter(|entry| entry.remembered.is_some()).count(),
            held: self.held.len(),
            rates: self.rates_in_use(),
            sampled_twice: self.agents.twice(),
            rate_doubt: self.rates.doubt(self.last_seen).filter(|_| self.given_rate.is_none()),
            given_rate: self.given_rate.and_then(|rate| rate.rate()),
            clock_offset_ms: newest.map_or(0, |session| session.clock.offset()),
            last_seen: self.last_seen,
        }
    }

    /// The details of the exporter.
    #[must_use]
    pub fn details(&self) -> Details {
        let mut templates: Vec<TemplateSummary> = self
            .domains
            .iter()
            .flat_map(|(domain, state)| {
                let own = state.templates.iter().filter(|(_, entry)| entry.adopted.is_none());
                own.map(|(id, entry)| template(domain.id, id, entry))
            })
            .collect();
        templates.sort_by_key(|template| (template.domain, template.id));
        templates.truncate(LISTED_TEMPLATES);
        Details {
            domains: self.domain_ids(),
            templates,
            interfaces: Arc::new(self.interfaces()),
            applications: self.about.applications(),
            samplers: self.samplers(),
            statistics: self.about.statistics,
        }
    }

    /// Number of its observation domains, each counted once however many sessions have it.
    fn domain_ids(&self) -> usize {
        let ids: BTreeSet<u32> = self.domains.keys().map(|key| key.id).collect();
        ids.len()
    }

    fn samplers(&self) -> Vec<SamplerSummary> {
        let announced = self.domains.iter().flat_map(|(key, state)| {
            state.samplers.scopes().map(|(scope, rate)| SamplerSummary {
                domain: key.id,
                selector: RateScope::Announced(scope),
                rate,
            })
        });
        let selectors = self.rates.selectors().iter().map(|known| SamplerSummary {
            domain: known.domain,
            selector: RateScope::InRecords(known.selector),
            rate: known.rate,
        });
        let mut list: Vec<SamplerSummary> = announced.chain(selectors).collect();
        list.sort_by_key(|known| known.domain);
        list.truncate(LISTED_SAMPLERS);
        list
    }

    fn interfaces(&self) -> Vec<InterfaceSummary> {
        let mut list: Vec<InterfaceSummary> = self
            .about
            .interfaces
            .iter()
            .map(|(index, interface)| InterfaceSummary {
                index,
                name: interface.name.clone(),
                description: interface.description.clone(),
                speed: interface.speed,
                in_rate: interface.in_rate,
                out_rate: interface.out_rate,
                covered: interface.coverage.as_ref().map_or([None; 2], |one| one.percent()),
            })
            .collect();
        list.sort_by_key(|interface| interface.index);
        list.truncate(LISTED_INTERFACES);
        list
    }
}

fn template(domain: u32, id: u16, entry: &StoredTemplate) -> TemplateSummary {
    TemplateSummary {
        domain,
        id,
        options: entry.template.kind() == TemplateKind::Options,
        fields: entry.template.fields().len(),
        defined: entry.defined,
        refreshed: entry.refreshed,
        used: entry.used,
        changes: entry.changes,
        remembered: entry.remembered.is_some(),
    }
}
