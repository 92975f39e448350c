//! What was found on this machine, as plain data.

use std::net::IpAddr;

use crate::flow::Time;
use crate::snapshot::{Health, Listener};

/// Everything that is judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub ports: Vec<Port>,
    /// Whether they were asked for, each of which must then be free.
    pub asked: bool,
    /// The largest receive buffer that a program may ask for, in bytes.
    pub rmem_max: Option<u64>,
    /// What memory a collector would have here.
    pub memory: Option<String>,
    /// What came while it was listened; `None` when nothing could be listened on.
    pub heard: Option<HeardTraffic>,
    /// Where the collector listens that can be asked, if there is one.
    pub elsewhere: Vec<Listener>,
    pub archive: Option<Archive>,
    /// An address of this machine that routers may send to.
    pub address: Option<IpAddr>,
    pub time: TimeSynchroniser,
    pub terminal: Terminal,
}

/// A port that exporters send to.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub number: u16,
    pub state: PortState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PortState {
    Free,
    /// Held by these programs, as far as one may see whose it is.
    Held(Vec<PortHolder>),
    /// The collector that was asked wants it and does not have it: why, and which
    /// programs hold it.
    Lacked(String, Vec<PortHolder>),
    /// Why it cannot be listened on.
    Refused(String),
}

/// A process and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PortHolder {
    pub process: u32,
    pub name: String,
}

/// What was heard in a while.
#[derive(Clone, Debug)]
pub(super) struct HeardTraffic {
    pub for_ms: i64,
    pub now: Time,
    pub health: Health,
    /// Networks that may be ours, where most traffic belongs to none that is.
    pub transit: Vec<String>,
}

/// The folder of an archive.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    pub folder: String,
    pub state: FolderState,
    pub free: Option<u64>,
    /// The process that records into it.
    pub recorder: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FolderState {
    Writable,
    Missing,
    /// Why nothing can be written.
    Unusable(String),
}

/// Who sets the clock of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum TimeSynchroniser {
    /// This program does.
    Program(String),
    /// None that is known runs.
    #[default]
    Nobody,
    /// It cannot be seen what runs.
    Unknown,
}

/// Where a screen would be drawn.
#[derive(Clone, Debug, Default)]
pub(super) struct Terminal {
    /// Whether the output is a terminal at all.
    pub is_one: bool,
    /// What the screen would have to do without, in a sentence.
    pub note: Option<String>,
    pub colour: bool,
}
