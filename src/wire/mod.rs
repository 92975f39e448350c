//! Datagram bytes to flows and back. Pure: no socket, no clock, no async.
//!
//! [`Decoder::decode`] takes a datagram with the address it came from and the
//! time it arrived, and appends its flows. It never panics and never reads past
//! the datagram; what it could not use is in the [`Report`], by cause.

mod bytes;
pub mod element;
pub mod encode;
mod exporter;
pub mod frame;
pub mod interfaces;
mod netflow5;
mod netflow9;
mod record;
pub mod report;
mod sampling;
mod sequence;
pub mod sflow;
mod template;

pub use exporter::{MAX_DOMAINS, MAX_TEMPLATES, Summary};
pub use interfaces::Interfaces;
pub use report::{Cause, Report, Samples};
pub use sflow::{Observer, Sample};

use std::collections::HashMap;

use self::bytes::{u16_at, u32_at};
use self::exporter::Exporter;
use self::template::SetScratch;
use crate::flow::{Flow, Host, Time};

/// Exporters kept apart: a large site has hundreds. A few kB each; one that
/// uses all its limits takes about 1 MB.
pub const MAX_EXPORTERS: usize = 1024;

/// An exporter that has been silent for this long may have to make room.
const SILENT_MS: i64 = 600_000;

/// Decodes datagrams of any number of exporters, keeping their state.
#[derive(Debug, Default)]
pub struct Decoder {
    exporters: HashMap<Host, Exporter>,
    scratch: SetScratch,
}

impl Decoder {
    /// A decoder that knows no exporter yet.
    #[must_use]
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Decodes one datagram that came from `address` at `now`; its flows are
    /// appended to `out`.
    pub fn decode(
        &mut self,
        now: Time,
        address: Host,
        bytes: &[u8],
        out: &mut Vec<Flow>,
    ) -> Report {
        self.decode_observed(now, address, bytes, None, out)
    }

    /// Does the same, and shows the samples of an sFlow datagram to `observer`.
    pub fn decode_observed<'a>(
        &mut self,
        now: Time,
        address: Host,
        bytes: &[u8],
        observer: Option<&'a mut Observer<'a>>,
        out: &mut Vec<Flow>,
    ) -> Report {
        let mut report = Report::default();
        let Some(version) = u16_at(bytes, 0) else {
            report.causes.count(Cause::TooShort);
            return report;
        };
        report.version = version;
        // The version is a word of 16 bits in NetFlow, of 32 in sFlow.
        let (protocol, header) = match version {
            1 => ("netflow1", netflow5::V1.header),
            5 => ("netflow5", netflow5::V5.header),
            7 => ("netflow7", netflow5::V7.header),
            9 => ("netflow9", netflow9::HEADER_LENGTH),
            0 if u32_at(bytes, 0) == Some(5) => {
                report.version = 5;
                ("sflow5", sflow::HEADER_LENGTH)
            }
            _ => {
                report.causes.count(Cause::UnknownVersion);
                return report;
            }
        };
        report.protocol = protocol;
        if bytes.len() < header {
            report.causes.count(Cause::TooShort);
            return report;
        }
        if !self.exporters.contains_key(&address) && !self.make_room(now) {
            report.causes.count(Cause::ExporterLimit);
            return report;
        }
        let exporter = self.exporters.entry(address).or_default();
        let before = out.len();
        match version {
            0 => {
                let report = &mut report;
                let observer = observer.map(|observer| observer as &mut Observer);
                let mut context = sflow::Context { now, address, exporter, observer, out, report };
                sflow::decode(bytes, &mut context);
            }
            9 => {
                let scratch = &mut self.scratch;
                netflow9::decode(now, address, exporter, bytes, scratch, out, &mut report);
            }
            _ => netflow5::decode(now, address, exporter, bytes, out, &mut report),
        }
        let far = out[before..].iter().filter(|flow| flow.is_far_off()).count();
        report.causes.add(Cause::FarOffTimes, far as u32);
        report
    }

    /// What an exporter says about its interfaces, if it is known at all.
    #[must_use]
    pub fn interfaces(&self, exporter: Host) -> Option<&Interfaces> {
        self.exporters.get(&exporter).map(|exporter| &exporter.interfaces)
    }

    /// Makes room for one more exporter, if need be in the place of one that has
    /// been silent for long, or that has never sent a flow. Says whether there is any.
    fn make_room(&mut self, now: Time) -> bool {
        if self.exporters.len() < MAX_EXPORTERS {
            return true;
        }
        let dispensable = |exporter: &Exporter| {
            exporter.has_no_flows() || now.since(exporter.last_seen()) > SILENT_MS
        };
        let oldest = self
            .exporters
            .iter()
            .filter(|(_, exporter)| dispensable(exporter))
            .min_by_key(|(_, exporter)| exporter.last_seen())
            .map(|(address, _)| *address);
        oldest.is_some_and(|address| self.exporters.remove(&address).is_some())
    }

    /// What is known of every exporter, busiest first.
    #[must_use]
    pub fn exporters(&self) -> Vec<Summary> {
        let mut all: Vec<Summary> =
            self.exporters.iter().map(|(address, exporter)| exporter.summary(*address)).collect();
        all.sort_by(|a, b| b.flows.cmp(&a.flows).then(a.address.cmp(&b.address)));
        all
    }
}
