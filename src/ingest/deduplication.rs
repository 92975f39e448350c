//! Flows that an exporter reports twice: at the interface they come in by and at
//! the one they leave by.
//!
//! Two records are the same flow only if addresses, ports, protocol, first and
//! last agree, the exporter is the same, and the interfaces or the direction
//! differ. A direction alone is no evidence: a router that exports ingress and
//! egress of one interface reports every flow once.
//!
//! Samples are never such reports: the samplers of two interfaces choose different
//! packets, so that two samples that agree are two packets of a busy conversation.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;

use crate::flow::{Duplicate, Flow, Host};

/// Buckets of flows that are remembered, a cache line each: the two reports of a
/// flow leave within seconds of each other. A power of two.
const BUCKETS: usize = 1 << 16;

/// Flows in a bucket; the newest comes first.
const WAYS: usize = 4;

/// Flows whose places are touched ahead, so that waits for memory overlap.
const AHEAD: usize = 8;

/// A flow by its hash, and where it was seen. A check of 0 is an empty place.
#[derive(Clone, Copy, Debug, Default)]
struct SeenFlow {
    tag: u32,
    check: u32,
    place: u32,
}

/// Marks flows that were reported before from another interface.
///
/// The table forgets: a new flow takes the place of the oldest in its bucket.
/// Memory is 3 MB, touched as it is needed.
#[derive(Debug, Default)]
pub struct Deduplication {
    table: Vec<[SeenFlow; WAYS]>,
    hasher: RandomState,
    hashes: Vec<(u64, u32)>,
}

impl Deduplication {
    /// Marks the flows of a batch that were reported before; returns how many.
    pub fn mark(&mut self, flows: &mut [Flow]) -> usize {
        if self.table.is_empty() && !flows.is_empty() {
            self.table = vec![[SeenFlow::default(); WAYS]; BUCKETS];
        }
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(flows.iter().map(|flow| self.hash(flow)));
        let mut doubled = 0;
        let mut touched = 0;
        for (index, (flow, (hash, place))) in flows.iter_mut().zip(&hashes).enumerate() {
            if index % AHEAD == 0 {
                touched ^= self.touch(hashes.get(index..).unwrap_or(&[]));
            }
            if may_be_repeated(flow) && self.is_doubled(*hash, *place) {
                flow.duplicate = Duplicate::SameExporter;
                doubled += 1;
            }
        }
        std::hint::black_box(touched);
        self.hashes = hashes;
        doubled
    }

    /// Reads the places of the next flows, so that they are at hand.
    fn touch(&self, hashes: &[(u64, u32)]) -> u32 {
        hashes
            .iter()
            .take(AHEAD)
            .filter_map(|(hash, _)| self.table.get(bucket(*hash)))
            .fold(0, |sum, bucket| sum ^ bucket[0].tag)
    }

    fn is_doubled(&mut self, hash: u64, place: u32) -> bool {
        let Some(bucket) = self.table.get_mut(bucket(hash)) else { return false };
        let (tag, check) = ((hash >> 32) as u32, hash as u32 | 1);
        if let Some(seen) = bucket.iter().find(|seen| (seen.tag, seen.check) == (tag, check)) {
            return seen.place != place;
        }
        bucket.rotate_right(1);
        bucket[0] = SeenFlow { tag, check, place };
        false
    }

    /// What makes a flow, and where it was seen.
    fn hash(&self, flow: &Flow) -> (u64, u32) {
        let mut hasher = self.hasher.build_hasher();
        let ports =
            u64::from(flow.sport) << 24 | u64::from(flow.dport) << 8 | u64::from(flow.proto);
        hasher.write_u128(flow.src.0);
        hasher.write_u128(flow.dst.0);
        hasher.write_u64(flow.first.0 as u64);
        hasher.write_u64(flow.last.0 as u64);
        hasher.write_u64(ports);
        let Host(exporter) = flow.exporter;
        hasher.write_u64(exporter as u64 ^ (exporter >> 64) as u64);
        let place = flow.input.rotate_left(16) ^ flow.output ^ u32::from(flow.direction) << 8;
        (hasher.finish(), place)
    }
}

fn bucket(hash: u64) -> usize {
    (hash >> 20) as usize % BUCKETS
}

/// Whether another report of the same flow could be recognised at all.
///
/// Records without times of their own all look as if they came at one moment. Of
/// sampled traffic each interface reports packets of its own.
fn may_be_repeated(flow: &Flow) -> bool {
    flow.timed && !flow.packet_sample && flow.sampling.rate().unwrap_or(1) == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Sampling, Time};

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
    fn the_same_flow_from_another_interface_is_marked_once() {
        let mut doubling = Deduplication::default();
        let one: Vec<Flow> = (0..1000).map(flow).collect();
        let mut both = one.clone();
        both.extend(one.iter().map(|flow| Flow { direction: 1, ..*flow }));
        assert_eq!(doubling.mark(&mut both), 1000);
        assert!(both[..1000].iter().all(|flow| !flow.duplicate.is_set()));
        assert!(both[1000..].iter().all(|flow| flow.duplicate.is_set()));
    }

    #[test]
    fn what_differs_in_anything_else_is_not_the_same() {
        let base = flow(1);
        let others = [
            Flow { exporter: Host::v4(7), direction: 1, ..base },
            Flow { src: base.dst, dst: base.src, direction: 1, ..base },
            Flow { sport: 4001, direction: 1, ..base },
            Flow { proto: 17, direction: 1, ..base },
            Flow { last: base.last.plus_ms(1), direction: 1, ..base },
            Flow { first: base.first.plus_ms(1), direction: 1, ..base },
            Flow { timed: false, direction: 1, ..base },
            Flow { packet_sample: true, direction: 1, ..base },
            Flow { sampling: Sampling::one_in(2), direction: 1, ..base },
            base,
        ];
        for other in others {
            assert_eq!(Deduplication::default().mark(&mut [base, other]), 0, "{other:?}");
        }
    }

    #[test]
    fn both_directions_of_one_interface_double_nothing() {
        // As a router exports `ip flow ingress` and `egress` of its inside
        // interface: uploads come in by it, downloads leave by it.
        let upload = flow(1);
        let download = Flow { direction: 1, input: 2, output: 1, ..upload.reversed() };
        let mut flows = [upload, download];
        assert_eq!(Deduplication::default().mark(&mut flows), 0);
    }
}
