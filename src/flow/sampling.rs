//! Sampling rates.

/// A sampling rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sampling(u32);

impl Sampling {
    /// The exporter announced no rate; counters are used as they are.
    pub const UNKNOWN: Sampling = Sampling(0);

    /// A sampler that selects one packet in `rate`. A rate of 0 is unknown: RFC 3954 does
    /// not define
    /// it, and exporters send it for "off".
    #[must_use]
    pub fn one_in(rate: u32) -> Sampling {
        Sampling(rate)
    }

    /// The announced rate, if there is one.
    #[must_use]
    pub fn rate(self) -> Option<u32> {
        (self.0 != 0).then_some(self.0)
    }

    /// `count` multiplied by the rate, saturating.
    #[must_use]
    pub fn scale(self, count: u64) -> u64 {
        count.saturating_mul(u64::from(self.0.max(1)))
    }
}
