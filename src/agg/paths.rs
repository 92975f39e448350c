//! Ways that traffic took: exporter, interfaces and sampling rate, by number.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use foldhash::fast::RandomState;

use super::entry::PATH_BITS;
use crate::flow::{Flow, Host};

/// Paths that are told apart: all pairs of interfaces of a hundred switches with
/// two dozen each. Room for 4 MB.
pub(super) const MAX_PATHS: usize = 65_536;

/// Paths of one exporter: all pairs of 90 interfaces. One that makes them up
/// leaves the others theirs.
const MAX_PER_EXPORTER: usize = 8192;

/// Of all paths these are kept for ones that are nothing but a sampling rate.
const PLAIN: usize = 4096;

/// Sampling rates of one exporter: it may have a few samplers, not hundreds.
const MAX_RATES: usize = 64;

/// The first paths and rates of each exporter come from a reserve that nobody else gets:
/// strangers that take all the rest leave a newcomer these. The reserves are enough for
/// as many exporters as are kept apart at once.
const OWN_PATHS: usize = 16;
const OWN_RATES: usize = 2;
const RESERVED_PATHS: usize = 1024 * OWN_PATHS;
const RESERVED_RATES: usize = 1024 * OWN_RATES;

/// Paths come in blocks, so that a small site pays for a small list.
const BLOCK: usize = 256;

const _: () = assert!(MAX_PATHS <= 1 << PATH_BITS);
const _: () = assert!(RESERVED_RATES <= PLAIN && PLAIN + RESERVED_PATHS < MAX_PATHS);

/// How traffic went. Path 0 is unknown and unsampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Path {
    pub(super) exporter: Host,
    pub(super) input: u32,
    pub(super) output: u32,
    /// One packet in this many was looked at; 0 and 1 are all.
    rate: u32,
}

type Block = Box<[OnceLock<Path>]>;

/// A numbered path, and the one with the same rate and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NumberedPath {
    pub(super) path: u32,
    pub(super) plain: u32,
}

#[derive(Debug, Default)]
struct KnownPath {
    numbers: HashMap<Path, u32, RandomState>,
    /// Of exporters that were given any: no more of them than there are paths.
    per_exporter: HashMap<Host, PathAllowance, RandomState>,
}

/// How many paths an exporter was given.
#[derive(Clone, Copy, Debug, Default)]
struct PathAllowance {
    paths: usize,
    rates: usize,
}

impl KnownPath {
    fn given(&self, exporter: Host) -> PathAllowance {
        self.per_exporter.get(&exporter).copied().unwrap_or_default()
    }
}

/// All paths. Numbers are given under a lock, and read without one.
#[derive(Debug)]
pub(super) struct Paths {
    known: Mutex<KnownPath>,
    refused: AtomicU64,
    list: Box<[OnceLock<Block>]>,
}

impl Default for Paths {
    fn default() -> Paths {
        let list = (0..MAX_PATHS.div_ceil(BLOCK)).map(|_| OnceLock::new()).collect();
        let paths = Paths { known: Mutex::default(), refused: AtomicU64::new(0), list };
        let first = Path::default();
        paths.write(0, first);
        paths.known.lock().unwrap_or_else(PoisonError::into_inner).numbers.insert(first, 0);
        paths
    }
}

impl Paths {
    /// Numbers the paths of a batch of flows, in order.
    pub(super) fn number(&self, flows: &[Flow]) -> Vec<NumberedPath> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last: Option<(Path, NumberedPath)> = None;
        let number = |flow: &Flow| {
            let rate = flow.sampling.rate().filter(|rate| *rate > 1).unwrap_or(0);
            let (exporter, input, output) = (flow.exporter, flow.input, flow.output);
            let path = Path { exporter, input, output, rate };
            let numbered = match last {
                Some((same, numbered)) if same == path => numbered,
                _ => self.find(&mut known, path),
            };
            last = Some((path, numbered));
            numbered
        };
        flows.iter().map(number).collect()
    }

    fn find(&self, known: &mut KnownPath, path: Path) -> NumberedPath {
        let simple = Path { rate: path.rate, ..Path::default() };
        let plain = known.numbers.get(&simple).copied();
        let plain = plain.or_else(|| {
            let given = known.given(path.exporter).rates;
            let reserved = if given < OWN_RATES { 0 } else { RESERVED_RATES };
            let room = given < MAX_RATES && known.numbers.len() < MAX_PATHS - reserved;
            room.then(|| {
                known.per_exporter.entry(path.exporter).or_default().rates += 1;
                self.give(known, simple)
            })
        });
        let number = known.numbers.get(&path).copied();
        let number = number.or_else(|| {
            let given = known.given(path.exporter).paths;
            let reserved = PLAIN + if given < OWN_PATHS { 0 } else { RESERVED_PATHS };
            let all = known.numbers.len() < MAX_PATHS - reserved;
            // A rate that is not known would falsify what was reported.
            let room = all && given < MAX_PER_EXPORTER && plain.is_some();
            room.then(|| {
                known.per_exporter.entry(path.exporter).or_default().paths += 1;
                self.give(known, path)
            })
        });
        if number.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        let plain = plain.unwrap_or(0);
        NumberedPath { path: number.unwrap_or(plain), plain }
    }

    fn give(&self, known: &mut KnownPath, path: Path) -> u32 {
        let number = known.numbers.len();
        self.write(number, path);
        known.numbers.insert(path, number as u32);
        number as u32
    }

    fn write(&self, number: usize, path: Path) {
        if let Some(block) = self.list.get(number / BLOCK) {
            let block = block.get_or_init(|| (0..BLOCK).map(|_| OnceLock::new()).collect());
            // Numbers are given once each, so nothing stands there.
            let _ = block[number % BLOCK].set(path);
        }
    }

    /// The path of a number.
    pub(super) fn get(&self, number: u32) -> Path {
        let (block, at) = (number as usize / BLOCK, number as usize % BLOCK);
        let path = self.list.get(block).and_then(|block| block.get()?[at].get());
        path.copied().unwrap_or_default()
    }

    /// The sampling rate of a path; 0 and 1 are all packets.
    #[inline]
    pub(super) fn rate(&self, number: u32) -> u32 {
        if number == 0 { 0 } else { self.get(number).rate }
    }

    /// Flows whose interfaces are not told apart for want of room.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Sampling;

    fn flow(exporter: u32, input: u32, output: u32, rate: u32) -> Flow {
        let exporter = Host::v4(exporter);
        Flow { exporter, input, output, sampling: Sampling::one_in(rate), ..Flow::EMPTY }
    }

    fn number(paths: &Paths, flow: Flow) -> NumberedPath {
        paths.number(&[flow])[0]
    }

    #[test]
    fn the_same_way_has_the_same_number_and_its_rate() {
        let paths = Paths::default();
        assert_eq!(paths.rate(0), 0);
        let first = number(&paths, flow(1, 2, 3, 100));
        assert_eq!(number(&paths, flow(1, 2, 3, 100)), first);
        assert_ne!(number(&paths, flow(1, 3, 2, 100)).path, first.path);
        assert_eq!(number(&paths, flow(1, 3, 2, 100)).plain, first.plain);
        assert_eq!((paths.rate(first.path), paths.rate(first.plain)), (100, 100));
        let path = paths.get(first.path);
        assert_eq!((path.exporter, path.input, path.output), (Host::v4(1), 2, 3));
        let unsampled = [flow(1, 2, 3, 0), flow(1, 2, 3, 1)].map(|flow| number(&paths, flow));
        assert_eq!(unsampled[0], unsampled[1]);
        assert_eq!((unsampled[0].plain, paths.rate(unsampled[0].path)), (0, 0));
    }

    #[test]
    fn one_who_makes_up_interfaces_leaves_room_for_others() {
        let paths = Paths::default();
        for input in 0..2 * MAX_PER_EXPORTER as u32 {
            number(&paths, flow(1, input, 1, 7));
        }
        let late = number(&paths, flow(1, 1_000_000, 1, 7));
        assert_eq!((late.path, paths.rate(late.path)), (late.plain, 7));
        assert_eq!(paths.refused(), MAX_PER_EXPORTER as u64 + 1);
        let other = number(&paths, flow(2, 1, 2, 7));
        assert_ne!(other.path, other.plain);
        for exporter in 3..20 {
            for input in 0..MAX_PER_EXPORTER as u32 {
                number(&paths, flow(exporter, input, 1, 7));
            }
        }
        assert!(paths.refused() > MAX_PATHS as u64);
        assert_eq!(number(&paths, flow(2, 1, 2, 7)), other, "what is known stays");
        let rates = (8..1000).map(|rate| number(&paths, flow(2, 1, 2, rate)));
        assert_eq!(rates.filter(|numbered| numbered.plain > 0).count(), MAX_RATES);
        let late = number(&paths, flow(30, 1, 2, 2000));
        assert_eq!(paths.rate(late.plain), 2000, "others have theirs");
    }

    #[test]
    fn strangers_by_the_dozen_leave_room_for_a_newcomer() {
        let paths = Paths::default();
        for exporter in 1..100 {
            for n in 0..2048 {
                number(&paths, flow(exporter, n, 1, 2 + n % 100 + 100 * exporter));
            }
        }
        assert!(paths.refused() > 0);
        // Of interfaces that nobody had, at a rate that nobody had.
        for exporter in 1000..1500 {
            let newcomer = number(&paths, flow(exporter, 1, 2, 50_000 + exporter));
            assert_eq!(paths.rate(newcomer.plain), 50_000 + exporter);
            assert_eq!(paths.get(newcomer.path).exporter, Host::v4(exporter));
        }
    }

    #[test]
    fn nothing_is_kept_of_those_who_find_no_room() {
        let paths = Paths::default();
        for exporter in 0..2 * MAX_PATHS as u32 {
            number(&paths, flow(exporter, 1, 2, 0));
        }
        let known = paths.known.lock().unwrap();
        assert!(known.per_exporter.len() <= MAX_PATHS, "{}", known.per_exporter.len());
    }
}
