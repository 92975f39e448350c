//! Tells with a few instructions whether all flows of a set are ordinary, as nearly all are. Only
//! the flows of other sets are examined one by one.

use super::addressless;
use super::plausibility;
use super::report::{Cause, DatagramReport};
use crate::flow::Flow;

/// Bounds for the flows of one datagram.
#[derive(Clone, Copy)]
pub(super) struct OrdinaryFlows {
    /// The earliest end, by the exporter's clock, that is not far off.
    earliest: i64,
}

impl OrdinaryFlows {
    /// For flows with the arrival and the clock offset of `common`.
    pub(super) fn of(common: &Flow) -> OrdinaryFlows {
        let arrival = common.arrival.0.wrapping_sub(common.clock_offset);
        OrdinaryFlows { earliest: arrival.wrapping_sub(Flow::PLAUSIBLE_MS) }
    }

    /// Whether a flow has addresses, times in the right order that are not far off, and counters
    /// that make sense. Flows that are in order may fail, others never pass.
    #[inline]
    pub(super) fn include(&self, flow: &Flow) -> bool {
        // An end before the earliest one is a large number here.
        let end = flow.last.0.wrapping_sub(self.earliest).cast_unsigned();
        let is_near = end <= 2 * Flow::PLAUSIBLE_MS.cast_unsigned();
        is_near
            & (flow.first <= flow.last)
            & addressless::may_have_some(flow.src, flow.dst)
            & plausibility::is_usual(flow)
    }
}

/// Counts flows whose times are in the wrong order.
pub(super) fn count_backwards(flows: &[Flow], report: &mut DatagramReport) {
    let backwards = flows.iter().filter(|flow| flow.first > flow.last).count();
    report.causes.add(Cause::FirstAfterLast, backwards as u32);
}

/// Counts flows whose times are far off.
pub(super) fn count_far_off(flows: &[Flow], report: &mut DatagramReport) {
    let far = flows.iter().filter(|flow| flow.is_far_off()).count();
    report.causes.add(Cause::FarOffTimes, far as u32);
}

/// Appends `count` copies of a flow: each step copies all that are there already, which takes
/// fewer instructions than copying one at a time.
#[inline]
pub(super) fn append_copies(out: &mut Vec<Flow>, flow: &Flow, count: usize) {
    if count == 0 {
        return;
    }
    let before = out.len();
    out.reserve(count);
    out.push(*flow);
    loop {
        let made = out.len() - before;
        match made.min(count - made) {
            0 => return,
            more => out.extend_from_within(before..before + more),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plausibility::{MOST_BITS_PER_SECOND, MOST_BYTES_OF_PACKET};
    use super::*;
    use crate::flow::{Host, Time};

    const NOW: Time = Time(1_800_000_000_000);

    /// A flow of 500 bytes in 3 packets; the exporter's clock is half a minute behind.
    fn flow() -> Flow {
        Flow {
            src: Host::octets(192, 0, 2, 1),
            dst: Host::octets(198, 51, 100, 2),
            first: NOW.plus_ms(-50_000),
            last: NOW.plus_ms(-40_000),
            arrival: NOW,
            clock_offset: 30_000,
            bytes: 500,
            packets: 3,
            timed: true,
            ..Flow::EMPTY
        }
    }

    #[test]
    fn what_is_examined_otherwise_is_not_ordinary() {
        let bounds = OrdinaryFlows::of(&flow());
        assert!(bounds.include(&flow()));
        let none = Host::UNSPECIFIED;
        let (ip4, ip6) = (Host::octets(0, 0, 0, 0), none);
        let end = |ms: i64| NOW.plus_ms(ms - 30_000);
        let day = Flow::PLAUSIBLE_MS;
        let at = |last: Time| Flow { first: last.plus_ms(-1), last, ..flow() };
        let odd = [
            Flow { src: ip4, dst: ip6, ..flow() },
            Flow { src: none, dst: none, ..flow() },
            Flow { first: NOW, ..flow() },
            at(end(day + 1)),
            at(end(-day - 1)),
            at(Time(i64::MAX)),
            at(Time(i64::MIN + 1)),
            Flow { bytes: 3 * MOST_BYTES_OF_PACKET + 1, ..flow() },
            Flow { bytes: MOST_BITS_PER_SECOND / 8 + 1, packets: u64::MAX, ..flow() },
            Flow { bytes: u64::MAX, packets: u64::MAX, ..flow() },
            Flow { bytes: 0, ..flow() },
            Flow { packets: 0, ..flow() },
        ];
        for flow in odd {
            assert!(!bounds.include(&flow), "{flow:?}");
        }
        let ordinary = [
            at(end(day)),
            at(end(-day)),
            Flow { src: none, ..flow() },
            Flow { dst: ip4, src: Host::octets(0, 0, 0, 1), ..flow() },
            Flow { bytes: 1500, packets: 1, ..flow() },
        ];
        for flow in ordinary {
            assert!(bounds.include(&flow), "{flow:?}");
            assert!(!flow.is_far_off() && flow.first <= flow.last);
        }
    }

    #[test]
    fn copies_are_appended_in_any_number() {
        for count in 0..40 {
            let mut out = vec![Flow::EMPTY; 3];
            append_copies(&mut out, &flow(), count);
            assert_eq!(out.len(), 3 + count);
            assert!(out[3..].iter().all(|one| *one == flow()) && out[2] == Flow::EMPTY);
        }
    }
}
