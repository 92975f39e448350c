//! State between datagrams and between runs: saved templates, data that waits for templates, and
//! the limits of both.

use crate::common::sets::{Datagram, Spec, iana};
use proptest::prelude::*;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::encode::{IpfixEncoder, V9Encoder};
use toptalk::wire::saved_state::{
    SavedDomain, SavedExporter, SavedSampler, SavedSession, SavedState, SavedTemplate,
};
use toptalk::wire::{
    Cause, DatagramReport, Decoder, MAX_DOMAINS, MAX_EXPORTERS, MAX_HELD, MAX_HELD_PER_EXPORTER,
    MAX_TEMPLATES,
};

const NOW: i64 = 1_800_000_000_000;
const SECONDS: u32 = (NOW / 1000) as u32;
const MINUTE: i64 = 60_000;

fn router() -> Host {
    Host::octets(192, 0, 2, 1)
}

fn decode(decoder: &mut Decoder, now: i64, bytes: &[u8]) -> (DatagramReport, Vec<Flow>) {
    let mut flows = Vec::new();
    let report = decoder.decode(Time(now), router(), bytes, &mut flows);
    (report, flows)
}

fn flow() -> Flow {
    Flow {
        src: Host::octets(10, 0, 0, 1),
        dst: Host::octets(198, 51, 100, 1),
        first: Time(NOW - 3000),
        last: Time(NOW - 1000),
        bytes: 500,
        packets: 5,
        ..Flow::EMPTY
    }
}

/// A template of source, destination and bytes, 4 bytes each, and the same fields in another
/// order.
const SHAPE: [Spec; 3] = [iana(8, 4), iana(12, 4), iana(1, 4)];
const OTHER: [Spec; 4] = [iana(1, 4), iana(12, 4), iana(8, 4), iana(2, 2)];

/// A new decoder with the saved state of the old one.
fn restarted(now: i64, old: &Decoder) -> Decoder {
    let text = serde_json::to_string(&old.memory()).unwrap();
    let memory: SavedState = serde_json::from_str(&text).unwrap();
    assert_eq!(memory, old.memory(), "it survives a file");
    let mut decoder = Decoder::new();
    decoder.restore(Time(now), &memory).unwrap();
    decoder
}

#[test]
fn a_restart_of_the_collector_loses_nothing() {
    let mut old = Decoder::new();
    let boot = Time(NOW - 1_000_000_000);
    let mut v9 = V9Encoder::new(1).announcing(10);
    let mut ipfix = IpfixEncoder::new(2).announcing(20).uptime(boot);
    for sent in
        v9.encode(Time(NOW), boot, &[], true).iter().chain(&ipfix.encode(Time(NOW), &[], true))
    {
        decode(&mut old, NOW, sent);
    }
    let later = NOW + 10 * MINUTE;
    let mut new = restarted(later, &old);
    assert_eq!(new.exporters()[0].remembered, 7);
    let sent = v9.encode(Time(later), boot, &[flow()], false);
    let (report, flows) = decode(&mut new, later, &sent[0]);
    assert_eq!((report.causes.iter().count(), flows.len()), (0, 1), "{report:?}");
    assert_eq!((flows[0].bytes, flows[0].sampling.rate()), (500, Some(10)));
    let sent = ipfix.encode(Time(later), &[flow()], false);
    let (report, flows) = decode(&mut new, later, &sent[0]);
    assert_eq!((report.causes.iter().count(), flows.len()), (0, 1), "{report:?}");
    assert_eq!((flows[0].first, flows[0].sampling.rate()), (flow().first, Some(20)));
    // The same template arrives, so it is no longer one from an earlier run.
    let (report, _) = decode(&mut new, later, &v9.encode(Time(later), boot, &[], true)[0]);
    assert_eq!(report.causes.get(Cause::TemplateChanged), 0);
    assert_eq!(new.exporters()[0].remembered, 4);
}

#[test]
fn a_router_that_restarted_meanwhile_is_not_misread() {
    let mut old = Decoder::new();
    let up = 3_600_000;
    decode(&mut old, NOW, &Datagram::v9(1, SECONDS, up, 0).template(256, &SHAPE).bytes());
    let later = NOW + 10 * MINUTE;
    let mut new = restarted(later, &old);
    // The exporter has been up for a minute, and its templates have changed: 14 bytes.
    let record = [0, 0, 1, 0xf4, 198, 51, 100, 1, 10, 0, 0, 1, 0, 5];
    let seconds = (later / 1000) as u32;
    let data = Datagram::v9(1, seconds, 60_000, 3).set(256, &record).bytes();
    let (report, flows) = decode(&mut new, later, &data);
    assert_eq!((report.causes.get(Cause::NoTemplate), flows.len()), (1, 0));
    let template = Datagram::v9(1, seconds, 60_000, 4).template(256, &OTHER).bytes();
    let (report, flows) = decode(&mut new, later, &template);
    assert_eq!(report.causes.get(Cause::TemplateChanged), 0);
    assert_eq!((flows[0].src, flows[0].bytes), (Host::octets(10, 0, 0, 1), 500));
}

#[test]
fn a_remembered_template_that_does_not_fit_is_not_believed() {
    let mut old = Decoder::new();
    decode(&mut old, NOW, &Datagram::ipfix(1, SECONDS, 0).template(256, &SHAPE).bytes());
    let mut new = restarted(NOW, &old);
    let ten_short = Datagram::ipfix(1, SECONDS, 0).set(256, &[7; 12 * 3 + 10]).bytes();
    let (report, flows) = decode(&mut new, NOW, &ten_short);
    assert_eq!((report.causes.get(Cause::NoTemplate), flows.len()), (1, 0));
}

#[test]
fn old_templates_and_other_versions_are_not_taken_over() {
    let mut old = Decoder::new();
    decode(&mut old, NOW, &Datagram::ipfix(1, SECONDS, 0).template(256, &SHAPE).bytes());
    let memory = old.memory();
    let later = Time(NOW + 8 * 24 * 60 * MINUTE);
    // The clock alone does not make saved state old: it may be wrong. That another exporter was
    // heard later does.
    assert_eq!(Decoder::new().restore(later, &memory), Ok(1));
    let other = Datagram::ipfix(1, (later.0 / 1000) as u32, 0).template(257, &SHAPE).bytes();
    old.decode(later, Host::v4(77), &other, &mut Vec::new());
    let both = old.memory();
    assert_eq!(both.exporters.len(), 2);
    let mut new = Decoder::new();
    assert_eq!(new.restore(later, &both), Ok(1), "the newer one's");
    assert_eq!(new.exporters()[0].address, Host::v4(77));
    assert!(Decoder::new().restore(Time(NOW), &SavedState { version: 99, ..memory }).is_err());
}

fn any_number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0), Just(NOW)]
}

fn any_template() -> impl Strategy<Value = SavedTemplate> {
    let field = (prop_oneof![Just(0u32), any::<u32>()], 0u16..400, 0u16..20);
    (
        prop_oneof![256u16..260, any::<u16>()],
        any::<(bool, bool)>(),
        prop_oneof![0usize..5, any::<usize>()],
        any_number(),
        prop::collection::vec(field, 0..8),
    )
        .prop_map(|(id, (options, scope_types), scope, refreshed_ms, fields)| SavedTemplate {
            id,
            options,
            scope,
            scope_types,
            refreshed_ms,
            fields,
        })
}

fn any_memory() -> impl Strategy<Value = SavedState> {
    let sampler = any::<(Option<u64>, Option<u32>, u32)>()
        .prop_map(|(sampler, interface, rate)| SavedSampler { sampler, interface, rate });
    let domain = (
        0u32..3,
        prop::option::of(any_number()),
        prop::collection::vec(any_template(), 0..4),
        prop::collection::vec(sampler, 0..3),
    )
        .prop_map(|(id, init_ms, templates, samplers)| SavedDomain {
            id,
            init_ms,
            templates,
            samplers,
        });
    let exporter = (
        prop_oneof![Just("192.0.2.1".to_owned()), any::<String>()],
        (any_number(), any_number()),
        (prop::collection::vec(domain, 0..4), prop::collection::vec(any::<u16>(), 0..3)),
        prop::collection::vec(any::<(u32, String, String)>(), 0..3),
        prop::collection::vec(any::<(u64, String)>(), 0..3),
    )
        .prop_map(|(address, (seen, offset), (domains, ports), interfaces, applications)| {
            SavedExporter {
                address,
                known: offset % 2 == 0,
                last_seen_ms: seen,
                clock_offset_ms: offset,
                domains: domains.clone(),
                sessions: ports
                    .into_iter()
                    .map(|port| SavedSession {
                        port,
                        last_seen_ms: seen,
                        clock_offset_ms: offset,
                        domains: domains.iter().take(usize::from(port % 3)).cloned().collect(),
                    })
                    .collect(),
                interfaces,
                applications,
            }
        });
    prop::collection::vec(exporter, 0..3)
        .prop_map(|exporters| SavedState { version: Decoder::new().memory().version, exporters })
}

proptest! {
    #[test]
    fn a_corrupt_memory_is_harmless(memory in any_memory(), records in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut decoder = Decoder::new();
        let _ = decoder.restore(Time(NOW), &memory);
        for id in 256..260 {
            for domain in 0..3 {
                let data = Datagram::ipfix(domain, SECONDS, 0).set(id, &records);
                let (report, flows) = decode(&mut decoder, NOW, &data.bytes());
                prop_assert_eq!(report.flows as usize, flows.len());
                let data = Datagram::v9(domain, SECONDS, 50_000, 0).set(id, &records);
                decode(&mut decoder, NOW, &data.template(id, &SHAPE).bytes());
            }
        }
        let start = [0u32.to_be_bytes().to_vec(), NOW.to_be_bytes().to_vec()].concat();
        let init = Datagram::ipfix(0, SECONDS, 0).options(300, 1, &[iana(149, 4), iana(160, 8)]);
        decode(&mut decoder, NOW, &init.set(300, &start).bytes());
        // The reported memory is what is really stored.
        let all = |exporter: &SavedExporter| -> Vec<SavedDomain> {
            let sessions = exporter.sessions.iter().flat_map(|session| session.domains.clone());
            let sessions: Vec<SavedDomain> = sessions.collect();
            if sessions.is_empty() { exporter.domains.clone() } else { sessions }
        };
        let counted: usize = decoder.memory().exporters.iter().flat_map(all)
            .map(|domain| domain.templates.len()).sum();
        let said: usize = decoder.exporters().iter().map(|exporter| exporter.templates).sum();
        prop_assert_eq!(counted, said);
    }
}

#[test]
fn a_flood_of_domains_is_bounded_and_counted() {
    let mut decoder = Decoder::new();
    let mut refused = 0;
    for domain in 0..1000 {
        let bytes = Datagram::ipfix(domain, SECONDS, 0).template(256, &SHAPE).bytes();
        refused += decode(&mut decoder, NOW, &bytes).0.causes.get(Cause::DomainLimit);
    }
    assert_eq!(refused as usize, 1000 - MAX_DOMAINS);
    assert_eq!(decoder.exporters()[0].templates, MAX_DOMAINS);
    assert_eq!(decoder.memory().exporters[0].domains.len(), MAX_DOMAINS);
}

#[test]
fn unused_templates_make_room() {
    let mut decoder = Decoder::new();
    for id in 0..MAX_TEMPLATES as u16 {
        decode(
            &mut decoder,
            NOW,
            &Datagram::ipfix(1, SECONDS, 0).template(256 + id, &SHAPE).bytes(),
        );
    }
    let next = Datagram::ipfix(1, SECONDS, 0).template(5000, &SHAPE).bytes();
    let (report, _) = decode(&mut decoder, NOW + 60 * MINUTE, &next);
    assert_eq!(report.causes.get(Cause::TemplateLimit), 1, "an hour is not long enough");
    let (report, _) = decode(&mut decoder, NOW + 121 * MINUTE, &next);
    assert_eq!(report.causes.get(Cause::TemplateLimit), 0);
    assert_eq!(decoder.exporters()[0].templates, MAX_TEMPLATES);
}

/// Sends data without templates from many exporters, more than the limit of pending sets.
#[test]
fn a_flood_of_data_is_held_within_bounds_and_nothing_is_forgotten() {
    let mut decoder = Decoder::new();
    let mut flows = Vec::new();
    let (mut sent, mut dropped) = (0u64, 0u64);
    let content = vec![7; 60_000];
    let rounds = 2 * MAX_HELD_PER_EXPORTER / content.len();
    for exporter in 0..6 {
        for round in 0..rounds {
            let bytes = Datagram::ipfix(1, SECONDS, round as u32).set(256, &content).bytes();
            let report = decoder.decode(Time(NOW), Host::v4(exporter), &bytes, &mut flows);
            sent += 1;
            dropped += u64::from(report.causes.get(Cause::HeldDropped));
        }
    }
    let held: u64 = decoder.exporters().iter().map(|exporter| exporter.held as u64).sum();
    assert_eq!(held + dropped, sent, "each set is held or counted");
    assert!(held as usize * content.len() <= MAX_HELD);
    let most = decoder.exporters().iter().map(|exporter| exporter.held).max().unwrap();
    assert!(most * content.len() <= MAX_HELD_PER_EXPORTER);
    // Six exporters share what new exporters may have: three quarters of the limit, a sixth of
    // that each.
    let share = MAX_HELD / 4 * 3 / 6 / content.len();
    assert!(most > share / 2 && flows.is_empty(), "{most} of {share}");
    // The templates arrive: pending sets are decoded, and there is room again.
    for exporter in 0..6 {
        let bytes = Datagram::ipfix(1, SECONDS, 0).template(256, &[iana(8, 4), iana(1, 56)]);
        decoder.decode(Time(NOW), Host::v4(exporter), &bytes.bytes(), &mut flows);
    }
    // This much is decoded a part at a time.
    while decoder.release(Time(NOW), &mut flows, None).is_some() {}
    assert_eq!(flows.len() as u64, held * 1000);
    assert!(decoder.exporters().iter().all(|exporter| exporter.held == 0));
}

#[test]
fn exporters_that_make_room_give_back_what_they_held() {
    let mut decoder = Decoder::new();
    let mut flows = Vec::new();
    let data = Datagram::ipfix(1, SECONDS, 0).set(256, &vec![7; 60_000]).bytes();
    // None of them ever sends a flow: each loses its place to the next.
    for exporter in 0..4 * MAX_EXPORTERS as u32 {
        let now = Time(NOW + i64::from(exporter));
        let report = decoder.decode(now, Host::v4(exporter), &data, &mut flows);
        assert_eq!(report.causes.get(Cause::ExporterLimit), 0);
    }
    assert_eq!(decoder.exporters().len(), MAX_EXPORTERS);
    let held: usize = decoder.exporters().iter().map(|exporter| exporter.held).sum();
    assert!(held * 60_000 <= MAX_HELD);
    let report = decoder.decode(Time(NOW + 5000), Host::v4(9), &data, &mut flows);
    assert_eq!(report.causes.get(Cause::NoTemplate), 1);
}
