//! Files to datagrams: captures (`.pcap`, `.pcapng`), IPFIX files (RFC 5655) and
//! files with one raw datagram. Pure: it is given something to read from.
//!
//! What a file is, its first bytes say; its name only where they leave a choice
//! ([`Meant`]).

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

/// Bytes that say what a file is: the longest first block of a pcapng that is
/// waited for.
const HEAD: usize = 4096;

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Packets,
    /// Flows, recorded by whom.
    Flows(&'static str),
    Compressed(&'static str),
    /// An IPFIX file, or a raw datagram.
    Bare,
}

impl Kind {
    fn of(head: &[u8]) -> Kind {
        match head {
            // Classic captures: micro- and nanoseconds, either byte order, and
            // the modified format; then the section header of pcapng.
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

/// Reads a file to its end, or until `take` has had enough.
///
/// # Errors
/// When it is nothing that can be read. What could be read before something
/// damaged was handed out all the same, and is no error.
pub fn read<R: Read + Send>(
    mut file: R,
    meant: ExpectedContent,
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
            messages::read(head, file, meant, take)
        }
    }
}

#[cfg(test)]
mod tests;
