//! Sampling rates that an exporter announces about itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::flow::Sampling;

/// Maximum number of samplers per observation domain. Routers have a handful, at most one per
/// interface.
const MAX_SAMPLERS: usize = 256;

/// What an options record (or a data record) says about sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    /// samplerId (48) or selectorId (302).
    pub id: Option<u64>,
    /// The interface that the rate applies to, if the scope or a field names one.
    pub interface: Option<u32>,
    /// samplingInterval (34) or samplerRandomInterval (50).
    pub interval: u64,
    /// samplingPacketInterval (305) and samplingPacketSpace (306).
    pub sampled: u64,
    pub skipped: u64,
    /// samplingSize (309) out of samplingPopulation (310).
    pub size: u64,
    pub population: u64,
}

impl Announcement {
    /// The sampling rate: one packet in N. An interval of 0 says nothing.
    ///
    /// RFC 5477, section 8: with systematic sampling, `sampled` packets are taken and the next
    /// `skipped` are not. Some exporters send only the first number and mean one packet in that
    /// many: no exporter announces that it skips none.
    #[must_use]
    pub fn rate(&self) -> Sampling {
        let systematic = match (self.sampled, self.skipped) {
            (0, _) => None,
            (interval, 0) => Some(interval),
            (sampled, skipped) => Some(sampled.saturating_add(skipped) / sampled),
        };
        let rate = match self.interval {
            0 => systematic.or_else(|| self.population.checked_div(self.size)).unwrap_or(0),
            interval => interval,
        };
        Sampling::one_in(u32::try_from(rate).unwrap_or(0))
    }
}

/// An announced sampling rate, to be saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSampler {
    /// The sampler that the rate applies to. With neither sampler nor interface, it applies to
    /// all records.
    pub sampler: Option<u64>,
    /// The interface that the rate applies to.
    pub interface: Option<u32>,
    /// One packet in this many.
    pub rate: u32,
}

/// What an announced rate applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SamplerScope {
    All,
    Sampler(u64),
    Interface(u32),
}

/// The rates announced in one observation domain. Every record may look up a rate, so a lookup
/// never searches all rates one by one.
#[derive(Clone, Debug, Default)]
pub struct Samplers {
    /// Sorted by scope.
    known: Vec<(SamplerScope, Sampling)>,
    /// How many of them have each rate.
    rates: BTreeMap<u32, usize>,
    /// How many of them apply to interfaces.
    interfaces: usize,
}

impl Samplers {
    /// Stores what an options record announces; adds a further scope only if `may_grow`. Returns
    /// whether a scope was added.
    pub fn learn(&mut self, announcement: &Announcement, may_grow: bool) -> bool {
        let sampling = announcement.rate();
        let Some(rate) = sampling.rate() else { return false };
        let scope = match (announcement.id, announcement.interface) {
            (Some(id), _) => SamplerScope::Sampler(id),
            (None, Some(interface)) => SamplerScope::Interface(interface),
            (None, None) => SamplerScope::All,
        };
        let place = self.known.binary_search_by_key(&scope, |(known, _)| *known);
        match place {
            Ok(at) => {
                let before = std::mem::replace(&mut self.known[at].1, sampling);
                self.forget_rate(before);
            }
            Err(_) if self.known.len() >= MAX_SAMPLERS || !may_grow => return false,
            Err(at) => {
                self.known.insert(at, (scope, sampling));
                self.interfaces += usize::from(matches!(scope, SamplerScope::Interface(_)));
            }
        }
        *self.rates.entry(rate).or_default() += 1;
        place.is_err()
    }

    fn forget_rate(&mut self, sampling: Sampling) {
        let rate = sampling.rate().unwrap_or(0);
        if let Some(count) = self.rates.get_mut(&rate) {
            *count -= 1;
            if *count == 0 {
                self.rates.remove(&rate);
            }
        }
    }

    /// Whether no rate is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Number of known rates.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// All rates, to be saved.
    #[must_use]
    pub fn save(&self) -> Vec<SavedSampler> {
        let one = |(scope, rate): &(SamplerScope, Sampling)| {
            let (sampler, interface) = match scope {
                SamplerScope::All => (None, None),
                SamplerScope::Sampler(id) => (Some(*id), None),
                SamplerScope::Interface(index) => (None, Some(*index)),
            };
            SavedSampler { sampler, interface, rate: rate.rate().unwrap_or(0) }
        };
        self.known.iter().map(one).collect()
    }

    /// Restores saved rates.
    pub fn restore(&mut self, samplers: &[SavedSampler]) {
        for SavedSampler { sampler, interface, rate } in samplers {
            let announcement = Announcement {
                id: *sampler,
                interface: *interface,
                interval: u64::from(*rate),
                ..Announcement::default()
            };
            self.learn(&announcement, true);
        }
    }

    fn find(&self, scope: SamplerScope) -> Option<Sampling> {
        let at = self.known.binary_search_by_key(&scope, |(known, _)| *known).ok()?;
        self.known.get(at).map(|(_, rate)| *rate)
    }

    /// The rate of a record that names sampler `id`. If the id was never announced, the rate
    /// announced for all records.
    #[must_use]
    pub fn by_id(&self, id: u64) -> Sampling {
        self.find(SamplerScope::Sampler(id))
            .or_else(|| self.find(SamplerScope::All))
            .unwrap_or_default()
    }

    /// The rate of a record that came in by `interface` and names no sampler: that of the
    /// interface, or that of all records. If only one rate is announced at all, it is used for
    /// records whose template has no sampler.
    #[must_use]
    pub fn by_interface(&self, interface: u32) -> Sampling {
        self.find(SamplerScope::Interface(interface)).unwrap_or_else(|| self.default_rate())
    }

    /// The rate of records without a sampler or interface.
    #[must_use]
    pub fn default_rate(&self) -> Sampling {
        let only = || (self.rates.len() == 1).then(|| self.known.first().map(|(_, rate)| *rate))?;
        self.find(SamplerScope::All).or_else(only).unwrap_or_default()
    }

    /// Whether rates differ by interface.
    #[must_use]
    pub fn has_interfaces(&self) -> bool {
        self.interfaces > 0
    }

    /// Every announced rate.
    pub fn rates(&self) -> impl Iterator<Item = u32> {
        self.rates.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_announce_a_rate_is_understood() {
        let none = Announcement::default();
        for (announcement, want) in [
            (Announcement { interval: 100, ..none }, Some(100)),
            (Announcement { interval: 0, ..none }, None),
            (Announcement { sampled: 1, skipped: 99, ..none }, Some(100)),
            (Announcement { sampled: 1, skipped: 0, ..none }, Some(1)),
            (Announcement { sampled: 512, skipped: 0, ..none }, Some(512)),
            (Announcement { size: 10, population: 1000, ..none }, Some(100)),
            (Announcement { interval: u64::MAX, ..none }, None),
            (Announcement { sampled: u64::MAX, skipped: u64::MAX, ..none }, Some(1)),
        ] {
            assert_eq!(announcement.rate().rate(), want, "{announcement:?}");
        }
    }

    #[test]
    fn samplers_are_kept_by_id_with_a_default_and_a_limit() {
        let mut samplers = Samplers::default();
        let none = Announcement::default();
        samplers.learn(&Announcement { id: Some(7), interval: 100, ..none }, true);
        assert_eq!(samplers.default_rate().rate(), Some(100), "the only one there is");
        samplers.learn(&Announcement { id: Some(8), interval: 50, ..none }, true);
        assert_eq!(samplers.default_rate().rate(), None, "one of two");
        samplers.learn(&Announcement { interval: 10, ..none }, true);
        samplers.learn(&Announcement { id: Some(7), interval: 0, ..none }, true);
        assert_eq!(samplers.by_id(7).rate(), Some(100), "an interval of 0 changes nothing");
        assert_eq!(samplers.by_id(9).rate(), Some(10));
        assert_eq!(samplers.default_rate().rate(), Some(10));
        for id in 0..10_000 {
            samplers.learn(&Announcement { id: Some(id), interval: 2, ..none }, true);
        }
        assert_eq!(samplers.known.len(), MAX_SAMPLERS);
    }

    #[test]
    fn rates_may_differ_by_interface() {
        let mut samplers = Samplers::default();
        let none = Announcement::default();
        samplers.learn(&Announcement { interface: Some(1), interval: 10, ..none }, true);
        samplers.learn(&Announcement { interface: Some(2), interval: 20, ..none }, true);
        assert_eq!(samplers.by_interface(2).rate(), Some(20));
        assert_eq!(samplers.by_interface(3).rate(), None);
    }
}
