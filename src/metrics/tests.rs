//! Tests of the complete text and of the limits.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::flow::{Host, Protocol};
use crate::snapshot::{
    Alarm, ExporterDetail, MissingPort, QueueHealth, RecordingHealth, SamplingState, WorkHealth,
};

const NOW: Time = Time(1_800_000_000_500);

fn drop(cause: &'static str, count: u64) -> DropCount {
    DropCount { cause: cause.into(), explanation: "".into(), count }
}

fn no_room(n: u8, cause: &'static str, count: u64) -> NoRoom {
    NoRoom { exporter: Host::octets(192, 0, 2, n), cause: cause.into(), count }
}

fn health() -> Health {
    let listener = Listener {
        address: "[::]:2055".to_owned(),
        buffer_asked: 67_108_864,
        buffer_granted: 212_992,
        kernel_drops: 3,
        connections: Some(2),
    };
    let detail = ExporterDetail {
        domains: 1,
        statistics: vec![("flows_exported".into(), 77)],
        interfaces: vec![InterfaceHealth {
            index: 7,
            covered: [Some(93), None],
            ..InterfaceHealth::default()
        }],
        ..ExporterDetail::default()
    };
    let heard = ExporterHealth {
        address: Host::octets(192, 0, 2, 1),
        protocol: Some(Protocol::Netflow9),
        datagrams: 10,
        flows: 250,
        lost: 4,
        missed_while_down: 614,
        templates: 2,
        remembered: 1,
        held: 5,
        sampling: SamplingState::Announced(100),
        clock_offset_ms: -1_500,
        last_seen: NOW,
        active_timeout_ms: Some(60_000),
        detail: Arc::new(detail),
        ..ExporterHealth::default()
    };
    let recording = RecordingHealth {
        stopped: Some(Alarm { why: "no space".to_owned(), since: NOW }),
        flows: 200,
        bytes: 9_000,
        slot: Some(Time(1_800_000_000_000)),
        shed: vec![drop("record_stopped", 50)],
        ..RecordingHealth::default()
    };
    Health {
        started: Time(1_799_999_000_000),
        listeners: vec![listener],
        missing: vec![MissingPort { port: 4739, since: NOW, ..MissingPort::default() }],
        exporters: vec![heard, ExporterHealth::default()],
        dropped: vec![drop("unknown_version", 6), drop("kernel", 3)],
        refused: vec![(Host::octets(192, 0, 2, 9), 8)],
        refused_others: 1,
        no_room: vec![no_room(1, "template_limit", 7), no_room(9, "record_queue", 2)],
        work: WorkHealth {
            workers: 1,
            queues: vec![QueueHealth { held: 1, limit: 2, dropped: 0 }],
        },
        recording: Some(recording),
        datagrams: 19,
        flows: 250,
        batch_p99_us: 1_250,
        ..Health::default()
    }
}

#[test]
fn the_text_is_as_in_the_golden_file() {
    let text = text(health(), NOW, "1.2.3").unwrap();
    assert_eq!(text, include_str!("golden.txt"));
}

#[test]
fn unknown_values_have_no_series() {
    let text = text(Health::default(), NOW, "1.2.3").unwrap();
    let said: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(said.contains(&"toptalk_flows_total 0"), "{said:?}");
    assert!(!text.contains("recording") && !text.contains("start_time"), "{text}");
}

#[test]
fn the_busiest_exporters_have_series_and_the_others_a_number() {
    let exporter = |n: u32| ExporterHealth {
        address: Host::v4(n),
        protocol: Some(Protocol::Ipfix),
        ..ExporterHealth::default()
    };
    let exporters: Vec<_> = (0..MAX_EXPORTERS as u32 + 7).map(exporter).collect();
    let text = text(Health { exporters, ..Health::default() }, NOW, "1").unwrap();
    let series = text.lines().filter(|line| line.starts_with("toptalk_exporter_flows_total{"));
    assert_eq!(series.count(), MAX_EXPORTERS);
    assert!(text.contains("\ntoptalk_exporters_unlisted 7\n"));
    assert!(text.contains(&format!("\ntoptalk_exporters {}\n", MAX_EXPORTERS + 7)));
}

#[test]
fn names_are_unique_and_help_texts_are_single_lines() {
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len());
    for Metric { name, help, .. } in METRICS {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit()));
        assert!(!name.ends_with("_total") && !help.contains('\n') && !help.ends_with('.'));
    }
}
