//! Decodes datagrams of NetFlow, IPFIX and sFlow into flows, and encodes flows into
//! datagrams. Pure: no socket, no clock, no async.
//!
//! [`Decoder::decode`] takes a datagram, the address and port it came from and the time it arrived,
//! and appends its flows to a vector. It never panics and never reads past the datagram.
//! The returned [`DatagramReport`] counts what could not be used, by cause.
//!
//! The files in this folder are the formats. The state of each exporter is in `exporter/`.

mod accounting;
mod address;
mod addressless;
mod bytes;
mod counter_meaning;
mod definitions;
pub mod element;
pub mod encode;
mod exporter;
mod extras;
mod field_spec;
pub mod frame;
pub mod header;
mod ipfix;
pub mod layout;
mod name_element;
mod names;
mod netflow5;
mod netflow9;
pub mod observer;
mod ordinary;
pub mod plan;
mod plausibility;
mod rate;
mod record;
mod record_extras;
mod record_rules;
pub mod record_view;
pub mod registry;
mod remainder;
pub mod report;
mod reverse_slots;
mod set_flows;
mod sets;
pub mod sflow;
pub mod template;
mod times;
mod version;

pub use exporter::interfaces::Interfaces;
pub use exporter::limits::{
    DecoderLimits, MAX_COUNTER_BYTES, MAX_EXPORTERS, MAX_HELD, MAX_NAMES, MAX_TEMPLATE_BYTES,
};
pub use exporter::pending::MAX_HELD_PER_EXPORTER;
pub use exporter::policy::Policy;
pub use exporter::sampling::SamplerScope;
pub use exporter::shared_limits::SharedLimits;
pub use exporter::summary::{Details, ExporterSummary};
pub use exporter::{MAX_DOMAINS, MAX_SESSIONS, MAX_TEMPLATES};
pub use exporter::{interfaces, numbering_states, options, policy, saved_state, summary};
pub use extras::KeptExtras;
pub use ipfix::{HEADER_LENGTH as IPFIX_HEADER, message_length};
pub use observer::Observer;
pub use report::{Cause, DatagramReport, RecordOutcome, SampleCounts};
pub use sflow::Sample;

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use self::bytes::u16_at;
use self::exporter::ExporterState;
use self::exporter::places::ExporterPlaces;
use self::exporter::policy::RefusedSenders;
use self::exporter::refusals::ResourceRefusal;
use self::exporter::shared_limits::{DecoderShare, ExporterClass};
use self::extras::ExtrasSink;
use self::sets::{DecodeContext, SetDialect, Sets};
use self::template::SetScratch;
use crate::flow::{Flow, FlowExtras, Host, Protocol, Sampling, SenderAddress, Time};

/// Capacity for flow extras that is kept from batch to batch, in entries.
const KEPT_MORE: usize = 16_384;

/// Decodes datagrams of any number of exporters, and keeps the state of each exporter.
#[derive(Debug, Default)]
pub struct Decoder {
    exporters: HashMap<Host, ExporterState, RandomState>,
    places: ExporterPlaces,
    /// Queue of exporters that have pending sets whose templates have arrived.
    due: VecDeque<Host>,
    released: Host,
    /// Bytes of pending sets that were decoded since the last turn began.
    piece: usize,
    policy: Policy,
    refused: RefusedSenders,
    /// Exporters that lost their place to other exporters.
    displaced: RefusedSenders,
    pool: DecoderShare,
    scratch: SetScratch,
    more: Vec<FlowExtras>,
    kept: KeptExtras,
}

impl Decoder {
    /// A decoder that knows no exporter yet.
    #[must_use]
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// A decoder with rules about exporters.
    #[must_use]
    pub fn with_policy(policy: Policy) -> Decoder {
        Decoder { policy, ..Decoder::default() }
    }

    /// A decoder with rules about exporters, one of several decoders that share `limits`.
    #[must_use]
    pub fn sharing(policy: Policy, budget: &SharedLimits) -> Decoder {
        Decoder { policy, pool: DecoderShare::of(budget), ..Decoder::default() }
    }

    /// Replaces the rules about exporters, from the next datagram on. The state of
    /// exporters is kept, also of those that are no longer allowed to send.
    pub fn set_policy(&mut self, policy: Policy) {
        for (address, exporter) in &mut self.exporters {
            exporter.given_rate = policy.rate_of(*address);
            exporter.is_named = policy.names(*address);
        }
        self.policy = policy;
    }

    /// Sets whether the decoder keeps the extra fields of flows for [`Decoder::more`]; by
    /// default it does not. A caller that turns this on has to call
    /// [`Decoder::forget_more`] after each batch of flows, since the list grows until then.
    pub fn keep_more(&mut self, keep: bool) {
        self.keep_extras(if keep { KeptExtras::Everything } else { KeptExtras::Nothing });
    }

    /// Sets which extra fields of flows the decoder keeps, like [`Decoder::keep_more`].
    pub fn keep_extras(&mut self, kept: KeptExtras) {
        self.kept = kept;
    }

    /// The extra fields of the flows decoded since the last [`Decoder::forget_more`];
    /// [`Flow::more`] refers to them.
    #[must_use]
    pub fn more(&self) -> &[FlowExtras] {
        &self.more
    }

    /// Begins a new batch: the list of extra fields is emptied. [`Flow::more`] of flows
    /// decoded earlier is invalid from here on.
    pub fn forget_more(&mut self) {
        self.more.clear();
        self.more.shrink_to(KEPT_MORE);
    }

    /// Decodes one datagram that arrived at `now` from this address and port (a [`Host`] alone
    /// is an address whose port is not known). Appends its flows to `out`.
    pub fn decode(
        &mut self,
        now: Time,
        from: impl Into<SenderAddress>,
        bytes: &[u8],
        out: &mut Vec<Flow>,
    ) -> DatagramReport {
        self.decode_from(now, from.into(), bytes, out, None)
    }

    /// Decodes one datagram like [`Decoder::decode`], and shows everything in it to
    /// `observer`.
    pub fn decode_seen(
        &mut self,
        now: Time,
        from: impl Into<SenderAddress>,
        bytes: &[u8],
        out: &mut Vec<Flow>,
        observer: Option<&mut dyn Observer>,
    ) -> DatagramReport {
        self.decode_from(now, from.into(), bytes, out, observer)
    }

    fn decode_from(
        &mut self,
        now: Time,
        from: SenderAddress,
        bytes: &[u8],
        out: &mut Vec<Flow>,
        observer: Option<&mut dyn Observer>,
    ) -> DatagramReport {
        let address = from.host;
        let mut report =
            DatagramReport { version: u16_at(bytes, 0).unwrap_or(0), ..DatagramReport::default() };
        let (protocol, is_enough) = match self.admit(now, address, bytes, &mut report) {
            Ok(admitted) => admitted,
            Err(cause) => {
                report.causes.count(cause);
                return report;
            }
        };
        (report.protocol, report.version) = (Some(protocol), protocol.version());
        let Decoder { exporters, places, policy, pool, scratch, more, kept, piece, .. } = self;
        let exporter = exporters.entry(address).or_insert_with(|| {
            places.admit(address, now);
            pool.exporters.change(ExporterClass::New, 0, 1);
            let (given_rate, is_named) = (policy.rate_of(address), policy.names(address));
            ExporterState { given_rate, is_named, ..ExporterState::default() }
        });
        let before = out.len();
        let names = exporter.about.names();
        exporter.prepare(pool);
        if !is_enough {
            // Others have to give back more before the next datagram.
            exporter.allowed = None;
        }
        let mut from = from;
        if protocol != Protocol::Sflow5 {
            let (port, is_merged) = exporter.session_of(now, from.port, pool);
            from.port = port;
            report.causes.add(Cause::SessionLimit, u32::from(is_merged));
        }
        let more = ExtrasSink::new(more, *kept);
        let seen = &mut report;
        let mut context = DecodeContext { scratch, pool, observer, out, more, report: seen, piece };
        match protocol {
            Protocol::Netflow1 | Protocol::Netflow5 | Protocol::Netflow7 => {
                netflow5::decode(now, from, exporter, bytes, context.out, context.report);
            }
            Protocol::Netflow9 => netflow9::decode(now, from, exporter, bytes, &mut context),
            Protocol::Ipfix => ipfix::decode(now, from, exporter, bytes, &mut context),
            Protocol::Sflow5 => sflow::decode(now, address, exporter, bytes, &mut context),
        }
        exporter.settle(names, pool);
        exporter.note(address, pool);
        if exporter.has_news() {
            self.take_stock(now, address, &mut report);
        }
        self.finish(out.get_mut(before..).unwrap_or_default());
        report
    }

    /// Decodes a part of the pending sets whose templates have arrived, one exporter after
    /// the other. Returns `None` when nothing is left.
    ///
    /// Call it between datagrams until it returns `None`. While decoding datagrams, the
    /// decoder releases only a limited number of bytes ([`Decoder::begin_turn`]) of pending
    /// sets until this is called.
    pub fn release(
        &mut self,
        now: Time,
        out: &mut Vec<Flow>,
        observer: Option<&mut dyn Observer>,
    ) -> Option<DatagramReport> {
        loop {
            self.begin_turn();
            let address = self.due.pop_front()?;
            let Decoder { exporters, pool, scratch, more, kept, piece, .. } = self;
            let Some(exporter) = exporters.get_mut(&address) else { continue };
            let Some(set) = exporter.held.next_due(pool) else {
                exporter.is_due = false;
                continue;
            };
            self.released = address;
            let (header, key) = (set.header, set.domain());
            let flavour = if header.protocol == Protocol::Ipfix {
                SetDialect::Ipfix
            } else {
                SetDialect::Netflow9
            };
            let mut report =
                DatagramReport { protocol: Some(header.protocol), ..DatagramReport::default() };
            let before = out.len();
            let names = exporter.about.names();
            exporter.prepare(pool);
            let more = ExtrasSink::new(more, *kept);
            let seen = &mut report;
            let mut context =
                DecodeContext { scratch, pool, observer, out, more, report: seen, piece };
            let present = exporter.present_key(key);
            let mut init = None;
            match exporter.resume(address, present) {
                Some(session) => {
                    let mut sets = Sets::new(flavour, now, header, key, session, &mut context);
                    sets.decode_due();
                    init = sets.session.domain.init;
                }
                // The decoder dropped this domain, and its templates, to make room.
                None => {
                    let class = exporter.class;
                    drop(exporter.held.take_due(key, class, context.pool));
                    context.report.causes.count(Cause::HeldDropped);
                    exporter.refusals.add(ResourceRefusal::Held, 1);
                }
            }
            exporter.leave(&report, present.port, init);
            exporter.settle(names, pool);
            exporter.note(address, pool);
            self.due.push_back(address);
            self.begin_turn();
            self.finish(out.get_mut(before..).unwrap_or_default());
            return Some(report);
        }
    }

    /// Takes flows into account that are compared with the counters of interfaces. Duplicates
    /// are left out.
    pub fn cover_interfaces(&mut self, flows: &[Flow]) {
        for flows in flows.chunk_by(|one, other| one.exporter == other.exporter) {
            let exporter = flows.first().and_then(|flow| self.exporters.get_mut(&flow.exporter));
            let Some(exporter) = exporter.filter(|one| one.about.interfaces.has_counters()) else {
                continue;
            };
            let counted = flows.iter().filter(|flow| !flow.duplicate.is_set());
            counted.for_each(|flow| exporter.about.interfaces.cover(flow));
        }
    }

    /// Begins a new turn: the next datagram may again release a limited number of bytes of
    /// pending sets. Called when other work (other sockets, other exporters) has had its
    /// turn.
    pub fn begin_turn(&mut self) {
        self.piece = 0;
    }

    /// The exporter whose pending sets [`Decoder::release`] decodes, or decoded last.
    #[must_use]
    pub fn being_released(&self) -> Host {
        self.released
    }

    /// Whether [`Decoder::release`] may have something to decode.
    #[must_use]
    pub fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Applies what holds for flows of every protocol: the assumed sampling rate.
    fn finish(&self, flows: &mut [Flow]) {
        if self.policy.assumed != Sampling::UNKNOWN {
            let unknown = |flow: &&mut Flow| flow.sampling == Sampling::UNKNOWN;
            for flow in flows.iter_mut().filter(unknown) {
                flow.sampling = self.policy.assumed;
            }
        }
    }

    /// Steps of work since the decoder was created that are not proportional to received
    /// bytes: state entries that were searched or removed, records, fields. Tests compare
    /// this number with the number of received bytes.
    #[must_use]
    pub fn steps(&mut self) -> u64 {
        self.pool.steps += self.places.take_steps();
        self.pool.steps
    }

    /// Bytes that the templates of all exporters take, at most [`MAX_TEMPLATE_BYTES`].
    #[must_use]
    pub fn template_bytes(&self) -> usize {
        self.pool.templates.own()
    }

    /// Bytes of flows whose exporters report totals, at most [`MAX_COUNTER_BYTES`].
    #[must_use]
    pub fn counter_bytes(&self) -> usize {
        self.pool.counters.own()
    }

    /// Bytes of data sets that wait for their templates, at most [`MAX_HELD`].
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.pool.held.own()
    }

    /// Notes that an exporter opened a connection: its sequence numbers start again.
    pub fn reconnected(&mut self, from: impl Into<SenderAddress>) {
        let from = from.into();
        if let Some(exporter) = self.exporters.get_mut(&from.host) {
            exporter.connected(from.port);
        }
    }

    /// Notes that an exporter closed a connection, which ends its session (RFC 7011, 8.1).
    pub fn disconnected(&mut self, from: SenderAddress) {
        if let Some(exporter) = self.exporters.get_mut(&from.host) {
            exporter.disconnected(from.port, &mut self.pool);
            exporter.note(from.host, &mut self.pool);
        }
    }

    /// Interface names and counters of an exporter, `None` for an exporter that is not
    /// known.
    #[must_use]
    pub fn interfaces(&self, exporter: Host) -> Option<&Interfaces> {
        self.exporters.get(&exporter).map(|exporter| &exporter.about.interfaces)
    }

    /// A summary of every exporter, the one with the most flows first.
    #[must_use]
    pub fn exporters(&self) -> Vec<ExporterSummary> {
        let mut all: Vec<ExporterSummary> =
            self.exporters.iter().map(|(address, exporter)| exporter.summary(*address)).collect();
        all.sort_by(|a, b| b.flows.cmp(&a.flows).then(a.address.cmp(&b.address)));
        all
    }

    /// Templates, interfaces, applications and statistics of one exporter. `None` for an
    /// exporter that is not known.
    #[must_use]
    pub fn details(&self, address: Host) -> Option<Details> {
        self.exporters.get(&address).map(ExporterState::details)
    }

    /// Exporters that the decoder refused memory or a place, by cause, with how often it
    /// happened. [`Cause::ExporterLimit`] marks exporters that lost their place to others.
    #[must_use]
    pub fn no_room(&self) -> Vec<(Host, Cause, u64)> {
        let of = |(address, exporter): (&Host, &ExporterState)| {
            let address = *address;
            exporter.refusals.list().map(move |(cause, count)| (address, cause, count))
        };
        let gone = self.displaced.list().0.into_iter();
        let gone = gone.map(|(host, count)| (host, Cause::ExporterLimit, count));
        self.exporters.iter().flat_map(of).chain(gone).collect()
    }

    /// Senders that the policy refuses, each with its number of datagrams, and the number
    /// of datagrams of further senders that are not listed.
    #[must_use]
    pub fn refused(&self) -> (Vec<(Host, u64)>, u64) {
        self.refused.list()
    }
}
