//! Sampling rates that an exporter announces about itself.

use crate::flow::Sampling;

/// Samplers remembered per observation domain: routers have a handful, one per
/// interface at the very most.
const MAX_SAMPLERS: usize = 1024;

/// What one options record (or one data record) says about sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    /// samplerId (48) or selectorId (302).
    pub id: Option<u64>,
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
    /// The rate it comes to: one in N. An interval of 0 says nothing.
    ///
    /// RFC 5477, section 8: with systematic sampling, `sampled` packets are
    /// taken and the next `skipped` are not.
    #[must_use]
    pub fn rate(&self) -> Sampling {
        let systematic = self.sampled.saturating_add(self.skipped).checked_div(self.sampled);
        let rate = match self.interval {
            0 => systematic.or_else(|| self.population.checked_div(self.size)).unwrap_or(0),
            interval => interval,
        };
        Sampling::one_in(u32::try_from(rate).unwrap_or(0))
    }
}

/// The samplers of one observation domain.
#[derive(Clone, Debug, Default)]
pub struct Samplers {
    /// The rate of records that name no sampler.
    default: Sampling,
    by_id: Vec<(u64, Sampling)>,
}

impl Samplers {
    /// Takes note of an options record.
    pub fn learn(&mut self, announcement: &Announcement) {
        let rate = announcement.rate();
        if rate == Sampling::UNKNOWN {
            return;
        }
        match announcement.id {
            None => self.default = rate,
            Some(id) => match self.by_id.iter().position(|(known, _)| *known == id) {
                Some(at) => self.by_id[at].1 = rate,
                None if self.by_id.len() < MAX_SAMPLERS => self.by_id.push((id, rate)),
                None => {}
            },
        }
    }

    /// The rate for a record that names sampler `id`, or none.
    ///
    /// An exporter with one sampler often leaves the id out of its options, or
    /// names id 0 in its records: the default answers for ids never announced.
    #[must_use]
    pub fn rate(&self, id: Option<u64>) -> Sampling {
        id.and_then(|id| self.by_id.iter().find(|(known, _)| *known == id))
            .map_or(self.default, |(_, rate)| *rate)
    }

    /// Every rate that was announced.
    pub fn rates(&self) -> impl Iterator<Item = u32> {
        let all = std::iter::once(self.default).chain(self.by_id.iter().map(|(_, rate)| *rate));
        all.filter_map(Sampling::rate)
    }

    /// The rate for records that name no sampler.
    #[must_use]
    pub fn default_rate(&self) -> Sampling {
        self.default
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
        samplers.learn(&Announcement { interval: 10, ..none });
        samplers.learn(&Announcement { id: Some(7), interval: 100, ..none });
        samplers.learn(&Announcement { id: Some(7), interval: 0, ..none });
        assert_eq!(samplers.rate(Some(7)).rate(), Some(100), "an interval of 0 changes nothing");
        assert_eq!(samplers.rate(Some(8)).rate(), Some(10));
        assert_eq!(samplers.rate(None).rate(), Some(10));
        for id in 0..10_000 {
            samplers.learn(&Announcement { id: Some(id), interval: 2, ..none });
        }
        assert_eq!(samplers.by_id.len(), MAX_SAMPLERS);
    }
}
