//! Reading segments back, including damaged ones.

use std::io::Write;
use std::path::Path;

use proptest::prelude::*;

use super::tail::ChecksummedTail;
use super::write::encode_with;
use super::{Footer, MAX_DICTIONARY, SlotInfo, encode, footer, open};
use crate::archive::verify::verify;
use crate::archive::{ArchiveError, ColumnChunk, RowChunk};
use crate::flow::column::{Dictionary, PAGE_ROWS, Vector};
use crate::flow::field::{FIELDS, Field, FieldValue, StoredType};
use crate::flow::{Duplicate, Flow, FlowExtras, FlowText, Host, Sampling, Time};

const SLOT: SlotInfo = SlotInfo { start: Time(1_800_000_000_000), length_ms: 300_000 };

fn written(flows: &[Flow], extras: &[FlowExtras], max_dictionary: usize) -> (Vec<u8>, Footer) {
    let mut bytes = Vec::new();
    let footer = encode_with(flows, extras, &SLOT, None, &mut bytes, max_dictionary).unwrap();
    (bytes, footer)
}

fn saved(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

/// A column with its ids replaced by values.
fn values(chunk: &mut dyn ColumnChunk, field: Field, page: usize) -> Result<Vector, ArchiveError> {
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
        (Vector::Ids(ids), Some(Dictionary::Texts(texts))) => {
            Vector::Texts(ids.iter().map(|id| texts[*id as usize]).collect())
        }
        (Vector::Ids(_), None) => panic!("ids of no dictionary"),
        (_, Some(_)) => panic!("a dictionary but plain values"),
        (plain, None) => plain,
    })
}

/// Checks that all columns contain the values of the flows.
fn check(flows: &[Flow], extras: &[FlowExtras], max_dictionary: usize) {
    let (bytes, written) = written(flows, extras, max_dictionary);
    let file = saved(&bytes);
    assert_eq!(footer(file.path()).unwrap(), written);
    let mut segment = open(file.path()).unwrap();
    assert_eq!(segment.rows(), flows.len());
    let path = Path::new("rows").into();
    let mut rows = RowChunk::new(path, flows.to_vec(), extras.to_vec(), 0).unwrap();
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
        duplicate: Duplicate::of(u8::from(i % 10 == 3)),
        more: (i % 3) as u32,
        ..Flow::EMPTY
    };
    (0..count as u64).map(flow).collect()
}

#[test]
fn pages_end_where_they_should() {
    let extras = [FlowExtras { in_src_mac: 0xa0b0_c0d0_e0f0, min_ttl: 3, ..FlowExtras::NONE }];
    for rows in [1, 2, 7, 8, 9, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1] {
        check(&flows(rows), &extras, MAX_DICTIONARY);
    }
}

#[test]
fn dictionaries_that_grow_too_large_end_in_plain_pages() {
    for limit in [0, 1000, PAGE_ROWS * 16] {
        check(&flows(2 * PAGE_ROWS + 100), &[FlowExtras::NONE], limit);
    }
}

#[test]
fn an_empty_segment_is_an_error() {
    let error = encode(&[], &[], &SLOT, Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn far_off_times_do_not_widen_the_span() {
    let near = flows(1)[0];
    let mut far = near;
    far.first = Time(i64::MIN);
    far.last = Time(0);
    let (_, footer) = written(&[near, far], &[], MAX_DICTIONARY);
    assert_eq!(footer.span, Some((near.first, near.last)));
    assert!(footer.far_off);
    let (bytes, footer) = written(&[far], &[], MAX_DICTIONARY);
    assert_eq!((footer.span, footer.far_off), (None, true));
    assert_eq!(footer.bounds(Field::First), None, "negative");
    assert_eq!(super::footer(saved(&bytes).path()).unwrap(), footer);
}

#[test]
fn sums_are_scaled_and_exclude_duplicates() {
    let mut flows = flows(100);
    for flow in &mut flows {
        flow.sampling = Sampling::one_in(10);
    }
    let (_, footer) = written(&flows, &[], MAX_DICTIONARY);
    assert_eq!((footer.rows, footer.flows, footer.duplicates), (100, 90, 10));
    let counted = flows.iter().filter(|flow| !flow.duplicate.is_set());
    assert_eq!(footer.bytes, counted.clone().map(|flow| flow.bytes * 10).sum::<u64>());
    assert_eq!(footer.packets, counted.map(|flow| flow.packets * 10).sum::<u64>());
    assert_eq!(footer.bounds(Field::DstPort), Some((443, 443)));
}

/// Columns that no exporter reported take neither time nor space.
#[test]
fn constant_columns_are_small() {
    let (bytes, _) = written(&vec![Flow::EMPTY; PAGE_ROWS], &[], MAX_DICTIONARY);
    assert!(bytes.len() < 16_000, "{} bytes", bytes.len());
    let file = saved(&bytes);
    let mut segment = open(file.path()).unwrap();
    let dictionary = segment.dictionary(Field::Mpls3).unwrap().unwrap();
    assert_eq!(*dictionary, Dictionary::Numbers(vec![0]));
}

/// Reads everything in a file.
fn read_everything(bytes: &[u8], file: &Path) -> Result<(), ArchiveError> {
    std::fs::write(file, bytes).unwrap();
    footer(file)?;
    let mut segment = open(file)?;
    let mut result = Ok(());
    for info in FIELDS {
        for page in 0..segment.pages() {
            let read = values(&mut segment, info.field, page).map(|_| ());
            result = result.and(read);
        }
    }
    result
}

#[test]
fn damaged_files_are_errors() {
    let extras = [FlowExtras { nat_src: Host(5), in_vrf: 9, ..FlowExtras::NONE }];
    let (bytes, _) = written(&flows(300), &extras, 1000);
    let file = tempfile::NamedTempFile::new().unwrap();
    read_everything(&bytes, file.path()).unwrap();
    for cut in (0..bytes.len()).step_by(bytes.len() / 300) {
        let error = read_everything(&bytes[..cut], file.path()).unwrap_err();
        assert!(matches!(error, ArchiveError::Damaged { .. }), "{error}");
    }
    for nth in 0..2000 {
        let mut damaged = bytes.clone();
        // Mostly in the last quarter, where the metadata are.
        let place = random(nth) as usize % bytes.len();
        let place = if nth % 2 == 0 { place } else { bytes.len() - 1 - place / 4 };
        damaged[place] ^= 1 << (random(nth) >> 61);
        let _ = read_everything(&damaged, file.path());
    }
}

#[test]
fn every_damaged_page_is_an_error() {
    let (bytes, _) = written(&flows(300), &[], MAX_DICTIONARY);
    let file = tempfile::NamedTempFile::new().unwrap();
    // Pages are before the indexes and the metadata, from the fourth byte on.
    for place in (4..4 + 3000).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        assert!(read_everything(&damaged, file.path()).is_err(), "byte {place}");
    }
}

/// A file with other bytes in the footer and the matching checksum.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    let mut anew = Vec::new();
    let mut tail = ChecksummedTail::new(&mut anew);
    tail.hold();
    tail.write_all(&bytes).unwrap();
    tail.finish().unwrap();
    anew
}

/// A footer that was written with wrong values has a right checksum nevertheless.
#[test]
fn statements_of_a_footer_are_compared_with_the_rows() {
    let (bytes, _) = written(&flows(100), &[], MAX_DICTIONARY);
    let verified = |bytes: &[u8]| {
        let file = saved(bytes);
        let chunk: Box<dyn ColumnChunk> = Box::new(open(file.path()).unwrap());
        verify(file.path(), Box::new(std::iter::once(Ok(chunk)))).problems
    };
    assert_eq!(verified(&bytes), Vec::<String>::new());
    let first = (SLOT.start.0 - 5000).to_string();
    let earlier = (SLOT.start.0 - 6000).to_string();
    let time = |key: &str, time: &str| [key.as_bytes(), b"\x18\x0d", time.as_bytes()].concat();
    for (from, to, what) in [
        (&b"toptalk.flows\x18\x0290"[..], &b"toptalk.flows\x18\x0291"[..], "flows 91"),
        (b"toptalk.duplicates\x18\x0210", b"toptalk.duplicates\x18\x0211", "duplicates 11"),
        (b"toptalk.far_off\x18\x010", b"toptalk.far_off\x18\x011", "far_off 1"),
        (&time("toptalk.first", &first), &time("toptalk.first", &earlier), "times "),
        (b"90 90 ", b"90 99 ", "of page 0 90 99 "),
    ] {
        let problems = verified(&replaced(&bytes, from, to));
        assert!(problems.len() == 1 && problems[0].contains(what), "{what}: {problems:?}");
    }
    // Accidental damage is found before anything in the footer is used.
    let at = bytes.windows(13).rposition(|part| part == first.as_bytes()).unwrap();
    let mut damaged = bytes.clone();
    damaged[at] ^= 4;
    let error = open(saved(&damaged).path()).err().unwrap().to_string();
    assert!(error.contains("the checksum of its footer is wrong"), "{error}");
}

#[test]
fn other_files_and_versions_are_distinguished() {
    let (bytes, _) = written(&flows(3), &[], MAX_DICTIONARY);
    let replaced = |from: &[u8], to: &[u8]| replaced(&bytes, from, to);
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = read_everything(&replaced(b"toptalk.archive", b"another.archive"), file.path());
    assert!(matches!(error, Err(ArchiveError::Foreign { .. })));
    let error = read_everything(
        &replaced(b"toptalk.archive\x18\x013", b"toptalk.archive\x18\x019"),
        file.path(),
    );
    assert!(matches!(error, Err(ArchiveError::Version { .. })));
    let error = open(Path::new("/nowhere/at.all")).err().unwrap();
    assert!(matches!(error, ArchiveError::Io { .. }));
}

fn any_extras() -> impl Strategy<Value = FlowExtras> {
    let bits = proptest::collection::vec(any::<u128>(), FIELDS.len());
    (bits, ".{0,30}").prop_map(|(bits, user)| {
        let (mut flow, mut extras) = (Flow::EMPTY, FlowExtras::NONE);
        for (info, bits) in FIELDS.iter().zip(bits).filter(|(info, _)| info.field.is_extra()) {
            let value = match info.store {
                StoredType::Address => FieldValue::Address(Host(bits)),
                StoredType::Text => FieldValue::Text(FlowText::new(&user)),
                StoredType::Unsigned(width) => FieldValue::Number(bits as u64 >> (64 - width)),
                _ => FieldValue::Number(bits as u64),
            };
            info.field.set(value, &mut flow, &mut extras);
        }
        extras
    })
}

fn any_flow() -> impl Strategy<Value = Flow> {
    let extreme = prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), any::<i64>()];
    let times = [extreme.clone(), extreme.clone(), extreme.clone(), extreme];
    let count = || prop_oneof![Just(u64::MAX), Just(0), any::<u64>(), 0u64..100];
    let numbers = (any::<[u32; 6]>(), any::<[u16; 3]>(), any::<[u8; 6]>());
    let flags = (any::<bool>(), 0u8..3, 0u32..6);
    (any::<[u128; 4]>(), times, count(), count(), numbers, flags).prop_map(
        |(hosts, [first, last, arrival, clock_offset], bytes, packets, numbers, flags)| {
            let (words, shorts, small) = numbers;
            Flow {
                src: Host(hosts[0]),
                dst: Host::v4(hosts[1] as u32 & 3),
                next_hop: Host(hosts[2]),
                exporter: Host(hosts[3] & 1),
                domain: words[0],
                first: Time(first),
                last: Time(last),
                arrival: Time(arrival),
                clock_offset,
                bytes,
                packets,
                sampling: Sampling::one_in(words[1]),
                input: words[2],
                output: words[3],
                src_as: words[4],
                dst_as: words[5],
                sport: shorts[0],
                dport: shorts[1],
                vlan: shorts[2],
                proto: small[0],
                tcp_flags: small[1],
                tos: small[2],
                src_mask: small[3],
                dst_mask: small[4],
                direction: small[5],
                timed: flags.0,
                translated: false,
                is_many: false,
                packet_sample: false,
                coarse_clock: false,
                session: 0,
                duplicate: Duplicate::of(flags.1),
                more: flags.2,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_flows_are_read_back(
        flows in prop::collection::vec(any_flow(), 1..300),
        extras in prop::collection::vec(any_extras(), 0..5),
        max_dictionary in prop_oneof![Just(0), Just(MAX_DICTIONARY)],
    ) {
        check(&flows, &extras, max_dictionary);
    }

    #[test]
    fn decoders_accept_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), count in 0usize..2000) {
        for width in 0..=32 {
            super::bits::runs(&bytes, width, count, &mut Vec::new());
        }
        super::delta::decode(&bytes, count, &mut Vec::new());
        super::page::PageHeader::parse(&bytes);
    }
}
