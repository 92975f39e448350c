//! At which rate the packets of a record were sampled, from whatever says so.

use super::element::Aux;
use super::plan::Values;
use super::sampling::{Announcement, Samplers};
use super::template::Template;
use crate::flow::Sampling;
use crate::flow::field::Field;

/// Where a record's sampling rate comes from.
#[derive(Clone, Copy)]
pub(super) enum Rate {
    Fixed(Sampling),
    ByInterface,
    BySampler,
    /// In the record; where it is 0, by the sampler if the record names one.
    InRecord {
        sampler: bool,
    },
}

impl Rate {
    /// Where the records of a template have theirs; `given` goes before all.
    pub(super) fn of(template: &Template, samplers: &Samplers, given: Option<Sampling>) -> Rate {
        if let Some(given) = given {
            Rate::Fixed(given)
        } else if template.has(Field::Sampling) || template.has_aux(Aux::SampledPackets) {
            Rate::InRecord { sampler: template.has_aux(Aux::SamplerId) }
        } else if template.has_aux(Aux::SamplerId) {
            Rate::BySampler
        } else if samplers.has_interfaces() {
            Rate::ByInterface
        } else {
            Rate::Fixed(samplers.default_rate())
        }
    }

    /// The rate of one record.
    #[inline]
    pub(super) fn of_record<V: Values>(self, values: &V, samplers: &Samplers) -> Sampling {
        let by_sampler = || samplers.by_id(values.get(Aux::SamplerId as usize));
        match self {
            Rate::Fixed(rate) => rate,
            Rate::ByInterface => samplers.by_interface(values.get32(Field::Input as usize)),
            Rate::BySampler => by_sampler(),
            Rate::InRecord { sampler } => match announced(values).rate() {
                Sampling::UNKNOWN if sampler => by_sampler(),
                Sampling::UNKNOWN => samplers.default_rate(),
                rate => rate,
            },
        }
    }
}

/// What an options record says about sampling.
pub(super) fn announcement<V: Values>(template: &Template, values: &V) -> Announcement {
    let id = template.has_aux(Aux::SamplerId).then_some(values.get(Aux::SamplerId as usize));
    let interface = template.has(Field::Input).then_some(values.get32(Field::Input as usize));
    Announcement { id, interface, ..announced(values) }
}

fn announced<V: Values>(values: &V) -> Announcement {
    Announcement {
        id: None,
        interface: None,
        interval: values.get(Field::Sampling as usize),
        sampled: values.get(Aux::SampledPackets as usize),
        skipped: values.get(Aux::SkippedPackets as usize),
        size: values.get(Aux::SampleSize as usize),
        population: values.get(Aux::Population as usize),
    }
}
