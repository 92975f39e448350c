//! Exporters in every condition, built by hand.

use std::sync::Arc;

use toptalk::flow::{Host, Protocol};
use toptalk::snapshot::*;

use super::fixture::{END, site};

fn template(id: u16, seconds: i64) -> TemplateHealth {
    let before = |seconds: i64| END.plus_ms(65_000 - seconds * 1000);
    TemplateHealth {
        domain: u32::from(id) % 3,
        id,
        options: id.is_multiple_of(4),
        fields: 5 + usize::from(id) % 20,
        defined: before(seconds * 100),
        refreshed: before(seconds),
        used: before(seconds % 7),
        ..TemplateHealth::default()
    }
}

fn interface(index: u32, name: &str, description: &str) -> InterfaceHealth {
    InterfaceHealth {
        index,
        name: name.to_owned(),
        description: description.to_owned(),
        speed: 10_000_000_000,
        in_rate: Some(1_234_567_890 / u64::from(index)),
        out_rate: (index > 1).then_some(98_765_432),
        covered: [(index > 1).then_some(93), (index > 2).then_some(103)],
    }
}

fn detail() -> ExporterDetail {
    let mut templates: Vec<_> = (0..30).map(|at| template(256 + at, 20 + i64::from(at))).collect();
    templates[1].changes = 3;
    templates[2].remembered = true;
    templates.sort_by_key(|template| (template.domain, template.id));
    ExporterDetail {
        domains: 3,
        templates,
        interfaces: vec![
            interface(1, "Te1/0/1", "to the office in Zürich"),
            interface(2, "Te1/0/2", "漢字漢字 \u{202e}and\u{1b}[31m worse"),
            interface(7, "", "a description where the name should be, and a rather long one"),
            InterfaceHealth { index: 1_073_741_823, ..InterfaceHealth::default() },
        ],
        applications: 1312,
        samplers: vec![
            SamplerHealth { domain: 0, selector: Selector::Sampler(1), rate: 1000 },
            SamplerHealth { domain: 0, selector: Selector::InRecords, rate: 100 },
        ],
        statistics: vec![("flows exported".into(), 1_234_567), ("packets not sampled".into(), 17)],
    }
}

/// Four exporters: well, losing data, silent, and only known from an earlier run.
pub fn exporters() -> Vec<ExporterHealth> {
    let now = END.plus_ms(65_000);
    let well = ExporterHealth {
        address: Host::octets(192, 0, 2, 1),
        protocol: Some(Protocol::Netflow9),
        datagrams: 1_000_000,
        flows: 25_000_000,
        datagrams_per_s: 1_200.0,
        flows_per_s: 30_100.0,
        templates: 12,
        sampling: SamplingState::Announced(1),
        clock_offset_ms: -20,
        last_seen: now,
        active_timeout_ms: Some(60_000),
        export_delay_ms: Some(1_200),
        ..ExporterHealth::default()
    };
    vec![
        ExporterHealth {
            address: Host::octets(192, 0, 2, 2),
            protocol: Some(Protocol::Ipfix),
            datagrams_per_s: 2_900.0,
            flows_per_s: 31_000.0,
            lost: 143_000,
            restarts: 2,
            templates: 30,
            remembered: 1,
            held: 88,
            doubled: 300,
            sampling: SamplingState::Given(1000),
            clock_offset_ms: -41_000,
            active_timeout_ms: Some(1_800_000),
            detail: Arc::new(detail()),
            ..well.clone()
        },
        well.clone(),
        ExporterHealth {
            address: Host::octets(192, 0, 2, 7),
            protocol: Some(Protocol::Sflow5),
            datagrams_per_s: 0.0,
            flows_per_s: 0.0,
            templates: 0,
            sampling: SamplingState::Mixed(2048),
            last_seen: now.plus_ms(-602_000),
            active_timeout_ms: None,
            export_delay_ms: None,
            ..well
        },
        ExporterHealth {
            address: "2001:db8:20:3::a1:7f".parse().unwrap(),
            templates: 5,
            remembered: 5,
            last_seen: now.plus_ms(-90_000_000),
            ..ExporterHealth::default()
        },
    ]
}

/// A site with problems in collecting.
pub fn troubled() -> Snapshot {
    let count = |cause: &'static str, explanation: &'static str, count| DropCount {
        cause: cause.into(),
        explanation: explanation.into(),
        count,
    };
    let mut snapshot = site();
    let health = &mut snapshot.health;
    health.exporters = exporters();
    health.batch_p99_us = 20_913;
    health.started = END.plus_ms(-7_200_000);
    (health.datagrams, health.flows) = (3_000_000, 75_000_000);
    health.listeners[0].buffer_granted = 212_992;
    health.listeners[0].kernel_drops = 812;
    health.dropped = vec![
        count("unknown_version", "datagrams of another version: does the port fit?", 7),
        count("truncated", "records that were cut off: is a datagram larger than the path?", 13),
        count("kernel", "datagrams the kernel dropped: raise net.core.rmem_max", 812),
    ];
    health.noticed = vec![count("clock_step", "an exporter's clock was set", 2)];
    health.refused = vec![(Host::octets(198, 51, 100, 9), 1234)];
    health.refused_others = 5;
    health.notes = vec!["port 4739 is busy".to_owned()];
    snapshot
}
