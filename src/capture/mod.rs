//! Files to datagrams: captures (`.pcap`, `.pcapng`), IPFIX files (RFC 5655) and
//! files with one raw datagram. Pure: it is given something to read from.
//!
//! What a file is, its first bytes say; its name only where they leave a choice
//! ([`Meant`]).

mod fragments;
mod messages;
mod packets;
mod streams;

use std::fmt;
use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;

use crate::flow::{Host, Time};

/// The longest raw datagram: what the length field of UDP can say.
pub const MAX_RAW: usize = 65_535;

/// Bytes that say what a file is: the longest first block of a pcapng that is
/// waited for.
const HEAD: usize = 4096;

/// One datagram out of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datagram {
    /// When it was captured; `None` where the file does not say.
    pub time: Option<Time>,
    /// Who sent it; `None` where the file does not say.
    pub source: Option<Host>,
    /// UDP ports, likewise.
    pub sport: Option<u16>,
    pub dport: Option<u16>,
    pub payload: Vec<u8>,
}

/// What reading a file comes upon.
#[derive(Debug)]
pub enum Item {
    Datagram(Datagram),
    Problem(Problem),
}

/// Why part of a file gave nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It ends in the middle of something, or goes on with something else.
    #[default]
    Damaged,
    /// Packets of a link type that is not read.
    LinkType(i32),
    /// Packets of which the capture kept only the beginning.
    CutPacket,
    /// Datagrams whose fragments do not make a whole.
    Fragments,
    /// Gaps in IPFIX over TCP.
    Tcp,
}

impl Trouble {
    /// A short stable name, as for the causes of the decoder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Trouble::Damaged => "damaged_file",
            Trouble::LinkType(_) => "link_type",
            Trouble::CutPacket => "cut_packet",
            Trouble::Fragments => "fragments",
            Trouble::Tcp => "tcp_gaps",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Damaged => f.write_str(
                "the file is cut off or damaged here; what came before it was used",
            ),
            Trouble::LinkType(number) => write!(
                f,
                "packets of link type {number}, which is not read; capture on an Ethernet interface"
            ),
            Trouble::CutPacket => {
                f.write_str("packets that the capture cut short; capture whole ones, with tcpdump -s 0")
            }
            Trouble::Fragments => f.write_str(
                "datagrams whose fragments are missing, overlap or are too many; nothing of them was used",
            ),
            Trouble::Tcp => f.write_str(
                "gaps in IPFIX over TCP; start the capture before the device connects, and capture all of it",
            ),
        }
    }
}

/// What was amiss in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    pub trouble: Trouble,
    /// How often.
    pub count: u64,
    /// Bytes into the file, where there is one place.
    pub at: Option<u64>,
}

impl Default for Problem {
    fn default() -> Problem {
        Problem { trouble: Trouble::default(), count: 1, at: None }
    }
}

/// Why nothing of a file could be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the file is empty")]
    Empty,
    #[error(
        "this is a file of flows ({0}), no capture: `toptalk query -r` asks it, \
        `toptalk replay -r` sends it"
    )]
    Flows(&'static str),
    #[error("the file is compressed ({0}): unpack it first")]
    Compressed(&'static str),
    #[error("the file begins like a capture, but its first block is damaged")]
    BadCapture,
    #[error(
        "expected a capture (.pcap, .pcapng), an IPFIX file or one raw datagram; \
        this is longer than a datagram ({MAX_RAW} bytes) and none of the others"
    )]
    Unknown,
}

/// Gets what is read, and says whether to go on.
pub type Take<'a> = dyn FnMut(Item) -> ControlFlow<()> + 'a;

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

/// What is meant to be in a file whose bytes could be a datagram with stale ones
/// behind it, or IPFIX messages one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Meant {
    #[default]
    Messages,
    OneDatagram,
}

impl Meant {
    /// By the end of a file's name, which decides nothing else.
    #[must_use]
    pub fn by(name: &str) -> Meant {
        let raw = [".dat", ".bin", ".raw"];
        if raw.iter().any(|end| name.ends_with(end)) { Meant::OneDatagram } else { Meant::Messages }
    }
}

/// Reads a file to its end, or until `take` has had enough.
///
/// # Errors
/// When it is nothing that can be read. What could be read before something
/// damaged was handed out all the same, and is no error.
pub fn read<R: Read + Send>(
    mut file: R,
    meant: Meant,
    take: &mut Take<'_>,
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

/// Reads until `head` has `length` bytes or there are no more.
fn fill(file: &mut impl Read, head: &mut Vec<u8>, length: usize) -> io::Result<()> {
    let missing = length.saturating_sub(head.len());
    file.take(missing as u64).read_to_end(head).map(|_| ())
}

#[cfg(test)]
mod tests;
