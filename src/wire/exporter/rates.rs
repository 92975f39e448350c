//! Which sampling rate a record has, by all that its exporter announces, and which rates were
//! applied.

use std::collections::BTreeMap;

use super::sampling::{LearnedRate, SamplerScope, Samplers};
use crate::flow::{Flow, RateDoubt, Sampling, Time};

/// Cost of a sampling rate in the tables of its domain and of its exporter; it counts as bytes
/// of templates.
pub const SAMPLER_BYTES: usize = 256;

/// Maximum number of applied rates that are remembered per exporter: switches have a rate per
/// interface, but few different ones.
const MAX_APPLIED: usize = 32;

/// Maximum number of selectors whose rates come in data records, per exporter.
const MAX_SELECTORS: usize = 64;

/// A rate that was not applied for this many milliseconds is no longer shown as applied:
/// twice the longest active timeout that is recommended.
const APPLIED_MS: i64 = 120_000;

/// A doubt about a rate is told for this many milliseconds after the last such rate.
const DOUBT_MS: i64 = 600_000;

/// Everything that is known about the sampling rates of an exporter, in addition to the
/// samplers of each observation domain.
#[derive(Clone, Debug, Default)]
pub struct ExporterRates {
    /// Rates announced in domain 0, which stands for the exporter as a whole (RFC 7011, 3.1).
    pub shared: Samplers,
    /// Rates announced in domains that sent nothing but options before.
    anywhere: RatesAnywhere,
    /// The rates that flows had: rate (0 unknown) and when it was last applied.
    applied: Vec<(u32, Time)>,
    /// Rates in data records and headers.
    selectors: Vec<SelectorRate>,
    doubt: Option<(RateDoubt, Time)>,
}

/// A rate that came in data records or in the header of a NetFlow v5 datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectorRate {
    /// Observation domain (v5: engine).
    pub domain: u32,
    /// The sampler that the records name; `None` when they name none.
    pub selector: Option<u64>,
    /// One packet in this many.
    pub rate: u32,
    /// When such a record was last received.
    pub seen: Time,
}

/// The rates of all domains, by what they apply to.
#[derive(Clone, Debug, Default)]
struct RatesAnywhere {
    /// In how many domains a scope has a rate.
    scopes: BTreeMap<(SamplerScope, u32), u32>,
    /// In how many domains and scopes a rate was announced.
    rates: BTreeMap<u32, u32>,
}

impl RatesAnywhere {
    fn change(&mut self, scope: SamplerScope, rate: u32, is_added: bool) {
        if is_added {
            *self.scopes.entry((scope, rate)).or_default() += 1;
            *self.rates.entry(rate).or_default() += 1;
            return;
        }
        if let Some(count) = self.scopes.get_mut(&(scope, rate)) {
            *count -= 1;
            if *count == 0 {
                self.scopes.remove(&(scope, rate));
            }
        }
        if let Some(count) = self.rates.get_mut(&rate) {
            *count -= 1;
            if *count == 0 {
                self.rates.remove(&rate);
            }
        }
    }

    /// The rate of a scope, if all domains that announce it agree.
    fn find(&self, scope: SamplerScope) -> Option<Sampling> {
        let mut rates =
            self.scopes.range((scope, 0)..=(scope, u32::MAX)).map(|((_, rate), _)| rate);
        let rate = rates.next()?;
        rates.next().is_none().then(|| Sampling::one_in(*rate))
    }

    /// The only rate that the exporter announces at all.
    fn only(&self) -> Option<Sampling> {
        let (rate, _) = self.rates.first_key_value()?;
        (self.rates.len() == 1).then(|| Sampling::one_in(*rate))
    }

    fn has_interfaces(&self) -> bool {
        let interfaces = SamplerScope::Interface(0)..=SamplerScope::Interface(u32::MAX);
        self.scopes.range((*interfaces.start(), 0)..=(*interfaces.end(), u32::MAX)).next().is_some()
    }
}

/// Looks up the rate of records of one domain: in its own options, in those of domain 0, and
/// then in those of other domains of the exporter, where only one rate counts. Some exporters send
/// the options of sampling under another source id than their records. A domain with records of
/// its own speaks for itself only.
#[derive(Clone, Copy, Debug)]
pub struct RateLookup<'a> {
    own: &'a Samplers,
    rates: &'a ExporterRates,
}

impl<'a> RateLookup<'a> {
    /// Looks up rates of a domain with these samplers.
    #[must_use]
    pub fn new(own: &'a Samplers, rates: &'a ExporterRates) -> RateLookup<'a> {
        RateLookup { own, rates }
    }

    fn find(&self, of: impl Fn(&Samplers) -> Option<Sampling>) -> Option<Sampling> {
        of(self.own).or_else(|| of(&self.rates.shared))
    }

    /// The rate of a record that names sampler `id`. The only rate of the exporter counts for
    /// a sampler that was never announced, unless the domain or domain 0 announces others. Id 0
    /// stands for no sampler, unless it was announced.
    #[must_use]
    pub fn by_id(&self, id: u64) -> Sampling {
        let anywhere = &self.rates.anywhere;
        let is_silent = self.own.len() == 0 && self.rates.shared.len() == 0;
        let only = || anywhere.only().filter(|_| is_silent && id != 0);
        let elsewhere = || anywhere.find(SamplerScope::Sampler(id)).or_else(only);
        self.find(|samplers| samplers.by_id(id)).or_else(elsewhere).unwrap_or_default()
    }

    /// The rate of a record whose packets were sampled on `interface` and that names no
    /// sampler.
    #[must_use]
    pub fn by_interface(&self, interface: u32) -> Sampling {
        let anywhere = &self.rates.anywhere;
        let elsewhere =
            || anywhere.find(SamplerScope::Interface(interface)).or_else(|| anywhere.only());
        self.find(|samplers| samplers.by_interface(interface))
            .or_else(elsewhere)
            .unwrap_or_default()
    }

    /// The rate of records without a sampler or interface.
    #[must_use]
    pub fn default_rate(&self) -> Sampling {
        let elsewhere = || self.rates.anywhere.only();
        self.find(Samplers::default_rate).or_else(elsewhere).unwrap_or_default()
    }

    /// Whether rates differ by interface.
    #[must_use]
    pub fn has_interfaces(&self) -> bool {
        self.own.has_interfaces() || self.rates.anywhere.has_interfaces()
    }
}

/// Rates that the data records of one set had, noted while they are decoded.
#[derive(Debug, Default)]
pub struct RateNotes {
    /// Sampler and rate, each once.
    seen: smallvec::SmallVec<[(Option<u64>, u32); 4]>,
    doubt: Option<RateDoubt>,
    /// Records with a doubtful rate: those that were read the other way round, and others.
    pub swapped: u32,
    /// Records whose rate is used as it was sent.
    pub doubtful: u32,
}

impl RateNotes {
    /// Notes the rate of a record.
    #[inline]
    pub fn note(&mut self, selector: Option<u64>, rate: Sampling, doubt: Option<RateDoubt>) {
        let one = (selector, rate.rate().unwrap_or(0));
        if self.seen.last() != Some(&one) && !self.seen.contains(&one) {
            // More than that in one set is forged, or no list that anybody reads.
            if self.seen.len() < MAX_SELECTORS {
                self.seen.push(one);
            }
        }
        if let Some(doubt) = doubt {
            *(if doubt.is_swapped { &mut self.swapped } else { &mut self.doubtful }) += 1;
            self.doubt = Some(doubt);
        }
    }
}

impl ExporterRates {
    /// Stores a rate that a domain announces.
    pub fn learned(&mut self, learned: LearnedRate) {
        if let Some(before) = learned.before {
            self.anywhere.change(learned.scope, before, false);
        }
        self.anywhere.change(learned.scope, learned.after, true);
    }

    /// Adds the rates of a domain of an earlier run.
    pub fn add_domain(&mut self, samplers: &Samplers) {
        let scopes = samplers.scopes().filter(|_| samplers.for_others);
        scopes.for_each(|(scope, rate)| self.anywhere.change(scope, rate, true));
    }

    /// Forgets the rates of a domain that was dropped.
    pub fn forget_domain(&mut self, samplers: &Samplers) {
        let scopes = samplers.scopes().filter(|_| samplers.for_others);
        scopes.for_each(|(scope, rate)| self.anywhere.change(scope, rate, false));
    }

    /// Notes a rate whose bytes are, or may be, in the wrong order.
    pub fn note_doubt(&mut self, now: Time, doubt: Option<RateDoubt>) {
        if let Some(doubt) = doubt {
            self.doubt = Some((doubt, now));
        }
    }

    /// Notes the rates in data records of a set, or in a header.
    pub fn note_records(&mut self, now: Time, domain: u32, notes: &RateNotes) {
        self.note_doubt(now, notes.doubt);
        for (selector, rate) in notes.seen.iter().filter(|(_, rate)| *rate > 0) {
            self.note_selector(SelectorRate {
                domain,
                selector: *selector,
                rate: *rate,
                seen: now,
            });
        }
    }

    /// Notes the rate of a header, or of a selector.
    pub fn note_selector(&mut self, new: SelectorRate) {
        let all = &mut self.selectors;
        let same =
            |known: &SelectorRate| (known.domain, known.selector) == (new.domain, new.selector);
        match all.iter().position(same) {
            Some(at) => all[at] = new,
            None if all.len() < MAX_SELECTORS => all.push(new),
            None => {
                let oldest = (0..all.len()).min_by_key(|at| all[*at].seen);
                oldest.into_iter().for_each(|at| all[at] = new);
            }
        }
    }

    /// Notes the rates that flows have.
    pub fn apply(&mut self, now: Time, flows: &[Flow]) {
        let mut last = None;
        for flow in flows {
            if last != Some(flow.sampling) {
                last = Some(flow.sampling);
                self.apply_one(now, flow.sampling);
            }
        }
    }

    /// Notes a rate that flows have.
    pub fn apply_one(&mut self, now: Time, sampling: Sampling) {
        let rate = sampling.rate().unwrap_or(0);
        let all = &mut self.applied;
        match all.iter().position(|(known, _)| *known == rate) {
            Some(at) => all[at].1 = now,
            None if all.len() < MAX_APPLIED => all.push((rate, now)),
            None => {
                let oldest = (0..all.len()).min_by_key(|at| all[*at].1);
                oldest.into_iter().for_each(|at| all[at] = (rate, now));
            }
        }
    }

    /// The rates that were applied to flows lately, lowest first; 0 for flows whose rate was
    /// not known. Empty when no flow arrived lately.
    #[must_use]
    pub fn applied(&self) -> Vec<u32> {
        let newest = self.applied.iter().map(|(_, at)| *at).max().unwrap_or_default();
        let lately = self.applied.iter().filter(|(_, at)| newest.since(*at) <= APPLIED_MS);
        let mut rates: Vec<u32> = lately.map(|(rate, _)| *rate).collect();
        rates.sort_unstable();
        rates
    }

    /// Rates in data records and headers, by domain and sampler.
    #[must_use]
    pub fn selectors(&self) -> &[SelectorRate] {
        &self.selectors
    }

    /// The doubt about a rate that was received lately, as of `now`.
    #[must_use]
    pub fn doubt(&self, now: Time) -> Option<RateDoubt> {
        self.doubt.filter(|(_, at)| now.since(*at) <= DOUBT_MS).map(|(doubt, _)| doubt)
    }
}
