//! Encodes flows of many exporters as datagrams of one sender.

use std::collections::{HashMap, HashSet};

use crate::flow::{Flow, Host, Sampling, Time};
use crate::wire::encode::{IpfixEncoder, V5Encoder, V9Encoder};

/// Maximum number of sources that are kept apart: more than the routers of any network. An
/// archive from elsewhere may have more; those share one source.
pub const MAX_SOURCES: usize = 4096;

/// Datagrams after which the templates of a source are sent again (they are sent before its
/// first flows, too). So a collector that starts later, or misses a template, can soon decode.
const TEMPLATES_EVERY: u64 = 64;

/// NetFlow v5 counts in 32 bits.
const V5_HIGHEST: u64 = u32::MAX as u64;

/// Maximum number of v5 records for one flow, of 4 GB each. A larger counter is not plausible.
const V5_MOST_PARTS: u64 = 256;

/// The protocol to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayProtocol {
    /// NetFlow v5.
    V5,
    /// NetFlow v9.
    V9,
    /// IPFIX.
    Ipfix,
}

/// What the protocol cannot express of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsupportedFields {
    /// IPv6 addresses in v5: the flow is not sent.
    Ipv6,
    /// Counters that would take too many v5 records: the flow is not sent.
    Counters,
    /// Counters beyond 32 bits in v5: sent in several records with the same sums.
    Split,
    /// Interfaces or AS numbers beyond 16 bits in v5: sent as unknown.
    Numbers,
    /// Extra fields (MAC addresses, labels, translations): left out.
    More,
    /// Flows of sources beyond [`MAX_SOURCES`]: sent as those of one source.
    Sources,
}

impl UnsupportedFields {
    /// Every kind, in the order of the enum.
    pub const ALL: [UnsupportedFields; 6] = [
        UnsupportedFields::Ipv6,
        UnsupportedFields::Counters,
        UnsupportedFields::Split,
        UnsupportedFields::Numbers,
        UnsupportedFields::More,
        UnsupportedFields::Sources,
    ];

    /// The message about flows of this kind.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            UnsupportedFields::Ipv6 => "not sent: NetFlow v5 has no IPv6",
            UnsupportedFields::Counters => "not sent: counters too large for NetFlow v5",
            UnsupportedFields::Split => {
                "sent in several records: counters of NetFlow v5 have 32 bits"
            }
            UnsupportedFields::Numbers => {
                "sent without interface or AS number: NetFlow v5 has 16 bits for them"
            }
            UnsupportedFields::More => {
                "sent without MAC addresses, labels, translations and the like"
            }
            UnsupportedFields::Sources => "sent as one source: too many exporters to keep apart",
        }
    }
}

/// Counts of what was encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeStats {
    /// Flows that were sent.
    pub flows: u64,
    /// Records that were sent.
    pub records: u64,
    /// Packets of the flows that were sent.
    pub packets: u64,
    /// Bytes of the flows that were sent.
    pub bytes: u64,
    /// Datagrams that were sent.
    pub datagrams: u64,
    lost: [u64; UnsupportedFields::ALL.len()],
}

impl EncodeStats {
    /// Number of flows of a kind.
    #[must_use]
    pub fn lost(&self, what: UnsupportedFields) -> u64 {
        self.lost.get(what as usize).copied().unwrap_or(0)
    }

    fn lose(&mut self, what: UnsupportedFields) {
        if let Some(count) = self.lost.get_mut(what as usize) {
            *count = count.saturating_add(1);
        }
    }
}

/// The source of a flow. All flows are sent from one address, so each source gets an observation
/// domain of its own. An exporter whose sampling rate changed is another source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source {
    exporter: Host,
    domain: u32,
    sampling: Sampling,
}

#[derive(Debug)]
enum SourceEncoder {
    V5(V5Encoder),
    V9(V9Encoder),
    Ipfix(IpfixEncoder),
}

/// Encodes the flows of one source.
#[derive(Debug)]
struct Reporter {
    protocol: SourceEncoder,
    /// Datagrams since the templates were sent; `None` if they were never sent.
    since_templates: Option<u64>,
    /// Flows of the batch that is being encoded.
    waiting: Vec<Flow>,
}

/// Encodes flows as datagrams.
#[derive(Debug)]
pub struct FlowEncoder {
    what: ReplayProtocol,
    /// Index of the reporter of each source.
    places: HashMap<Source, usize>,
    reporters: Vec<Reporter>,
    /// Observation domains in use.
    domains: HashSet<u32>,
    tally: EncodeStats,
}

impl FlowEncoder {
    /// An encoder for this protocol that has encoded nothing yet.
    #[must_use]
    pub fn new(what: ReplayProtocol) -> FlowEncoder {
        FlowEncoder {
            what,
            places: HashMap::new(),
            reporters: Vec::new(),
            domains: HashSet::new(),
            tally: EncodeStats::default(),
        }
    }

    /// What was encoded so far.
    #[must_use]
    pub fn tally(&self) -> &EncodeStats {
        &self.tally
    }

    /// The datagrams that report these flows, sent at `now` by exporters whose clocks show
    /// `now`, too. The times of the flows are not changed.
    pub fn encode(&mut self, now: Time, flows: &[Flow]) -> Vec<Vec<u8>> {
        for flow in flows {
            if flow.more != 0 {
                self.tally.lose(UnsupportedFields::More);
            }
            let place = self.place(flow);
            let before = self.tally.records;
            let tally = &mut self.tally;
            if let Some(reporter) = self.reporters.get_mut(place) {
                match reporter.protocol {
                    SourceEncoder::V5(_) => add_v5(flow, &mut reporter.waiting, tally),
                    _ => add(*flow, &mut reporter.waiting, tally),
                }
            }
            if self.tally.records > before {
                self.tally.flows += 1;
                self.tally.packets = self.tally.packets.saturating_add(flow.packets);
                self.tally.bytes = self.tally.bytes.saturating_add(flow.bytes);
            }
        }
        let mut sent = Vec::new();
        for reporter in &mut self.reporters {
            reporter.report(now, &mut sent);
        }
        self.tally.datagrams += sent.len() as u64;
        sent
    }

    /// Index of the reporter that sends this flow.
    fn place(&mut self, flow: &Flow) -> usize {
        let source =
            Source { exporter: flow.exporter, domain: flow.domain, sampling: flow.sampling };
        if let Some(place) = self.places.get(&source) {
            return *place;
        }
        if self.reporters.len() >= MAX_SOURCES {
            self.tally.lose(UnsupportedFields::Sources);
            return MAX_SOURCES - 1;
        }
        let domain = self.domain(source);
        let rate = source.sampling.rate();
        let protocol = match self.what {
            ReplayProtocol::V5 => {
                let rate = u16::try_from(rate.unwrap_or(0)).unwrap_or(u16::MAX);
                SourceEncoder::V5(V5Encoder::new(domain as u16, rate))
            }
            ReplayProtocol::V9 => {
                let encoder = V9Encoder::new(domain);
                SourceEncoder::V9(rate.map_or(encoder.clone(), |rate| encoder.announcing(rate)))
            }
            ReplayProtocol::Ipfix => {
                let encoder = IpfixEncoder::new(domain);
                SourceEncoder::Ipfix(rate.map_or(encoder.clone(), |rate| encoder.announcing(rate)))
            }
        };
        self.reporters.push(Reporter { protocol, since_templates: None, waiting: Vec::new() });
        self.places.insert(source, self.reporters.len() - 1);
        self.reporters.len() - 1
    }

    /// An observation domain that no other source has: the source's own one, or the next free
    /// one.
    fn domain(&mut self, source: Source) -> u32 {
        // v5 has 16 bits for engine type and id.
        let most = if self.what == ReplayProtocol::V5 { u32::from(u16::MAX) } else { u32::MAX };
        let mut domain = source.domain & most;
        while self.domains.contains(&domain) {
            domain = domain.wrapping_add(1) & most;
        }
        self.domains.insert(domain);
        domain
    }
}

fn add(flow: Flow, waiting: &mut Vec<Flow>, tally: &mut EncodeStats) {
    waiting.push(flow);
    tally.records += 1;
}

/// Appends as many records as the counters of a flow need.
fn add_v5(flow: &Flow, waiting: &mut Vec<Flow>, tally: &mut EncodeStats) {
    if flow.src.as_v4().is_none() || flow.dst.as_v4().is_none() {
        return tally.lose(UnsupportedFields::Ipv6);
    }
    let parts = flow.bytes.max(flow.packets).div_ceil(V5_HIGHEST).max(1);
    if parts > V5_MOST_PARTS {
        return tally.lose(UnsupportedFields::Counters);
    }
    if parts > 1 {
        tally.lose(UnsupportedFields::Split);
    }
    let highest = u32::from(u16::MAX);
    if flow.input.max(flow.output).max(flow.src_as).max(flow.dst_as) > highest {
        tally.lose(UnsupportedFields::Numbers);
    }
    for part in 0..parts {
        // The first parts get one more if the counter is not divisible.
        let of = |whole: u64| whole / parts + u64::from(part < whole % parts);
        let flow = Flow { bytes: of(flow.bytes), packets: of(flow.packets), ..*flow };
        add(flow, waiting, tally);
    }
}

impl Reporter {
    fn report(&mut self, now: Time, sent: &mut Vec<Vec<u8>>) {
        if self.waiting.is_empty() {
            return;
        }
        let flows = std::mem::take(&mut self.waiting);
        let already = sent.len();
        let templates = self.since_templates.is_none_or(|sent| sent >= TEMPLATES_EVERY);
        // The header of v9 has whole seconds, and times of flows are relative to it.
        let second = Time(now.0.saturating_sub(now.0.rem_euclid(1000)));
        match &mut self.protocol {
            SourceEncoder::V5(encoder) => sent.extend(encoder.encode(now, boot(now), &flows)),
            SourceEncoder::V9(encoder) => {
                sent.extend(encoder.encode(second, boot(second), &flows, templates));
            }
            SourceEncoder::Ipfix(encoder) => sent.extend(encoder.encode(now, &flows, templates)),
        }
        let before = if templates { 0 } else { self.since_templates.unwrap_or(0) };
        self.since_templates = Some(before + (sent.len() - already) as u64);
        self.waiting = flows;
        self.waiting.clear();
    }
}

/// The boot time that the exporter reports: long enough ago for the start of any flow, but
/// within the range that a 32-bit uptime can tell apart.
fn boot(now: Time) -> Time {
    /// A little less than half of 2^32 milliseconds.
    const UP_MS: i64 = 24 * 86_400_000;
    now.plus_ms(-UP_MS)
}
