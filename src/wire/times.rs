//! Computes when a flow began and ended, from the time elements that a template has.

use super::element::Aux;
use super::plan::PacketSection;
use super::record_view::RecordValues;
use super::report::{Cause, DatagramReport};
use super::template::{SetScratch, Template};
use crate::flow::field::Field;
use crate::flow::{Flow, Time};

/// Seconds from 1900, the epoch of NTP, to 1970 (RFC 5905, section 6).
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// Seconds from 1970 to the second era of NTP, which begins in February 2036.
const SECOND_ERA: u64 = (1 << 32) - NTP_TO_UNIX;

/// What the times of a record are relative to.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeReference {
    /// Export time of the datagram, milliseconds since 1970 by the exporter's clock.
    pub exported: i64,
    /// A moment in milliseconds since 1970, and the exporter's uptime at that moment. The
    /// uptime has 32 bits and wraps, so that an uptime in a record is the one nearest to
    /// this moment.
    pub near: i64,
    pub uptime: u32,
    /// Whether the uptime was estimated from the records themselves.
    pub guessed: bool,
}

/// First and last time of a record.
pub(super) type RecordTimes = (Time, Time);

/// How reliable the times of the records of a set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeQuality {
    /// The record has absolute times.
    Exactly,
    /// The record has its duration, but the start of the exporter's uptime is a guess.
    Roughly,
    /// The record has no times.
    NotAtAll,
}

/// The slot of a time, and its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeForm {
    Milliseconds(u8),
    Uptime(u8),
    Seconds(u8),
    Ntp(u8),
    /// Microseconds before the export.
    Before(u8),
}

/// How the times of a template's records are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeRules {
    /// Start and end in milliseconds since 1970.
    Milliseconds,
    /// Start and end in uptime.
    Uptime,
    /// Any other combination.
    Mixed {
        first: Option<RecordMoments>,
        last: Option<RecordMoments>,
        duration: Option<(u8, u64)>,
    },
    None,
}

/// A time, and whether the record has the start of the exporter's uptime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordMoments {
    moment: TimeForm,
    init: bool,
}

/// A slot, and the format of the time in it.
type TimeSource = (u8, fn(u8) -> TimeForm);

const START: [TimeSource; 5] = [
    (Field::First as u8, TimeForm::Milliseconds),
    (Aux::FirstNtp as u8, TimeForm::Ntp),
    (Aux::FirstSeconds as u8, TimeForm::Seconds),
    (Aux::FirstUptime as u8, TimeForm::Uptime),
    (Aux::FirstBefore as u8, TimeForm::Before),
];
const END: [TimeSource; 5] = [
    (Field::Last as u8, TimeForm::Milliseconds),
    (Aux::LastNtp as u8, TimeForm::Ntp),
    (Aux::LastSeconds as u8, TimeForm::Seconds),
    (Aux::LastUptime as u8, TimeForm::Uptime),
    (Aux::LastBefore as u8, TimeForm::Before),
];
/// Time of an event: used as start and end when the template has neither, and as the end
/// when it has only a start.
const EVENT: [TimeSource; 3] = [
    (Aux::EventMs as u8, TimeForm::Milliseconds),
    (Aux::EventNtp as u8, TimeForm::Ntp),
    (Aux::EventSeconds as u8, TimeForm::Seconds),
];
/// Durations, with the number of their units in a millisecond.
const DURATIONS: [(Aux, u64); 2] = [(Aux::DurationMs, 1), (Aux::DurationUs, 1000)];

impl TimeRules {
    /// How the records of a template have their times.
    pub(super) fn of(template: &Template) -> TimeRules {
        let init = template.has_aux(Aux::InitMs);
        let find = |list: &[TimeSource]| {
            let (slot, moment) = list.iter().find(|(slot, _)| template.plan().fills(*slot))?;
            Some(RecordMoments { moment: moment(*slot), init })
        };
        let event = find(&EVENT);
        let (first, last) = (find(&START), find(&END));
        let duration = DURATIONS.iter().find(|(aux, _)| template.has_aux(*aux));
        let duration = duration.map(|(aux, unit)| (*aux as u8, *unit));
        match (first.map(|m| m.moment), last.map(|m| m.moment)) {
            (Some(TimeForm::Milliseconds(_)), Some(TimeForm::Milliseconds(_))) => {
                TimeRules::Milliseconds
            }
            (Some(TimeForm::Uptime(_)), Some(TimeForm::Uptime(_))) if !init => TimeRules::Uptime,
            (None, None) if event.is_none() => TimeRules::None,
            (None, None) => TimeRules::Mixed { first: None, last: event, duration },
            (Some(_), None) if duration.is_none() && event.is_some() => {
                TimeRules::Mixed { first, last: event, duration }
            }
            _ => TimeRules::Mixed { first, last, duration },
        }
    }

    /// Whether records have the time of one observation and no start, end or duration.
    pub(super) fn are_of_one_moment(self, template: &Template) -> bool {
        let observed = EVENT.iter().any(|(slot, _)| template.plan().fills(*slot));
        let ended = END.iter().any(|(slot, _)| template.plan().fills(*slot));
        let alone = matches!(self, TimeRules::Mixed { first: None, duration: None, .. });
        alone && observed && !ended
    }

    /// Whether the exporter's uptime must be known to compute the times.
    pub(super) fn need_uptime(self) -> bool {
        let needs = |moment: Option<RecordMoments>| {
            moment.is_some_and(|m| !m.init && matches!(m.moment, TimeForm::Uptime(_)))
        };
        match self {
            TimeRules::Uptime => true,
            TimeRules::Mixed { first, last, .. } => needs(first) || needs(last),
            _ => false,
        }
    }

    /// How reliable the times of all records are.
    pub(super) fn quality(self, reference: &TimeReference) -> TimeQuality {
        match self {
            TimeRules::None => TimeQuality::NotAtAll,
            _ if reference.guessed && self.need_uptime() => TimeQuality::Roughly,
            _ => TimeQuality::Exactly,
        }
    }

    /// The times of one record.
    #[inline]
    pub(super) fn of_record<V: RecordValues>(
        self,
        values: &V,
        reference: &TimeReference,
    ) -> RecordTimes {
        match self {
            TimeRules::Milliseconds => {
                let ms = |field: Field| milliseconds(values.get(field as usize));
                (ms(Field::First), ms(Field::Last))
            }
            TimeRules::Uptime => {
                let time = |aux: Aux| {
                    let uptime = values.get32(aux as usize);
                    uptime_to_time(reference.near, reference.uptime, uptime)
                };
                (time(Aux::FirstUptime), time(Aux::LastUptime))
            }
            TimeRules::Mixed { first, last, duration } => {
                mixed(values, reference, first, last, duration)
            }
            TimeRules::None => (Time(reference.exported), Time(reference.exported)),
        }
    }
}

#[inline(never)]
fn mixed<V: RecordValues>(
    values: &V,
    reference: &TimeReference,
    first: Option<RecordMoments>,
    last: Option<RecordMoments>,
    duration: Option<(u8, u64)>,
) -> RecordTimes {
    let time = |moments: RecordMoments| moments.time(values, reference);
    let length = duration
        .map_or(0, |(slot, unit)| i64::try_from(values.get(usize::from(slot)) / unit).unwrap_or(0));
    match (first.map(time), last.map(time)) {
        (Some(first), Some(last)) => (first, last),
        (Some(first), None) => (first, first.plus_ms(length)),
        (None, Some(last)) => (last.plus_ms(-length), last),
        (None, None) => (Time(reference.exported), Time(reference.exported)),
    }
}

impl RecordMoments {
    fn time<V: RecordValues>(self, values: &V, reference: &TimeReference) -> Time {
        let value = |slot: u8| values.get(usize::from(slot));
        match self.moment {
            TimeForm::Milliseconds(slot) => milliseconds(value(slot)),
            TimeForm::Seconds(slot) => milliseconds(value(slot).saturating_mul(1000)),
            TimeForm::Ntp(slot) => ntp_to_time(value(slot), reference.exported),
            TimeForm::Before(slot) => {
                let before = i64::try_from(value(slot) / 1000).unwrap_or(i64::MAX);
                Time(reference.exported.saturating_sub(before))
            }
            TimeForm::Uptime(slot) if self.init => {
                let init = i64::try_from(values.get(Aux::InitMs as usize)).unwrap_or(i64::MAX);
                Time(init.saturating_add(i64::from(value(slot) as u32)))
            }
            TimeForm::Uptime(slot) => {
                uptime_to_time(reference.near, reference.uptime, value(slot) as u32)
            }
        }
    }
}

fn milliseconds(value: u64) -> Time {
    Time(i64::try_from(value).unwrap_or(i64::MAX))
}

/// The time of an uptime in milliseconds, by the exporter's clock. Uptimes wrap after 49.7
/// days, so the distance to the header's uptime is taken as signed.
pub(super) fn uptime_to_time(exported_ms: i64, header_uptime: u32, uptime: u32) -> Time {
    let age = header_uptime.wrapping_sub(uptime) as i32;
    Time(exported_ms.saturating_sub(i64::from(age)))
}

/// The time of a 64-bit NTP timestamp (RFC 7011, 6.1.9 and 6.1.10). A value before 1970 is
/// not an NTP timestamp: exporters that send such values count microseconds or nanoseconds
/// since 1970.
///
/// The seconds of an NTP timestamp start again at 0 in February 2036. Of the two meanings of a
/// small value, the one nearer to the export time counts.
fn ntp_to_time(value: u64, exported: i64) -> Time {
    let (seconds, fraction) = (value >> 32, value & 0xffff_ffff);
    let ntp = |seconds: u64| milliseconds(seconds * 1000 + ((fraction * 1000) >> 32));
    if let Some(seconds) = seconds.checked_sub(NTP_TO_UNIX) {
        return ntp(seconds);
    }
    // 10^17 is in the year 5138 as microseconds, in 1973 as nanoseconds.
    let units = if value < 100_000_000_000_000_000 { 1000 } else { 1_000_000 };
    let (small, second_era) = (milliseconds(value / units), ntp(seconds + SECOND_ERA));
    let distance = |time: Time| time.since(Time(exported)).unsigned_abs();
    if value != 0 && distance(second_era) < distance(small) { second_era } else { small }
}

/// Counts records whose times are not known exactly.
#[inline]
pub(super) fn count_quality(quality: TimeQuality, records: usize, report: &mut DatagramReport) {
    match quality {
        TimeQuality::Exactly => {}
        TimeQuality::Roughly => report.causes.add(Cause::GuessedTimes, records as u32),
        TimeQuality::NotAtAll => report.causes.add(Cause::NoTimes, records as u32),
    }
}

/// Counts problems of a record's times.
pub(super) fn note_times(flow: &Flow, quality: TimeQuality, report: &mut DatagramReport) {
    count_quality(quality, 1, report);
    if flow.first > flow.last {
        report.causes.count(Cause::FirstAfterLast);
    }
}

/// The latest uptime in milliseconds that any record of a set has as its start or end.
pub(super) fn newest_uptime(
    template: &Template,
    bytes: &[u8],
    mut at: usize,
    scratch: &mut SetScratch,
) -> u32 {
    let slots = &mut scratch.slots;
    slots.fill(0);
    let mut section = PacketSection::default();
    let mut newest = 0;
    while let Some(next) = template.load(bytes, at, bytes.len(), slots, &mut section) {
        let ends = [slots[Aux::LastUptime as usize], slots[Aux::FirstUptime as usize]];
        newest = ends.into_iter().fold(newest, |newest, end| newest.max(end as u32));
        at = next;
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::super::plan::PacketSection;
    use super::super::template::{FieldSpec, Scopes, SetScratch, TemplateKind};
    use super::*;

    const EXPORTED: i64 = 1_700_000_000_000;

    /// The times of a record of 8-byte fields.
    fn span(fields: &[(u16, u64)]) -> (i64, i64, TimeQuality) {
        let specs: Vec<FieldSpec> =
            fields.iter().map(|(id, _)| FieldSpec { pen: 0, id: *id, length: 8 }).collect();
        let record: Vec<u8> = fields.iter().flat_map(|(_, value)| value.to_be_bytes()).collect();
        let template = Template::compile(TemplateKind::Data, &specs, 0, Scopes::Elements).unwrap();
        let mut scratch = SetScratch::default();
        let mut section = PacketSection::default();
        template.load(&record, 0, record.len(), &mut scratch.slots, &mut section).unwrap();
        let reference =
            TimeReference { exported: EXPORTED, near: EXPORTED, uptime: 50_000, guessed: false };
        let rules = TimeRules::of(&template);
        let (first, last) = rules.of_record(&scratch.slots, &reference);
        (first.0 - EXPORTED, last.0 - EXPORTED, rules.quality(&reference))
    }

    #[test]
    fn every_format_of_times_is_read() {
        let ms = |before: u64| EXPORTED as u64 - before;
        let ntp = |before: u64| {
            let at = ms(before);
            (at / 1000 + NTP_TO_UNIX) << 32 | (((at % 1000) << 32) / 1000 + 1)
        };
        let both = (-3000, -1000, TimeQuality::Exactly);
        assert_eq!(span(&[(152, ms(3000)), (153, ms(1000))]), both);
        assert_eq!(span(&[(150, ms(3000) / 1000), (151, ms(1000) / 1000)]), both);
        assert_eq!(span(&[(154, ntp(3000)), (155, ntp(1000))]), both);
        assert_eq!(span(&[(156, ntp(3000)), (157, ntp(1000))]), both);
        assert_eq!(span(&[(154, ms(3000) * 1000), (155, ms(1000) * 1000)]), both);
        assert_eq!(span(&[(156, ms(3000) * 1_000_000), (157, ms(1000) * 1_000_000)]), both);
        assert_eq!(span(&[(158, 3_000_000), (159, 1_000_000)]), both);
        assert_eq!(span(&[(22, 47_000), (21, 49_000)]), both);
        assert_eq!(span(&[(160, ms(50_000)), (22, 47_000), (21, 49_000)]), both);
        assert_eq!(span(&[(152, ms(3000)), (161, 2000)]), both);
        assert_eq!(span(&[(162, 2_000_000), (153, ms(1000))]), both);
        assert_eq!(span(&[(152, ms(3000)), (323, ms(1000))]), both);
        assert_eq!(span(&[(323, ms(1000))]), (-1000, -1000, TimeQuality::Exactly));
        assert_eq!(span(&[(322, ms(1000) / 1000)]), (-1000, -1000, TimeQuality::Exactly));
        assert_eq!(span(&[(153, ms(7))]), (-7, -7, TimeQuality::Exactly));
        assert_eq!(span(&[(1, 1)]), (0, 0, TimeQuality::NotAtAll));
    }

    #[test]
    fn ntp_times_go_on_after_the_rollover_of_2036() {
        let exported = 2_085_978_500_000;
        // 4 seconds before the export, 1.5 seconds after the rollover.
        assert_eq!(ntp_to_time(1 << 32 | 1 << 31, exported), Time(2_085_978_497_500));
        // The last second of the first era.
        assert_eq!(ntp_to_time(u64::from(u32::MAX) << 32, exported), Time(2_085_978_495_000));
        // Microseconds and nanoseconds of today stay what they are.
        let today = 1_800_000_000_000;
        assert_eq!(ntp_to_time(1_800_000_000_000_000, today), Time(today));
        assert_eq!(ntp_to_time(1_800_000_000_000_000_000, today), Time(today));
    }
}
