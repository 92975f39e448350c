//! What is read from a file: datagrams and problems.

use std::fmt;
use std::io;
use std::ops::ControlFlow;

use crate::flow::{Host, SenderAddress, Time};

/// Maximum length of a raw datagram in bytes, as the length field of UDP has it.
pub const MAX_RAW: usize = 65_535;

/// One datagram from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapturedDatagram {
    /// When it was captured; `None` when the file does not have it.
    pub time: Option<Time>,
    /// Address of its sender; `None` when the file does not have it.
    pub source: Option<Host>,
    /// UDP source port; `None` when the file does not have it.
    pub sport: Option<u16>,
    /// UDP destination port; `None` when the file does not have it.
    pub dport: Option<u16>,
    /// The UDP payload.
    pub payload: Vec<u8>,
}

impl CapturedDatagram {
    /// Where it came from, as far as the file has it.
    #[must_use]
    pub fn sender(&self) -> SenderAddress {
        let host = self.source.unwrap_or(Host::UNSPECIFIED);
        SenderAddress { host, port: self.sport.unwrap_or(0) }
    }
}

/// What is read from a file.
#[derive(Debug)]
pub enum Item {
    /// A datagram.
    Datagram(CapturedDatagram),
    /// A part of the file that could not be used.
    Problem(CaptureProblem),
}

/// Why part of a file could not be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CaptureIssue {
    /// The file ends in the middle of something, or something else follows.
    #[default]
    Damaged,
    /// Packets of a link type that cannot be read.
    LinkType(i32),
    /// Packets of which the capture kept only the beginning.
    CutPacket,
    /// Datagrams with missing or invalid fragments.
    Fragments,
    /// Gaps in IPFIX over TCP.
    Tcp,
}

impl CaptureIssue {
    /// A short stable name, like those of the decoder's causes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CaptureIssue::Damaged => "damaged_file",
            CaptureIssue::LinkType(_) => "link_type",
            CaptureIssue::CutPacket => "cut_packet",
            CaptureIssue::Fragments => "fragments",
            CaptureIssue::Tcp => "tcp_gaps",
        }
    }
}

impl fmt::Display for CaptureIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaptureIssue::Damaged => f.write_str(
                "the file is cut off or damaged here; everything before this place was used",
            ),
            CaptureIssue::LinkType(number) => write!(
                f,
                "packets of link type {number}, which toptalk cannot read; capture on an Ethernet interface"
            ),
            CaptureIssue::CutPacket => {
                f.write_str("packets of which the capture has only the beginning; capture complete packets, with tcpdump -s 0")
            }
            CaptureIssue::Fragments => f.write_str(
                "datagrams with missing, overlapping or too many fragments; they were not used",
            ),
            CaptureIssue::Tcp => f.write_str(
                "gaps in IPFIX over TCP; start the capture before the device connects, and capture the whole connection",
            ),
        }
    }
}

/// A problem in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureProblem {
    /// What kind of problem it is.
    pub issue: CaptureIssue,
    /// How often it occurred.
    pub count: u64,
    /// Offset in the file, in bytes, if it occurred at one place.
    pub at: Option<u64>,
}

impl Default for CaptureProblem {
    fn default() -> CaptureProblem {
        CaptureProblem { issue: CaptureIssue::default(), count: 1, at: None }
    }
}

/// Why no part of a file could be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Reading the file failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The file holds recorded flows, in the named format.
    #[error(
        "this is a file of flows ({0}), not a capture: use `toptalk query -r` to query it, \
        `toptalk replay -r` to send it"
    )]
    Flows(&'static str),
    /// The file is compressed, in the named format.
    #[error("the file is compressed ({0}): unpack it first")]
    Compressed(&'static str),
    /// The first block of a capture is damaged.
    #[error("the file begins like a capture, but its first block is damaged")]
    BadCapture,
    /// The file is in no format that can be read, and longer than a datagram.
    #[error(
        "expected a capture (.pcap, .pcapng), an IPFIX file or one raw datagram; \
        this is longer than a datagram ({MAX_RAW} bytes) and none of the others"
    )]
    Unknown,
}

/// Is called with each item. Returns whether to continue.
pub type Consumer<'a> = dyn FnMut(Item) -> ControlFlow<()> + 'a;
