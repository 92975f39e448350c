//! Datagram bytes to flows and back. Pure: no socket, no clock, no async.
//!
//! [`Decoder::decode`] takes a datagram with the address it came from and the
//! time it arrived, and appends its flows. It never panics and never reads past
//! the datagram; what it could not use is in the [`Report`], by cause.
//!
//! The files here are the formats; what is known of an exporter is in `exporter/`.

mod address;
mod bytes;
mod definitions;
pub mod element;
pub mod encode;
mod exporter;
mod extras;
pub mod frame;
pub mod header;
mod ipfix;
pub mod layout;
mod netflow5;
mod netflow9;
pub mod observer;
pub mod plan;
mod rate;
mod record;
pub mod registry;
pub mod report;
mod sets;
pub mod sflow;
pub mod template;
mod times;
mod version;

pub use exporter::interfaces::Interfaces;
pub use exporter::limits::{DecoderLimits, MAX_EXPORTERS, MAX_HELD, MAX_NAMES, MAX_TEMPLATE_BYTES};
pub use exporter::pending::MAX_HELD_PER_EXPORTER;
pub use exporter::policy::Policy;
pub use exporter::shared_limits::SharedLimits;
pub use exporter::summary::{Details, ExporterSummary};
pub use exporter::{MAX_DOMAINS, MAX_TEMPLATES};
pub use exporter::{interfaces, numbering_states, options, policy, saved_state, summary};
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
use self::sets::{DecodeContext, SetDialect, Sets};
use self::template::SetScratch;
use crate::flow::{Flow, FlowExtras, Host, Protocol, Sampling, Time};

/// Of what came beside flows, the room that is kept from batch to batch.
const KEPT_MORE: usize = 16_384;

/// Decodes datagrams of any number of exporters, keeping their state.
#[derive(Debug, Default)]
pub struct Decoder {
    exporters: HashMap<Host, ExporterState, RandomState>,
    places: ExporterPlaces,
    /// Exporters with sets whose templates have come, in turn.
    due: VecDeque<Host>,
    released: Host,
    /// Bytes of held sets that were decoded since the last turn began.
    piece: usize,
    policy: Policy,
    refused: RefusedSenders,
    /// Exporters that made room for others.
    displaced: RefusedSenders,
    pool: DecoderShare,
    scratch: SetScratch,
    more: Vec<FlowExtras>,
    keeps_more: bool,
}

impl Decoder {
    /// A decoder that knows no exporter yet.
    #[must_use]
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// The same with rules about exporters.
    #[must_use]
    pub fn with_policy(policy: Policy) -> Decoder {
        Decoder { policy, ..Decoder::default() }
    }

    /// The same for one of several decoders that together keep within the limits
    /// of one.
    #[must_use]
    pub fn sharing(policy: Policy, budget: &SharedLimits) -> Decoder {
        Decoder { policy, pool: DecoderShare::of(budget), ..Decoder::default() }
    }

    /// Has other rules hold from the next datagram on. What is known of exporters
    /// stays, also of those that may not send any more.
    pub fn set_policy(&mut self, policy: Policy) {
        for (address, exporter) in &mut self.exporters {
            exporter.given_rate = policy.rate_of(*address);
            exporter.is_named = policy.names(*address);
        }
        self.policy = policy;
    }

    /// Whether what only some exporters report is kept beside flows, for
    /// [`Decoder::more`]; by default it is not. Whoever asks for it has to call
    /// [`Decoder::forget_more`] whenever the flows it came with are done with.
    pub fn keep_more(&mut self, keep: bool) {
        self.keeps_more = keep;
    }

    /// What came with the flows since it was last forgotten ([`Flow::more`]).
    #[must_use]
    pub fn more(&self) -> &[FlowExtras] {
        &self.more
    }

    /// Begins a new batch: no flow decoded before refers to what came with it.
    pub fn forget_more(&mut self) {
        self.more.clear();
        self.more.shrink_to(KEPT_MORE);
    }

    /// Decodes one datagram that came from `address` at `now`; its flows are
    /// appended to `out`.
    pub fn decode(
        &mut self,
        now: Time,
        address: Host,
        bytes: &[u8],
        out: &mut Vec<Flow>,
    ) -> DatagramReport {
        self.decode_seen(now, address, bytes, out, None)
    }

    /// The same while someone looks on.
    pub fn decode_seen(
        &mut self,
        now: Time,
        address: Host,
        bytes: &[u8],
        out: &mut Vec<Flow>,
        observer: Option<&mut dyn Observer>,
    ) -> DatagramReport {
        let mut report =
            DatagramReport { version: u16_at(bytes, 0).unwrap_or(0), ..DatagramReport::default() };
        let protocol = match self.admit(now, address, bytes, &mut report) {
            Ok(protocol) => protocol,
            Err(cause) => {
                report.causes.count(cause);
                return report;
            }
        };
        (report.protocol, report.version) = (Some(protocol), protocol.version());
        self.make_way(address, &mut report);
        let Decoder { exporters, places, policy, pool, scratch, more, keeps_more, piece, .. } =
            self;
        let exporter = exporters.entry(address).or_insert_with(|| {
            places.admit(address, now);
            pool.exporters.change(ExporterClass::New, 0, 1);
            let (given_rate, is_named) = (policy.rate_of(address), policy.names(address));
            ExporterState { given_rate, is_named, ..ExporterState::default() }
        });
        let before = out.len();
        let names = exporter.about.names();
        exporter.prepare(pool);
        let more = keeps_more.then_some(more);
        let seen = &mut report;
        let mut context = DecodeContext { scratch, pool, observer, out, more, report: seen, piece };
        match protocol {
            Protocol::Netflow1 | Protocol::Netflow5 | Protocol::Netflow7 => {
                netflow5::decode(now, address, exporter, bytes, context.out, context.report);
            }
            Protocol::Netflow9 => netflow9::decode(now, address, exporter, bytes, &mut context),
            Protocol::Ipfix => ipfix::decode(now, address, exporter, bytes, &mut context),
            Protocol::Sflow5 => sflow::decode(now, address, exporter, bytes, &mut context),
        }
        exporter.settle(names, pool);
        self.take_stock(now, address, &mut report);
        self.finish(&mut report, out.get_mut(before..).unwrap_or_default());
        report
    }

    /// Decodes a piece of what had waited for templates that have come, of one
    /// exporter after the other. `None` when nothing is left. To be called between
    /// datagrams, until then: with datagrams themselves no more than a piece is decoded
    /// until it is called, or a turn [begins](Decoder::begin_turn).
    pub fn release(
        &mut self,
        now: Time,
        out: &mut Vec<Flow>,
        observer: Option<&mut dyn Observer>,
    ) -> Option<DatagramReport> {
        loop {
            self.begin_turn();
            let address = self.due.pop_front()?;
            let Decoder { exporters, pool, scratch, more, keeps_more, piece, .. } = self;
            let Some(exporter) = exporters.get_mut(&address) else { continue };
            let Some(set) = exporter.held.next_due(pool) else {
                exporter.is_due = false;
                continue;
            };
            self.released = address;
            let header = set.header;
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
            let more = keeps_more.then_some(more);
            let seen = &mut report;
            let mut context =
                DecodeContext { scratch, pool, observer, out, more, report: seen, piece };
            match exporter.resume(address, header.domain) {
                Some(session) => {
                    Sets::new(flavour, now, header, session, &mut context).decode_due();
                }
                // Its domain had to make room, and the template with it.
                None => {
                    let class = exporter.class;
                    drop(exporter.held.take_due(header.domain, class, context.pool));
                    context.report.causes.count(Cause::HeldDropped);
                    exporter.refusals.add(ResourceRefusal::Held, 1);
                }
            }
            exporter.leave(&report, header.domain);
            exporter.settle(names, pool);
            exporter.note(address, pool);
            self.due.push_back(address);
            self.begin_turn();
            self.finish(&mut report, out.get_mut(before..).unwrap_or_default());
            return Some(report);
        }
    }

    /// Others have had their turn: the next datagram may again have a piece decoded of
    /// what waited for its templates.
    pub fn begin_turn(&mut self) {
        self.piece = 0;
    }

    /// The exporter of which a piece is decoded, or was last.
    #[must_use]
    pub fn being_released(&self) -> Host {
        self.released
    }

    /// Whether [`Decoder::release`] may have something.
    #[must_use]
    pub fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// What holds for flows of every protocol.
    fn finish(&self, report: &mut DatagramReport, flows: &mut [Flow]) {
        if self.policy.assumed != Sampling::UNKNOWN {
            let unknown = |flow: &&mut Flow| flow.sampling == Sampling::UNKNOWN;
            for flow in flows.iter_mut().filter(unknown) {
                flow.sampling = self.policy.assumed;
            }
        }
        let far = flows.iter().filter(|flow| flow.is_far_off()).count();
        report.causes.add(Cause::FarOffTimes, far as u32);
    }

    /// Steps since it began that are not paid for by a byte each: entries of what
    /// is kept that were looked at or taken out, records, fields. For tests, which
    /// hold them against the bytes that came.
    #[must_use]
    pub fn steps(&mut self) -> u64 {
        self.pool.steps += self.places.take_steps();
        self.pool.steps
    }

    /// Bytes that the templates of its exporters take, at most
    /// [`MAX_TEMPLATE_BYTES`].
    #[must_use]
    pub fn template_bytes(&self) -> usize {
        self.pool.templates.own()
    }

    /// Bytes of data that waits for templates, at most [`MAX_HELD`].
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.pool.held.own()
    }

    /// A connection of this exporter was opened or closed: its numbering begins
    /// anew.
    pub fn reconnected(&mut self, address: Host) {
        if let Some(exporter) = self.exporters.get_mut(&address) {
            exporter.reconnected();
        }
    }

    /// What an exporter says about its interfaces, if it is known at all.
    #[must_use]
    pub fn interfaces(&self, exporter: Host) -> Option<&Interfaces> {
        self.exporters.get(&exporter).map(|exporter| &exporter.about.interfaces)
    }

    /// What is known of every exporter, busiest first.
    #[must_use]
    pub fn exporters(&self) -> Vec<ExporterSummary> {
        let mut all: Vec<ExporterSummary> =
            self.exporters.iter().map(|(address, exporter)| exporter.summary(*address)).collect();
        all.sort_by(|a, b| b.flows.cmp(&a.flows).then(a.address.cmp(&b.address)));
        all
    }

    /// All that one exporter said about itself.
    #[must_use]
    pub fn details(&self, address: Host) -> Option<Details> {
        self.exporters.get(&address).map(ExporterState::details)
    }

    /// Of which exporters something found no room, by which cause, and how often.
    /// `ExporterLimit` are those that lost their place to others.
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

    /// Senders that the policy refuses, with how many datagrams they sent, and
    /// how many came from yet others.
    #[must_use]
    pub fn refused(&self) -> (Vec<(Host, u64)>, u64) {
        self.refused.list()
    }
}
