//! Finds flows that an exporter reports twice: at the interface where they enter, and at
//! the
//! interface where they leave.
//!
//! Two records are the same flow only if exporter, addresses, ports, protocol, first and
//! last
//! are equal, and the interfaces or the direction differ. A different direction alone does
//! not count: a router that exports ingress and egress of one interface reports every flow
//! once.
//!
//! Sampled records are never duplicates. The samplers of two interfaces choose different
//! packets, so two equal samples are two packets of a busy conversation.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;

use crate::flow::{Duplicate, Flow, Host};

/// Number of buckets, a power of two. A bucket takes a cache line. The two reports of a
/// flow are
/// sent within seconds of each other.
const BUCKETS: usize = 1 << 16;

/// Number of flows in a bucket, the newest first.
const SLOTS: usize = 4;

/// Number of flows whose buckets are read in advance, so that memory accesses overlap.
const PREFETCH: usize = 8;

/// A flow's hash and the interfaces that reported it. A check of 0 means an empty slot.
#[derive(Clone, Copy, Debug, Default)]
struct SeenFlow {
    tag: u32,
    check: u32,
    place: u32,
}

/// Marks flows that were reported before from another interface.
///
/// In its bucket a new flow replaces the oldest one. The table takes 3 MB, allocated with
/// the
/// first flow.
#[derive(Debug, Default)]
pub struct Deduplication {
    table: Vec<[SeenFlow; SLOTS]>,
    hasher: RandomState,
    hashes: Vec<(u64, u32)>,
}

impl Deduplication {
    /// Marks the flows of a batch that were reported before. Returns their number.
    pub fn mark(&mut self, flows: &mut [Flow]) -> usize {
        if self.table.is_empty() && !flows.is_empty() {
            self.table = vec![[SeenFlow::default(); SLOTS]; BUCKETS];
        }
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(flows.iter().map(|flow| self.hash(flow)));
        let mut duplicates = 0;
        let mut touched = 0;
        for (index, (flow, (hash, place))) in flows.iter_mut().zip(&hashes).enumerate() {
            if index % PREFETCH == 0 {
                touched ^= self.touch(hashes.get(index..).unwrap_or(&[]));
            }
            if may_be_repeated(flow) && self.is_duplicate(*hash, *place) {
                flow.duplicate = Duplicate::SameExporter;
                duplicates += 1;
            }
        }
        std::hint::black_box(touched);
        self.hashes = hashes;
        duplicates
    }

    /// Reads the buckets of the next flows, to load them into the cache.
    fn touch(&self, hashes: &[(u64, u32)]) -> u32 {
        hashes
            .iter()
            .take(PREFETCH)
            .filter_map(|(hash, _)| self.table.get(bucket(*hash)))
            .fold(0, |sum, bucket| sum ^ bucket[0].tag)
    }

    fn is_duplicate(&mut self, hash: u64, place: u32) -> bool {
        let Some(bucket) = self.table.get_mut(bucket(hash)) else { return false };
        let (tag, check) = ((hash >> 32) as u32, hash as u32 | 1);
        if let Some(seen) = bucket.iter().find(|seen| (seen.tag, seen.check) == (tag, check)) {
            return seen.place != place;
        }
        bucket.rotate_right(1);
        bucket[0] = SeenFlow { tag, check, place };
        false
    }

    /// The hash of a flow, and a value for the interfaces and direction of the report.
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

/// Whether a second report of the flow could be recognised.
///
/// Records without times cannot be told apart by time. For sampled traffic, each interface
/// reports different packets.
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
    fn a_second_report_from_another_interface_is_marked() {
        let mut deduplication = Deduplication::default();
        let one: Vec<Flow> = (0..1000).map(flow).collect();
        let mut both = one.clone();
        both.extend(one.iter().map(|flow| Flow { direction: 1, ..*flow }));
        assert_eq!(deduplication.mark(&mut both), 1000);
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
    fn ingress_and_egress_of_one_interface_are_not_duplicates() {
        // A router that exports `ip flow ingress` and `egress` of its inside interface:
        // uploads
        // enter there and downloads leave there.
        let upload = flow(1);
        let download = Flow { direction: 1, input: 2, output: 1, ..upload.reversed() };
        let mut flows = [upload, download];
        assert_eq!(Deduplication::default().mark(&mut flows), 0);
    }
}
