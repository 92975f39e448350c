//! Addresses that lost their place recently, in bounded memory: a Bloom filter in two
//! generations, of which the older one is dropped when the newer one is full.
//!
//! It never forgets one of the last [`KEPT`] addresses. At most one in two hundred other
//! addresses is mistaken for one of them.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::flow::Host;

/// Addresses of a generation: with two thousand spoofed addresses a second, those of eight
/// seconds.
const KEPT: usize = 16_384;

/// Bits of a generation, and the number of bits that an address sets.
const BITS: usize = 16 * KEPT;
const HASHES: usize = 4;

/// The filter. It takes 64 KiB after the first address.
#[derive(Debug, Default)]
pub struct RecentlyDisplaced {
    hasher: RandomState,
    newer: Vec<u64>,
    older: Vec<u64>,
    /// Addresses in the newer generation.
    count: usize,
}

impl RecentlyDisplaced {
    /// Whether an address lost its place recently.
    #[must_use]
    pub fn has(&self, host: Host) -> bool {
        let bits = self.bits(host);
        let all = |words: &Vec<u64>| {
            let set =
                |bit: &usize| words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1);
            bits.iter().all(set)
        };
        all(&self.newer) || all(&self.older)
    }

    /// Adds an address. Returns the number of extra steps, which starting a new generation
    /// takes.
    pub fn insert(&mut self, host: Host) -> u64 {
        let mut steps = 0;
        if self.count >= KEPT || self.newer.is_empty() {
            steps = (BITS / 64) as u64;
            self.older = std::mem::replace(&mut self.newer, vec![0; BITS / 64]);
            self.count = 0;
        }
        self.count += 1;
        for bit in self.bits(host) {
            if let Some(word) = self.newer.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
        steps
    }

    /// The bits of an address. An attacker cannot choose colliding addresses, since the hash has
    /// a random seed.
    fn bits(&self, host: Host) -> [usize; HASHES] {
        let hash = self.hasher.hash_one(host) as usize;
        let step = (hash >> 32) | 1;
        std::array::from_fn(|n| hash.wrapping_add(step.wrapping_mul(n)) % BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered_and_hardly_any_other() {
        let mut recent = RecentlyDisplaced::default();
        assert!(!recent.has(Host::v4(1)));
        let mut steps = 0;
        for n in 0..100_000 {
            steps += recent.insert(Host::v4(n));
        }
        let last = 100_000 - KEPT as u32..100_000;
        assert!(last.clone().all(|n| recent.has(Host::v4(n))));
        let wrong = (1_000_000..1_100_000).filter(|n| recent.has(Host::v4(*n))).count();
        assert!(wrong < 1_000, "{wrong} of 100,000");
        let old = (0..50_000).filter(|n| recent.has(Host::v4(*n))).count();
        assert!(old < 500, "{old} of those that were long ago");
        assert!(steps < 100_000 && recent.newer.len() == BITS / 64);
    }
}
