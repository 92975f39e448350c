//! Compares the bytes of an exporter's flows with the byte counters of its interfaces.
//!
//! This tells whether the flows hold all traffic: a wrong sampling rate, an interface that
//! exports one direction only, and packets that are reported twice show as a share far from
//! 100 %.

use crate::flow::{Flow, Time};

/// The least span of a comparison in milliseconds. Flows are reported after they ended, so the
/// ends of a short span do not fit the counters.
const LEAST_SPAN_MS: i64 = 120_000;

/// When the span is older than this, in milliseconds, its first half is dropped: the share is
/// that of the last ten to twenty minutes.
const HALF_SPAN_MS: i64 = 600_000;

/// With fewer bytes in the span, nothing is compared.
const LEAST_BYTES: u64 = 1_000_000;

/// With fewer sampled packets in the span, nothing is compared: by chance, 100 samples show
/// between 80 and 120 % of the traffic (sFlow, "Packet Sampling Basics": 196 / sqrt(samples)).
const LEAST_SAMPLES: u64 = 400;

/// Bytes of one direction of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FlowBytes {
    /// Of flows that were seen at this interface.
    here: u64,
    /// Of sampled packets that were seen at another interface.
    elsewhere: u64,
    /// Number of sampled packets, seen here or elsewhere.
    samples: u64,
}

/// The counters at one time: those of the interface, and the sums of its flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CoveragePoint {
    time: Time,
    /// Incoming and outgoing.
    octets: [Option<u64>; 2],
    flows: [FlowBytes; 2],
}

/// The comparison for one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    flows: [FlowBytes; 2],
    /// The start of the span, a time within it, and its end.
    points: Option<[CoveragePoint; 3]>,
}

/// The two directions of an interface, as indexes.
const IN: usize = 0;
const OUT: usize = 1;

impl Coverage {
    /// Adds a flow that entered (`IN`) or left (`OUT`) by the interface.
    fn add(&mut self, way: usize, flow: &Flow) {
        let bytes = flow.sampling.scale(flow.bytes);
        let Some(sums) = self.flows.get_mut(way) else { return };
        let seen_at = if flow.direction == 1 { OUT } else { IN };
        let is_known = flow.direction != Flow::NO_DIRECTION;
        if flow.packet_sample && is_known && seen_at != way {
            sums.elsewhere = sums.elsewhere.saturating_add(bytes);
        } else {
            sums.here = sums.here.saturating_add(bytes);
        }
        let is_sampled = flow.packet_sample || flow.sampling.rate().unwrap_or(1) > 1;
        let packets = if is_sampled { flow.packets } else { LEAST_SAMPLES };
        sums.samples = sums.samples.saturating_add(packets);
    }

    /// Adds a flow that entered by the interface.
    pub fn entered(&mut self, flow: &Flow) {
        self.add(IN, flow);
    }

    /// Adds a flow that left by the interface.
    pub fn left(&mut self, flow: &Flow) {
        self.add(OUT, flow);
    }

    /// Takes the counters of the interface at `now` into account: incoming and outgoing bytes.
    pub fn counted(&mut self, now: Time, octets: [Option<u64>; 2]) {
        let new = CoveragePoint { time: now, octets, flows: self.flows };
        let Some([start, middle, end]) = &mut self.points else {
            self.points = Some([new; 3]);
            return;
        };
        let went_back = |(old, new): (&Option<u64>, &Option<u64>)| old > new;
        if now < end.time || end.octets.iter().zip(&octets).any(went_back) {
            // The interface counts anew.
            self.points = Some([new; 3]);
            return;
        }
        *end = new;
        if now.since(middle.time) >= HALF_SPAN_MS {
            (*start, *middle) = (*middle, new);
        }
    }

    /// Bytes of flows as a percentage of the bytes that the interface counted, incoming and
    /// outgoing. `None` while the span is short, or there is too little traffic to compare.
    #[must_use]
    pub fn percent(&self) -> [Option<u32>; 2] {
        let Some([start, _, end]) = &self.points else { return [None; 2] };
        if end.time.since(start.time) < LEAST_SPAN_MS {
            return [None; 2];
        }
        [IN, OUT].map(|way| {
            let octets = end.octets[way]?.checked_sub(start.octets[way]?)?;
            let (from, to) = (&start.flows[way], &end.flows[way]);
            let here = to.here.saturating_sub(from.here);
            let elsewhere = to.elsewhere.saturating_sub(from.elsewhere);
            let samples = to.samples.saturating_sub(from.samples);
            // Packets sampled at both ends would count twice.
            let bytes = if here > 0 { here } else { elsewhere };
            if octets < LEAST_BYTES || (samples > 0 && samples < LEAST_SAMPLES) {
                return None;
            }
            let percent = u128::from(bytes) * 100 / u128::from(octets);
            Some(u32::try_from(percent).unwrap_or(u32::MAX))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Sampling;

    /// Counters every 30 seconds for `seconds`, with `flow` in each direction each time.
    fn run(
        coverage: &mut Coverage,
        seconds: i64,
        octets: u64,
        incoming: &[Flow],
        outgoing: &[Flow],
    ) {
        for at in 0..=seconds / 30 {
            let count = octets * at as u64;
            coverage.counted(Time(at * 30_000), [Some(count), Some(2 * count)]);
            incoming.iter().for_each(|flow| coverage.entered(flow));
            outgoing.iter().for_each(|flow| coverage.left(flow));
        }
    }

    fn flow(bytes: u64) -> Flow {
        Flow { bytes, packets: 100, direction: 0, ..Flow::EMPTY }
    }

    #[test]
    fn the_share_is_that_of_the_last_minutes() {
        let mut coverage = Coverage::default();
        run(&mut coverage, 90, 1_000_000, &[flow(930_000)], &[]);
        assert_eq!(coverage.percent(), [None; 2], "too short");
        run(&mut coverage, 3600, 1_000_000, &[flow(930_000)], &[]);
        assert_eq!(coverage.percent(), [Some(93), Some(0)]);
        let mut later = coverage.clone();
        for at in 121..=161 {
            later.counted(Time(at * 30_000), [Some(at as u64 * 1_000_000), None]);
            later.entered(&flow(500_000));
        }
        assert_eq!(later.percent(), [Some(50), None], "no counter, no share");
    }

    #[test]
    fn counters_that_start_again_begin_a_new_span() {
        let mut coverage = Coverage::default();
        run(&mut coverage, 600, 1_000_000, &[flow(1_000_000)], &[]);
        assert_eq!(coverage.percent()[IN], Some(100));
        coverage.counted(Time(630_000), [Some(5), Some(5)]);
        assert_eq!(coverage.percent(), [None; 2]);
    }

    #[test]
    fn packets_sampled_at_both_ends_count_once_and_a_few_samples_tell_nothing() {
        let sample = |direction| Flow {
            packet_sample: true,
            sampling: Sampling::one_in(100),
            direction,
            ..flow(10_000)
        };
        let mut coverage = Coverage::default();
        run(&mut coverage, 600, 1_000_000, &[sample(0), sample(1)], &[sample(0)]);
        assert_eq!(coverage.percent(), [Some(100), Some(50)], "elsewhere, if not here");
        let few = Flow { packets: 1, ..sample(0) };
        let mut coverage = Coverage::default();
        run(&mut coverage, 600, 1_000_000, &[few], &[]);
        assert_eq!(coverage.percent(), [None, Some(0)]);
    }

    #[test]
    fn little_traffic_is_not_compared_and_sums_do_not_overflow() {
        let mut coverage = Coverage::default();
        run(&mut coverage, 600, 10, &[flow(10)], &[]);
        assert_eq!(coverage.percent(), [None; 2]);
        let mut coverage = Coverage::default();
        run(&mut coverage, 600, u64::MAX / 64, &[flow(u64::MAX)], &[]);
        assert!(coverage.percent()[IN].is_some());
    }
}
