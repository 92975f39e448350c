//! Decodes the records of data sets of NetFlow v9 and IPFIX into flows.

use super::accounting::{AccountingContext, count_growth};
use super::addressless;
use super::exporter::counter_history::CounterHistory;
use super::exporter::rates::RateNotes;
use super::names::RecordNames;
use super::observer::RecordSeen;
use super::ordinary::{count_backwards, count_far_off};
use super::plan::PacketSection;
use super::plausibility::{Implausible, remove_record};
use super::record::RecordDecoder;
use super::record_view::LEAD;
use super::report::{Cause, RecordOutcome};
use super::sets::{DecodeContext, Sets};
use super::times::count_quality;
use crate::flow::{Flow, Sampling};

impl Sets<'_, '_, '_> {
    /// Decodes records of one fixed length in place. This is the common case: records that
    /// are nothing but flows.
    pub(super) fn flows(&mut self, id: u16, bytes: &[u8], start: usize, end: usize) {
        let Some(entry) = self.session.domain.templates.get(id) else { return };
        let (template, rules) = (&entry.template, &entry.rules);
        let plan = template.plan();
        if template.counters().is_some() {
            // The history is not used by anything else in the meantime.
            let mut history = std::mem::take(self.session.counters);
            self.flows_by_slots(id, bytes, start, end, Implausible::Nothing, Some(&mut history));
            *self.session.counters = history;
            return;
        }
        if !plan.is_in_place() || !rules.is_plain() {
            return self.flows_by_slots(id, bytes, start, end, Implausible::Nothing, None);
        }
        let maker = RecordDecoder::new(rules, self.session.rate_lookup(), &self.common);
        let is_named = template.has_names() && self.context.keeps_everything();
        let DecodeContext { scratch, out, more, report, observer, .. } = &mut *self.context;
        let before = out.len();
        let length = plan.least();
        let count = end.min(bytes.len()).saturating_sub(start) / length;
        // The last records are decoded from a copy with bytes to spare behind it: loading
        // reads whole words and may read past the end of a record.
        let whole = plan.in_place_from(bytes, start).min(count);
        let first = maker.plain(whole, plan.views(bytes, start), out);
        let rest = start + whole * length;
        let tail = scratch.tail(bytes.get(rest..end).unwrap_or(&[]));
        let last = maker.plain(count - whole, plan.views(tail, LEAD), out);
        let made = out.get_mut(before..).unwrap_or_default();
        let are_ordinary = first.are_ordinary && last.are_ordinary;
        if !are_ordinary || observer.is_some() || is_named {
            let implausible = Implausible::of(made, rules.counts_both);
            let is_none = |flow: &Flow| addressless::has_none(flow.src, flow.dst);
            let apart = implausible != Implausible::Nothing || observer.is_some() || is_named;
            if apart || made.iter().any(is_none) {
                // Each record has to be looked at on its own.
                out.truncate(before);
                return self.flows_by_slots(id, bytes, start, end, implausible, None);
            }
            count_backwards(made, report);
            count_far_off(made, report);
        }
        report.flows += made.len() as u32;
        count_quality(maker.quality(), made.len(), report);
        if let Some(kept) = more {
            let values = |n: usize| match n.checked_sub(whole) {
                None => plan.in_place(bytes, start + n * length),
                Some(n) => plan.in_place(tail, LEAD + n * length),
            };
            maker.keep_plain(values, made, kept);
        }
        let (rate, notes) = (maker.rate_of_all(), maker.into_rate_notes());
        self.note_rates(before, rate, notes);
    }

    /// Notes the sampling rates that came in data records, and those of the flows from `before`
    /// on; `of_all`: the rate that all of them have.
    fn note_rates(&mut self, before: usize, of_all: Option<Sampling>, notes: Option<RateNotes>) {
        let made = self.context.out.get(before..).unwrap_or_default();
        match of_all {
            Some(_) if made.is_empty() => {}
            Some(rate) => self.session.rates.apply_one(self.now, rate),
            None => self.session.rates.apply(self.now, made),
        }
        let Some(notes) = notes else { return };
        let causes = &mut self.context.report.causes;
        causes.add(Cause::RateByteOrder, notes.swapped);
        causes.add(Cause::RateDoubtful, notes.doubtful);
        self.session.rates.note_records(self.now, self.header.domain, &notes);
    }

    /// Decodes records that need their fields in slots first: records of variable length,
    /// with a sampled packet or with counters of both directions, and all records while an
    /// observer watches.
    ///
    /// `implausible` is what the set as a whole shows. `history` has what was counted before,
    /// for templates whose counters are not used as they are.
    fn flows_by_slots(
        &mut self,
        id: u16,
        bytes: &[u8],
        mut at: usize,
        end: usize,
        implausible: Implausible,
        mut history: Option<&mut CounterHistory>,
    ) {
        let Some(entry) = self.session.domain.templates.get(id) else { return };
        let (template, rules) = (&entry.template, &entry.rules);
        let maker = RecordDecoder::new(rules, self.session.rate_lookup(), &self.common);
        let sender = self.session.reporting(self.key.port);
        let DecodeContext { scratch, out, more, report, observer, .. } = &mut *self.context;
        let mut section = PacketSection::default();
        let all_before = out.len();
        scratch.slots.fill(0);
        while at + template.plan().least() <= end {
            let Some(next) = template.load(bytes, at, end, &mut scratch.slots, &mut section) else {
                report.causes.count(Cause::BadRecord);
                if let Some(observer) = observer {
                    observer.problem(Cause::BadRecord, at);
                }
                break;
            };
            let before = out.len();
            let mut standing = maker.record(&scratch.slots, bytes, &section, out, report);
            if standing == RecordOutcome::Flow {
                standing = remove_record(implausible, before, out, report);
            }
            if standing == RecordOutcome::Uncounted
                && let Some(observer) = observer
            {
                observer.problem(Cause::Implausible, at);
            }
            if let Some((history, meaning)) = history.as_deref_mut().zip(template.counters())
                && standing == RecordOutcome::Flow
            {
                let counted = AccountingContext { meaning, sender, history };
                standing = count_growth(counted, &scratch.slots, before, out, report);
            }
            if let Some(kept) = more {
                let made = out.get_mut(before..).unwrap_or_default();
                let names = (template.has_names() && kept.is_everything()).then(|| {
                    let record = bytes.get(at..next).unwrap_or(&[]);
                    RecordNames::of(template, record, self.session.about)
                });
                maker.keep(&scratch.slots, bytes, &section, names.as_ref(), made, kept);
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
        count_far_off(out.get(all_before..).unwrap_or_default(), report);
        let (rate, notes) = (maker.rate_of_all(), maker.into_rate_notes());
        self.note_rates(all_before, rate, notes);
    }
}
