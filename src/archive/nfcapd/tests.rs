//! Files that the tests build, complete and damaged.

use std::io::Write;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::flow::column::Vector;
use crate::flow::field::Field;
use crate::flow::{Host, Time};

/// An extension: number, length, body.
fn extension(number: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 4).unwrap();
    [&number.to_le_bytes(), &length.to_le_bytes(), body].concat()
}

fn generic(first: u64, packets: u64) -> Vec<u8> {
    let mut body = Vec::new();
    for number in [first, first + 1000, 1_700_000_100_000, packets, packets * 100] {
        body.extend(number.to_le_bytes());
    }
    for port in [40_000u16, 443] {
        body.extend(port.to_le_bytes());
    }
    body.extend([6, 0x1b, 0x40, 0x48]);
    extension(1, &body)
}

fn addresses() -> Vec<u8> {
    extension(2, &[1, 0, 0, 10, 2, 0, 0, 10])
}

/// A flow record with these extensions.
fn record(extensions: &[Vec<u8>]) -> Vec<u8> {
    let body = extensions.concat();
    let mut record = Vec::new();
    for number in [11, 12 + body.len(), extensions.len()] {
        record.extend(u16::try_from(number).unwrap().to_le_bytes());
    }
    record.extend([1, 2, 7, 0, 0, 9]);
    record.extend(body);
    record
}

/// A flow that is identified by its number of packets.
fn flow(packets: u64) -> Vec<u8> {
    record(&[generic(1_700_000_000_000, packets), addresses()])
}

/// LZO1X without copies: one run of literals, and the end.
fn lzo_literals(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    let mut rest = bytes.len() - 18;
    while rest > 255 {
        out.push(0);
        rest -= 255;
    }
    out.push(u8::try_from(rest).unwrap());
    out.extend(bytes);
    out.extend([0x11, 0, 0]);
    out
}

fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Lzo => lzo_literals(bytes),
        Compression::Bzip2 => {
            let mut encoder =
                bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Lz4 => lz4_flex::block::compress(bytes),
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
    }
}

const ALL: [Compression; 5] =
    [Compression::None, Compression::Lzo, Compression::Bzip2, Compression::Lz4, Compression::Zstd];

/// A file of blocks, each with some records.
fn file(compression: Compression, blocks: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut data = Vec::new();
    for records in blocks {
        let content = compress(compression, &records.concat());
        for number in [records.len(), content.len()] {
            data.extend(u32::try_from(number).unwrap().to_le_bytes());
        }
        data.extend([3, 0, 0, 0]);
        data.extend(content);
    }
    let mut file = vec![0x0c, 0xa5, 2, 0, 0, 1, 7, 1];
    file.extend(1_700_000_000u64.to_le_bytes());
    let number = ALL.iter().position(|each| *each == compression).unwrap();
    file.extend([u8::try_from(number).unwrap(), 0, 0, 0, 1, 0, 0, 0]);
    file.extend((FILE_HEADER + data.len()).to_le_bytes());
    file.extend([0; 4]);
    file.extend(u32::try_from(blocks.len()).unwrap().to_le_bytes());
    file.extend(data);
    file
}

/// The packet counters of all flows in `bytes`, and the errors.
fn packets(bytes: &[u8]) -> Result<(Vec<u64>, Vec<String>), ArchiveError> {
    let mut on_disk = tempfile::NamedTempFile::new().unwrap();
    on_disk.write_all(bytes).unwrap();
    let (mut packets, mut problems) = (Vec::new(), Vec::new());
    for chunk in open(on_disk.path())? {
        match chunk {
            Ok(chunk) => packets.extend(column(chunk, Field::Packets)),
            Err(error) => problems.push(error.to_string()),
        }
    }
    Ok((packets, problems))
}

fn column(mut chunk: Box<dyn ColumnChunk>, field: Field) -> Vec<u64> {
    let mut out = Vector::default();
    chunk.read(field, 0, &mut out).unwrap();
    assert_eq!((chunk.pages(), out.len()), (1, chunk.rows()));
    let Vector::Numbers(numbers) = out else { panic!("numbers") };
    numbers
}

fn read_one(record: &[u8]) -> Record {
    Record::read(record, &Exporters::new()).unwrap()
}

#[test]
fn every_compression_gives_the_same_flows() {
    let blocks = [vec![flow(1), flow(2)], vec![flow(3)], vec![flow(4), flow(5), flow(6)]];
    for compression in ALL {
        let (flows, problems) = packets(&file(compression, &blocks)).unwrap();
        assert_eq!(flows, [1, 2, 3, 4, 5, 6], "{compression:?}");
        assert!(problems.is_empty(), "{compression:?}: {problems:?}");
    }
}

#[test]
fn a_chunk_has_at_most_a_page_of_rows() {
    let records: Vec<_> = (0..70_000).map(flow).collect();
    let (flows, problems) = packets(&file(Compression::Lz4, &[records])).unwrap();
    assert_eq!(flows, Vec::from_iter(0..70_000));
    assert!(problems.is_empty());
}

#[test]
fn counters_of_both_directions_are_two_flows() {
    let numbers: Vec<u8> = [1u64, 7, 900].iter().flat_map(|n| n.to_le_bytes()).collect();
    let misc: Vec<u8> = [3u32, 4].iter().flat_map(|n| n.to_le_bytes()).collect();
    let misc = [misc, vec![24, 16, 1, 0x88, 0, 0, 0x12, 0]].concat();
    let both = read_one(&record(&[
        generic(1_700_000_000_000, 5),
        addresses(),
        extension(4, &misc),
        extension(5, &numbers),
    ]));
    let there = both.flow;
    assert_eq!((there.packets, there.bytes, there.direction), (5, 500, 1));
    assert_eq!((there.input, there.output, there.src_mask, there.dst_mask), (3, 4, 24, 16));
    assert_eq!((there.tos, both.extras.dst_tos, both.extras.forwarding), (0x48, 0x88, 0x40));
    assert_eq!(there.domain, 0x102, "engine type and id, where no exporter is named");
    let back = both.reversed().unwrap();
    assert_eq!((back.src, back.dst), (there.dst, there.src));
    assert_eq!((back.packets, back.bytes, back.tcp_flags), (7, 900, 0x12));
    assert_eq!((back.input, back.sport, back.dport), (4, 443, 40_000));

    let out =
        read_one(&record(&[generic(1_700_000_000_000, 0), addresses(), extension(5, &numbers)]));
    assert_eq!((out.flow.packets, out.flow.bytes), (7, 900));
    assert_eq!(out.reversed(), None, "counters of the reverse direction alone are the flow's own");
}

#[test]
fn flows_without_times_take_those_of_their_event_or_arrival() {
    let mut untimed = generic(0, 5);
    untimed[12..20].fill(0);
    let plain = read_one(&record(&[untimed.clone(), addresses()])).flow;
    assert_eq!((plain.timed, plain.first, plain.last), (false, plain.arrival, plain.arrival));
    assert_eq!(plain.arrival, Time(1_700_000_100_000));
    let mut event = [0; 16];
    event[..8].copy_from_slice(&1_700_000_050_000u64.to_le_bytes());
    event[14] = 2;
    let event = read_one(&record(&[untimed, addresses(), extension(19, &event)]));
    assert_eq!((event.flow.timed, event.flow.first), (true, Time(1_700_000_050_000)));
    assert_eq!(event.extras.nat_event, 2);
    // A time outside the calendar.
    let odd = read_one(&record(&[generic(u64::MAX - 2000, 5), addresses()])).flow;
    assert!(!odd.timed);
}

#[test]
fn records_name_their_exporter_by_number_or_themselves() {
    let mut info = vec![7, 0, 32, 0, 9, 0, 0, 0];
    info.extend([0; 8]);
    info.extend([9, 0, 0, 127, 0, 0, 0, 0, 2, 0, 7, 0]);
    info.extend(4242u32.to_le_bytes());
    let mut exporters = Exporters::new();
    exporters.extend(record::exporter(&info));
    let named = Record::read(&flow(1), &exporters).unwrap().flow;
    assert_eq!((named.exporter, named.domain), (Host::octets(127, 0, 0, 9), 4242));
    let own = record(&[generic(1, 1), addresses(), extension(12, &[8, 0, 0, 127])]);
    let own = Record::read(&own, &exporters).unwrap().flow;
    assert_eq!(own.exporter, Host::octets(127, 0, 0, 8));
}

#[test]
fn unknown_extensions_records_and_blocks_are_skipped() {
    let odd = record(&[extension(999, &[1; 40]), generic(1_700_000_000_000, 9), addresses()]);
    let unknown = [&99u16.to_le_bytes()[..], &8u16.to_le_bytes(), &[1; 4]].concat();
    let mut bytes = file(Compression::None, &[vec![unknown, odd], vec![flow(1)], vec![flow(2)]]);
    assert_eq!(packets(&bytes).unwrap(), (vec![9, 1, 2], vec![]));
    // The second block becomes one of another type.
    let second = FILE_HEADER + 12 + 8 + 44 + 12 + 52 + 12;
    assert_eq!(bytes[second + 8], 3);
    bytes[second + 8] = 4;
    assert_eq!(packets(&bytes).unwrap(), (vec![9, 2], vec![]));
}

#[test]
fn damage_affects_only_its_block() {
    let blocks = [vec![flow(1)], vec![flow(2)], vec![flow(3)]];
    for compression in ALL {
        let mut bytes = file(compression, &blocks);
        let size = (bytes.len() - FILE_HEADER) / 3;
        // In the middle block: its content, or the length of its record.
        bytes[FILE_HEADER + size + 12..FILE_HEADER + size + 30].fill(0);
        let (flows, problems) = packets(&bytes).unwrap();
        assert_eq!(flows, [1, 3], "{compression:?}");
        assert_eq!(problems.len(), 1, "{compression:?}: {problems:?}");
        assert!(problems[0].contains("block at byte"), "{problems:?}");
    }
}

#[test]
fn other_layouts_and_other_files_are_refused_with_advice() {
    let whole = file(Compression::None, &[vec![flow(1)]]);
    let altered = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        packets(&bytes).unwrap_err().to_string()
    };
    assert!(altered(2, 1).contains("`nfdump -r OLD -w NEW`"));
    assert!(altered(2, 3).contains("layout 3"));
    assert!(altered(16, 9).contains("found 9"));
    assert!(altered(17, 1).contains("encrypted"));
    assert!(altered(0, 0).contains("not a toptalk or nfcapd file"));
    assert!(packets(&[0xa5, 0x0c]).unwrap_err().to_string().contains("byte order"));
    assert!(packets(&whole[..20]).unwrap_err().to_string().contains("within its header"));
    assert!(packets(&[]).is_err());
}

#[test]
fn of_a_file_that_is_being_written_the_complete_blocks_are_read() {
    let mut bytes = file(Compression::Lz4, &[vec![flow(1)], vec![flow(2)]]);
    bytes[24..32].fill(0);
    bytes[36..40].fill(0);
    assert_eq!(packets(&bytes).unwrap(), (vec![1, 2], vec![]));
    bytes.pop();
    assert_eq!(packets(&bytes).unwrap(), (vec![1], vec![]));
}

#[test]
fn wherever_a_file_is_cut_complete_blocks_are_read_and_the_rest_is_reported() {
    let whole = file(Compression::None, &[vec![flow(1)], vec![flow(2)]]);
    let block = (whole.len() - FILE_HEADER) / 2;
    for end in FILE_HEADER..whole.len() {
        let (flows, problems) = packets(&whole[..end]).unwrap();
        assert_eq!(flows.len(), (end - FILE_HEADER) / block, "cut to {end}");
        assert_eq!(problems.len(), 1, "cut to {end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_file_content_panics(
        which in 0..5usize,
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        end in any::<Index>(),
    ) {
        let blocks = [vec![flow(1), flow(2)], vec![flow(3)], vec![flow(4)]];
        let mut bytes = file(ALL[which], &blocks);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() / 2 + end.index(bytes.len()));
        if let Ok((flows, _)) = packets(&bytes) {
            prop_assert!(flows.len() <= MAX_BLOCK / RECORD_HEADER);
        }
    }
}
