//! The answer of `toptalk top` as one JSON object.

use std::collections::BTreeMap;

use serde::Serialize;

use super::is_complete;
use crate::flow::Host;
use crate::snapshot::{Both, Counters, DropCount, Snapshot, Span, Totals};
use crate::units::rfc3339;

/// Name and version of the object's shape; a change that breaks readers counts it up.
pub const SCHEMA: &str = "toptalk.top/1";

/// Keys stand in the order of these fields.
#[derive(Serialize)]
struct Top<'a> {
    schema: &'static str,
    captured_at: String,
    window: WindowJson,
    totals: &'a Totals,
    hosts: Vec<HostJson>,
    others: Directions,
    exporters: Vec<ExporterJson>,
    workers: usize,
    dropped: BTreeMap<&'static str, u64>,
    noticed: BTreeMap<&'static str, u64>,
    notes: Vec<&'a str>,
}

#[derive(Serialize)]
struct WindowJson {
    name: &'static str,
    start: String,
    end: String,
    complete: bool,
}

#[derive(Serialize)]
struct HostJson {
    address: Host,
    #[serde(flatten)]
    traffic: Directions,
}

#[derive(Serialize)]
struct Directions {
    up: Rated,
    down: Rated,
}

#[derive(Serialize)]
struct Rated {
    #[serde(flatten)]
    counters: Counters,
    /// Mean rate over the window, bit/s.
    bps: u64,
}

#[derive(Serialize)]
struct ExporterJson {
    address: Host,
    protocol: &'static str,
    datagrams: u64,
    flows: u64,
    lost: u64,
    doubled: u64,
    templates: usize,
    sampling: Option<u32>,
    clock_offset_ms: i64,
    active_timeout_ms: Option<i64>,
    export_delay_ms: Option<i64>,
}

impl Directions {
    fn new(span: &Span, both: &Both) -> Directions {
        let rated =
            |counters: Counters| Rated { counters, bps: span.bits_per_second(counters.bytes) };
        Directions { up: rated(both.up), down: rated(both.down) }
    }
}

/// The snapshot's totals and hosts, its exporters and what was dropped, as one
/// object on one line. Bytes and packets are scaled by known sampling,
/// `raw_bytes` are not; `bps` is bit/s over the window; `sampling` is the
/// announced rate (the highest of several) and null when unknown.
#[must_use]
pub fn json(snapshot: &Snapshot) -> String {
    let span = &snapshot.span;
    let hosts = snapshot.hosts.rows.iter();
    let exporters = snapshot.health.heard().map(|exporter| ExporterJson {
        address: exporter.address,
        protocol: exporter.protocol,
        datagrams: exporter.datagrams,
        flows: exporter.flows,
        lost: exporter.lost,
        doubled: exporter.doubled,
        templates: exporter.templates,
        sampling: exporter.sampling.rate(),
        clock_offset_ms: exporter.clock_offset_ms,
        active_timeout_ms: exporter.active_timeout_ms,
        export_delay_ms: exporter.export_delay_ms,
    });
    let top = Top {
        schema: SCHEMA,
        captured_at: rfc3339(snapshot.captured_at),
        window: WindowJson {
            name: snapshot.view.window.name(),
            start: rfc3339(span.start),
            end: rfc3339(span.end),
            complete: is_complete(snapshot),
        },
        totals: &snapshot.totals,
        hosts: hosts
            .map(|row| HostJson { address: row.host, traffic: Directions::new(span, &row.traffic) })
            .collect(),
        others: Directions::new(span, &snapshot.hosts.others),
        exporters: exporters.collect(),
        workers: snapshot.health.work.workers,
        dropped: by_cause(&snapshot.health.dropped),
        noticed: by_cause(&snapshot.health.noticed),
        notes: snapshot.notes.iter().chain(&snapshot.health.notes).map(String::as_str).collect(),
    };
    // Only a failing writer or a map with keys that are no strings can make this
    // fail, and there is neither.
    serde_json::to_string(&top).unwrap_or_default()
}

fn by_cause(counts: &[DropCount]) -> BTreeMap<&'static str, u64> {
    let mut causes = BTreeMap::new();
    for line in counts {
        *causes.entry(line.cause).or_insert(0) += line.count;
    }
    causes
}
