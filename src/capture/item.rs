//! What reading a file comes upon: datagrams, and why there are not more.

use std::fmt;
use std::io;
use std::ops::ControlFlow;

use crate::flow::{Host, Time};

/// The longest raw datagram: what the length field of UDP can say.
pub const MAX_RAW: usize = 65_535;

/// One datagram out of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapturedDatagram {
    /// When it was captured; `None` where the file does not say.
    pub time: Option<Time>,
    /// Who sent it; `None` where the file does not say.
    pub source: Option<Host>,
    /// UDP ports, likewise.
    pub sport: Option<u16>,
    /// UDP destination port, likewise.
    pub dport: Option<u16>,
    /// The UDP payload.
    pub payload: Vec<u8>,
}

/// What reading a file comes upon.
#[derive(Debug)]
pub enum Item {
    /// A datagram.
    Datagram(CapturedDatagram),
    /// A part of the file that could not be used.
    Problem(CaptureProblem),
}

/// Why part of a file gave nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CaptureIssue {
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

impl CaptureIssue {
    /// A short stable name, as for the causes of the decoder.
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
                "the file is cut off or damaged here; what came before it was used",
            ),
            CaptureIssue::LinkType(number) => write!(
                f,
                "packets of link type {number}, which is not read; capture on an Ethernet interface"
            ),
            CaptureIssue::CutPacket => {
                f.write_str("packets that the capture cut short; capture whole ones, with tcpdump -s 0")
            }
            CaptureIssue::Fragments => f.write_str(
                "datagrams whose fragments are missing, overlap or are too many; nothing of them was used",
            ),
            CaptureIssue::Tcp => f.write_str(
                "gaps in IPFIX over TCP; start the capture before the device connects, and capture all of it",
            ),
        }
    }
}

/// What was amiss in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureProblem {
    /// What kind of problem it is.
    pub trouble: CaptureIssue,
    /// How often.
    pub count: u64,
    /// Bytes into the file, where there is one place.
    pub at: Option<u64>,
}

impl Default for CaptureProblem {
    fn default() -> CaptureProblem {
        CaptureProblem { trouble: CaptureIssue::default(), count: 1, at: None }
    }
}

/// Why nothing of a file could be used.
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
        "this is a file of flows ({0}), no capture: `toptalk query -r` asks it, \
        `toptalk replay -r` sends it"
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

/// Gets what is read, and says whether to go on.
pub type Consumer<'a> = dyn FnMut(Item) -> ControlFlow<()> + 'a;
