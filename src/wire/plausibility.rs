//! Finds records whose counters make no sense: they were misread, or their exporter is at
//! fault. One such record can be larger than the traffic of a year.

use super::report::{Cause, DatagramReport, RecordOutcome};
use crate::flow::Flow;

/// The most bytes of a packet: the length field of IPv4 and IPv6 has 16 bits (RFC 791, section
/// 3.1; RFC 8200, section 3). Packets that a network card joins before they are counted are
/// not longer either.
pub const MOST_BYTES_OF_PACKET: u64 = 65_535;

/// A sampled frame has headers of the lower layers around the packet, at most about this many
/// bytes (Ethernet, VLAN tags, MPLS labels).
const FRAME_HEADERS: u64 = 64;

/// The highest rate of a flow in bits per second. The fastest interfaces have 800 Gbit/s, of
/// which a flow over two bundled ones could use more than 1 Tbit/s.
pub const MOST_BITS_PER_SECOND: u64 = 2_000_000_000_000;

/// The same in bytes per millisecond.
const MOST_BYTES_PER_MS: u64 = MOST_BITS_PER_SECOND / 8 / 1000;

/// The least time that a rate is computed over, in milliseconds: flows of one packet have a
/// duration of 0, which is ordinary, and times may have steps of a second.
const LEAST_DURATION_MS: u64 = 1000;

/// This many records of a set with bytes and no packets, or with packets and no bytes, are too
/// many if most records are such. Single ones occur.
const MANY: usize = 4;

/// Whether a flow is none of those that this file looks for, as nearly all are, with few
/// instructions: it has bytes, and they are less than 32,768 in each packet.
#[inline]
pub(super) fn is_usual(flow: &Flow) -> bool {
    (flow.bytes >> 15 < flow.packets) & (flow.bytes.wrapping_sub(1) < LEAST_TOO_FAST)
}

/// Whether the counters of a flow are impossible.
#[inline]
#[must_use]
pub(super) fn is_impossible(flow: &Flow) -> bool {
    let headers = if flow.packet_sample { FRAME_HEADERS } else { 0 };
    let most = flow.packets.saturating_mul(MOST_BYTES_OF_PACKET + headers);
    flow.bytes > most && flow.packets > 0 || flow.bytes > LEAST_TOO_FAST && is_too_fast(flow)
}

/// Fewer bytes than this are never too fast.
const LEAST_TOO_FAST: u64 = MOST_BYTES_PER_MS * LEAST_DURATION_MS;

#[cold]
fn is_too_fast(flow: &Flow) -> bool {
    let duration = flow.duration_ms().unsigned_abs().max(LEAST_DURATION_MS);
    // Without times, the rate is not known.
    flow.timed && flow.bytes > MOST_BYTES_PER_MS.saturating_mul(duration)
}

/// Whether a flow has bytes and no packets, or packets and no bytes.
#[inline]
pub(super) fn is_one_sided(flow: &Flow) -> bool {
    (flow.bytes == 0) != (flow.packets == 0)
}

/// What is wrong with the flows of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Implausible {
    /// Nothing.
    Nothing,
    /// The counters of some flows are impossible.
    Impossible,
    /// So many flows have only one of two counters that the set was misread.
    OneSided,
}

impl Implausible {
    /// Looks at the flows of a set. `counts_both`: the template has bytes and packets.
    pub(super) fn of(flows: &[Flow], counts_both: bool) -> Implausible {
        let (mut impossible, mut one_sided) = (false, 0);
        for flow in flows {
            impossible |= is_impossible(flow);
            one_sided += usize::from(is_one_sided(flow));
        }
        if counts_both && one_sided >= MANY && 2 * one_sided > flows.len() {
            Implausible::OneSided
        } else if impossible {
            Implausible::Impossible
        } else {
            Implausible::Nothing
        }
    }

    /// Whether a flow of the set is not to be used.
    fn excludes(self, flow: &Flow) -> bool {
        is_impossible(flow) || self == Implausible::OneSided && is_one_sided(flow)
    }
}

/// Removes the flows of one record, which begin at `before` in `out`, if one of them makes no
/// sense. Returns what the record became.
pub(super) fn remove_record(
    set: Implausible,
    before: usize,
    out: &mut Vec<Flow>,
    report: &mut DatagramReport,
) -> RecordOutcome {
    let made = out.get(before..).unwrap_or_default();
    if !made.iter().any(|flow| set.excludes(flow)) {
        return RecordOutcome::Flow;
    }
    report.flows -= made.len() as u32;
    report.reversed -= made.len().saturating_sub(1) as u32;
    report.uncounted += 1;
    report.causes.count(Cause::Implausible);
    out.truncate(before);
    RecordOutcome::Uncounted
}

/// Removes flows that make no sense from `before` on, where each record is one flow.
pub(super) fn remove_flows(before: usize, out: &mut Vec<Flow>, report: &mut DatagramReport) {
    let made = out.get(before..).unwrap_or_default();
    // Records of one fixed layout cannot be misread.
    let set = Implausible::of(made, false);
    if set == Implausible::Nothing {
        return;
    }
    let all = out.len();
    let mut place = 0;
    out.retain(|flow| {
        place += 1;
        place <= before || !set.excludes(flow)
    });
    let removed = (all - out.len()) as u32;
    report.flows -= removed;
    report.uncounted += removed;
    report.causes.add(Cause::Implausible, removed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Time;

    fn flow(bytes: u64, packets: u64, ms: i64) -> Flow {
        Flow { bytes, packets, first: Time(0), last: Time(ms), ..Flow::EMPTY }
    }

    #[test]
    fn the_bounds_are_those_of_packets_and_of_the_fastest_links() {
        assert!(!is_impossible(&flow(65_535 * 3, 3, 0)));
        assert!(is_impossible(&flow(65_535 * 3 + 1, 3, 0)));
        assert!(!is_impossible(&flow(1_000_000, 0, 0)), "not every exporter counts packets");
        let second = MOST_BITS_PER_SECOND / 8;
        for (bytes, ms, impossible) in [
            (second, 0, false),
            (second + 1, 0, true),
            (second + 1, 1000, true),
            (2 * second, 2000, false),
            (2 * second + 1, 2000, true),
            (u64::MAX, i64::MAX, false),
            (u64::MAX, 0, true),
            (u64::MAX, i64::MIN, true),
        ] {
            assert_eq!(is_impossible(&flow(bytes, u64::MAX, ms)), impossible, "{bytes} in {ms}");
        }
        assert!(!is_impossible(&Flow { timed: false, ..flow(u64::MAX, u64::MAX, 0) }));
        // A frame around the largest packet.
        let sample = Flow { packet_sample: true, ..flow(65_549, 1, 0) };
        assert!(!is_impossible(&sample));
        assert!(is_impossible(&Flow { bytes: 65_600, ..sample }));
    }

    #[test]
    fn only_many_flows_with_one_counter_make_no_sense() {
        let set = |odd: usize, good: usize| {
            let flows = [vec![flow(100, 0, 0); odd], vec![flow(100, 1, 0); good]].concat();
            Implausible::of(&flows, true)
        };
        assert_eq!(set(3, 0), Implausible::Nothing);
        assert_eq!(set(4, 4), Implausible::Nothing);
        assert_eq!(set(5, 4), Implausible::OneSided);
        assert_eq!(Implausible::of(&[flow(100, 0, 0); 9], false), Implausible::Nothing);
    }
}
