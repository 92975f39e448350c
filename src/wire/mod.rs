//! Datagram bytes to flows and back. Pure: no socket, no clock, no async.
//!
//! [`Decoder::decode`] takes a datagram with the address it came from and the
//! time it arrived, and appends its flows. It never panics and never reads past
//! the datagram; what it could not use is in the [`Report`], by cause.

mod bytes;
pub mod element;
pub mod encode;
mod exporter;
mod netflow5;
mod netflow9;
mod record;
pub mod report;
mod sampling;
mod sequence;
mod template;

pub use exporter::{MAX_DOMAINS, MAX_TEMPLATES, Summary};
pub use report::{Cause, Report};

use std::collections::HashMap;

use self::bytes::u16_at;
use self::exporter::Exporter;
use self::template::SetScratch;
use crate::flow::{Flow, Host, Time};

/// Exporters kept apart: a large site has hundreds. With all their templates
/// they take at most about 1 GB, in practice a few kB each.
pub const MAX_EXPORTERS: usize = 1024;

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
        let mut report = Report::default();
        let Some(version) = u16_at(bytes, 0) else {
            report.causes.count(Cause::TooShort);
            return report;
        };
        report.version = version;
        if !matches!(version, 5 | 9) {
            report.causes.count(Cause::UnknownVersion);
            return report;
        }
        if !self.exporters.contains_key(&address) && self.exporters.len() >= MAX_EXPORTERS {
            report.causes.count(Cause::ExporterLimit);
            return report;
        }
        let exporter = self.exporters.entry(address).or_default();
        let before = out.len();
        match version {
            5 => netflow5::decode(now, address, exporter, bytes, out, &mut report),
            _ => {
                let scratch = &mut self.scratch;
                netflow9::decode(now, address, exporter, bytes, scratch, out, &mut report);
            }
        }
        let far = out[before..].iter().filter(|flow| flow.is_far_off()).count();
        report.causes.add(Cause::FarOffTimes, far as u32);
        report
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
