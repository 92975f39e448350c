//! The answer of `toptalk top` as a JSON object.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use jiff::tz::TimeZone;

use super::protocol;
use crate::flow::service::service_name;
use crate::flow::{Host, Network};
use crate::snapshot::{
    Alarm, AnswerSpan, ClassTotals, Counters, DropCount, GroupKey, GroupRow, Health, HostRow,
    RecordingHealth, Snapshot, Subject, Untracked, UpDown,
};
use crate::text;
use crate::units::rfc3339_in;

/// The name and the version of the object's schema; an incompatible change increments the
/// version.
pub const SCHEMA: &str = "toptalk.top/1";

/// The keys are in the order of these fields.
#[derive(Serialize)]
struct Top<'a> {
    schema: &'static str,
    captured_at: String,
    window: WindowJson,
    totals: &'a ClassTotals,
    /// One of these two, depending on the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<Vec<HostJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<GroupsJson<'a>>,
    others: Directions,
    total: Directions,
    untracked: Untracked,
    exporters: Vec<ExporterJson<'a>>,
    workers: usize,
    dropped: BTreeMap<&'a str, u64>,
    noticed: BTreeMap<&'a str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<RecordingJson<'a>>,
    notes: Vec<String>,
}

/// The state of recording, if recording is configured.
#[derive(Serialize)]
struct RecordingJson<'a> {
    folder: &'a str,
    /// Why nothing is recorded.
    stopped: Option<&'a str>,
    /// Why journals do not become segments.
    behind: Option<&'a str>,
    flows: u64,
    bytes: u64,
    segments: u64,
    waiting: usize,
    not_recorded: BTreeMap<&'a str, u64>,
}

impl<'a> RecordingJson<'a> {
    fn new(recording: &'a RecordingHealth) -> RecordingJson<'a> {
        fn why(alarm: &Option<Alarm>) -> Option<&str> {
            alarm.as_ref().map(|alarm| alarm.why.as_str())
        }
        RecordingJson {
            folder: &recording.folder,
            stopped: why(&recording.stopped),
            behind: why(&recording.behind),
            flows: recording.flows,
            bytes: recording.bytes,
            segments: recording.segments,
            waiting: recording.waiting + recording.left,
            not_recorded: by_cause(&recording.shed),
        }
    }
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
    missing_bytes: u64,
}

#[derive(Serialize)]
struct GroupsJson<'a> {
    by: &'static str,
    rows: Vec<GroupJson<'a>>,
}

/// Only the fields of the key are present.
#[derive(Serialize)]
struct GroupJson<'a> {
    name: String,
    #[serde(flatten)]
    key: KeyJson<'a>,
    members: u64,
    #[serde(flatten)]
    traffic: Directions,
}

#[derive(Serialize)]
#[serde(untagged)]
enum KeyJson<'a> {
    Service {
        port: u16,
        proto: String,
        service: Option<&'static str>,
    },
    Protocol {
        proto: String,
    },
    Network {
        #[serde(serialize_with = "as_text")]
        network: Network,
    },
    Interface {
        exporter: Host,
        if_index: u32,
        if_name: Option<&'a str>,
    },
    Named {
        group: Option<&'a str>,
    },
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
struct ExporterJson<'a> {
    address: Host,
    protocol: &'a str,
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

impl HostJson {
    fn new(span: &AnswerSpan, row: &HostRow) -> HostJson {
        let traffic = Directions::new(span, &row.traffic);
        HostJson { address: row.host, traffic, missing_bytes: row.missing }
    }
}

impl<'a> GroupJson<'a> {
    fn new(span: &AnswerSpan, health: &'a Health, row: &'a GroupRow) -> GroupJson<'a> {
        let key = match &row.key {
            GroupKey::Service { port, proto } => KeyJson::Service {
                port: *port,
                proto: protocol(*proto),
                service: service_name(*port),
            },
            GroupKey::Protocol(proto) => KeyJson::Protocol { proto: protocol(*proto) },
            GroupKey::Network(network) => KeyJson::Network { network: *network },
            GroupKey::Interface { exporter, index } => KeyJson::Interface {
                exporter: *exporter,
                if_index: *index,
                if_name: health.interface_name(*exporter, *index),
            },
            GroupKey::Named(name) => KeyJson::Named { group: name.as_deref() },
        };
        let traffic = Directions::new(span, &row.traffic);
        GroupJson { name: row.key.label(health), key, members: row.members, traffic }
    }
}

impl Directions {
    fn new(span: &AnswerSpan, both: &UpDown) -> Directions {
        let rated =
            |counters: Counters| Rated { counters, bps: span.bits_per_second(counters.bytes) };
        Directions { up: rated(both.up), down: rated(both.down) }
    }
}

/// The snapshot's totals and hosts, its exporters and the counters of dropped data, as one
/// object on one line. Bytes and packets are multiplied by the known sampling rate, `raw_bytes`
/// are not; `bps` is bit/s over the window; `sampling` is the announced rate (the highest of
/// several), or null if unknown.
#[must_use]
pub fn json(snapshot: &Snapshot, zone: &TimeZone) -> String {
    let span = &snapshot.span;
    let health = &snapshot.health;
    let (hosts, groups, others, total) = match snapshot.view.subject {
        Subject::Groups(grouping) => {
            let table = &snapshot.groups;
            let rows = table.rows.iter().map(|row| GroupJson::new(span, health, row)).collect();
            let groups = GroupsJson { by: grouping.name(), rows };
            (None, Some(groups), &table.others, &table.total)
        }
        _ => {
            let table = &snapshot.hosts;
            let rows = table.rows.iter().map(|row| HostJson::new(span, row)).collect();
            (Some(rows), None, &table.others, &table.total)
        }
    };
    let exporters = health.heard().map(|exporter| ExporterJson {
        address: exporter.address,
        protocol: exporter.protocol_name(),
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
        captured_at: rfc3339_in(snapshot.captured_at, zone),
        window: WindowJson {
            name: snapshot.view.window.name(),
            start: rfc3339_in(span.start, zone),
            end: rfc3339_in(span.end, zone),
            complete: snapshot.is_complete(),
        },
        totals: &snapshot.totals,
        hosts,
        groups,
        others: Directions::new(span, others),
        total: Directions::new(span, total),
        untracked: snapshot.untracked,
        exporters: exporters.collect(),
        workers: health.work.workers,
        dropped: by_cause(&health.dropped),
        noticed: by_cause(&health.noticed),
        recording: health.recording.as_ref().map(RecordingJson::new),
        notes: snapshot.notes.iter().cloned().chain(health.remarks()).collect(),
    };
    // Serializing fails only if the writer fails or a map has keys that are not strings;
    // neither is possible here.
    let mut written = Vec::new();
    let _ = text::json(&mut written, &top);
    String::from_utf8(written).unwrap_or_default()
}

fn as_text<S: Serializer>(network: &Network, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(network)
}

fn by_cause(counts: &[DropCount]) -> BTreeMap<&str, u64> {
    let mut causes = BTreeMap::new();
    for line in counts {
        *causes.entry(line.cause.as_ref()).or_insert(0) += line.count;
    }
    causes
}
