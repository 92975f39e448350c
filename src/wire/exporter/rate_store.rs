//! The sampling rates of an exporter in its state: looking them up, and learning them from
//! options.

use super::rates::{RateLookup, SAMPLER_BYTES};
use super::sampling::Announcement;
use super::state::{ExporterSession, ExporterState};
use crate::flow::{RateDoubt, Time};
use crate::wire::template::TemplateKind;

impl ExporterSession<'_> {
    /// Where the sampling rates of the domain's records are looked up.
    #[must_use]
    pub fn rate_lookup(&self) -> RateLookup<'_> {
        RateLookup::new(&self.domain.samplers, self.rates)
    }

    /// Stores what options of domain `id` announce about sampling. Returns the doubt about the
    /// rate, if there is one.
    pub fn learn_rate(
        &mut self,
        now: Time,
        id: u32,
        announcement: &Announcement,
    ) -> Option<RateDoubt> {
        if self.domain.samplers.len() == 0 {
            let data = &self.domain.templates.kinds[TemplateKind::Data as usize];
            self.domain.samplers.for_others = data.is_empty();
        }
        let may_grow = |growth: &usize| *growth >= SAMPLER_BYTES;
        let learned = self.domain.samplers.learn(announcement, may_grow(self.growth));
        if let Some(learned) = learned.filter(|_| self.domain.samplers.for_others) {
            self.rates.learned(learned);
        }
        let mut grown = learned.is_some_and(|learned| learned.before.is_none());
        if id == 0 {
            let shared = self.rates.shared.learn(announcement, may_grow(self.growth));
            grown |= shared.is_some_and(|learned| learned.before.is_none());
        }
        if grown {
            *self.beside += SAMPLER_BYTES;
            *self.growth = self.growth.saturating_sub(SAMPLER_BYTES);
        }
        let (_, doubt) = announcement.judged();
        self.rates.note_doubt(now, doubt);
        doubt
    }
}

impl ExporterState {
    /// The sampling rates in use, lowest first: those that were applied to its flows; before
    /// any flow, those that it announces. 0 stands for flows whose rate was not known.
    #[must_use]
    pub fn rates_in_use(&self) -> Vec<u32> {
        let applied = self.rates.applied();
        if !applied.is_empty() {
            return if applied == [0] { Vec::new() } else { applied };
        }
        let mut rates: Vec<u32> = self.domains.values().flat_map(|domain| domain.rates()).collect();
        rates.extend(self.agents.rates());
        rates.sort_unstable();
        rates.dedup();
        rates
    }
}
