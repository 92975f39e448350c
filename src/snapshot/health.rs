//! The state of the collector, as plain data for screens and JSON.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Label;
use super::exporter::ExporterHealth;
use crate::flow::{Host, NetworkGroups, Time};

/// A socket on which datagrams arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Address and port.
    pub address: String,
    /// Size of the receive buffer in bytes that was requested.
    pub buffer_asked: usize,
    /// Size of the receive buffer in bytes that the kernel granted.
    pub buffer_granted: usize,
    /// Datagrams that the kernel dropped because the buffer was full.
    pub kernel_drops: u64,
    /// Number of open TCP connections; `None` if the port does not accept them.
    pub connections: Option<usize>,
}

/// The transport protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// NetFlow, IPFIX and sFlow over UDP.
    #[default]
    Udp,
    /// IPFIX over TCP.
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

/// A configured port that cannot be opened at present. It is retried every second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingPort {
    /// Number of the port.
    pub port: u16,
    /// Its transport.
    pub transport: Transport,
    /// Why it could not be opened the last time.
    pub why: String,
    /// Since when it has been missing.
    pub since: Time,
}

impl MissingPort {
    /// A short message that it is missing.
    #[must_use]
    pub fn brief(&self) -> String {
        match self.transport {
            Transport::Udp => format!("not listening on port {}", self.port),
            Transport::Tcp => format!("no IPFIX over TCP on port {}", self.port),
        }
    }

    /// The message with the reason.
    #[must_use]
    pub fn sentence(&self) -> String {
        let why = if self.why.is_empty() { "it is not open yet" } else { &self.why };
        format!("{}: {why}; it is tried again every second and taken when it is free", self.brief())
    }
}

/// The queue of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueHealth {
    /// Bytes of datagrams in the queue or being worked on.
    pub held: usize,
    /// Maximum for that.
    pub limit: usize,
    /// Datagrams dropped because the queue was full.
    pub dropped: u64,
}

/// The threads that decode and count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkHealth {
    /// Number of threads; 0 if nothing is collected.
    pub workers: usize,
    /// Their queues; empty if the receiving thread does all the work.
    pub queues: Vec<QueueHealth>,
}

/// A cause for which something was not used, and how often that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropCount {
    /// A short stable name, such as `unknown_version`, `truncated`, `kernel`.
    pub cause: Label,
    /// A sentence, with the remedy if there is one.
    pub explanation: Label,
    /// How often it happened.
    pub count: u64,
}

/// An exporter that reached a limit: it used more than its share, or it was new when there was no
/// room left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoRoom {
    /// Its address.
    pub exporter: Host,
    /// As in [`DropCount`]: `template_limit`, `held_dropped`, `exporter_limit`,
    /// `record_queue` or `tcp_refused`.
    pub cause: Label,
    /// How often that happened; for `record_queue`, the number of flows.
    pub count: u64,
}

/// Maximum number of exporters and causes in the list, the most frequent ones.
pub const MAX_NO_ROOM: usize = 64;

/// A problem, and since when it has existed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The problem.
    pub why: String,
    /// Since when.
    pub since: Time,
}

/// The state of recording into archives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingHealth {
    /// The folders of the archives.
    pub folder: String,
    /// Why nothing is recorded. Recording is retried every few seconds.
    pub stopped: Option<Alarm>,
    /// Why recorded flows are not encoded as segments yet.
    pub behind: Option<Alarm>,
    /// Start of the slot that is being written.
    pub slot: Option<Time>,
    /// Number of recorded flows.
    pub flows: u64,
    /// Bytes written for them.
    pub bytes: u64,
    /// Number of parts that wait to be encoded.
    pub waiting: usize,
    /// Number of these that an earlier run left.
    pub left: usize,
    /// Number of segments written.
    pub segments: u64,
    /// Flows that were not recorded, by cause.
    pub shed: Vec<DropCount>,
    /// Problems with single files.
    pub notes: Vec<String>,
}

impl RecordingHealth {
    /// Whether all flows are being recorded.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.stopped.is_none() && self.behind.is_none()
    }
}

/// The screens that are attached to a collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Path of the socket.
    pub path: String,
    /// Number of attached screens.
    pub clients: usize,
    /// Maximum number of attached screens.
    pub limit: usize,
    /// Connections that never became screens: they sent other bytes or nothing, or there
    /// were too many.
    pub refused: u64,
    /// Screens that were cut off, because they did not read their answers or sent invalid
    /// bytes.
    pub cut_off: u64,
}

/// The state of the collector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// When collecting began.
    pub started: Time,
    /// A note for the screen if this is the demo.
    pub demo: Option<String>,
    /// The open sockets.
    pub listeners: Vec<Listener>,
    /// Configured ports that cannot be opened.
    pub missing: Vec<MissingPort>,
    /// Exporters, the busiest first; those that were only restored come last.
    pub exporters: Vec<ExporterHealth>,
    /// What was dropped or not understood, by cause.
    pub dropped: Vec<DropCount>,
    /// What was unusual but used, by cause.
    pub noticed: Vec<DropCount>,
    /// Senders that `--allow` does not contain, with the number of their datagrams, most
    /// frequent first.
    pub refused: Vec<(Host, u64)>,
    /// The number of datagrams of all other such senders.
    pub refused_others: u64,
    /// Exporters that reached a limit, most frequent first.
    pub no_room: Vec<NoRoom>,
    /// The threads that decode.
    pub work: WorkHealth,
    /// `None` if nothing is recorded.
    pub recording: Option<RecordingHealth>,
    /// `None` if screens cannot attach.
    pub attached: Option<Attached>,
    /// Whether collecting has ended, so that figures no longer change.
    pub ended: bool,
    /// Why the collector of this attached screen cannot be reached. The screen tries to
    /// connect again.
    pub gone: Option<Alarm>,
    /// The named networks of the collector, if that is another process: it sends them once, not
    /// with every answer.
    #[serde(skip)]
    pub groups: Option<Arc<NetworkGroups>>,
    /// Warnings besides missing ports: small buffers, state that cannot be saved, defects.
    pub notes: Vec<String>,
    /// Datagrams and messages received.
    pub datagrams: u64,
    /// Flow records received.
    pub flows: u64,
    /// Time to decode and count a batch of datagrams in microseconds, 99th percentile.
    pub batch_p99_us: u64,
    /// Milliseconds to add to running time to get the wall clock. Not 0 after the wall
    /// clock was set.
    pub clock_shift_ms: i64,
}

impl Health {
    /// Everything that was lost on the way: kernel drops and sequence gaps.
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

    /// Whether a port is configured and cannot be opened.
    #[must_use]
    pub fn misses(&self, port: u16) -> bool {
        self.missing.iter().any(|one| one.port == port)
    }

    /// All warnings: missing ports and notes.
    pub fn remarks(&self) -> impl Iterator<Item = String> + '_ {
        self.missing.iter().map(MissingPort::sentence).chain(self.notes.iter().cloned())
    }

    /// Number of units sent while no collector ran, of all exporters, each in its own unit.
    #[must_use]
    pub fn missed_while_down(&self) -> u64 {
        let missed = self.exporters.iter().map(|exporter| exporter.missed_while_down);
        missed.fold(0, u64::saturating_add)
    }

    /// Exporters that have sent anything in this run, busiest first.
    pub fn heard(&self) -> impl Iterator<Item = &ExporterHealth> {
        self.exporters.iter().filter(|exporter| exporter.is_heard())
    }

    /// The name of an exporter's interface.
    #[must_use]
    pub fn interface_name(&self, exporter: Host, index: u32) -> Option<&str> {
        let known = self.exporters.iter().find(|known| known.address == exporter)?;
        known.interface_name(index)
    }
}
