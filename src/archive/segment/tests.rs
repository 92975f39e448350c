//! Segments read back, also damaged ones.

use std::path::Path;

use proptest::prelude::*;

use super::write::encode_with;
use super::{Footer, MAX_DICTIONARY, SlotInfo, encode, footer, open};
use crate::archive::{ArchiveError, Chunk, RowChunk};
use crate::flow::column::{Dictionary, PAGE_ROWS, Vector};
use crate::flow::field::{FIELDS, Field};
use crate::flow::{Flow, Host, More, Sampling, Time};

const SLOT: SlotInfo = SlotInfo { start: Time(1_800_000_000_000), length_ms: 300_000 };

fn written(flows: &[Flow], more: &[More], max_dictionary: usize) -> (Vec<u8>, Footer) {
    let mut bytes = Vec::new();
    let footer = encode_with(flows, more, &SLOT, &mut bytes, max_dictionary).unwrap();
    (bytes, footer)
}

fn saved(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

/// A column with its ids looked up.
fn values(chunk: &mut dyn Chunk, field: Field, page: usize) -> Result<Vector, ArchiveError> {
    let mut out = Vector::default();
    let dictionary = chunk.dictionary(field)?;
    chunk.read(field, page, &mut out)?;
    Ok(match (out, dictionary.as_deref()) {
        (Vector::Ids(ids), Some(Dictionary::Numbers(numbers))) => {
            Vector::Numbers(ids.iter().map(|id| numbers[*id as usize]).collect())
        }
        (Vector::Ids(ids), Some(Dictionary::Addresses(hosts))) => {
            Vector::Addresses(ids.iter().map(|id| hosts[*id as usize]).collect())
        }
        (Vector::Ids(_), None) => panic!("ids of no dictionary"),
        (_, Some(_)) => panic!("a dictionary but no ids of it"),
        (plain, None) => plain,
    })
}

/// Checks that all columns are those of the flows.
fn check(flows: &[Flow], more: &[More], max_dictionary: usize) {
    let (bytes, written) = written(flows, more, max_dictionary);
    let file = saved(&bytes);
    assert_eq!(footer(file.path()).unwrap(), written);
    let mut segment = open(file.path()).unwrap();
    assert_eq!(segment.rows(), flows.len());
    let path = Path::new("rows").into();
    let mut rows = RowChunk::new(path, flows.to_vec(), more.to_vec(), 0).unwrap();
    for info in FIELDS {
        for page in 0..segment.pages() {
            let found = values(&mut segment, info.field, page).unwrap();
            let expected = values(&mut rows, info.field, page).unwrap();
            assert!(found == expected, "{} page {page}", info.name);
            if let (Vector::Numbers(numbers), Some((min, max))) =
                (&found, segment.bounds(info.field))
            {
                assert!(numbers.iter().all(|n| (min..=max).contains(n)), "{}", info.name);
            }
        }
    }
}

fn random(i: u64) -> u64 {
    i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn flows(count: usize) -> Vec<Flow> {
    let flow = |i: u64| Flow {
        src: Host::v4(random(i) as u32 & 0xfff),
        dst: Host(u128::from(random(i)) << 64 | u128::from(i)),
        arrival: Time(SLOT.start.0 + i as i64),
        first: Time(SLOT.start.0 + i as i64 - 5000),
        last: Time(SLOT.start.0 + i as i64 - 1000),
        bytes: random(i) >> 50,
        packets: i % 40 + 1,
        sport: random(i) as u16,
        dport: 443,
        proto: 6,
        duplicate: i % 10 == 3,
        more: (i % 3) as u32,
        ..Flow::EMPTY
    };
    (0..count as u64).map(flow).collect()
}

#[test]
fn pages_end_where_they_should() {
    let more = [More { in_src_mac: 0xa0b0_c0d0_e0f0, min_ttl: 3, ..More::NONE }];
    for rows in [1, 2, 7, 8, 9, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1] {
        check(&flows(rows), &more, MAX_DICTIONARY);
    }
}

#[test]
fn dictionaries_that_grow_too_large_end_in_plain_pages() {
    for limit in [0, 1, 1000, PAGE_ROWS * 16] {
        check(&flows(2 * PAGE_ROWS + 100), &[More::NONE], limit);
    }
}

#[test]
fn there_is_no_segment_of_nothing() {
    let error = encode(&[], &[], &SLOT, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}
