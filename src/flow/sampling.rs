//! Sampling rates.

/// How much the exporter's packet counters stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sampling(u32);

impl Sampling {
    /// The exporter announced nothing; counters are taken as they are.
    pub const UNKNOWN: Sampling = Sampling(0);

    /// One packet in `rate` was looked at. A rate of 0 says nothing (RFC 3954
    /// leaves it undefined and exporters send it for "off"), so it is unknown.
    #[must_use]
    pub fn one_in(rate: u32) -> Sampling {
        Sampling(rate)
    }

    /// The announced rate, if any.
    #[must_use]
    pub fn rate(self) -> Option<u32> {
        (self.0 != 0).then_some(self.0)
    }

    /// `count` scaled to what was on the wire, saturating.
    #[must_use]
    pub fn scale(self, count: u64) -> u64 {
        count.saturating_mul(u64::from(self.0.max(1)))
    }
}
