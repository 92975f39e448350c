//! Finds the sampling rate of a record: in the record, from its sampler, or from its
//! interface.

use super::element::Aux;
use std::cell::RefCell;

use super::exporter::rates::{RateLookup, RateNotes};
use super::exporter::sampling::Announcement;
use super::record_view::RecordValues;
use super::template::Template;
use crate::flow::Sampling;
use crate::flow::field::Field;

/// Which of the fields that tell a record's sampling rate a template has.
#[derive(Clone, Copy, Debug)]
pub(super) enum RateField {
    /// The rate itself; see [`RateSource::InRecord`].
    Rate { sampler: bool, width: u8 },
    /// The sampler.
    Sampler,
    /// Neither. `direction`: whether the records tell the direction.
    Neither { direction: bool },
}

impl RateField {
    pub(super) fn of(template: &Template) -> RateField {
        let sampler = template.has_aux(Aux::SamplerId);
        let has_rate =
            template.has(Field::Sampling) || IN_RECORD.iter().any(|aux| template.has_aux(*aux));
        match sampler {
            _ if has_rate => RateField::Rate { sampler, width: width(template) },
            true => RateField::Sampler,
            false => RateField::Neither { direction: template.has(Field::Direction) },
        }
    }
}

/// Where the sampling rate of a record comes from.
#[derive(Clone, Copy)]
pub(super) enum RateSource {
    Fixed(Sampling),
    /// The interface where the packets were sampled. With `direction`, this is the output
    /// interface for flows that were metered on their way out.
    ByInterface {
        direction: bool,
    },
    BySampler,
    /// A field of the record. When it is 0: the sampler, if the record names one.
    InRecord {
        sampler: bool,
        /// Bytes of the field that the rate is in.
        width: u8,
    },
}

/// Values of a record that give a rate.
const IN_RECORD: [Aux; 3] = [Aux::RandomInterval, Aux::SampledPackets, Aux::SampleSize];

impl RateSource {
    /// Where the records of a template with `field` have their rate; a `given` rate replaces all
    /// others.
    pub(super) fn of(
        field: RateField,
        samplers: &RateLookup<'_>,
        given: Option<Sampling>,
    ) -> RateSource {
        match (given, field) {
            (Some(given), _) => RateSource::Fixed(given),
            (None, RateField::Rate { sampler, width }) => RateSource::InRecord { sampler, width },
            (None, RateField::Sampler) => RateSource::BySampler,
            (None, RateField::Neither { direction }) if samplers.has_interfaces() => {
                RateSource::ByInterface { direction }
            }
            (None, RateField::Neither { .. }) => RateSource::Fixed(samplers.default_rate()),
        }
    }

    /// The rate of all records, `None` if each has its own.
    pub(super) fn of_all(self) -> Option<Sampling> {
        match self {
            RateSource::Fixed(rate) => Some(rate),
            _ => None,
        }
    }

    /// Whether the records have a field that names their sampler.
    #[inline]
    pub(super) fn is_by_sampler(self) -> bool {
        matches!(self, RateSource::BySampler | RateSource::InRecord { sampler: true, .. })
    }

    /// Whether a record names a sampler. Its packets were sampled, even when the rate is
    /// not known.
    pub(super) fn names_sampler<V: RecordValues>(self, values: &V) -> bool {
        self.is_by_sampler() && values.get(Aux::SamplerId as usize) != 0
    }

    /// The rate of one record. Rates that come in records are noted in `notes`.
    #[inline]
    pub(super) fn of_record<V: RecordValues>(
        self,
        values: &V,
        samplers: &RateLookup<'_>,
        notes: &RefCell<RateNotes>,
    ) -> Sampling {
        let by_sampler = || samplers.by_id(values.get(Aux::SamplerId as usize));
        match self {
            RateSource::Fixed(rate) => rate,
            RateSource::ByInterface { direction } => {
                let egress = direction && values.get8(Field::Direction as usize) == 1;
                let field = if egress { Field::Output } else { Field::Input };
                samplers.by_interface(values.get32(field as usize))
            }
            RateSource::BySampler => by_sampler(),
            RateSource::InRecord { sampler, width } => match announced(values, width).judged() {
                (Sampling::UNKNOWN, _) if sampler => by_sampler(),
                (Sampling::UNKNOWN, _) => samplers.default_rate(),
                (rate, doubt) => {
                    let selector = sampler.then(|| values.get(Aux::SamplerId as usize));
                    notes.borrow_mut().note(selector, rate, doubt);
                    rate
                }
            },
        }
    }
}

/// Elements that hold an interval or a size: samplingInterval, samplerRandomInterval,
/// samplingPacketInterval, samplingSize.
const INTERVALS: [u16; 4] = [34, 50, 305, 309];

/// Bytes of the field of a template that holds its sampling rate; 0 when it has no fixed
/// length.
fn width(template: &Template) -> u8 {
    let field = |id: u16| template.fields().iter().find(|field| (field.pen, field.id) == (0, id));
    let length = INTERVALS.into_iter().find_map(field).map_or(0, |field| field.length);
    u8::try_from(length).unwrap_or(0)
}

/// samplingProbability, a floating-point number (IANA).
const PROBABILITY: u16 = 311;

/// What an options record announces about sampling; `record` is its bytes.
pub(super) fn announcement<V: RecordValues>(
    template: &Template,
    values: &V,
    record: &[u8],
) -> Announcement {
    let id = template.has_aux(Aux::SamplerId).then_some(values.get(Aux::SamplerId as usize));
    let interface = [Field::Input, Field::Output].into_iter().find(|field| template.has(*field));
    let interface = interface.map(|field| values.get32(field as usize));
    let announced = Announcement { id, interface, ..announced(values, width(template)) };
    let listed = template.fields().iter().any(|field| (field.pen, field.id) == (0, PROBABILITY));
    match announced.rate() {
        Sampling::UNKNOWN if listed => {
            let mut values = template.values(record);
            let value = values.find(|(field, _)| (field.pen, field.id) == (0, PROBABILITY));
            let interval = value.map_or(0, |(_, value)| interval_of(value));
            Announcement { interval, width: 0, ..announced }
        }
        _ => announced,
    }
}

/// The interval (one packet in how many) of a probability of 4 or 8 bytes; 0 when it is not
/// a probability.
fn interval_of(value: &[u8]) -> u64 {
    let probability = match (value.try_into(), value.try_into()) {
        (Ok(single), _) => f64::from(f32::from_be_bytes(single)),
        (_, Ok(double)) => f64::from_be_bytes(double),
        _ => return 0,
    };
    // Values out of range are no probability. Casts saturate, and NaN becomes 0.
    if probability > 0.0 && probability <= 1.0 { (1.0 / probability).round() as u64 } else { 0 }
}

fn announced<V: RecordValues>(values: &V, width: u8) -> Announcement {
    Announcement {
        id: None,
        interface: None,
        width,
        interval: match values.get(Field::Sampling as usize) {
            0 => values.get(Aux::RandomInterval as usize),
            interval => interval,
        },
        sampled: values.get(Aux::SampledPackets as usize),
        skipped: values.get(Aux::SkippedPackets as usize),
        size: values.get(Aux::SampleSize as usize),
        population: values.get(Aux::Population as usize),
    }
}
