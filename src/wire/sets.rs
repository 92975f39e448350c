//! Sets of templates, options templates and data, as NetFlow v9 and IPFIX have
//! them (RFC 3954, section 5; RFC 7011, section 3.3).

use super::budget::Pool;
use super::bytes::{u16_at, u32_at};
use super::element::Aux;
use super::exporter::{Defined, Header, Session};
use super::held::HeldSet;
use super::numbering::{Numbering, Records};
use super::observer::{Observer, RecordSeen, TemplateSeen};
use super::plan::{LEAD, Section};
use super::rate;
use super::record::{Common, Maker, Standing};
use super::report::{Cause, Report};
use super::template::{FieldSpec, Kind, MAX_FIELDS, Scopes, SetScratch, Template};
use super::times::Times;
use crate::flow::{Flow, More, Time};

/// Data sets carry the id of their template, from here on.
pub(super) const FIRST_DATA_SET: u16 = 256;

const SET_HEADER: usize = 4;

/// Bit of an element's number that says that an enterprise number follows
/// (RFC 7011, section 3.2).
const ENTERPRISE: u16 = 0x8000;

/// In what the two protocols differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Netflow9,
    Ipfix,
}

impl Flavour {
    /// Set ids of templates and options templates (RFC 3954, 5.2 and 6.1; RFC
    /// 7011, 3.3.2).
    fn template_sets(self) -> (u16, u16) {
        match self {
            Flavour::Netflow9 => (0, 1),
            Flavour::Ipfix => (2, 3),
        }
    }

    fn scopes(self) -> Scopes {
        match self {
            Flavour::Netflow9 => Scopes::Types,
            Flavour::Ipfix => Scopes::Elements,
        }
    }
}

/// What decoding needs besides the datagram, whoever sent it.
pub(super) struct Desk<'a, 'o> {
    pub scratch: &'a mut SetScratch,
    pub pool: &'a mut Pool,
    pub observer: Option<&'a mut (dyn Observer + 'o)>,
    pub out: &'a mut Vec<Flow>,
    /// Where what else is reported goes, if it is kept.
    pub more: Option<&'a mut Vec<More>>,
    pub report: &'a mut Report,
}

/// The sets of one datagram.
pub(super) struct Sets<'a, 'b, 'o> {
    flavour: Flavour,
    header: Header,
    now: Time,
    offset: i64,
    common: Common,
    session: Session<'a>,
    desk: &'a mut Desk<'b, 'o>,
    /// Templates that were defined and that data may wait for.
    awaited: Vec<u16>,
    /// Data sets that could not be decoded: how many records they hold is unknown.
    undecoded: bool,
}

impl<'a, 'b, 'o> Sets<'a, 'b, 'o> {
    pub(super) fn new(
        flavour: Flavour,
        now: Time,
        header: Header,
        session: Session<'a>,
        desk: &'a mut Desk<'b, 'o>,
    ) -> Sets<'a, 'b, 'o> {
        let mut common = Common::new(now, session.address, &header, session.offset);
        common.given_rate = session.given_rate;
        let offset = session.offset;
        let (awaited, undecoded) = (Vec::new(), false);
        Sets { flavour, header, now, offset, common, session, desk, awaited, undecoded }
    }

    /// Decodes the sets in `bytes[at..end]`, then what waited for their
    /// templates. Returns how many records the datagram held, if that is known.
    pub(super) fn decode(&mut self, bytes: &[u8], at: usize, end: usize) -> Option<Records> {
        let before = self.records();
        self.walk(bytes, at, end);
        let after = self.records();
        let records =
            Records { data: after.data - before.data, options: after.options - before.options };
        let known = (!self.undecoded).then_some(records);
        while let Some(id) = self.awaited.pop() {
            let sets = self.session.held.take(self.header.domain, id, self.desk.pool);
            for set in sets {
                self.later(set);
            }
        }
        known
    }

    /// Takes note of the datagram's sequence number.
    pub(super) fn count_sequence(
        &mut self,
        right: Numbering,
        sequence: u32,
        records: Option<Records>,
    ) {
        self.session.domain.sequence.datagram(right, sequence, records);
    }

    /// Data records so far. (The reverse half of a biflow is in the same record.)
    fn records(&self) -> Records {
        let r = &self.desk.report;
        let data = r.flows - r.reversed + r.events + r.addressless.records;
        Records { data, options: r.options }
    }

    fn walk(&mut self, bytes: &[u8], mut at: usize, end: usize) {
        let bytes = bytes.get(..end).unwrap_or(bytes);
        while let Some((id, length)) = u16_at(bytes, at).zip(u16_at(bytes, at + 2)) {
            if (id, length) == (0, 0) && bytes[at..].iter().all(|byte| *byte == 0) {
                return; // padding after the last set, as some exporters send it
            }
            let length = usize::from(length);
            if length < SET_HEADER {
                return self.count(Cause::SetLength, at);
            }
            let end = (at + length).min(bytes.len());
            if at + length > bytes.len() {
                self.count(Cause::SetTruncated, at);
            }
            self.set(id, bytes, at + SET_HEADER, end);
            at = end;
        }
        if at < bytes.len() && bytes[at..].iter().any(|byte| *byte != 0) {
            self.count(Cause::Leftover, at);
        }
    }

    /// Counts a cause, `at` bytes into the datagram.
    fn count(&mut self, cause: Cause, at: usize) {
        self.desk.report.causes.count(cause);
        if let Some(observer) = &mut self.desk.observer {
            observer.problem(cause, at);
        }
    }

    /// One set; its content is `bytes[start..end]`.
    fn set(&mut self, id: u16, bytes: &[u8], start: usize, end: usize) {
        let (templates, options) = self.flavour.template_sets();
        let content = bytes.get(start..end).unwrap_or(&[]);
        match id {
            FIRST_DATA_SET.. => self.data_or_hold(id, bytes, start, end),
            id if id == templates => self.templates(content, start, Kind::Data),
            id if id == options => self.templates(content, start, Kind::Options),
            _ => self.count(Cause::ReservedSet, start - SET_HEADER),
        }
    }

    /// A set of templates; `start` is where it lies in the datagram.
    fn templates(&mut self, content: &[u8], start: usize, kind: Kind) {
        let mut at = 0;
        while let Some((id, count)) = u16_at(content, at).zip(u16_at(content, at + 2)) {
            if self.flavour == Flavour::Ipfix && count == 0 && id > 0 {
                self.withdraw(id, kind);
                at += 4;
                continue;
            }
            if id < FIRST_DATA_SET {
                // Zeros after the last template are padding, anything else is broken.
                if content[at..].iter().any(|byte| *byte != 0) {
                    self.count(Cause::BadTemplate, start + at);
                }
                return;
            }
            let read = match (kind, self.flavour) {
                (Kind::Data, _) => fields(content, at + 4, usize::from(count), self.flavour)
                    .map(|(list, next)| (list, 0, next)),
                (Kind::Options, Flavour::Ipfix) => ipfix_options(content, at, count),
                (Kind::Options, Flavour::Netflow9) => v9_options(content, at, count),
            };
            let Some((list, scope, next)) = read else {
                return self.count(Cause::BadTemplate, start + at);
            };
            self.define(id, kind, &list, scope, start + at);
            at = next;
        }
    }

    /// RFC 7011, 8.1: a template without fields is withdrawn; the id of the set
    /// stands for all of its kind.
    fn withdraw(&mut self, id: u16, kind: Kind) {
        let one = (id >= FIRST_DATA_SET).then_some(id);
        let gone = self.session.withdraw(one, kind, self.desk.pool);
        self.desk.report.causes.add(Cause::TemplateWithdrawn, gone);
    }

    /// Compiles and stores a template.
    fn define(&mut self, id: u16, kind: Kind, list: &[FieldSpec], scope: usize, at: usize) {
        let Some(template) = Template::compile(kind, list, scope, self.flavour.scopes()) else {
            return self.count(Cause::BadTemplate, at);
        };
        match kind {
            Kind::Data => self.desk.report.templates += 1,
            Kind::Options => self.desk.report.options_templates += 1,
        }
        if let Some(observer) = &mut self.desk.observer {
            let seen = TemplateSeen { domain: self.header.domain, id, template: &template };
            observer.template(&seen);
        }
        match self.session.define(self.now, id, template, self.desk.pool) {
            Defined::Refreshed => {}
            Defined::New => self.awaited.push(id),
            Defined::Changed => {
                self.awaited.push(id);
                self.count(Cause::TemplateChanged, at);
            }
            Defined::NoRoom => self.count(Cause::TemplateLimit, at),
        }
    }

    /// A data set: decoded if its template is known, else held.
    fn data_or_hold(&mut self, id: u16, bytes: &[u8], start: usize, end: usize) {
        let length = end.saturating_sub(start);
        if self.session.trusts(self.now, id, length, &self.header) {
            return self.data(id, bytes, start, end);
        }
        self.undecoded = true;
        self.count(Cause::NoTemplate, start - SET_HEADER);
        let set = HeldSet {
            header: self.header,
            arrival: self.now,
            offset: self.offset,
            template: id,
            content: bytes.get(start..end).unwrap_or(&[]).into(),
        };
        let dropped = self.session.held.keep(set, self.desk.pool);
        self.desk.report.causes.add(Cause::HeldDropped, dropped);
    }

    /// A set that waited for its template.
    fn later(&mut self, set: HeldSet) {
        let own = self.common;
        let mut common = Common::new(set.arrival, self.session.address, &set.header, set.offset);
        common.given_rate = own.given_rate;
        self.common = common;
        self.data(set.template, &set.content, 0, set.content.len());
        self.common = own;
    }

    /// A data set whose template is known: whole records; what is left over is
    /// padding.
    fn data(&mut self, id: u16, bytes: &[u8], start: usize, end: usize) {
        let Some(template) = self.session.domain.template(id) else { return };
        let kind = template.kind();
        if self.common.reference.guessed && Times::of(template).need_uptime() {
            let scratch = &mut self.desk.scratch;
            let newest = newest_uptime(template, &bytes[..end.min(bytes.len())], start, scratch);
            self.session.reckon_uptime(&mut self.common.reference, newest);
        }
        self.desk.scratch.slots.fill(0);
        match kind {
            Kind::Data => self.flows(id, bytes, start, end),
            Kind::Options => self.options(id, bytes, start, end),
        }
    }

    /// Records of one length, most often nothing but flows, are read in place.
    fn flows(&mut self, id: u16, bytes: &[u8], start: usize, end: usize) {
        let Some(template) = self.session.domain.template(id) else { return };
        let maker = Maker::new(template, self.session.samplers(), &self.common);
        let plan = template.plan();
        if !plan.is_in_place() || !maker.is_plain() || self.desk.observer.is_some() {
            return self.flows_by_slots(id, bytes, start, end);
        }
        let Desk { scratch, out, more, report, .. } = &mut *self.desk;
        let before = out.len();
        let length = plan.least();
        let count = end.min(bytes.len()).saturating_sub(start) / length;
        // The last records have too little behind them, but for in a copy.
        let whole = plan.in_place_from(bytes, start).min(count);
        maker.plain(whole, |n| plan.in_place(bytes, start + n * length), out, report);
        let rest = start + whole * length;
        let tail = scratch.tail(bytes.get(rest..end).unwrap_or(&[]));
        maker.plain(count - whole, |n| plan.in_place(tail, LEAD + n * length), out, report);
        if let Some(kept) = more {
            let values = |n: usize| match n.checked_sub(whole) {
                None => plan.in_place(bytes, start + n * length),
                Some(n) => plan.in_place(tail, LEAD + n * length),
            };
            maker.keep_plain(values, out.get_mut(before..).unwrap_or_default(), kept);
        }
    }

    /// Records whose fields lie elsewhere each time, hold packets, count both ways,
    /// or are looked at.
    fn flows_by_slots(&mut self, id: u16, bytes: &[u8], mut at: usize, end: usize) {
        let Some(template) = self.session.domain.template(id) else { return };
        let maker = Maker::new(template, self.session.samplers(), &self.common);
        let Desk { scratch, out, more, report, observer, .. } = &mut *self.desk;
        let mut section = Section::default();
        while at + template.plan().least() <= end {
            let Some(next) = template.load(bytes, at, end, &mut scratch.slots, &mut section) else {
                report.causes.count(Cause::BadRecord);
                if let Some(observer) = observer {
                    observer.problem(Cause::BadRecord, at);
                }
                return;
            };
            let before = out.len();
            let standing = maker.record(&scratch.slots, bytes, &section, out, report);
            if let Some(kept) = more {
                let made = out.get_mut(before..).unwrap_or_default();
                maker.keep(&scratch.slots, bytes, &section, made, kept);
            }
            if let Some(observer) = observer {
                let made = out.get(before..).unwrap_or(&[]);
                let flow = maker.seen(&scratch.slots, bytes, &section);
                let bytes = bytes.get(at..next).unwrap_or(&[]);
                let domain = self.header.domain;
                observer.record(&RecordSeen { domain, id, template, bytes, standing, flow, made });
            }
            at = next;
        }
    }

    fn options(&mut self, id: u16, bytes: &[u8], mut at: usize, end: usize) {
        let Some(template) = self.session.domain.template(id) else { return };
        let Desk { scratch, report, observer, .. } = &mut *self.desk;
        let mut section = Section::default();
        let mut learned = Vec::new();
        while at + template.plan().least() <= end {
            let Some(next) = template.load(bytes, at, end, &mut scratch.slots, &mut section) else {
                report.causes.count(Cause::BadRecord);
                if let Some(observer) = observer {
                    observer.problem(Cause::BadRecord, at);
                }
                break;
            };
            let record = bytes.get(at..next).unwrap_or(&[]);
            learned.push(rate::announcement(template, &scratch.slots, record));
            self.session.about.learn(template, record);
            report.options += 1;
            if let Some(observer) = observer {
                observer.record(&RecordSeen {
                    domain: self.header.domain,
                    id,
                    template,
                    bytes: record,
                    standing: Standing::Addressless,
                    flow: None,
                    made: &[],
                });
            }
            at = next;
        }
        for announcement in &learned {
            self.session.learn_rate(self.header.domain, announcement);
        }
        if let Some(init) = self.session.about.init.take() {
            self.session.domain.notice_init(init);
        }
    }
}

/// The latest uptime that the records of a set name.
fn newest_uptime(
    template: &Template,
    bytes: &[u8],
    mut at: usize,
    scratch: &mut SetScratch,
) -> u32 {
    let slots = &mut scratch.slots;
    slots.fill(0);
    let mut section = Section::default();
    let mut newest = 0;
    while let Some(next) = template.load(bytes, at, bytes.len(), slots, &mut section) {
        let ends = [slots[Aux::LastUptime as usize], slots[Aux::FirstUptime as usize]];
        newest = ends.into_iter().fold(newest, |newest, end| newest.max(end as u32));
        at = next;
    }
    newest
}

/// Reads `count` field specifiers from `at`. Returns them and where they end.
fn fields(
    content: &[u8],
    mut at: usize,
    count: usize,
    flavour: Flavour,
) -> Option<(Vec<FieldSpec>, usize)> {
    if count > MAX_FIELDS {
        return None;
    }
    let mut list = Vec::with_capacity(count);
    for _ in 0..count {
        let (id, length) = u16_at(content, at).zip(u16_at(content, at + 2))?;
        at += 4;
        let enterprise = flavour == Flavour::Ipfix && id & ENTERPRISE != 0;
        let (pen, id) = if enterprise {
            at += 4;
            (u32_at(content, at - 4)?, id & !ENTERPRISE)
        } else {
            (0, id)
        };
        list.push(FieldSpec { pen, id, length });
    }
    Some((list, at))
}

/// RFC 7011, 3.4.2.2: the number of all fields, then of those that are scope.
fn ipfix_options(content: &[u8], at: usize, count: u16) -> Option<(Vec<FieldSpec>, usize, usize)> {
    let scope = usize::from(u16_at(content, at + 4)?);
    let (list, next) = fields(content, at + 6, usize::from(count), Flavour::Ipfix)?;
    (scope <= list.len()).then_some((list, scope, next))
}

/// RFC 3954, 6.1: the length in bytes of the scope fields, then of the others.
fn v9_options(content: &[u8], at: usize, scope: u16) -> Option<(Vec<FieldSpec>, usize, usize)> {
    let options = u16_at(content, at + 4)?;
    if !scope.is_multiple_of(4) || !options.is_multiple_of(4) {
        return None;
    }
    let (scope, options) = (usize::from(scope / 4), usize::from(options / 4));
    let (list, next) = fields(content, at + 6, scope + options, Flavour::Netflow9)?;
    Some((list, scope, next))
}
