//! The facts about this machine that the checks judge, as plain data.

use std::net::IpAddr;

use crate::flow::Time;
use crate::snapshot::{Health, Listener};

/// All facts.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub ports: Vec<Port>,
    /// Whether the ports are from the command line. Each of them must then be usable.
    pub asked: bool,
    /// The largest receive buffer that a program may ask for, in bytes.
    pub rmem_max: Option<u64>,
    /// A sentence on the memory that a collector would use.
    pub memory: Option<String>,
    /// What arrived; `None` if it was not possible to listen.
    pub heard: Option<HeardTraffic>,
    /// The addresses on which the running collector listens, if it could be asked.
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
    /// Held by these programs; empty if the permissions do not allow to see which.
    Held(Vec<PortHolder>),
    /// The running collector is configured for the port and does not have it: the reason,
    /// and the programs that hold it.
    Lacked(String, Vec<PortHolder>),
    /// It is not possible to listen on it, for this reason.
    Refused(String),
}

/// A process and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PortHolder {
    pub process: u32,
    pub name: String,
}

/// What was received.
#[derive(Clone, Debug)]
pub(super) struct HeardTraffic {
    pub for_ms: i64,
    pub now: Time,
    pub health: Health,
    /// Candidates for local networks, if most traffic is neither from nor to a local one.
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
    /// Files cannot be written, for this reason.
    Unusable(String),
}

/// The program that synchronises the clock of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum TimeSynchroniser {
    /// This program.
    Program(String),
    /// None of the known programs is running.
    #[default]
    Nobody,
    /// The running programs cannot be seen.
    Unknown,
}

/// The terminal that the screen would be drawn on.
#[derive(Clone, Debug, Default)]
pub(super) struct Terminal {
    /// Whether standard output is a terminal.
    pub is_one: bool,
    /// What the terminal lacks, in a sentence.
    pub note: Option<String>,
    pub colour: bool,
}
