//! The one rule by which a flow's traffic is shared out over time: live windows, roll-ups,
//! `top` and `query --prorate` use it.
//!
//! A record tells how many bytes and packets passed between the first and the last packet,
//! not when. So they are taken to have passed evenly: of `count` bytes, `count * passed /
//! duration` had passed after `passed` of `duration` milliseconds, rounded down. The part of
//! an interval is the difference of two such values, so that the parts of adjoining intervals
//! always add up to the whole. The flow itself is counted once, where it ends.

use super::Time;

/// When a flow's traffic passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    first: Time,
    last: Time,
}

impl Spread {
    /// Traffic between `first` and `last`. If they are in the wrong order, the flow has no
    /// duration and passed at `last`.
    #[must_use]
    pub fn new(first: Time, last: Time) -> Spread {
        Spread { first: first.min(last), last }
    }

    /// How much of `count` bytes or packets had passed before `at`.
    #[must_use]
    #[inline]
    pub fn before(&self, count: u64, at: Time) -> u64 {
        if at > self.last {
            return count;
        }
        // Differences of any two times fit into 65 bits.
        let passed = i128::from(at.0) - i128::from(self.first.0);
        let duration = i128::from(self.last.0) - i128::from(self.first.0);
        if passed <= 0 || duration <= 0 {
            return 0;
        }
        let (passed, duration) = (passed.unsigned_abs(), duration.unsigned_abs());
        match u64::try_from(passed).ok().and_then(|passed| count.checked_mul(passed)) {
            Some(product) => (u128::from(product) / duration) as u64,
            // `passed` <= `duration`, so that the result is at most `count`.
            None => {
                let (each, rest) = (u128::from(count) / duration, u128::from(count) % duration);
                (each * passed + rest * passed / duration) as u64
            }
        }
    }

    /// How much of `count` bytes or packets passed from `from` on and before `to`.
    #[must_use]
    #[inline]
    pub fn between(&self, count: u64, from: Time, to: Time) -> u64 {
        self.before(count, to).saturating_sub(self.before(count, from))
    }

    /// Whether the flow ended from `from` on and before `to`, and is counted there.
    #[must_use]
    pub fn ends_between(&self, from: Time, to: Time) -> bool {
        from <= self.last && self.last < to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_flow_passes_evenly_between_its_first_and_its_last_packet() {
        let hour = Spread::new(Time(0), Time(3_600_000));
        assert_eq!(hour.between(3600, Time(0), Time(1000)), 1);
        assert_eq!(hour.between(3600, Time(600_000), Time(660_000)), 60);
        assert_eq!(hour.between(3600, Time(-5), Time(0)), 0);
        assert_eq!(hour.between(3600, Time(3_599_000), Time(i64::MAX)), 1);
        // 22 hours and 1.27 GB are 128 kbit/s in any minute of it.
        let day = Spread::new(Time(0), Time(79_200_000));
        assert_eq!(
            day.between(1_270_000_000, Time(79_140_000), Time(79_200_001)) * 8 / 60,
            128_282
        );
    }

    #[test]
    fn a_flow_without_duration_passes_at_its_moment() {
        let packet = Spread::new(Time(10), Time(10));
        assert_eq!(packet.between(7, Time(0), Time(10)), 0);
        assert_eq!(packet.between(7, Time(10), Time(11)), 7);
        assert!(packet.ends_between(Time(10), Time(11)) && !packet.ends_between(Time(0), Time(10)));
        assert_eq!(Spread::new(Time(20), Time(10)), packet, "reported in the wrong order");
    }

    proptest! {
        #[test]
        fn the_parts_of_adjoining_intervals_add_up_to_the_whole(
            first in any::<i64>(),
            duration in prop_oneof![0i64..10, 0i64..10_000_000, any::<i64>()],
            count in any::<u64>(),
            mut bounds in prop::collection::vec(any::<i64>(), 0..6),
            near in prop::collection::vec(-10i64..10_000_010, 0..20),
        ) {
            let last = first.saturating_add(duration);
            bounds.extend(near.iter().map(|ms| first.saturating_add(*ms)));
            bounds.sort_unstable();
            let spread = Spread::new(Time(first), Time(last));
            let mut sum = bounds.first().map_or(0, |begin| spread.before(count, Time(*begin)));
            let mut flows = 0;
            for pair in bounds.windows(2) {
                sum += spread.between(count, Time(pair[0]), Time(pair[1]));
                flows += u32::from(spread.ends_between(Time(pair[0]), Time(pair[1])));
            }
            sum += bounds.last().map_or(count, |end| count - spread.before(count, Time(*end)));
            prop_assert_eq!(sum, count);
            prop_assert!(flows <= 1);
        }

        #[test]
        fn every_part_is_in_proportion(
            first in 0i64..2_000_000_000_000, duration in 1i64..100_000_000,
            count in any::<u64>(), from in 0i64..100_000_000, to in 0i64..100_000_000,
        ) {
            let (from, to) = (from.min(to).min(duration), from.max(to).min(duration));
            let spread = Spread::new(Time(first), Time(first + duration));
            let part = spread.between(count, Time(first + from), Time(first + to));
            let want = count as u128 * (to - from) as u128 / duration as u128;
            prop_assert!(u128::from(part).abs_diff(want) <= 1, "{} {}", part, want);
        }
    }
}
