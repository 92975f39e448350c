use super::fragments::{Fragments, MAX_PIECES, MAX_WAITING, ReassembledDatagram};
use super::streams::{MAX_EARLY, MAX_STREAMS, TcpReassembly};
use super::*;
use crate::flow::Time;
use crate::wire::frame::Packet;

fn piece(id: u32, at: u16, more: bool) -> Packet {
    Packet {
        ip_id: id,
        fragment_offset: at,
        fragment: at > 0,
        more_fragments: more,
        ..Packet::default()
    }
}

#[test]
fn pieces_in_any_order_make_a_whole() {
    let mut fragments = Fragments::default();
    assert_eq!(fragments.add(&piece(1, 16, false), &[3; 3], None), None);
    assert_eq!(fragments.add(&piece(1, 0, true), &[1; 8], None), None);
    assert_eq!(fragments.add(&piece(1, 0, true), &[1; 8], None), None, "the same again");
    let whole = fragments.add(&piece(1, 8, true), &[2; 8], None).unwrap();
    assert_eq!(whole, ReassembledDatagram([&[1; 8][..], &[2; 8], &[3; 3]].concat()));
    assert_eq!(fragments.finish(), 0);
}

#[test]
fn what_does_not_fit_spoils_its_datagram_and_no_other() {
    type Pieces<'a> = &'a [(u16, bool, usize)];
    let wrong: [Pieces<'_>; 7] = [
        &[(0, true, 16), (8, false, 8)],
        &[(8, true, 16), (0, true, 16), (24, false, 1)],
        &[(0, true, 9), (16, false, 1)],
        &[(8, false, 8), (24, true, 8), (0, true, 8)],
        &[(16, true, 8), (8, false, 8), (0, true, 8)],
        &[(65528, true, 16), (0, false, 8)],
        &[(0, true, 0), (0, false, 8)],
    ];
    for pieces in wrong {
        let mut fragments = Fragments::default();
        for (at, more, length) in pieces {
            let whole = fragments.add(&piece(1, *at, *more), &vec![0; *length], None);
            assert_eq!(whole, None, "{pieces:?}");
        }
        assert!(fragments.add(&piece(2, 0, false), &[0; 4], None).is_some());
        assert_eq!(fragments.finish(), 1, "{pieces:?}");
    }
}

#[test]
fn waiting_is_bounded_in_number_pieces_and_time() {
    let mut fragments = Fragments::default();
    for id in 0..2 * MAX_WAITING as u32 {
        fragments.add(&piece(id, 0, true), &[0; 8], None);
    }
    assert!(fragments.add(&piece(0, 8, false), &[0; 8], None).is_none(), "the oldest is gone");
    let newest = 2 * MAX_WAITING as u32 - 1;
    assert!(fragments.add(&piece(newest, 8, false), &[0; 8], None).is_some());
    assert_eq!(fragments.finish(), 2 * MAX_WAITING as u64);

    let mut fragments = Fragments::default();
    for n in 0..=MAX_PIECES as u16 {
        fragments.add(&piece(1, n * 8, true), &[0; 8], None);
    }
    let end = (MAX_PIECES as u16 + 1) * 8;
    assert!(fragments.add(&piece(1, end, false), &[0; 8], None).is_none());

    let mut fragments = Fragments::default();
    fragments.add(&piece(1, 0, true), &[0; 8], Some(Time(0)));
    assert!(fragments.add(&piece(1, 8, false), &[0; 8], Some(Time(61_000))).is_none());
    assert_eq!(fragments.finish(), 2);
}

#[test]
fn the_first_bytes_decide_the_format_of_a_file() {
    for (head, kind) in [
        (&[0xd4u8, 0xc3, 0xb2, 0xa1, 2][..], Kind::Packets),
        (&[0x0a, 0x0d, 0x0d, 0x0a], Kind::Packets),
        (&[0x0c, 0xa5], Kind::Flows("nfcapd")),
        (b"PAR1\x15", Kind::Flows("Parquet")),
        (b"TTJOURN\n", Kind::Flows("toptalk")),
        (&[0x1f, 0x8b, 8], Kind::Compressed("gzip")),
        (&[0, 10, 0, 16], Kind::Bare),
        (&[0, 9], Kind::Bare),
        (&[], Kind::Bare),
    ] {
        assert_eq!(Kind::of(head), kind, "{head:?}");
    }
    assert_eq!(ExpectedContent::by("a/b.dat"), ExpectedContent::OneDatagram);
    assert_eq!(ExpectedContent::by("a/b.ipfix"), ExpectedContent::Messages);
}

/// An IPFIX message of a length, filled with a byte.
fn message(length: u16, fill: u8) -> Vec<u8> {
    let mut message = vec![fill; usize::from(length)];
    message[..2].copy_from_slice(&[0, 10]);
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message
}

fn end(sport: u16, flags: u8) -> Packet {
    Packet { proto: 6, sport, dport: 4739, tcp_flags: flags, ..Packet::default() }
}

#[test]
fn messages_come_out_of_streams_however_they_are_cut() {
    let whole = [message(40, 1), message(16, 2), message(100, 3)];
    let bytes = whole.concat();
    for size in 1..=bytes.len() {
        let start = u32::MAX - 50;
        let chunks: Vec<(u32, &[u8])> = bytes
            .chunks(size)
            .enumerate()
            .map(|(n, chunk)| (start.wrapping_add(1 + (n * size) as u32), chunk))
            .collect();
        let pairs = chunks.chunks(2).flat_map(|pair| pair.iter().rev());
        let mut streams = TcpReassembly::default();
        streams.segment(&end(1, 2), start, &[]);
        let mut got = Vec::new();
        for (sequence, chunk) in pairs {
            got.extend(streams.segment(&end(1, 0x10), *sequence, chunk));
            got.extend(streams.segment(&end(1, 0x10), *sequence, chunk));
        }
        assert_eq!(got, whole, "in pieces of {size}");
        assert_eq!(streams.finish(), 0, "in pieces of {size}");
    }
}

#[test]
fn streams_are_joined_at_a_message_bounded_and_their_gaps_counted() {
    let mut streams = TcpReassembly::default();
    assert!(streams.segment(&end(1, 0x10), 5, &[7; 20]).is_empty(), "no message begins here");
    assert_eq!(streams.segment(&end(1, 0x10), 25, &message(20, 1)), [message(20, 1)]);
    assert!(streams.segment(&end(1, 0x10), 65, &message(20, 2)).is_empty(), "20 are missing");
    assert_eq!(streams.finish(), 2);
    for n in 0..=MAX_EARLY as u32 {
        streams.segment(&end(1, 0x10), 100 + n, &[1]);
    }
    assert_eq!(streams.segment(&end(1, 0x10), 9000, &message(16, 3)), [message(16, 3)]);
    for sport in 0..2 * MAX_STREAMS as u16 {
        streams.segment(&end(sport, 2), 0, &[]);
    }
    assert!(streams.segment(&end(0, 0x10), 1, &[9; 9]).is_empty());
    // Gaps in a connection that is not IPFIX are not counted.
    let mut streams = TcpReassembly::default();
    let web = Packet { dport: 80, ..end(1, 0x10) };
    streams.segment(&Packet { tcp_flags: 2, ..web.clone() }, 0, &[]);
    assert!(streams.segment(&web, 1, b"GET / HTTP/1.1").is_empty());
    assert_eq!(streams.finish(), 0);
}
