//! Paths of traffic: exporter, interfaces and sampling rate, each combination with a
//! number.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use foldhash::fast::RandomState;

use super::entry::PATH_BITS;
use crate::flow::{Flow, Host};

/// Maximum number of paths: all pairs of interfaces of a hundred switches with two dozen
/// interfaces each. They take 4 MB.
pub(super) const MAX_PATHS: usize = 65_536;

/// Maximum number of paths of one exporter: all pairs of 90 interfaces. An exporter that
/// forges interfaces cannot use up the paths of the others.
const MAX_PER_EXPORTER: usize = 8192;

/// Part of all paths that is reserved for paths with a sampling rate only.
const RATE_ONLY_PATHS: usize = 4096;

/// Maximum number of sampling rates of one exporter, which has a few samplers, not
/// hundreds.
const MAX_RATES: usize = 64;

/// The first paths and rates of each exporter come from a reserve. When other exporters have used
/// up everything else, a new exporter still gets these. The reserves are enough for the maximum
/// number of exporters.
const GUARANTEED_PATHS: usize = 16;
const GUARANTEED_RATES: usize = 2;
const RESERVED_PATHS: usize = 1024 * GUARANTEED_PATHS;
const RESERVED_RATES: usize = 1024 * GUARANTEED_RATES;

/// Paths are allocated in blocks of this many, so that a small site has a small list.
const BLOCK: usize = 256;

const _: () = assert!(MAX_PATHS <= 1 << PATH_BITS);
const _: () =
    assert!(RESERVED_RATES <= RATE_ONLY_PATHS && RATE_ONLY_PATHS + RESERVED_PATHS < MAX_PATHS);

/// Exporter, interfaces and sampling rate. Path 0 is unknown and unsampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Path {
    pub(super) exporter: Host,
    pub(super) input: u32,
    pub(super) output: u32,
    /// The exporter samples one packet in this many. 0 and 1 mean all packets.
    rate: u32,
}

type Block = Box<[OnceLock<Path>]>;

/// The number of a path, and the number of the path with the same rate only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NumberedPath {
    pub(super) path: u32,
    pub(super) plain: u32,
}

#[derive(Debug, Default)]
struct AssignedPaths {
    numbers: HashMap<Path, u32, RandomState>,
    /// The number of paths by exporter. It has no more exporters than there are paths.
    per_exporter: HashMap<Host, PathAllowance, RandomState>,
}

/// How many paths were assigned to an exporter.
#[derive(Clone, Copy, Debug, Default)]
struct PathAllowance {
    paths: usize,
    rates: usize,
}

impl AssignedPaths {
    fn count_of(&self, exporter: Host) -> PathAllowance {
        self.per_exporter.get(&exporter).copied().unwrap_or_default()
    }
}

/// All paths. Numbers are assigned under a lock, and read without one.
#[derive(Debug)]
pub(super) struct Paths {
    known: Mutex<AssignedPaths>,
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
    /// Returns the path numbers of a batch of flows, in order.
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

    fn find(&self, known: &mut AssignedPaths, path: Path) -> NumberedPath {
        let rate_only = Path { rate: path.rate, ..Path::default() };
        let plain = known.numbers.get(&rate_only).copied();
        let plain = plain.or_else(|| {
            let assigned = known.count_of(path.exporter).rates;
            let reserved = if assigned < GUARANTEED_RATES { 0 } else { RESERVED_RATES };
            let room = assigned < MAX_RATES && known.numbers.len() < MAX_PATHS - reserved;
            room.then(|| {
                known.per_exporter.entry(path.exporter).or_default().rates += 1;
                self.assign(known, rate_only)
            })
        });
        let number = known.numbers.get(&path).copied();
        let number = number.or_else(|| {
            let assigned = known.count_of(path.exporter).paths;
            let reserved =
                RATE_ONLY_PATHS + if assigned < GUARANTEED_PATHS { 0 } else { RESERVED_PATHS };
            let all = known.numbers.len() < MAX_PATHS - reserved;
            // Without its rate, a path would show wrong raw counters.
            let room = all && assigned < MAX_PER_EXPORTER && plain.is_some();
            room.then(|| {
                known.per_exporter.entry(path.exporter).or_default().paths += 1;
                self.assign(known, path)
            })
        });
        if number.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        let plain = plain.unwrap_or(0);
        NumberedPath { path: number.unwrap_or(plain), plain }
    }

    fn assign(&self, known: &mut AssignedPaths, path: Path) -> u32 {
        let number = known.numbers.len();
        self.write(number, path);
        known.numbers.insert(path, number as u32);
        number as u32
    }

    fn write(&self, number: usize, path: Path) {
        if let Some(block) = self.list.get(number / BLOCK) {
            let block = block.get_or_init(|| (0..BLOCK).map(|_| OnceLock::new()).collect());
            // Each number is assigned once, so the cell is empty.
            let _ = block[number % BLOCK].set(path);
        }
    }

    /// The path with this number.
    pub(super) fn get(&self, number: u32) -> Path {
        let (block, at) = (number as usize / BLOCK, number as usize % BLOCK);
        let path = self.list.get(block).and_then(|block| block.get()?[at].get());
        path.copied().unwrap_or_default()
    }

    /// The sampling rate of a path. 0 and 1 mean all packets.
    #[inline]
    pub(super) fn rate(&self, number: u32) -> u32 {
        if number == 0 { 0 } else { self.get(number).rate }
    }

    /// Number of flows whose interfaces are not distinguished because a limit was reached.
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
    fn the_same_path_has_the_same_number_and_its_rate() {
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
    fn an_exporter_with_forged_interfaces_leaves_room_for_others() {
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
        assert_eq!(number(&paths, flow(2, 1, 2, 7)), other, "assigned paths stay");
        let rates = (8..1000).map(|rate| number(&paths, flow(2, 1, 2, rate)));
        assert_eq!(rates.filter(|numbered| numbered.plain > 0).count(), MAX_RATES);
        let late = number(&paths, flow(30, 1, 2, 2000));
        assert_eq!(paths.rate(late.plain), 2000, "others have their own rates");
    }

    #[test]
    fn dozens_of_busy_exporters_leave_room_for_a_new_one() {
        let paths = Paths::default();
        for exporter in 1..100 {
            for n in 0..2048 {
                number(&paths, flow(exporter, n, 1, 2 + n % 100 + 100 * exporter));
            }
        }
        assert!(paths.refused() > 0);
        // Interfaces and rates that no other exporter had.
        for exporter in 1000..1500 {
            let newest = number(&paths, flow(exporter, 1, 2, 50_000 + exporter));
            assert_eq!(paths.rate(newest.plain), 50_000 + exporter);
            assert_eq!(paths.get(newest.path).exporter, Host::v4(exporter));
        }
    }

    #[test]
    fn exporters_without_a_path_are_not_stored() {
        let paths = Paths::default();
        for exporter in 0..2 * MAX_PATHS as u32 {
            number(&paths, flow(exporter, 1, 2, 0));
        }
        let known = paths.known.lock().unwrap();
        assert!(known.per_exporter.len() <= MAX_PATHS, "{}", known.per_exporter.len());
    }
}
