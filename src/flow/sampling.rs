//! Sampling rates.

use serde::{Deserialize, Serialize};

/// An announced rate whose bytes are, or may be, in the wrong order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateDoubt {
    /// The rate as it was sent: one packet in this many.
    pub sent: u64,
    /// The rate with its bytes the other way round.
    pub swapped: u64,
    /// Whether `swapped` is used. Otherwise `sent` is, as it was sent.
    pub is_swapped: bool,
}

/// From this rate on, a rate whose bytes the other way round give at most
/// [`GREATEST_USUAL`] is read that way: no sampler selects one packet in 16 million.
const NEVER_SENT: u64 = 1 << 24;

/// The greatest rate in use: the samplers of routers and switches stop at one packet in 65,536.
const GREATEST_USUAL: u64 = 65_536;

impl RateDoubt {
    /// Judges a rate that came in a field of `width` bytes. Returns the rate to use, and the
    /// doubt, if there is one. A width of 0 means that the rate was judged before.
    ///
    /// Some exporters send the rate with the lowest byte first, so that 100 reads as
    /// 1,677,721,600. In two bytes, a rate in the wrong order is no impossible one; there, a
    /// doubt means that the rate is neither a power of two nor a multiple of 1,000 but that the
    /// other way round it is a smaller multiple of ten.
    #[must_use]
    pub fn judge(sent: u64, width: u8) -> (u64, Option<RateDoubt>) {
        let bits = 8 * u32::from(width.min(8));
        if bits < 16 {
            return (sent, None);
        }
        let swapped = sent.swap_bytes() >> (u64::BITS - bits);
        let doubt = RateDoubt { sent, swapped, is_swapped: false };
        match sent {
            NEVER_SENT.. if (1..=GREATEST_USUAL).contains(&swapped) => {
                (swapped, Some(RateDoubt { is_swapped: true, ..doubt }))
            }
            NEVER_SENT.. => (sent, Some(doubt)),
            _ if sent > GREATEST_USUAL && swapped < sent => (sent, Some(doubt)),
            _ if width == 2 && swapped < sent && is_round(swapped) && !is_usual(sent) => {
                (sent, Some(doubt))
            }
            _ => (sent, None),
        }
    }
}

fn is_round(rate: u64) -> bool {
    rate > 0 && rate.is_multiple_of(10)
}

fn is_usual(rate: u64) -> bool {
    rate.is_power_of_two() || rate.is_multiple_of(1000)
}

/// A sampling rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sampling(u32);

impl Sampling {
    /// The exporter announced no rate; counters are used as they are.
    pub const UNKNOWN: Sampling = Sampling(0);

    /// A sampler that selects one packet in `rate`. A rate of 0 is unknown: RFC 3954 does not
    /// define it, and exporters send it for "off".
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_with_their_bytes_in_the_wrong_order_are_judged() {
        // (sent, width) -> (used, doubtful)
        for (sent, width, used, doubtful) in [
            (100, 4, 100, false),
            (1_677_721_600, 4, 100, true),
            (3_892_510_720, 4, 1000, true),
            (0x0100_0000, 4, 1, true),
            (0x0000_0100, 4, 256, false),
            // 65,536 the other way round is 256, which is a usual rate.
            (65_536, 4, 65_536, false),
            (131_072, 4, 131_072, true),
            (100_000, 4, 100_000, false),
            (1_000_000, 4, 1_000_000, false),
            // No order of its bytes makes sense.
            (0x0102_0304, 4, 0x0102_0304, true),
            (0x6400_0000_0000_0000, 8, 100, true),
            (25_600, 2, 25_600, true),
            (59_395, 2, 59_395, true),
            (256, 2, 256, false),
            (4096, 2, 4096, false),
            (20_000, 2, 20_000, false),
            (1000, 2, 1000, false),
            (200, 1, 200, false),
            (1_677_721_600, 0, 1_677_721_600, false),
            (0, 4, 0, false),
        ] {
            let (got, doubt) = RateDoubt::judge(sent, width);
            assert_eq!((got, doubt.is_some()), (used, doubtful), "{sent} in {width} bytes");
            assert!(doubt.is_none_or(|doubt| doubt.is_swapped == (got != sent)));
        }
    }
}
