//! What a metric is: its name, and where its figure is read.

use crate::flow::Time;
use crate::snapshot::{
    Attached, DropCount, ExporterHealth, Health, Listener, QueueHealth, RecordingHealth,
};

/// Exporters that have series of their own, the busiest; each has some 17. Whoever
/// makes up senders makes no monitoring system keep them for years.
pub const MAX_EXPORTERS: usize = 500;

/// How a metric may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only up, until a restart.
    Counter,
    Gauge,
}

/// A figure that is told.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Without prefix, and without the `_total` of counters.
    pub(super) name: &'static str,
    pub kind: MetricKind,
    /// What it says, in a sentence without its full stop.
    pub help: &'static str,
    pub(super) read: Read,
}

/// A figure as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

impl Value {
    /// Milliseconds as seconds.
    pub(super) fn seconds(ms: i64) -> Value {
        Value::Real(ms as f64 / 1000.0)
    }
}

/// Where a figure is read, which also says what labels it has. Where it is not
/// known there is no series.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read {
    Whole(fn(&Health) -> Option<Value>),
    /// The constant 1, its labels telling the version.
    Version,
    Listener(fn(&Listener) -> Option<Value>),
    /// Whether each wanted port is open.
    Ports,
    Queue(fn(&QueueHealth) -> Option<Value>),
    Exporter(fn(&ExporterHealth, Time) -> Option<Value>),
    /// The constant 1, its labels telling the protocol.
    Protocol,
    /// Its own counters, by their names.
    Statistics,
    Recording(fn(&RecordingHealth) -> Option<Value>),
    Attached(fn(&Attached) -> Option<Value>),
    Causes(fn(&Health) -> &[DropCount]),
    /// Of which exporters something found no room, by cause.
    NoRoom,
}
