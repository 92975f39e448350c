//! Journals that are complete, cut off, damaged, or not journals at all.

use std::fs;

use proptest::prelude::*;

use super::record::{EXTRAS_LEN, FLOW_LEN};
use super::*;
use crate::archive::lock::Lock;
use crate::flow::column::{PAGE_ROWS, Vector};
use crate::flow::field::Field;
use crate::flow::{Flow, FlowExtras, extras_of};

const HEADER: JournalHeader = JournalHeader { slot: Time(1_795_491_600_000), slot_seconds: 300 };

fn flow(n: u64, more: u32) -> Flow {
    Flow { bytes: n, packets: 1, first: Time(5), more, ..Flow::EMPTY }
}

/// A journal with blocks of the given numbers of flows; every second flow has extras.
fn journal(blocks: &[usize]) -> Vec<u8> {
    let mut bytes = HEADER.bytes().to_vec();
    let mut block = Block::default();
    let mut n = 0;
    for count in blocks {
        for _ in 0..*count {
            let extras = [FlowExtras { min_ttl: (n % 200) as u8, ..FlowExtras::NONE }];
            assert_eq!(block.extend(&[flow(n, u32::from(n % 2 == 0))], &extras), 1);
            n += 1;
        }
        bytes.extend_from_slice(block.bytes());
        block.clear();
    }
    bytes
}

fn file(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.202611240340Z.journal");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// The byte counters of all flows, and the errors in between.
fn numbers(path: &Path) -> (Vec<u64>, Vec<String>) {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for chunk in open(path).unwrap() {
        match chunk {
            Ok(mut chunk) => {
                assert!(chunk.rows() <= PAGE_ROWS);
                let mut out = Vector::default();
                chunk.read(Field::Bytes, 0, &mut out).unwrap();
                let Vector::Numbers(numbers) = &out else { panic!() };
                all.extend_from_slice(numbers);
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    (all, errors)
}

#[test]
fn wherever_the_file_is_cut_the_complete_blocks_are_read() {
    let counts = [3, 1, 2];
    let bytes = journal(&counts);
    let mores = [2, 0, 1];
    let mut ends = vec![(HEADER_LEN, 0)];
    for (count, extras) in counts.iter().zip(mores) {
        let (end, flows) = ends[ends.len() - 1];
        ends.push((end + BLOCK_HEADER_LEN + count * FLOW_LEN + extras * EXTRAS_LEN, flows + count));
    }
    assert_eq!(ends[3].0, bytes.len());
    let (_folder, path) = file(&[]);
    for cut in 0..=bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let want = ends.iter().rev().find(|(end, _)| *end <= cut).copied();
        let flows = want.map_or(0, |(_, flows)| flows as u64);
        let is_whole = cut == 0 || want.is_some_and(|(end, _)| end == cut);
        if let 1..HEADER_LEN = cut {
            let error = open(&path).err().unwrap().to_string();
            assert!(error.contains("within its header"), "cut at {cut}: {error}");
        } else {
            let (found, errors) = numbers(&path);
            assert_eq!(found, (0..flows).collect::<Vec<_>>(), "cut at {cut}");
            assert_eq!(errors.len(), usize::from(!is_whole), "cut at {cut}: {errors:?}");
            assert!(errors.iter().all(|e| e.contains("cut off within the block")), "{errors:?}");
            // While a recorder is at work, the end is still to be written.
            let lock = Lock::take(path.parent().unwrap(), 1).unwrap();
            assert_eq!(numbers(&path), (found, Vec::new()), "cut at {cut}");
            drop(lock);
            assert_eq!(read_all(&path, 100).unwrap().cut, errors.first().cloned());
        }
        assert_eq!(read_all(&path, 100).unwrap().flows.len() as u64, flows);
        let scan = scan(&path).unwrap();
        let left = cut - want.map_or(0, |(end, _)| end);
        assert_eq!((scan.flows, scan.cut), (flows, left as u64), "cut at {cut}");
    }
}

#[test]
fn extras_stay_with_their_flows_across_blocks() {
    let (_folder, path) = file(&journal(&[3, 4]));
    let whole = read_all(&path, 100).unwrap();
    for (n, flow) in whole.flows.iter().enumerate() {
        let want = if n % 2 == 0 { n as u8 } else { 0 };
        assert_eq!(extras_of(flow, &whole.extras).min_ttl, want);
        assert_eq!((flow.bytes, flow.first), (n as u64, Time(5)));
    }
    assert_eq!((whole.flows.len(), whole.extras.len()), (7, 4));
    let error = read_all(&path, 6).unwrap_err().to_string();
    assert!(error.contains("at most 6 flows"), "{error}");
    // An index beyond the extras means that there are none.
    let mut block = Block::default();
    block.extend(&[flow(1, 7)], &[FlowExtras::NONE; 2]);
    let (_folder, path) = file(&[HEADER.bytes().as_slice(), block.bytes()].concat());
    assert_eq!(read_all(&path, 100).unwrap().flows[0].more, 0);
}

#[test]
fn a_damaged_block_affects_only_itself() {
    let bytes = journal(&[2, 3, 2]);
    let second = HEADER_LEN + BLOCK_HEADER_LEN + 2 * FLOW_LEN + EXTRAS_LEN;
    for (at, what) in
        [(second, "not a block"), (second + 9, "not a block"), (second + 40, "checksum")]
    {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let (_folder, path) = file(&bytes);
        let (flows, errors) = numbers(&path);
        assert_eq!(flows, [0, 1, 5, 6], "{at}");
        assert!(errors.len() == 1 && errors[0].contains(what), "{errors:?}");
        assert_eq!(read_all(&path, 100).unwrap().problems, errors);
    }
    // The error for a cut block gives the number of flows that the block should have.
    let (_folder, path) = file(&bytes[..second + BLOCK_HEADER_LEN + FLOW_LEN]);
    let (flows, errors) = numbers(&path);
    assert_eq!(flows, [0, 1]);
    assert!(errors[0].contains("its 3 flows are lost (178 bytes)"), "{errors:?}");
    // Zeros at the end, as a power cut leaves them.
    let (_folder, path) = file(&[bytes.clone(), vec![0; 3 * ZERO_BYTES]].concat());
    let (flows, errors) = numbers(&path);
    assert_eq!((flows.len(), errors.len()), (7, 1));
    assert_eq!(scan(&path).unwrap().cut, 3 * ZERO_BYTES as u64);
}

const ZERO_BYTES: usize = 700_000;

#[test]
fn other_files_and_versions_are_refused() {
    let whole = journal(&[1]);
    let mut newer = whole.clone();
    newer[8] = 9;
    let mut damaged = whole.clone();
    damaged[17] ^= 1;
    for (bytes, what) in [
        (newer, "version 1 to 3, found 9"),
        (damaged, "checksum"),
        (b"PAR1 and something that goes on and on".to_vec(), "not a toptalk or nfcapd file"),
    ] {
        let (_folder, path) = file(&bytes);
        let error = open(&path).err().unwrap().to_string();
        assert!(error.contains(what), "{error}");
        assert!(scan(&path).is_err());
    }
    let (_folder, path) = file(&whole);
    assert_eq!(scan(&path).unwrap().header, Some(HEADER));
    assert!(matches!(open(&path.join("x")), Err(ArchiveError::Io { .. })));
}

#[test]
fn full_blocks_make_full_chunks() {
    let flows: Vec<Flow> = (0..PAGE_ROWS as u64 + 5).map(|n| flow(n, 0)).collect();
    let mut bytes = HEADER.bytes().to_vec();
    let mut block = Block::default();
    let mut rest = &flows[..];
    while !rest.is_empty() {
        let taken = block.extend(rest, &[]);
        rest = &rest[taken..];
        assert_eq!(block.room(), MAX_BLOCK_FLOWS - taken);
        bytes.extend_from_slice(block.bytes());
        assert_eq!(block.extend(rest, &[]), 0, "a complete block takes no more");
        block.clear();
    }
    let (_folder, path) = file(&bytes);
    let chunks: Vec<_> = open(&path).unwrap().map(Result::unwrap).collect();
    assert_eq!(chunks.iter().map(|chunk| chunk.rows()).collect::<Vec<_>>(), [PAGE_ROWS, 5]);
    let read: u64 = chunks.iter().map(|chunk| chunk.bytes_read()).sum();
    assert_eq!(read, bytes.len() as u64);
}

proptest! {
    #[test]
    fn no_file_content_panics(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..400),
        flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4),
        header in any::<bool>(),
    ) {
        if header {
            let mut whole = journal(&[2, 1]);
            whole.append(&mut bytes);
            bytes = whole;
        }
        for (at, byte) in flips {
            let at = at % bytes.len().max(1);
            if let Some(old) = bytes.get_mut(at) {
                *old = byte;
            }
        }
        let (_folder, path) = file(&bytes);
        if let Ok(chunks) = open(&path) {
            prop_assert!(chunks.count() <= bytes.len() + 1);
        }
        let _ = (scan(&path), read_all(&path, 100));
    }
}
