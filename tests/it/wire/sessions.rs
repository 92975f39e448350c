//! Transport sessions: several processes export from one address, each from its own port
//! (RFC 7011, sections 3.4.1 and 8).

use crate::common::sets::{Datagram, Spec, iana};
use toptalk::flow::{Flow, Host, SenderAddress, Time};
use toptalk::wire::numbering_states::ExporterNumbering;
use toptalk::wire::saved_state::SavedState;
use toptalk::wire::{
    Cause, DatagramReport, Decoder, ExporterSummary, MAX_SESSIONS, MAX_TEMPLATE_BYTES,
};

const NOW: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

/// Records of 12 bytes in one shape and of 16 bytes in the other, of 500 bytes each.
const SHAPE: [Spec; 3] = [iana(8, 4), iana(12, 4), iana(1, 4)];
const OTHER: [Spec; 4] = [iana(1, 4), iana(2, 4), iana(12, 4), iana(8, 4)];
const RECORD: [u8; 12] = [10, 0, 0, 1, 198, 51, 100, 1, 0, 0, 1, 0xf4];
const OTHER_RECORD: [u8; 16] = [0, 0, 1, 0xf4, 0, 0, 0, 5, 198, 51, 100, 1, 10, 0, 0, 1];

fn at(port: u16) -> SenderAddress {
    SenderAddress { host: Host::octets(192, 0, 2, 1), port }
}

fn seconds(now: i64) -> u32 {
    (now / 1000) as u32
}

/// A collector.
#[derive(Default)]
struct Site {
    decoder: Decoder,
    flows: Vec<Flow>,
}

impl Site {
    /// Decodes a datagram. Returns the report, and the bytes of the flows that it made.
    fn takes(&mut self, now: i64, port: u16, datagram: Datagram) -> (DatagramReport, u64) {
        let before = self.flows.len();
        let report = self.decoder.decode(Time(now), at(port), &datagram.bytes(), &mut self.flows);
        while self.decoder.release(Time(now), &mut self.flows, None).is_some() {}
        (report, self.flows[before..].iter().map(|flow| flow.bytes).sum())
    }

    fn summary(&self) -> ExporterSummary {
        self.decoder.exporters().remove(0)
    }

    fn counts(&self) -> (u64, u32) {
        (self.summary().lost, self.summary().restarts)
    }

    fn restarted(&self, now: i64) -> Site {
        let saved = self.decoder.memory();
        let text = serde_json::to_string(&saved).unwrap();
        let saved: SavedState = serde_json::from_str(&text).unwrap();
        let numbers: Vec<ExporterNumbering> =
            serde_json::from_str(&serde_json::to_string(&self.decoder.standing()).unwrap())
                .unwrap();
        let mut site = Site::default();
        site.decoder.restore(Time(now), &saved).unwrap();
        site.decoder.resume(Time(now), &numbers);
        site
    }
}

fn v9(now: i64, uptime: u32, sequence: u32) -> Datagram {
    Datagram::v9(0, seconds(now), uptime, sequence)
}

fn ipfix(now: i64, sequence: u32) -> Datagram {
    Datagram::ipfix(0, seconds(now), sequence)
}

#[test]
fn probes_of_one_address_have_uptimes_and_numbers_of_their_own() {
    let mut site = Site::default();
    for (port, up) in [(40_001, 500_000_000), (40_002, 3_600_000), (40_003, 90_000_000)] {
        site.takes(NOW, port, v9(NOW, up, u32::from(port)).template(256, &SHAPE));
    }
    for n in 1..=20 {
        let now = NOW + i64::from(n) * 1000;
        for (port, up) in [(40_001, 500_000_000), (40_002, 3_600_000), (40_003, 90_000_000)] {
            let sequence = u32::from(port) + n;
            // Two datagrams of the second process never arrive.
            if port != 40_002 || !(5..7).contains(&n) {
                site.takes(now, port, v9(now, up + n * 1000, sequence).set(256, &RECORD));
            }
        }
    }
    assert_eq!(site.counts(), (2, 0));
    assert_eq!((site.summary().sessions, site.summary().templates), (3, 3));
    // The third one is started again.
    let now = NOW + 30_000;
    site.takes(now, 40_003, v9(now, 1000, 1).template(256, &SHAPE));
    assert_eq!(site.counts(), (2, 1));
}

#[test]
fn each_process_has_its_own_start() {
    // Uptimes are relative to the start that the process's own options report.
    let options = [iana(144, 4), iana(160, 8)];
    let fields = [iana(8, 4), iana(12, 4), iana(1, 4), iana(22, 4), iana(21, 4)];
    let mut site = Site::default();
    for (port, start) in [(40_001, NOW - 500_000_000), (40_002, NOW - 3_600_000)] {
        let announced = [&[0, 0, 0, 1][..], &start.to_be_bytes()].concat();
        let both = ipfix(NOW, 0).options(300, 1, &options).template(256, &fields);
        site.takes(NOW, port, both.set(300, &announced));
    }
    for n in 1..10 {
        let now = NOW + n * 1000;
        for (port, start) in [(40_001, NOW - 500_000_000), (40_002, NOW - 3_600_000)] {
            let up = (now - start - 2000) as u32;
            let times = [up.to_be_bytes(), up.to_be_bytes()].concat();
            let record = [&RECORD[..], &times].concat();
            site.takes(now, port, ipfix(now, n as u32).set(256, &record));
            let flow = site.flows.last().unwrap();
            assert_eq!(flow.last, Time(now - 2000), "{port} {n}");
        }
    }
    assert_eq!(site.counts(), (0, 0));
}

#[test]
fn equal_ids_of_different_shapes_do_not_mix() {
    for start in [v9 as fn(i64, u32, u32) -> Datagram, |now, _, sequence| ipfix(now, sequence)] {
        let mut site = Site::default();
        site.takes(NOW, 40_001, start(NOW, 1000, 0).template(256, &SHAPE));
        let (report, _) = site.takes(NOW, 40_002, start(NOW, 1000, 0).template(256, &OTHER));
        assert_eq!(report.causes.get(Cause::TemplateChanged), 0);
        // 48 bytes fit both.
        let (_, bytes) = site.takes(NOW, 40_001, start(NOW, 1000, 1).set(256, &RECORD.repeat(4)));
        assert_eq!(bytes, 2000);
        let records = OTHER_RECORD.repeat(3);
        let (_, bytes) = site.takes(NOW, 40_002, start(NOW, 1000, 1).set(256, &records));
        assert_eq!(bytes, 1500);
        // A port without templates cannot know which of them.
        let (_, bytes) = site.takes(NOW, 40_003, start(NOW, 1000, 1).set(256, &records));
        assert_eq!((bytes, site.summary().held), (0, 1));
        let (_, bytes) = site.takes(NOW, 40_003, start(NOW, 1000, 2).template(256, &OTHER));
        assert_eq!((bytes, site.summary().held), (1500, 0));
        assert!(site.flows.iter().all(|flow| flow.src == Host::octets(10, 0, 0, 1)));
    }
}

#[test]
fn a_port_without_templates_uses_those_on_which_all_others_agree() {
    let mut site = Site::default();
    // Its data arrive before any template, from another port.
    let (report, bytes) = site.takes(NOW, 40_002, ipfix(NOW, 0).set(256, &RECORD));
    assert_eq!((report.causes.get(Cause::NoTemplate), bytes), (1, 0));
    let (_, bytes) = site.takes(NOW, 40_001, ipfix(NOW, 0).template(256, &SHAPE));
    assert_eq!(bytes, 500, "what waited");
    let (report, bytes) = site.takes(NOW, 40_002, ipfix(NOW, 1).set(256, &RECORD));
    assert_eq!((report.causes.iter().count(), bytes), (1, 500), "{report:?}");
    let (report, bytes) = site.takes(NOW, 40_003, ipfix(NOW, 0).set(256, &RECORD));
    assert_eq!((report.causes.get(Cause::NoTemplate), bytes), (0, 500));
    assert_eq!(site.summary().templates, 1, "copies do not count");
    // The template gets another shape: copies of the old one are not used any more.
    site.takes(NOW, 40_001, ipfix(NOW, 0).template(256, &OTHER));
    let records = OTHER_RECORD.repeat(3);
    let (_, bytes) = site.takes(NOW, 40_003, ipfix(NOW, 1).set(256, &records));
    assert_eq!(bytes, 1500);
    // From now on two shapes are known.
    site.takes(NOW, 40_004, ipfix(NOW, 0).template(256, &SHAPE));
    let (_, bytes) = site.takes(NOW, 40_003, ipfix(NOW, 4).set(256, &records));
    assert_eq!((bytes, site.summary().held), (0, 1));
}

#[test]
fn data_that_do_not_fit_the_template_of_another_port_wait_for_their_own() {
    let mut site = Site::default();
    site.takes(NOW, 40_001, v9(NOW, 1000, 0).template(256, &SHAPE));
    let (report, bytes) = site.takes(NOW, 40_002, v9(NOW, 1000, 0).set(256, &OTHER_RECORD));
    assert_eq!((report.causes.get(Cause::TemplateOutdated), bytes), (1, 0), "{report:?}");
    let records = OTHER_RECORD.repeat(3);
    assert_eq!(site.takes(NOW, 40_002, v9(NOW, 1000, 1).set(256, &records)).1, 0);
    assert_eq!(site.takes(NOW, 40_001, v9(NOW, 1000, 1).set(256, &RECORD)).1, 500);
    assert_eq!(site.takes(NOW, 40_002, v9(NOW, 1000, 2).template(256, &OTHER)).1, 2000);
}

#[test]
fn ports_that_take_turns_lose_nothing_and_real_losses_are_seen() {
    // One process sends from four sockets, in no fixed order; templates from the first only.
    let mut site = Site::default();
    site.takes(NOW, 40_000, v9(NOW, 1000, 0).template(256, &SHAPE));
    let mut read = 0;
    for n in 1..200u32 {
        let port = 40_000 + (n * 7 + n / 3) as u16 % 4;
        if (90..93).contains(&n) {
            continue;
        }
        read += site.takes(NOW, port, v9(NOW, 1000 + n, n).set(256, &RECORD)).1;
    }
    assert_eq!(read, 196 * 500);
    assert_eq!(site.counts(), (3, 0));
    assert_eq!(site.summary().sessions, 4);
}

#[test]
fn a_port_for_every_datagram_is_one_session_in_the_end() {
    let mut site = Site::default();
    site.takes(NOW, 40_000, v9(NOW, 1000, 0).template(256, &SHAPE));
    let (mut read, mut told) = (0, 0);
    for n in 1..1000u32 {
        let datagram = v9(NOW, 1000 + n, n).set(256, &RECORD);
        let (report, bytes) = site.takes(NOW, 40_000 + n as u16, datagram);
        read += bytes;
        told += report.causes.get(Cause::SessionLimit);
    }
    assert_eq!((read, site.counts()), (999 * 500, (0, 0)));
    assert_eq!(told as usize, 1000 - MAX_SESSIONS);
    let summary = site.summary();
    assert_eq!((summary.sessions, summary.merged, summary.templates), (1, true, 1));
    // The numbers of the only session are those of all ports.
    site.takes(NOW, 50_000, v9(NOW, 3000, 1010).set(256, &RECORD));
    assert_eq!(site.counts(), (10, 0));
    // After an hour it is tried again whether there are few.
    let now = NOW + HOUR + 1000;
    let (report, bytes) = site.takes(now, 50_000, v9(now, 4000, 1011).set(256, &RECORD));
    assert_eq!((report.causes.get(Cause::SessionLimit), bytes), (0, 500));
    assert_eq!(site.summary().sessions, 2);
}

#[test]
fn a_flood_of_ports_takes_no_more_than_a_few() {
    let mut site = Site::default();
    let fields: Vec<Spec> = (0..40).map(|n| iana(n % 30 + 1, 4)).collect();
    let mut received = 0;
    let mut flood = |site: &mut Site, ports: std::ops::Range<u32>| {
        for port in ports {
            let mut datagram = v9(NOW, 1000, 7 * port);
            for id in 0..6 {
                datagram = datagram.template(256 + port as u16 % 9 * 8 + id, &fields);
            }
            received += datagram.clone().bytes().len() as u64;
            site.takes(NOW, port as u16, datagram);
        }
        (site.decoder.template_bytes(), received)
    };
    let (early, _) = flood(&mut site, 1..1000);
    let (late, received) = flood(&mut site, 1000..65_536);
    assert!(late <= early + early / 10 && late < MAX_TEMPLATE_BYTES / 16, "{early} {late}");
    assert!(site.decoder.steps() < received, "{} steps", site.decoder.steps());
    assert!(site.summary().merged);
}

#[test]
fn silent_sessions_go_after_an_hour() {
    let mut site = Site::default();
    for n in 0..10 * MAX_SESSIONS as i64 {
        // The exporter gets another port every two minutes.
        let now = NOW + n * 120_000;
        let data = v9(now, 1000 + n as u32 * 120_000, n as u32).template(256, &SHAPE);
        let (report, bytes) = site.takes(now, 30_000 + n as u16, data.set(256, &RECORD));
        assert_eq!((report.causes.get(Cause::SessionLimit), bytes), (0, 500), "{n}");
    }
    assert!(site.summary().sessions <= MAX_SESSIONS + 1);
    assert_eq!(site.counts(), (0, 0));
}

#[test]
fn a_restart_of_the_collector_keeps_sessions_apart() {
    let mut old = Site::default();
    old.takes(NOW, 40_001, v9(NOW, 500_000, 10).template(256, &SHAPE).template(257, &SHAPE));
    old.takes(NOW, 40_002, v9(NOW, 900_000, 70).template(256, &OTHER).template(257, &SHAPE));
    let saved = old.decoder.memory();
    let whole: Vec<u16> = saved.exporters[0].domains[0].templates.iter().map(|t| t.id).collect();
    assert_eq!(whole, [257], "what older versions read: no template that is another's");

    let later = NOW + 60_000;
    let mut new = old.restarted(later);
    let (_, bytes) = new.takes(later, 40_001, v9(later, 560_000, 13).set(256, &RECORD.repeat(4)));
    assert_eq!(bytes, 2000);
    let records = OTHER_RECORD.repeat(3);
    let (_, bytes) = new.takes(later, 40_002, v9(later, 960_000, 71).set(256, &records));
    assert_eq!(bytes, 1500);
    assert_eq!((new.summary().missed, new.counts()), (2, (0, 0)));
    // An unknown port uses what the address agrees on.
    let unknown = v9(later, 700_000, 5).set(256, &records).set(257, &RECORD);
    assert_eq!(new.takes(later, 40_003, unknown).1, 500);
    assert_eq!(new.summary().held, 1);
}

#[test]
fn an_only_session_may_come_back_from_another_port() {
    let mut old = Site::default();
    old.takes(NOW, 40_001, v9(NOW, 500_000, 10).template(256, &SHAPE));
    let saved = old.decoder.memory();
    assert!(saved.exporters[0].sessions[0].domains.is_empty(), "its domains are saved once");
    let later = NOW + 60_000;
    let mut new = old.restarted(later);
    let (_, bytes) = new.takes(later, 40_009, v9(later, 560_000, 13).set(256, &RECORD));
    assert_eq!((bytes, new.summary().missed, new.counts()), (500, 2, (0, 0)));
}

#[test]
fn state_of_older_versions_is_that_of_the_address() {
    let saved = r#"{"version":1,"exporters":[{"address":"192.0.2.1","last_seen_ms":1800000000000,
        "clock_offset_ms":0,"domains":[{"id":0,"init_ms":null,"templates":[{"id":256,
        "options":false,"scope":0,"scope_types":true,"refreshed_ms":1800000000000,
        "fields":[[0,8,4],[0,12,4],[0,1,4]]}],"samplers":[]}],
        "interfaces":[],"applications":[]}]}"#;
    let mut old = Site::default();
    old.takes(NOW, 0, v9(NOW, 500_000, 10));
    let mut numbers = serde_json::to_value(old.decoder.standing()).unwrap();
    assert!(numbers[0]["lines"][0].as_object_mut().unwrap().remove("port").is_some());
    let numbers: Vec<ExporterNumbering> = serde_json::from_value(numbers).unwrap();
    let mut site = Site::default();
    site.decoder.restore(Time(NOW), &serde_json::from_str(saved).unwrap()).unwrap();
    site.decoder.resume(Time(NOW), &numbers);
    let later = NOW + 60_000;
    let (_, bytes) = site.takes(later, 40_001, v9(later, 560_000, 13).set(256, &RECORD));
    assert_eq!((bytes, site.summary().missed, site.counts()), (500, 2, (0, 0)));
}
