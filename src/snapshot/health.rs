//! How well the collecting goes: plain data for the screen and the JSON output.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Label;
use super::exporter::ExporterHealth;
use crate::flow::{Host, NetworkGroups, Time};

/// A socket that datagrams arrive on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Address and port.
    pub address: String,
    /// Receive buffer in bytes: asked for, and granted by the kernel.
    pub buffer_asked: usize,
    pub buffer_granted: usize,
    /// Datagrams the kernel dropped because the buffer was full.
    pub kernel_drops: u64,
    /// Open connections where IPFIX is taken over TCP as well.
    pub connections: Option<usize>,
}

/// What carries datagrams or messages to a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    #[default]
    Udp,
    /// IPFIX only.
    Tcp,
}

impl Transport {
    /// Its name in labels and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }
}

/// A port that is to be listened on and cannot be, for now: it is tried again
/// every second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingPort {
    pub port: u16,
    pub transport: Transport,
    /// Why it could not be had the last time.
    pub why: String,
    pub since: Time,
}

impl MissingPort {
    /// That it is missing, in few words.
    #[must_use]
    pub fn brief(&self) -> String {
        match self.transport {
            Transport::Udp => format!("not listening on port {}", self.port),
            Transport::Tcp => format!("no IPFIX over TCP on port {}", self.port),
        }
    }

    /// The same with the reason, and what will become of it.
    #[must_use]
    pub fn sentence(&self) -> String {
        let why = if self.why.is_empty() { "it is not open yet" } else { &self.why };
        format!("{}: {why}; it is tried again every second and taken when it is free", self.brief())
    }
}

/// The queue of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueHealth {
    /// Bytes of datagrams that wait or are being worked on, and how many may.
    pub held: usize,
    pub limit: usize,
    /// Datagrams dropped because it was full.
    pub dropped: u64,
}

/// Who decodes and adds up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkHealth {
    /// Threads; 0 while nobody collects.
    pub workers: usize,
    /// Their queues; none when the one that receives does all the work.
    pub queues: Vec<QueueHealth>,
}

/// A cause for which something was not used, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropCount {
    /// A short stable name: `unknown_version`, `truncated`, `kernel`.
    pub cause: Label,
    /// The same in a sentence, with the remedy where there is one.
    pub explanation: Label,
    pub count: u64,
}

/// An exporter of which something found no room: it took more than its part, or
/// was not known for long when others came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoRoom {
    pub exporter: Host,
    /// As in [`DropCount`]: `template_limit`, `held_dropped`, `exporter_limit`,
    /// `record_queue` or `tcp_refused`.
    pub cause: Label,
    /// How often; of `record_queue` flows.
    pub count: u64,
}

/// Exporters and causes that are listed, those that come up most often.
pub const MAX_NO_ROOM: usize = 64;

/// Something that is the matter, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    pub why: String,
    pub since: Time,
}

/// How recording into an archive goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingHealth {
    pub folder: String,
    /// Why nothing is recorded; it is tried again every few seconds.
    pub stopped: Option<Alarm>,
    /// Why what was recorded is not yet in segments.
    pub behind: Option<Alarm>,
    /// When the slot began that is being written.
    pub slot: Option<Time>,
    /// Flows recorded, and bytes written for them.
    pub flows: u64,
    pub bytes: u64,
    /// Parts that wait to become segments, and those that an earlier run left.
    pub waiting: usize,
    pub left: usize,
    pub segments: u64,
    /// Flows that were not recorded, only causes that occurred.
    pub shed: Vec<DropCount>,
    /// What was wrong with single files.
    pub notes: Vec<String>,
}

impl RecordingHealth {
    /// Whether everything that comes is recorded, now.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.stopped.is_none() && self.behind.is_none()
    }
}

/// The screens that are attached to a collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// The socket they come by.
    pub path: String,
    pub clients: usize,
    /// How many may be attached.
    pub limit: usize,
    /// Connections that never became screens: they said something else, nothing,
    /// or came when there were too many.
    pub refused: u64,
    /// Screens cut off: they did not read what they asked for, or sent garbage.
    pub cut_off: u64,
}

/// The state of collecting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// When collecting began.
    pub started: Time,
    /// A line for the screen when this is the demo.
    pub demo: Option<String>,
    pub listeners: Vec<Listener>,
    /// Ports that nothing arrives on because they cannot be opened.
    pub missing: Vec<MissingPort>,
    /// Busiest first; those that are only remembered come last.
    pub exporters: Vec<ExporterHealth>,
    /// What was dropped or not understood, only causes that occurred.
    pub dropped: Vec<DropCount>,
    /// What was odd but used all the same.
    pub noticed: Vec<DropCount>,
    /// Senders outside the networks of `--allow` with how many of their
    /// datagrams were not decoded, most often first.
    pub refused: Vec<(Host, u64)>,
    /// The same of senders beyond those that are listed.
    pub refused_others: u64,
    /// Of which exporters something found no room, most often first.
    pub no_room: Vec<NoRoom>,
    pub work: WorkHealth,
    /// `None` when nothing is to be recorded.
    pub recording: Option<RecordingHealth>,
    /// `None` when no screen can attach.
    pub attached: Option<Attached>,
    /// Whether collecting has ended: no more figures will come.
    pub ended: bool,
    /// Why no figures come from the collector that this screen is attached to;
    /// it is looked for until it is back.
    pub gone: Option<Alarm>,
    /// The networks that have names at the collector, where that is another
    /// process: it says so once, not with every answer.
    #[serde(skip)]
    pub groups: Option<Arc<NetworkGroups>>,
    /// Warnings beside missing ports: capped buffers, a memory that cannot be kept, defects.
    pub notes: Vec<String>,
    pub datagrams: u64,
    pub flows: u64,
    /// Time to decode and add up a batch of datagrams, 99th percentile, in
    /// microseconds.
    pub batch_p99_us: u64,
    /// What to add to our running time to get what the wall clock says now;
    /// not 0 after the wall clock was stepped.
    pub clock_shift_ms: i64,
}

impl Health {
    /// Everything that went missing on the way: kernel drops and sequence gaps.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let kernel = self.listeners.iter().map(|listener| listener.kernel_drops);
        let gaps = self.exporters.iter().map(|exporter| exporter.lost);
        kernel.chain(gaps).fold(0, u64::saturating_add)
    }

    /// Whether datagrams are received on a port.
    #[must_use]
    pub fn listens(&self, port: u16) -> bool {
        let end = format!(":{port}");
        self.listeners.iter().any(|listener| listener.address.ends_with(&end))
    }

    /// Whether a port is wanted and cannot be opened.
    #[must_use]
    pub fn misses(&self, port: u16) -> bool {
        self.missing.iter().any(|one| one.port == port)
    }

    /// Everything to be noted: missing ports, and the notes.
    pub fn remarks(&self) -> impl Iterator<Item = String> + '_ {
        self.missing.iter().map(MissingPort::sentence).chain(self.notes.iter().cloned())
    }

    /// What arrived while the collector was down, over all exporters, each in its own
    /// unit.
    #[must_use]
    pub fn missed_while_down(&self) -> u64 {
        let missed = self.exporters.iter().map(|exporter| exporter.missed_while_down);
        missed.fold(0, u64::saturating_add)
    }

    /// Exporters that something came from in this run, busiest first.
    pub fn heard(&self) -> impl Iterator<Item = &ExporterHealth> {
        self.exporters.iter().filter(|exporter| exporter.is_heard())
    }

    /// What an exporter calls one of its interfaces.
    #[must_use]
    pub fn interface_name(&self, exporter: Host, index: u32) -> Option<&str> {
        let known = self.exporters.iter().find(|known| known.address == exporter)?;
        known.interface_name(index)
    }
}
