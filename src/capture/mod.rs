//! Reads datagrams from files: captures (`.pcap`, `.pcapng`), IPFIX files (RFC 5655) and files
//! with one raw datagram. Pure: a reader is the argument.
//!
//! The first bytes of a file decide its format. Its name decides only between formats that begin
//! in the same way ([`ExpectedContent`]).

mod fragments;
mod item;
mod messages;
mod packets;
mod streams;

pub use item::{
    CaptureIssue, CaptureProblem, CapturedDatagram, Consumer, Item, MAX_RAW, Unreadable,
};
pub use messages::ExpectedContent;

use std::io::{Cursor, Read};

use self::messages::fill;

/// Bytes that are read to find the format: more than the first block of a pcapng file usually
/// has.
const HEAD: usize = 4096;

/// Format of a file, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Packets,
    /// A file of flows, in the named format.
    Flows(&'static str),
    Compressed(&'static str),
    /// An IPFIX file, or a raw datagram.
    Bare,
}

impl Kind {
    fn of(head: &[u8]) -> Kind {
        match head {
            // Classic captures: microseconds and nanoseconds, either byte order, and the
            // modified format; then the section header of pcapng.
            [0xa1, 0xb2, 0xc3, 0xd4, ..]
            | [0xd4, 0xc3, 0xb2, 0xa1, ..]
            | [0xa1, 0xb2, 0x3c, 0x4d, ..]
            | [0x4d, 0x3c, 0xb2, 0xa1, ..]
            | [0xa1, 0xb2, 0xcd, 0x34, ..]
            | [0x34, 0xcd, 0xb2, 0xa1, ..]
            | [0x0a, 0x0d, 0x0d, 0x0a, ..] => Kind::Packets,
            [0x0c, 0xa5, ..] | [0xa5, 0x0c, ..] => Kind::Flows("nfcapd"),
            [b'P', b'A', b'R', b'1', ..] => Kind::Flows("Parquet"),
            [b'T', b'T', b'J', b'O', b'U', b'R', b'N', ..] => Kind::Flows("toptalk"),
            [0x1f, 0x8b, ..] => Kind::Compressed("gzip"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Compressed("zstd"),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Kind::Compressed("xz"),
            [b'B', b'Z', b'h', ..] => Kind::Compressed("bzip2"),
            _ => Kind::Bare,
        }
    }
}

/// Reads a file to its end, or until `take` asks to stop.
///
/// # Errors
/// When the file is in no format that can be read. Items before damage in a file are handed out,
/// and the damage is reported as an item, not as an error.
pub fn read<R: Read + Send>(
    mut file: R,
    expected: ExpectedContent,
    take: &mut Consumer<'_>,
) -> Result<(), Unreadable> {
    let mut head = Vec::new();
    fill(&mut file, &mut head, HEAD)?;
    match Kind::of(&head) {
        _ if head.is_empty() => Err(Unreadable::Empty),
        Kind::Packets => packets::read(Cursor::new(head).chain(file), take),
        Kind::Flows(whose) => Err(Unreadable::Flows(whose)),
        Kind::Compressed(how) => Err(Unreadable::Compressed(how)),
        Kind::Bare => {
            fill(&mut file, &mut head, MAX_RAW + 1)?;
            messages::read(head, file, expected, take)
        }
    }
}

#[cfg(test)]
mod tests;
