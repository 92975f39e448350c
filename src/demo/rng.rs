//! A small random generator with the same numbers on every machine.

/// SplitMix64 (Steele, Lea and Flood, 2014): one addition and a mix per number.
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniformly distributed from 0 to 1, without 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniformly distributed from 0 to `limit`, without `limit`; 0 if that is 0.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        // The high half of a 32 x 32 bit product is below the second factor.
        (((self.next() >> 32) * u64::from(limit)) >> 32) as u32
    }

    /// Uniformly distributed between `1 - spread` and `1 + spread`.
    pub(super) fn around(&mut self, spread: f64) -> f64 {
        1.0 + spread * (2.0 * self.unit() - 1.0)
    }

    /// A factor with a mean of about 1 and a long-tailed distribution, as for sizes of
    /// downloads.
    pub(super) fn heavy(&mut self) -> f64 {
        (0.4 * (1.0 - self.unit()).powf(-0.6)).min(50.0)
    }

    /// A whole number with the mean `mean`.
    pub(super) fn whole(&mut self, mean: f64) -> u64 {
        (mean + self.unit()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_published_ones_and_stay_in_bounds() {
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.next(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next(), 3_203_168_211_198_807_973);
        let mut sum = 0.0;
        for _ in 0..20_000 {
            assert!(rng.below(7) < 7 && rng.below(0) == 0);
            assert!((0.8..=1.2).contains(&rng.around(0.2)));
            sum += rng.heavy() + rng.whole(0.25) as f64;
        }
        assert!((1.1..1.4).contains(&(sum / 20_000.0)), "{sum}");
    }
}
