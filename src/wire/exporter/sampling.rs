//! Sampling rates that an exporter announces about itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::flow::{RateDoubt, Sampling};

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
    /// Bytes of the field that the rate is in; 0 for a rate that was judged before.
    pub width: u8,
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
        self.judged().0
    }

    /// The sampling rate, and whether its bytes may be in the wrong order
    /// ([`RateDoubt::judge`]).
    #[must_use]
    pub fn judged(&self) -> (Sampling, Option<RateDoubt>) {
        let mut doubt = None;
        let mut judge = |value: u64| {
            let (used, judged) = RateDoubt::judge(value, self.width);
            doubt = doubt.or(judged);
            used
        };
        let rate = match (self.interval, self.sampled, self.size) {
            (1.., _, _) => judge(self.interval),
            (0, 1.., _) => match (judge(self.sampled), self.skipped) {
                (interval, 0) => interval,
                (sampled, skipped) => sampled.saturating_add(judge(skipped)) / sampled,
            },
            (0, 0, 0) => 0,
            (0, 0, 1..) => judge(self.population) / judge(self.size),
        };
        (Sampling::one_in(u32::try_from(rate).unwrap_or(0)), doubt)
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
pub enum SamplerScope {
    /// All records.
    All,
    /// Records that name this sampler.
    Sampler(u64),
    /// Records of packets that were sampled on this interface.
    Interface(u32),
}

/// What was learned from an options record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnedRate {
    /// What the rate applies to.
    pub scope: SamplerScope,
    /// The rate of this scope before; `None` for a new scope.
    pub before: Option<u32>,
    /// The rate.
    pub after: u32,
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
    /// Whether the rates count for other domains, too: the domain announced them before it had
    /// templates of data records, as a source id does that sends nothing but options.
    pub for_others: bool,
}

impl Samplers {
    /// Stores what an options record announces; adds a further scope only if `may_grow`. Returns
    /// what was stored.
    pub fn learn(&mut self, announcement: &Announcement, may_grow: bool) -> Option<LearnedRate> {
        let sampling = announcement.rate();
        let rate = sampling.rate()?;
        let scope = match (announcement.id, announcement.interface) {
            (Some(id), _) => SamplerScope::Sampler(id),
            (None, Some(interface)) => SamplerScope::Interface(interface),
            (None, None) => SamplerScope::All,
        };
        let before = match self.known.binary_search_by_key(&scope, |(known, _)| *known) {
            Ok(at) => {
                let before = std::mem::replace(&mut self.known[at].1, sampling);
                self.forget_rate(before);
                before.rate()
            }
            Err(_) if self.known.len() >= MAX_SAMPLERS || !may_grow => return None,
            Err(at) => {
                self.known.insert(at, (scope, sampling));
                self.interfaces += usize::from(matches!(scope, SamplerScope::Interface(_)));
                None
            }
        };
        *self.rates.entry(rate).or_default() += 1;
        Some(LearnedRate { scope, before, after: rate })
    }

    /// Every announced rate with what it applies to.
    pub fn scopes(&self) -> impl Iterator<Item = (SamplerScope, u32)> {
        self.known.iter().filter_map(|(scope, rate)| Some((*scope, rate.rate()?)))
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

    /// The rate of a scope.
    #[must_use]
    pub fn find(&self, scope: SamplerScope) -> Option<Sampling> {
        let at = self.known.binary_search_by_key(&scope, |(known, _)| *known).ok()?;
        self.known.get(at).map(|(_, rate)| *rate)
    }

    /// The rate of a record that names sampler `id`. If the id was never announced, the rate
    /// announced for all records.
    #[must_use]
    pub fn by_id(&self, id: u64) -> Option<Sampling> {
        self.find(SamplerScope::Sampler(id)).or_else(|| self.find(SamplerScope::All))
    }

    /// The rate of a record that came in by `interface` and names no sampler: that of the
    /// interface, or that of all records. If only one rate is announced at all, it is used for
    /// records whose template has no sampler.
    #[must_use]
    pub fn by_interface(&self, interface: u32) -> Option<Sampling> {
        self.find(SamplerScope::Interface(interface)).or_else(|| self.default_rate())
    }

    /// The rate of records without a sampler or interface.
    #[must_use]
    pub fn default_rate(&self) -> Option<Sampling> {
        let only = || (self.rates.len() == 1).then(|| self.known.first().map(|(_, rate)| *rate))?;
        self.find(SamplerScope::All).or_else(only)
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
        let rate = |found: Option<Sampling>| found.and_then(Sampling::rate);
        assert_eq!(rate(samplers.default_rate()), Some(100), "the only one there is");
        samplers.learn(&Announcement { id: Some(8), interval: 50, ..none }, true);
        assert_eq!(rate(samplers.default_rate()), None, "one of two");
        samplers.learn(&Announcement { interval: 10, ..none }, true);
        samplers.learn(&Announcement { id: Some(7), interval: 0, ..none }, true);
        assert_eq!(rate(samplers.by_id(7)), Some(100), "an interval of 0 changes nothing");
        assert_eq!(rate(samplers.by_id(9)), Some(10));
        assert_eq!(rate(samplers.default_rate()), Some(10));
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
        assert_eq!(samplers.by_interface(2), Some(Sampling::one_in(20)));
        assert_eq!(samplers.by_interface(3), None);
    }
}
