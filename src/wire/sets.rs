//! Decodes the sets of NetFlow v9 and IPFIX: templates, options templates and data (RFC
//! 3954, section 5; RFC 7011, section 3.3).

use std::ops::Range;

use super::exporter::ExporterSession;
use super::exporter::adoption::MAX_ADOPTED;
use super::exporter::numbering::RecordCount;
use super::exporter::pending::PendingSet;
use super::exporter::refusals::ResourceRefusal;
use super::exporter::sessions::DomainKey;
use super::exporter::shared_limits::DecoderShare;
use super::exporter::templates::StoredTemplate;
use super::extras::ExtrasSink;
use super::header::MessageHeader;
use super::layout::fixed::FixedLayout;
use super::layout::sets::SetHeader;
use super::observer::{Observer, RecordSeen};
use super::plan::PacketSection;
use super::rate;
use super::record::DatagramDefaults;
use super::report::{Cause, DatagramReport, RecordOutcome};
use super::template::{Scopes, SetScratch, TemplateKind};
use super::times::{TimeRules, newest_uptime};
use crate::flow::{Flow, Time};

/// The lowest set id of data sets. The id of a data set is the id of its template.
pub(super) const FIRST_DATA_SET: u16 = 256;

/// Bytes of pending sets that are decoded in one turn; the rest waits for the next turn.
/// The limit is about the content of one datagram, so that no batch of flows is larger than
/// the largest a datagram can cause anyway. All datagrams of a turn share the limit:
/// templates are small, and a burst of templates would otherwise release megabytes of
/// pending data at once.
const PIECE: usize = 16 << 10;

/// The cost of a pending set in addition to its bytes, in bytes: finding it takes about as
/// long as decoding that many bytes.
const SET_COST: usize = 64;

/// A pending set is compared with at most this many templates of its id before it is dropped.
const MOST_TRIES: u8 = 4;

/// Sets are padded to a multiple of 4 bytes (RFC 3954, 5.3), those of IPFIX also to a multiple of
/// 8 bytes (RFC 7011, 3.3.1). Counted from the start of the message.
const ALIGNMENT: usize = 4;
const LONG_ALIGNMENT: usize = 8;

/// The alignment that the end of a set has, if its remainder is to be taken for padding.
fn most_padding(flavour: SetDialect, end: usize) -> u8 {
    let is_long = flavour == SetDialect::Ipfix && end.is_multiple_of(LONG_ALIGNMENT);
    (if is_long { LONG_ALIGNMENT } else { ALIGNMENT }) as u8
}

/// The differences between NetFlow v9 and IPFIX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetDialect {
    Netflow9,
    Ipfix,
}

impl SetDialect {
    /// Set ids of template sets and of options template sets (RFC 3954, 5.2 and 6.1; RFC
    /// 7011, 3.3.2).
    pub(super) fn template_sets(self) -> (u16, u16) {
        match self {
            SetDialect::Netflow9 => (0, 1),
            SetDialect::Ipfix => (2, 3),
        }
    }

    pub(super) fn scopes(self) -> Scopes {
        match self {
            SetDialect::Netflow9 => Scopes::Types,
            SetDialect::Ipfix => Scopes::Elements,
        }
    }
}

/// What decoding needs in addition to the datagram and its exporter.
pub(super) struct DecodeContext<'a, 'o> {
    pub scratch: &'a mut SetScratch,
    pub pool: &'a mut DecoderShare,
    pub observer: Option<&'a mut (dyn Observer + 'o)>,
    pub out: &'a mut Vec<Flow>,
    /// Receives the extra fields of flows; `None` when they are not kept.
    pub more: Option<ExtrasSink<'a>>,
    pub report: &'a mut DatagramReport,
    /// Bytes of pending sets that were decoded in this turn.
    pub piece: &'a mut usize,
}

impl DecodeContext<'_, '_> {
    /// Whether the extra fields of all flows are kept.
    pub(super) fn keeps_everything(&self) -> bool {
        self.more.as_ref().is_some_and(ExtrasSink::is_everything)
    }
}

/// Decodes the sets of one datagram.
pub(super) struct Sets<'a, 'b, 'o> {
    pub(super) flavour: SetDialect,
    pub(super) header: MessageHeader,
    /// The domain and session that data sets belong to.
    pub(super) key: DomainKey,
    pub(super) now: Time,
    offset: i64,
    pub(super) common: DatagramDefaults,
    pub(super) session: ExporterSession<'a>,
    pub(super) context: &'a mut DecodeContext<'b, 'o>,
    /// Templates that this datagram defined or changed; pending sets may wait for them.
    pub(super) awaited: Vec<u16>,
    /// All templates that this datagram has defined so far.
    pub(super) defined: Vec<u16>,
    /// The first ids whose templates this datagram has changed, for the other sessions of the
    /// exporter; and those whose templates are missing and may be known of other sessions.
    pub(super) news: Vec<u16>,
    pub(super) wanted: Vec<u16>,
    /// Whether the datagram has data sets without a template. The number of their records
    /// is unknown.
    undecoded: bool,
}

impl<'a, 'b, 'o> Sets<'a, 'b, 'o> {
    pub(super) fn new(
        flavour: SetDialect,
        now: Time,
        header: MessageHeader,
        key: DomainKey,
        session: ExporterSession<'a>,
        context: &'a mut DecodeContext<'b, 'o>,
    ) -> Sets<'a, 'b, 'o> {
        let mut common = DatagramDefaults::new(now, session.address, &header, session.offset);
        common.given_rate = session.given_rate;
        common.flow.session = key.port;
        let offset = session.offset;
        Sets {
            flavour,
            header,
            key,
            now,
            offset,
            common,
            session,
            context,
            awaited: Vec::new(),
            defined: Vec::new(),
            news: Vec::new(),
            wanted: Vec::new(),
            undecoded: false,
        }
    }

    /// Decodes the sets in `bytes[at..end]`, then pending sets that waited for templates
    /// defined there. Returns the number of records in the datagram, `None` when it is
    /// unknown.
    pub(super) fn decode(&mut self, bytes: &[u8], at: usize, end: usize) -> Option<RecordCount> {
        let before = self.records();
        self.walk(bytes, at, end);
        let after = self.records();
        let records =
            RecordCount { data: after.data - before.data, options: after.options - before.options };
        let known = (!self.undecoded).then_some(records);
        while let Some(id) = self.awaited.pop() {
            self.session.held.release(self.key, id);
            if self.news.len() < MAX_ADOPTED {
                self.news.push(id);
            }
        }
        self.decode_due();
        known
    }

    /// Decodes pending sets whose templates have arrived, at most [`PIECE`] bytes in a
    /// turn: the sets of hours may hold millions of records.
    pub(super) fn decode_due(&mut self) {
        while *self.context.piece < PIECE {
            let (class, domain) = (self.session.class, self.key);
            let Some(set) = self.session.held.take_due(domain, class, self.context.pool) else {
                return;
            };
            *self.context.piece += set.content.len() + SET_COST;
            self.later(set);
        }
    }

    /// Data and options records decoded so far. The reverse half of a biflow is in the same
    /// record as the forward half, so it does not count.
    fn records(&self) -> RecordCount {
        let r = &self.context.report;
        let data = r.flows - r.reversed + r.events + r.uncounted + r.addressless.records;
        RecordCount { data, options: r.options }
    }

    fn walk(&mut self, bytes: &[u8], mut at: usize, end: usize) {
        let bytes = bytes.get(..end).unwrap_or(bytes);
        while let Some(SetHeader { id, length }) = SetHeader::read_at(bytes, at) {
            if (id, length) == (0, 0) && bytes[at..].iter().all(|byte| *byte == 0) {
                return; // padding after the last set, as some exporters send it
            }
            let length = usize::from(length);
            if length < SetHeader::LENGTH {
                return self.count(Cause::SetLength, at);
            }
            let whole = at + length <= bytes.len();
            let end = (at + length).min(bytes.len());
            if !whole {
                self.count(Cause::SetTruncated, at);
            }
            self.set(id, bytes, at + SetHeader::LENGTH..end, whole);
            at = end;
        }
        if at < bytes.len() && bytes[at..].iter().any(|byte| *byte != 0) {
            self.count(Cause::Leftover, at);
        }
    }

    /// Counts a cause and shows it to the observer; `at` is the offset in the datagram.
    pub(super) fn count(&mut self, cause: Cause, at: usize) {
        self.context.report.causes.count(cause);
        if let Some(observer) = &mut self.context.observer {
            observer.problem(cause, at);
        }
    }

    /// Decodes one set, whose content is `bytes[place]`; not `whole` when it is cut off.
    fn set(&mut self, id: u16, bytes: &[u8], place: Range<usize>, whole: bool) {
        self.context.pool.steps += 1;
        let (templates, options) = self.flavour.template_sets();
        let start = place.start;
        let content = bytes.get(place.clone()).unwrap_or(&[]);
        match id {
            FIRST_DATA_SET.. => self.data_or_hold(id, bytes, place, whole),
            id if id == templates => self.templates(content, start, TemplateKind::Data),
            id if id == options => self.templates(content, start, TemplateKind::Options),
            _ => self.count(Cause::ReservedSet, start - SetHeader::LENGTH),
        }
    }

    /// Decodes a data set if its template is known and fits; otherwise keeps it until the
    /// template arrives.
    fn data_or_hold(&mut self, id: u16, bytes: &[u8], place: Range<usize>, whole: bool) {
        let content = bytes.get(place.clone()).unwrap_or(&[]);
        let padding = most_padding(self.flavour, place.end);
        let is_own = self.defined.contains(&id);
        let fits =
            |entry: &mut StoredTemplate| !whole || entry.fits_or_is_own(content, padding, is_own);
        let cause = match self.session.accepts(self.now, id, content.len(), &self.header, fits) {
            Ok(is_back) => {
                self.awaited.extend(is_back.then_some(id));
                return self.data(id, bytes, place.start, place.end);
            }
            Err(cause) => cause,
        };
        if cause == Cause::NoTemplate
            && self.wanted.len() < MAX_ADOPTED
            && !self.wanted.contains(&id)
        {
            self.wanted.push(id);
        }
        self.undecoded = true;
        self.count(cause, place.start - SetHeader::LENGTH);
        self.hold(PendingSet {
            header: self.header,
            port: self.key.port,
            arrival: self.now,
            offset: self.offset,
            template: id,
            padding,
            tries: 0,
            content: content.into(),
        });
    }

    fn hold(&mut self, set: PendingSet) {
        let dropped = self.session.held.keep(set, self.session.class, self.context.pool);
        self.held_dropped(dropped);
    }

    fn held_dropped(&mut self, dropped: u32) {
        self.context.report.causes.add(Cause::HeldDropped, dropped);
        self.session.refusals.add(ResourceRefusal::Held, dropped);
    }

    /// Decodes a pending set, with the header and arrival time of its own datagram.
    fn later(&mut self, mut set: PendingSet) {
        let Some(entry) = self.session.domain.templates.get(set.template) else {
            // The template was withdrawn before the turn of this set.
            return self.held_dropped(1);
        };
        if !entry.fits(&set.content, set.padding) {
            // The set waits for another template of this id. It is not compared with more than
            // a few, so that a flood of templates costs no more than its own bytes.
            set.tries += 1;
            return if set.tries < MOST_TRIES { self.hold(set) } else { self.held_dropped(1) };
        }
        let own = self.common;
        let mut common =
            DatagramDefaults::new(set.arrival, self.session.address, &set.header, set.offset);
        common.given_rate = own.given_rate;
        common.flow.session = own.flow.session;
        self.common = common;
        self.data(set.template, &set.content, 0, set.content.len());
        self.common = own;
    }

    /// Decodes the records of a data set whose template is known. Bytes after the last
    /// complete record are padding.
    fn data(&mut self, id: u16, bytes: &[u8], start: usize, end: usize) {
        let Some(template) = self.session.domain.template(id) else { return };
        let kind = template.kind();
        // An upper bound: each record has bytes of its own, or counts with its fields.
        self.context.pool.steps += template.plan().most_steps(end.saturating_sub(start)) as u64;
        if self.common.reference.guessed && TimeRules::of(template).need_uptime() {
            let scratch = &mut self.context.scratch;
            let newest = newest_uptime(template, &bytes[..end.min(bytes.len())], start, scratch);
            self.session.reckon_uptime(&mut self.common.reference, newest);
        }
        match kind {
            TemplateKind::Data => self.flows(id, bytes, start, end),
            TemplateKind::Options => self.options(id, bytes, start, end),
        }
    }

    fn options(&mut self, id: u16, bytes: &[u8], mut at: usize, end: usize) {
        let Some(template) = self.session.domain.template(id) else { return };
        let DecodeContext { scratch, report, observer, .. } = &mut *self.context;
        let mut section = PacketSection::default();
        let mut learned = Vec::new();
        scratch.slots.fill(0);
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
                    standing: RecordOutcome::Addressless,
                    flow: None,
                    made: &[],
                });
            }
            at = next;
        }
        for announcement in &learned {
            let doubt = self.session.learn_rate(self.now, self.header.domain, announcement);
            if let Some(doubt) = doubt {
                let causes = &mut self.context.report.causes;
                causes.count(Cause::of_rate(doubt.is_swapped));
            }
        }
        if let Some(init) = self.session.about.init.take() {
            self.session.domain.notice_init(init);
        }
    }
}
