//! Seeds for the fuzzer: files of archives, and arguments of queries.

use toptalk::archive::journal::{Block, JournalHeader};
use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::flow::{Duplicate, Flow, FlowExtras, Host, Sampling};

use super::datagrams::START;

/// Flows of both address families, some with extra fields.
pub fn flows(count: u64) -> (Vec<Flow>, Vec<FlowExtras>) {
    let flow = |n: u64| Flow {
        src: if n % 5 == 4 {
            Host(0x2001_0db8 << 96 | u128::from(n))
        } else {
            Host::octets(10, 0, (n % 3) as u8, n as u8)
        },
        dst: Host::octets(203, 0, 113, (n % 7) as u8),
        exporter: Host::octets(192, 0, 2, 1),
        arrival: START.plus_ms(n as i64),
        first: START.plus_ms(n as i64 - 4000),
        last: START.plus_ms(n as i64 - 1000),
        bytes: n * n * 40 + 40,
        packets: n + 1,
        sport: (40_000 + n * 13) as u16,
        dport: 443,
        proto: if n % 6 == 5 { 1 } else { 6 },
        tcp_flags: (n % 32) as u8,
        src_mask: 24,
        duplicate: Duplicate::of(u8::from(n % 11 == 10)),
        sampling: Sampling::one_in((n % 2) as u32 * 10),
        more: (n % 4) as u32,
        ..Flow::EMPTY
    };
    let more =
        |n: u64| FlowExtras { in_src_mac: 0x00a0_b0c0_d000 + n, min_ttl: 60, ..FlowExtras::NONE };
    ((0..count).map(flow).collect(), (0..3).map(more).collect())
}

fn segment(count: u64) -> Vec<u8> {
    let (flows, more) = flows(count);
    let mut bytes = Vec::new();
    let slot = SlotInfo { start: START, length_ms: 300_000 };
    encode(&flows, &more, &slot, &mut bytes).expect("a vector grows");
    bytes
}

fn journal(blocks: &[u64]) -> Vec<u8> {
    let mut bytes = JournalHeader { slot: START, slot_seconds: 300 }.bytes().to_vec();
    let mut block = Block::default();
    for count in blocks {
        let (flows, more) = flows(*count);
        block.extend(&flows, &more);
        bytes.extend_from_slice(block.bytes());
        block.clear();
    }
    bytes
}

/// A record of nfdump: a header and extensions.
fn record(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (number, bytes) in extensions {
        body.extend(number.to_le_bytes());
        body.extend((bytes.len() as u16 + 4).to_le_bytes());
        body.extend(bytes);
    }
    let mut record = Vec::new();
    for number in [11, 12 + body.len() as u16, extensions.len() as u16] {
        record.extend(number.to_le_bytes());
    }
    record.extend([1, 2, 7, 0, 0, 9]);
    record.extend(body);
    record
}

/// A record with each extension that is read, with counters of both directions.
fn nfdump_record(n: u64) -> Vec<u8> {
    let words = |words: &[u64]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let start = START.0.unsigned_abs();
    let mut generic = words(&[start, start + 1000, start + 9000, n + 1, n * 100]);
    generic.extend([0x40, 0x9c, 0xbb, 1, 6, 0x1b, 0x40, 0x48]);
    let addresses = match n % 2 {
        0 => (2, vec![1, 0, 0, 10, n as u8, 0, 0, 10]),
        _ => (3, words(&[0x2001_0db8 << 32, n, 0x2001_0db8 << 32, 7])),
    };
    let mut all = vec![(1, generic), addresses];
    if n.is_multiple_of(3) {
        let numbers: [u16; 15] = [4, 5, 6, 7, 8, 10, 12, 14, 15, 16, 20, 22, 25, 33, 38];
        all.extend(numbers.map(|number| (number, vec![n as u8 + 1; 40])));
    }
    record(&all)
}

/// A file of nfcapd with one block, compressed by `pack`.
fn nfcapd(compression: u8, pack: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut data = Vec::new();
    for block in 0..3u64 {
        let records: Vec<u8> = (block * 4..block * 4 + 4).flat_map(nfdump_record).collect();
        let content = pack(&records);
        for number in [4, content.len() as u32] {
            data.extend(number.to_le_bytes());
        }
        data.extend([3, 0, 0, 0]);
        data.extend(content);
    }
    let mut file = vec![0x0c, 0xa5, 2, 0, 0, 1, 7, 1];
    file.extend((START.0.unsigned_abs() / 1000).to_le_bytes());
    file.extend([compression, 0, 0, 0, 1, 0, 0, 0]);
    file.extend((40 + data.len() as u64).to_le_bytes());
    file.extend([0; 4]);
    file.extend(3u32.to_le_bytes());
    file.extend(data);
    file
}

/// LZO data that has literals only: one run of them, and the end.
fn lzo(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    let rest = bytes.len() - 18;
    out.extend(vec![0; (rest - 1) / 255]);
    out.push((rest - (rest - 1) / 255 * 255) as u8);
    out.extend(bytes);
    out.extend([0x11, 0, 0]);
    out
}

/// Files, each behind the byte that chooses its kind.
pub fn archive() -> Vec<Vec<u8>> {
    let of = |kind: u8, files: Vec<Vec<u8>>| {
        files.into_iter().map(move |file| [vec![kind], file].concat())
    };
    let segments = of(0, vec![segment(1), segment(40), segment(300)]);
    let journals = of(1, vec![journal(&[]), journal(&[1]), journal(&[5, 2, 9])]);
    let plain = |bytes: &[u8]| bytes.to_vec();
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).expect("it compresses");
    let files = vec![
        nfcapd(0, plain),
        nfcapd(1, lzo),
        nfcapd(3, lz4_flex::block::compress),
        nfcapd(4, zstd),
    ];
    segments.chain(journals).chain(of(2, files)).collect()
}

const FILTERS: &str = include_str!("../peers/nfdump_filter/filters.txt");

const WORDS: &[&str] = &[
    "srcip",
    "dstip:p/bytes/packets",
    "record/bps",
    "srcip4/24,dstport",
    "net/8",
    "xdstport",
    "mpls10",
    "bytes",
    "tstart",
    "line",
    "fmt:%ts %sap -> %dap %flg %byt%n",
    "csv:%ts,%sa,%mpls1",
    "fmt:%bilong %odid",
    "2026-04-10T12:30",
    "2h",
    "yesterday",
    "2026-10-25T02:30",
    "2026/04/10.12-2026/04/10.12:30:05",
    "+10",
    "-90",
    "/a/nfcapd.202604101200:nfcapd.202604171200",
    "a/b:c:d",
    "flows.202611240340Z-2.parquet",
    "nfcapd.202611240440+0100",
    "3",
];

const LINES: &[&str] = &[
    "-R\x00a\x00-s\x00dstip\x00-O\x00bytes\x00-n\x0010\x00dst\x00net\x0010.0.0.0/8",
    "-r\x00f\x00-o\x00csv\x00-t\x002026/04/10\x00-6\x00-q\x00--rates\x00own\x00any",
    "-M\x00/a:b\x00-A\x00srcip,dstport\x00-B\x00-N\x00--tz\x00CET-1CEST,M3.5.0,M10.5.0/3",
    "-r\x00f\x00--to\x00127.0.0.1:2055\x00--as\x00v9\x00--speed\x0010x\x00--keep-times",
    "-R\x00a\x00-w\x00b\x00-S\x001\x00--slot\x0060",
    "-p\x002055\x00-w\x00d\x00-t\x0060\x00--expire-age\x0030d",
    "-m",
    "-v\x00f",
];

/// Filters, arguments and command lines, each behind the byte that chooses its kind.
pub fn query() -> Vec<Vec<u8>> {
    let of = |kind: u8, text: &str| [&[kind], text.as_bytes()].concat();
    let is_filter = |line: &&str| !line.is_empty() && !line.starts_with('#');
    // The list of filters is long; every third line covers all kinds.
    let filters = FILTERS.lines().filter(is_filter).step_by(3).map(|line| of(0, line));
    let words = WORDS.iter().map(|word| of(1, word));
    filters.chain(words).chain(LINES.iter().map(|line| of(2, line))).collect()
}
