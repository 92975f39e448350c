//! How well the collecting goes: plain data for the screen and the JSON output.

use serde::Serialize;

use crate::flow::{Host, Time};

/// A socket that datagrams arrive on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// Address and port.
    pub address: String,
    /// Receive buffer in bytes: asked for, and granted by the kernel.
    pub buffer_asked: usize,
    pub buffer_granted: usize,
    /// Datagrams the kernel dropped because the buffer was full.
    pub kernel_drops: u64,
}

/// What is known about an exporter's sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SamplingState {
    /// Nothing announced; counters are taken as they are.
    #[default]
    Unknown,
    /// One packet in this many.
    Announced(u32),
    /// More than one rate in use; the highest.
    Mixed(u32),
}

/// One exporter: an address that datagrams come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExporterHealth {
    pub address: Host,
    /// The last protocol seen: `netflow5`, `netflow9`.
    pub protocol: &'static str,
    pub datagrams: u64,
    pub flows: u64,
    /// What its sequence numbers say went missing, in the protocol's own unit
    /// (v5: flows, v9: datagrams).
    pub lost: u64,
    /// Templates in force, options templates included.
    pub templates: usize,
    pub sampling: SamplingState,
    /// Our clock minus its clock in milliseconds.
    pub clock_offset_ms: i64,
    /// When its last datagram arrived.
    pub last_seen: Time,
    /// The active timeout that its longest flows suggest.
    pub active_timeout_ms: Option<i64>,
    /// How long after a flow's end its record arrives (99th percentile).
    pub export_delay_ms: Option<i64>,
}

/// A cause for which something was not used, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DropCount {
    /// A short stable name: `unknown_version`, `truncated`, `kernel`.
    pub cause: &'static str,
    /// The same in a sentence, with the remedy where there is one.
    pub explanation: &'static str,
    pub count: u64,
}

/// The state of collecting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// When collecting began.
    pub started: Time,
    /// A line for the screen when this is the demo.
    pub demo: Option<String>,
    pub listeners: Vec<Listener>,
    /// Busiest first.
    pub exporters: Vec<ExporterHealth>,
    /// What was dropped or not understood, only causes that occurred.
    pub dropped: Vec<DropCount>,
    /// What was odd but used all the same.
    pub noticed: Vec<DropCount>,
    /// Whether collecting has ended: no more figures will come.
    pub ended: bool,
    /// Warnings from the start: capped buffers, ports not bound.
    pub notes: Vec<String>,
    pub datagrams: u64,
    pub flows: u64,
    /// Time to decode and record a batch of datagrams, 99th percentile, in
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
        let kernel: u64 = self.listeners.iter().map(|listener| listener.kernel_drops).sum();
        self.exporters.iter().map(|exporter| exporter.lost).sum::<u64>() + kernel
    }
}
