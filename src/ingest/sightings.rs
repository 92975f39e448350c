//! A table of flows that were reported lately, in which a second report of the same flow is
//! found although its times differ a little.

use crate::flow::{Flow, Time};

/// How many milliseconds the times of two reports may differ when records have absolute times:
/// probes read their clocks a little apart.
const TOLERANCE_MS: u32 = 20;

/// The same for times that are relative to a clock with steps of a second, as in headers of
/// NetFlow v9 (RFC 3954, section 5.1), and for times in seconds.
const COARSE_TOLERANCE_MS: u32 = 1000;

/// Number of reports in a bucket, the newest first.
const SLOTS: usize = 4;

/// Where a flow was seen: a number for exporter, session, interfaces and direction. Never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SightingPlace(u16);

impl SightingPlace {
    /// The place of a number. Two numbers of 65,535 share a place.
    pub(super) fn of(number: u32) -> SightingPlace {
        SightingPlace((number % u32::from(u16::MAX)) as u16 + 1)
    }

    /// The number of a place that was made from a number below 65,535.
    pub(super) fn number(self) -> u32 {
        u32::from(self.0.saturating_sub(1))
    }
}

/// A report to look for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    /// Hash of what the reports of a flow have in common.
    pub(super) hash: u64,
    /// Time of the first packet.
    pub(super) first: Time,
    /// Time of the last packet.
    pub(super) last: Time,
    /// Where the flow was seen.
    pub(super) place: SightingPlace,
    /// By how many milliseconds the times may differ.
    pub(super) tolerance: Tolerance,
}

/// By how many milliseconds two reports of a flow may differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance {
    /// Each of the times. A clock with steps moves both times of a report by the same amount.
    pub(super) times: u32,
    /// The duration.
    pub(super) duration: u32,
}

/// A report in the table. Places of 0 mean an empty slot.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    tag: u32,
    /// The low 32 bits of the times in milliseconds, which repeat after 49 days.
    first: u32,
    last: u32,
    /// The place of the first report, and that of the newest further report.
    place: u16,
    paired: u16,
}

/// The table, allocated with the first report.
#[derive(Debug)]
pub(super) struct Sightings {
    table: Vec<[Seen; SLOTS]>,
    buckets: usize,
}

impl Sightings {
    /// A table of this number of buckets, a power of two. A bucket takes a cache line.
    pub(super) fn new(buckets: usize) -> Sightings {
        Sightings { table: Vec::new(), buckets }
    }

    /// Looks for an earlier report of the same flow from another place. Returns the place of
    /// the first report. When there is none, the report is entered and replaces the oldest one
    /// of its bucket.
    ///
    /// Each report is paired with one report of every other place: of the reports A B A B, with
    /// equal times, the second A is another flow, and the second B is paired with it. The
    /// newest report is tried first.
    pub(super) fn pair(&mut self, sighting: &Sighting) -> Option<SightingPlace> {
        if self.table.is_empty() {
            self.table = vec![[Seen::default(); SLOTS]; self.buckets];
        }
        let Sighting { hash, place: SightingPlace(place), tolerance, .. } = *sighting;
        let at = self.bucket_of(hash);
        let bucket = self.table.get_mut(at)?;
        let new = Seen {
            tag: (hash >> 32) as u32,
            first: sighting.first.0 as u32,
            last: sighting.last.0 as u32,
            place,
            paired: 0,
        };
        let is_near = |seen: &Seen| {
            let ms = |new: u32, seen: u32| i64::from(new.wrapping_sub(seen) as i32);
            let (first, last) = (ms(new.first, seen.first), ms(new.last, seen.last));
            let within = |ms: i64, limit: u32| ms.unsigned_abs() <= u64::from(limit);
            within(first, tolerance.times)
                && within(last, tolerance.times)
                && within(last - first, tolerance.duration)
        };
        let is_other_report = |seen: &&mut Seen| {
            seen.tag == new.tag
                && seen.place != 0
                && seen.place != place
                && seen.paired != place
                && is_near(seen)
        };
        if let Some(seen) = bucket.iter_mut().find(is_other_report) {
            seen.paired = place;
            return Some(SightingPlace(seen.place));
        }
        bucket.rotate_right(1);
        bucket[0] = new;
        None
    }

    /// Reads the bucket of a hash, to load it into the cache.
    pub(super) fn touch(&self, hash: u64) -> u32 {
        self.table.get(self.bucket_of(hash)).map_or(0, |bucket| bucket[0].tag)
    }

    /// The bucket of a hash. The tag has its upper half.
    fn bucket_of(&self, hash: u64) -> usize {
        hash as usize & self.buckets.saturating_sub(1)
    }
}

/// By how much another report of the flow may differ.
pub(super) fn tolerance_of(flow: &Flow) -> Tolerance {
    let in_seconds = flow.first.0 % 1000 == 0 && flow.last.0 % 1000 == 0;
    let (coarse, exact) = (COARSE_TOLERANCE_MS, TOLERANCE_MS);
    Tolerance {
        times: if flow.coarse_clock || in_seconds { coarse } else { exact },
        duration: if in_seconds { coarse } else { exact },
    }
}

/// Whether a second report of the flow could be recognised.
///
/// Records without times cannot be told apart by time. For sampled traffic, each interface
/// reports different packets.
pub(super) fn may_be_repeated(flow: &Flow) -> bool {
    flow.timed && !flow.packet_sample && flow.sampling.rate().unwrap_or(1) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(place: u32, first: i64, last: i64) -> Sighting {
        let (first, last) = (Time(first), Time(last));
        let place = SightingPlace::of(place);
        Sighting {
            hash: 0x1234_5678_9abc_def0,
            first,
            last,
            place,
            tolerance: Tolerance { times: 20, duration: 20 },
        }
    }

    #[test]
    fn reports_of_other_places_are_paired_within_the_tolerance() {
        let base = sighting(1, 1000, 2000);
        for (other, paired) in [
            (sighting(2, 1000, 2000), true),
            (sighting(2, 1020, 2000), true),
            (sighting(2, 980, 1980), true),
            (sighting(2, 1011, 1990), false),
            (sighting(2, 1021, 2000), false),
            (sighting(2, 1000, 2021), false),
            (sighting(1, 1000, 2000), false),
            (Sighting { hash: 5, ..sighting(2, 1000, 2000) }, false),
        ] {
            let mut table = Sightings::new(1 << 8);
            assert_eq!(table.pair(&base), None);
            let want = paired.then_some(base.place);
            assert_eq!(table.pair(&other), want, "{other:?}");
        }
    }

    #[test]
    fn a_report_is_paired_once_with_each_other_place() {
        let mut table = Sightings::new(1 << 8);
        let mut paired = |places: &str| -> String {
            let pair =
                |place: char| table.pair(&sighting(place as u32, 5000, 5000)).map_or('-', |_| '2');
            places.chars().map(pair).collect()
        };
        assert_eq!(paired("ABABAABB"), "-2-2--22");
        assert_eq!(paired("CD"), "22", "a flow may be seen at many places");
    }

    #[test]
    fn times_before_and_after_the_low_bits_repeat_are_near() {
        let mut table = Sightings::new(1 << 8);
        let end = i64::from(u32::MAX);
        assert!(table.pair(&sighting(1, end - 5, end - 1)).is_none());
        assert!(table.pair(&sighting(2, end - 5, end + 3)).is_some());
    }

    #[test]
    fn numbers_of_places_are_read_back() {
        for number in [0, 1, 65_534] {
            assert_eq!(SightingPlace::of(number).number(), number);
        }
    }
}
