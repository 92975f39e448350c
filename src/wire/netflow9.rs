//! NetFlow version 9 (RFC 3954): sets of templates, options templates and data.

use super::bytes::{u16_at, u32_at};
use super::exporter::{Domain, Exporter, Header};
use super::record::{self, Common};
use super::report::{Cause, Report};
use super::template::{FieldSpec, Kind, MAX_FIELDS, SetScratch, Template, padded};
use crate::flow::{Flow, Host, Time};

pub(super) const HEADER_LENGTH: usize = 20;

/// Set ids (RFC 3954, 5.2, 6.1 and 5.3).
pub(super) const TEMPLATE_SET: u16 = 0;
pub(super) const OPTIONS_TEMPLATE_SET: u16 = 1;
pub(super) const FIRST_DATA_SET: u16 = 256;

const SET_HEADER: usize = 4;

/// What decoding a datagram's sets needs to have at hand.
struct Sets<'a> {
    domain: &'a mut Domain,
    common: Common,
    room: usize,
    added: usize,
    scratch: &'a mut SetScratch,
    out: &'a mut Vec<Flow>,
    report: &'a mut Report,
}

/// Decodes one datagram. The header's count is not trusted: exporters disagree
/// on what it counts, and the sets carry their own lengths.
pub(super) fn decode(
    now: Time,
    address: Host,
    exporter: &mut Exporter,
    bytes: &[u8],
    scratch: &mut SetScratch,
    out: &mut Vec<Flow>,
    report: &mut Report,
) {
    let Some(words) = bytes.get(..HEADER_LENGTH) else {
        return report.causes.count(Cause::TooShort);
    };
    let word = |at| u32_at(words, at).unwrap_or(0);
    let header = Header {
        protocol: "netflow9",
        domain: word(16),
        exported: Time(i64::from(word(8)) * 1000),
        uptime: word(4),
    };
    let room = exporter.template_room();
    let Some((domain, offset)) = exporter.enter(now, &header) else {
        return report.causes.count(Cause::DomainLimit);
    };
    domain.sequence.observe(word(12), 1);
    let common = Common::new(now, address, &header, offset);
    let mut sets = Sets { domain, common, room, added: 0, scratch, out, report };
    sets.walk(bytes);
    let added = sets.added;
    exporter.leave(report, added);
}

impl Sets<'_> {
    fn walk(&mut self, bytes: &[u8]) {
        let mut at = HEADER_LENGTH;
        while let Some((id, length)) = u16_at(bytes, at).zip(u16_at(bytes, at + 2)) {
            if bytes[at..].iter().all(|byte| *byte == 0) {
                return; // padding after the last set, as some exporters send it
            }
            let length = usize::from(length);
            if length < SET_HEADER {
                return self.report.causes.count(Cause::SetLength);
            }
            let end = (at + length).min(bytes.len());
            if at + length > bytes.len() {
                self.report.causes.count(Cause::SetTruncated);
            }
            self.set(id, bytes, at + SET_HEADER, end);
            at = end;
        }
        if at < bytes.len() && bytes[at..].iter().any(|byte| *byte != 0) {
            self.report.causes.count(Cause::Leftover);
        }
    }

    /// One set; its content is `bytes[start..end]`.
    fn set(&mut self, id: u16, bytes: &[u8], start: usize, end: usize) {
        let content = bytes.get(start..end).unwrap_or(&[]);
        match id {
            TEMPLATE_SET => self.templates(content),
            OPTIONS_TEMPLATE_SET => self.options_templates(content),
            FIRST_DATA_SET.. => self.data(id, bytes, start, end),
            _ => self.report.causes.count(Cause::ReservedSet),
        }
    }

    fn templates(&mut self, content: &[u8]) {
        let mut at = 0;
        while let Some((id, count)) = u16_at(content, at).zip(u16_at(content, at + 2)) {
            if id < FIRST_DATA_SET {
                return self.padding_or_bad(content, at);
            }
            let count = usize::from(count);
            let Some(list) = content.get(at + 4..at + 4 + 4 * count) else {
                return self.report.causes.count(Cause::BadTemplate);
            };
            self.define(id, Kind::Data, list, 0);
            at += 4 + 4 * count;
        }
    }

    fn options_templates(&mut self, content: &[u8]) {
        let mut at = 0;
        while let (Some(id), Some(scope), Some(options)) =
            (u16_at(content, at), u16_at(content, at + 2), u16_at(content, at + 4))
        {
            if id < FIRST_DATA_SET {
                return self.padding_or_bad(content, at);
            }
            let (scope, options) = (usize::from(scope), usize::from(options));
            let list = content.get(at + 6..at + 6 + scope + options);
            let Some(list) = list.filter(|_| scope % 4 == 0 && options % 4 == 0) else {
                return self.report.causes.count(Cause::BadTemplate);
            };
            self.define(id, Kind::Options, list, scope / 4);
            at += 6 + scope + options;
        }
    }

    /// Zeros after the last template are padding, anything else is broken.
    fn padding_or_bad(&mut self, content: &[u8], at: usize) {
        if content[at..].iter().any(|byte| *byte != 0) {
            self.report.causes.count(Cause::BadTemplate);
        }
    }

    /// Compiles and stores a template whose fields are listed in `list`.
    fn define(&mut self, id: u16, kind: Kind, list: &[u8], scope: usize) {
        if list.len() / 4 > MAX_FIELDS {
            return self.report.causes.count(Cause::BadTemplate);
        }
        let fields: Vec<FieldSpec> = list
            .chunks_exact(4)
            .map(|pair| FieldSpec {
                id: u16_at(pair, 0).unwrap_or(0),
                length: u16_at(pair, 2).unwrap_or(0),
            })
            .collect();
        match Template::compile(kind, &fields, scope) {
            None => self.report.causes.count(Cause::BadTemplate),
            Some(template) => {
                let room = self.room - self.added;
                self.added += self.domain.define(id, template, room, self.report);
            }
        }
    }

    /// A data set: whole records; what is left over is padding.
    fn data(&mut self, id: u16, bytes: &[u8], start: usize, end: usize) {
        let Some(template) = self.domain.templates.get(&id) else {
            return self.report.causes.count(Cause::NoTemplate);
        };
        let length = template.record_length();
        let SetScratch { slots, tail } = &mut *self.scratch;
        slots.fill(0);
        let mut at = start;
        match template.kind() {
            Kind::Data => {
                let maker = record::Maker::new(template, &self.domain.samplers, &self.common);
                while at + length <= end {
                    if at + length + 8 <= bytes.len() {
                        template.load(&bytes[at..], slots);
                    } else {
                        template.load(padded(&bytes[at..at + length], tail), slots);
                    }
                    maker.flow(slots, self.out, self.report);
                    at += length;
                }
            }
            Kind::Options => {
                let mut learned = Vec::new();
                while at + length <= end {
                    template.load(padded(&bytes[at..at + length], tail), slots);
                    learned.push(record::announcement(template, slots));
                    self.report.options += 1;
                    at += length;
                }
                for announcement in &learned {
                    self.domain.samplers.learn(announcement);
                }
            }
        }
    }
}
