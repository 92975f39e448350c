//! The type of a metric: its name, and where its value is read.

use crate::flow::Time;
use crate::snapshot::{
    Attached, DropCount, ExporterHealth, Health, Listener, QueueHealth, RecordingHealth,
};

/// Maximum number of exporters with their own series, the busiest ones. Each has about 17 series.
/// The limit keeps forged senders from filling a monitoring system.
pub const MAX_EXPORTERS: usize = 500;

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only increases, until a restart.
    Counter,
    /// May increase and decrease.
    Gauge,
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name without the prefix, and without `_total` for counters.
    pub(super) name: &'static str,
    /// Whether it is a counter or a gauge.
    pub kind: MetricKind,
    /// Help text: a sentence without full stop.
    pub help: &'static str,
    pub(super) read: Read,
}

/// A value.
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

/// Where a value is read, which also determines the labels. A value that is not known has
/// no series.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read {
    Whole(fn(&Health) -> Option<Value>),
    /// The constant 1 with the version as a label.
    Version,
    Listener(fn(&Listener) -> Option<Value>),
    /// Whether each configured port is open.
    Ports,
    Queue(fn(&QueueHealth) -> Option<Value>),
    Exporter(fn(&ExporterHealth, Time) -> Option<Value>),
    /// The constant 1 with the protocol as a label.
    Protocol,
    /// Counters that an exporter sends, by name.
    Statistics,
    /// The coverage of each interface.
    Coverage,
    Recording(fn(&RecordingHealth) -> Option<Value>),
    Attached(fn(&Attached) -> Option<Value>),
    Causes(fn(&Health) -> &[DropCount]),
    /// Exporters that reached a limit, by cause.
    NoRoom,
}
