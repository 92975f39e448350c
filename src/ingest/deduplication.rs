//! Finds flows that an exporter reports twice: at the interface where they enter and at the
//! interface where they leave, at an interface and at a VLAN on it, or by two probes of one
//! host.
//!
//! Two records are reports of the same flow if exporter, addresses, ports, protocol, bytes and
//! packets are equal, their times are within 20 ms of each other, or within a second where
//! the exporter's clock has such steps, and the interfaces, the direction or the session differ. Records of the same
//! session and interface are never paired. A router that exports ingress and egress of one
//! interface reports every flow once: the two directions have exchanged addresses.
//!
//! Sampled records are never duplicates. The samplers of two interfaces choose different
//! packets, so two equal samples are two packets of a busy conversation.

use std::hash::{BuildHasher, Hasher};

use super::same_flows::SameFlows;
use super::sightings::{Sighting, SightingPlace, Sightings, may_be_repeated, tolerance_of};
use crate::flow::{Duplicate, Flow, Host, Time};

/// Number of buckets for the reports of one worker, which take 4 MB. The reports of a flow are
/// sent within seconds of each other.
const BUCKETS: usize = 1 << 16;

/// Number of flows whose buckets are read in advance, so that memory accesses overlap.
const PREFETCH: usize = 8;

/// Marks flows that were reported before from another interface or session, and compares flows
/// with those of other exporters.
#[derive(Debug)]
pub struct Deduplication {
    seen: Sightings,
    same: SameFlows,
    /// Hashes of the batch at hand, exporters left out.
    hashes: Vec<u64>,
}

impl Default for Deduplication {
    /// For a single worker. Flows of several exporters are not marked.
    fn default() -> Deduplication {
        Deduplication::sharing(SameFlows::new(false))
    }
}

impl Deduplication {
    /// For one of several workers, which share a table of the flows of all exporters.
    pub(super) fn sharing(same: SameFlows) -> Deduplication {
        Deduplication { seen: Sightings::new(BUCKETS), same, hashes: Vec::new() }
    }

    /// Marks the flows of a batch that were reported before; `now` is the arrival of the
    /// newest. Returns the number of marked flows.
    pub fn mark(&mut self, now: Time, flows: &mut [Flow]) -> usize {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(flows.iter().map(|flow| self.hash(flow)));
        let mut duplicates = 0;
        let mut touched = 0;
        for (index, hash) in hashes.iter().enumerate() {
            if index % PREFETCH == 0 {
                touched ^= self.touch(flows, &hashes, index);
            }
            let Some(flow) = flows.get_mut(index).filter(|flow| may_be_repeated(flow)) else {
                continue;
            };
            let sighting = Sighting {
                hash: of_exporter(*hash, flow.exporter),
                first: flow.first,
                last: flow.last,
                place: place_of(flow),
                tolerance: tolerance_of(flow),
            };
            if self.seen.pair(&sighting).is_some() {
                flow.duplicate = Duplicate::SameExporter;
                duplicates += 1;
            }
        }
        duplicates += self.same.compare(now, flows, &hashes);
        std::hint::black_box(touched);
        self.hashes = hashes;
        duplicates
    }

    /// Reads the buckets of the next flows, to load them into the cache.
    fn touch(&self, flows: &[Flow], hashes: &[u64], index: usize) -> u32 {
        let next = flows.iter().zip(hashes).skip(index).take(PREFETCH);
        next.fold(0, |sum, (flow, hash)| sum ^ self.seen.touch(of_exporter(*hash, flow.exporter)))
    }

    /// The hash of what all reports of a flow have in common, the exporter left out.
    fn hash(&self, flow: &Flow) -> u64 {
        let mut hasher = self.same.hasher().build_hasher();
        let ports =
            u64::from(flow.sport) << 24 | u64::from(flow.dport) << 8 | u64::from(flow.proto);
        hasher.write_u128(flow.src.0);
        hasher.write_u128(flow.dst.0);
        hasher.write_u64(flow.bytes);
        hasher.write_u64(flow.packets);
        hasher.write_u64(ports);
        hasher.finish()
    }
}

/// The hash with the exporter.
fn of_exporter(hash: u64, Host(exporter): Host) -> u64 {
    (hash ^ exporter as u64 ^ (exporter >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The session, the interfaces and the direction of a report.
fn place_of(flow: &Flow) -> SightingPlace {
    let session = u64::from(flow.domain) << 16 | u64::from(flow.session);
    let interfaces = u64::from(flow.input) << 32 | u64::from(flow.output);
    // Constants of splitmix64, which spread every bit over the result.
    let mut number = session.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ interfaces;
    number = (number ^ number >> 29).wrapping_mul(0x94d0_49bb_1331_11eb);
    number = number.wrapping_add(u64::from(flow.direction)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    SightingPlace::of((number >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Sampling;

    fn flow(n: u32) -> Flow {
        Flow {
            src: Host::v4(n),
            dst: Host::v4(n + 1),
            first: Time(1000),
            last: Time(2000 + i64::from(n)),
            sport: 4000,
            dport: 80,
            proto: 6,
            input: 1,
            output: 2,
            direction: 0,
            bytes: 1000,
            timed: true,
            ..Flow::EMPTY
        }
    }

    #[test]
    fn a_second_report_from_another_interface_is_marked() {
        let mut deduplication = Deduplication::default();
        let one: Vec<Flow> = (0..1000).map(flow).collect();
        let mut both = one.clone();
        both.extend(one.iter().map(|flow| Flow { direction: 1, ..*flow }));
        assert_eq!(deduplication.mark(Time(0), &mut both), 1000);
        assert!(both[..1000].iter().all(|flow| !flow.duplicate.is_set()));
        assert!(both[1000..].iter().all(|flow| flow.duplicate.is_set()));
    }

    #[test]
    fn flows_that_differ_otherwise_are_not_duplicates() {
        let base = flow(1);
        let others = [
            Flow { exporter: Host::v4(7), direction: 1, ..base },
            Flow { src: base.dst, dst: base.src, direction: 1, ..base },
            Flow { sport: 4001, direction: 1, ..base },
            Flow { proto: 17, direction: 1, ..base },
            Flow { last: base.last.plus_ms(21), direction: 1, ..base },
            Flow { first: base.first.plus_ms(21), direction: 1, ..base },
            Flow { bytes: base.bytes + 1, direction: 1, ..base },
            Flow { packets: base.packets + 1, direction: 1, ..base },
            Flow { timed: false, direction: 1, ..base },
            Flow { packet_sample: true, direction: 1, ..base },
            Flow { sampling: Sampling::one_in(2), direction: 1, ..base },
            base,
        ];
        for other in others {
            assert_eq!(Deduplication::default().mark(Time(0), &mut [base, other]), 0, "{other:?}");
        }
    }

    #[test]
    fn times_of_another_report_may_differ_as_far_as_the_clock_is_exact() {
        let base = flow(1);
        let coarse = Flow { coarse_clock: true, ..base };
        let in_seconds = Flow { first: Time(1000), last: Time(3000), ..base };
        let moved = |flow: Flow, ms: i64| Flow {
            first: flow.first.plus_ms(ms),
            last: flow.last.plus_ms(ms),
            direction: 1,
            ..flow
        };
        for (one, ms, marked) in [
            (base, 20, 1),
            (base, 21, 0),
            (coarse, 1000, 1),
            (coarse, -1000, 1),
            (coarse, 1001, 0),
            (in_seconds, 1000, 1),
            (in_seconds, 2000, 0),
        ] {
            let mut both = [one, moved(one, ms)];
            assert_eq!(Deduplication::default().mark(Time(0), &mut both), marked, "{ms} ms");
        }
    }

    #[test]
    fn another_session_is_another_place_and_each_report_is_paired_once() {
        let probe = |session: u16, domain: u32| Flow { session, domain, ..flow(1) };
        let (one, other) = (probe(5001, 1), probe(5002, 1));
        assert_eq!(Deduplication::default().mark(Time(0), &mut [one, other]), 1);
        assert_eq!(Deduplication::default().mark(Time(0), &mut [one, probe(5001, 2)]), 1);
        assert_eq!(
            Deduplication::default().mark(Time(0), &mut [one, one, one]),
            0,
            "the same session"
        );
        let mut twice = [one, other, one, other];
        assert_eq!(Deduplication::default().mark(Time(0), &mut twice), 2);
        assert_eq!(twice.map(|flow| flow.duplicate.is_set()), [false, true, false, true]);
    }

    #[test]
    fn ingress_and_egress_of_one_interface_are_not_duplicates() {
        // A router that exports `ip flow ingress` and `egress` of its inside interface: uploads
        // enter there and downloads leave there.
        let upload = flow(1);
        let download = Flow { direction: 1, input: 2, output: 1, ..upload.reversed() };
        let mut flows = [upload, download];
        assert_eq!(Deduplication::default().mark(Time(0), &mut flows), 0);
    }
}
