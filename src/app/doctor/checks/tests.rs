//! Each problem has its finding.

use super::super::facts::Terminal;
use super::*;
use crate::flow::{Host, Protocol, Time};
use crate::snapshot::{
    DropCount, ExporterHealth, Health, Listener, MissingPort, NoRoom, SamplingState,
};

const NOW: Time = Time(1_800_000_000_000);

fn exporter() -> ExporterHealth {
    ExporterHealth {
        address: Host::octets(192, 0, 2, 1),
        protocol: Some(Protocol::Netflow9),
        datagrams: 100,
        flows: 2_000,
        templates: 2,
        sampling: SamplingState::Announced(1),
        active_timeout_ms: Some(60_000),
        last_seen: NOW,
        ..ExporterHealth::default()
    }
}

/// A machine without problems.
fn well() -> Facts {
    let listener = Listener { buffer_granted: RECEIVE_BUFFER, ..Listener::default() };
    let health = Health {
        listeners: vec![listener],
        exporters: vec![exporter()],
        datagrams: 100,
        flows: 2_000,
        ..Health::default()
    };
    Facts {
        ports: vec![Port { number: 2055, state: PortState::Free }],
        asked: false,
        rmem_max: Some(RECEIVE_BUFFER as u64),
        memory: Some("4 GB for collecting".to_owned()),
        elsewhere: Vec::new(),
        heard: Some(HeardTraffic { for_ms: 10_000, now: NOW, health, transit: Vec::new() }),
        archive: Some(Archive {
            folder: "/var/lib/toptalk".to_owned(),
            state: FolderState::Writable,
            free: Some(LITTLE_ROOM),
            recorder: None,
        }),
        address: None,
        time: TimeSynchroniser::Program("chronyd".to_owned()),
        terminal: Terminal { is_one: true, note: None, colour: true },
    }
}

fn health(facts: &mut Facts) -> &mut Health {
    &mut facts.heard.as_mut().unwrap().health
}

fn no_room(n: u8) -> NoRoom {
    NoRoom { exporter: Host::octets(192, 0, 2, n), cause: "held_dropped".into(), count: 30 }
}

fn held(name: &str) -> PortState {
    PortState::Held(vec![PortHolder { process: 4711, name: name.to_owned() }])
}

#[test]
fn where_all_is_well_nothing_is_to_be_done() {
    let findings = judge(&well());
    assert!(findings.iter().all(|one| one.state == FindingLevel::Ok && one.remedy.is_empty()));
    let checks: Vec<&str> = findings.iter().map(|finding| finding.check).collect();
    let expected = [
        "port", "buffer", "memory", "arrival", "exporter", "archive", "archive", "clock",
        "terminal",
    ];
    assert_eq!(checks, expected);
}

/// A change of the facts, and the finding that it must cause: check, severity, a part of
/// the text, a part of the remedy.
type Case = (fn(&mut Facts), &'static str, FindingLevel, &'static str, &'static str);

#[rustfmt::skip]
const CASES: &[Case] = &[
    (|f| f.ports[0].state = held("nfcapd"), "port", FindingLevel::Fail, "nfcapd (process 4711)", "-p"),
    (|f| f.ports.push(Port { number: 4739, state: held("nfcapd") }), "port", FindingLevel::Warn, "4739", "-p"),
    (|f| { f.asked = true; f.ports.push(Port { number: 4739, state: held("nfcapd") }) }, "port", FindingLevel::Fail, "4739", "-p"),
    (|f| f.ports[0].state = PortState::Held(Vec::new()), "port", FindingLevel::Fail, "another user", "sudo ss"),
    (|f| f.ports[0].state = held("toptalk"), "port", FindingLevel::Note, "already collecting", "--metrics"),
    (|f| f.ports[0].state = PortState::Lacked("another program holds it".to_owned(), Vec::new()), "port", FindingLevel::Fail, "2055 is missing", "every second"),
    (|f| f.ports.push(Port { number: 4739, state: PortState::Lacked(String::new(), vec![PortHolder { process: 4711, name: "nfcapd".to_owned() }]) }), "port", FindingLevel::Warn, "(now nfcapd (process 4711))", "every second"),
    (|f| f.elsewhere = vec![Listener { address: "[::]:9995".to_owned(), ..Listener::default() }], "port", FindingLevel::Note, "does not use it", "[::]:9995"),
    (|f| { f.heard = None; f.ports.push(Port { number: 4739, state: held("toptalk") }) }, "port", FindingLevel::Warn, "2055 is free; the running toptalk does not listen on it", "restart"),
    (|f| health(f).missing.push(MissingPort { port: 4739, transport: Transport::Tcp, why: "in use".to_owned(), since: NOW }), "port", FindingLevel::Warn, "no IPFIX over TCP on port 4739: in use", ""),
    (|f| f.ports[0].state = PortState::Refused("port 53 needs privileges".to_owned()), "port", FindingLevel::Fail, "privileges", ""),
    (|f| health(f).listeners[0].buffer_granted = 212_992, "buffer", FindingLevel::Warn, "bursts", "sysctl -w net.core.rmem_max=67108864"),
    (|f| { f.heard = None; f.rmem_max = Some(212_992) }, "buffer", FindingLevel::Warn, "bursts", "/etc/sysctl.d/10-toptalk.conf"),
    (|f| f.heard = None, "arrival", FindingLevel::Note, "not listened", ""),
    (|f| *health(f) = Health::default(), "arrival", FindingLevel::Fail, "nothing arrived in 10s", "ip flow-export destination HOST 2055"),
    (|f| { f.address = Some([192, 0, 2, 7].into()); *health(f) = Health::default() }, "arrival", FindingLevel::Fail, "nothing arrived", "ip flow-export destination 192.0.2.7 2055"),
    (|f| health(f).flows = 0, "arrival", FindingLevel::Warn, "0 flows", "inspect --port 2055"),
    (|f| health(f).flows = 0, "arrival", FindingLevel::Warn, "0 flows", "template refresh-rate 1"),
    (|f| health(f).dropped.push(DropCount { cause: "unknown_version".into(), explanation: "of no version".into(), count: 3 }), "datagrams", FindingLevel::Warn, "3 of no version", ""),
    (|f| health(f).noticed.push(DropCount { cause: "no_times".into(), explanation: "without times".into(), count: 4 }), "datagrams", FindingLevel::Note, "4 without times", ""),
    (|f| health(f).exporters[0].held = 2, "exporter", FindingLevel::Warn, "2 data sets wait", ""),
    (|f| health(f).exporters[0].active_timeout_ms = Some(1_800_000), "exporter", FindingLevel::Warn, "ip flow-cache timeout active 1", ""),
    (|f| health(f).exporters[0].doubled = 1_000, "exporter", FindingLevel::Note, "export ingress only", ""),
    (|f| health(f).exporters[0].clock_offset_ms = 7_000, "exporter", FindingLevel::Note, "ntp server", ""),
    (|f| health(f).exporters[0].sampling = SamplingState::Unknown, "exporter", FindingLevel::Ok, "--sampling", ""),
    (|f| health(f).exporters[0].lost = 100, "exporter", FindingLevel::Warn, "never arrived", ""),
    (|f| health(f).exporters = vec![exporter(); MAX_EXPORTERS + 3], "exporter", FindingLevel::Note, "3 more", ""),
    (|f| f.heard.as_mut().unwrap().transit.push("192.0.2.0/24".to_owned()), "local", FindingLevel::Note, "private network", "--local 192.0.2.0/24"),
    (|f| f.archive.as_mut().unwrap().state = FolderState::Missing, "archive", FindingLevel::Note, "not there", ""),
    (|f| f.archive.as_mut().unwrap().state = FolderState::Unusable("Permission denied".to_owned()), "archive", FindingLevel::Fail, "Permission denied", "install -d"),
    (|f| f.archive.as_mut().unwrap().free = Some(LITTLE_ROOM - 1), "archive", FindingLevel::Warn, "are free", "--expire-size"),
    (|f| f.archive.as_mut().unwrap().recorder = Some("4711".to_owned()), "archive", FindingLevel::Note, "process 4711 records", ""),
    (|f| health(f).no_room.push(no_room(7)), "room", FindingLevel::Warn, "192.0.2.7 found no room 30 times: held_dropped", "--allow"),
    (|f| health(f).no_room.extend((0..14).map(no_room)), "room", FindingLevel::Note, "4 more", ""),
    (|f| f.time = TimeSynchroniser::Nobody, "clock", FindingLevel::Warn, "no program for time synchronisation found", "chrony"),
    (|f| f.time = TimeSynchroniser::Unknown, "clock", FindingLevel::Note, "cannot be seen", ""),
    (|f| health(f).clock_shift_ms = -60_000, "clock", FindingLevel::Warn, "was set by", ""),
    (|f| f.terminal.note = Some("LANG=C is not UTF-8".to_owned()), "terminal", FindingLevel::Note, "LANG=C", "C.UTF-8"),
    (|f| f.terminal.colour = false, "terminal", FindingLevel::Ok, "without colours", ""),
    (|f| f.terminal.is_one = false, "terminal", FindingLevel::Note, "not a terminal", ""),
];

#[test]
fn every_trouble_has_its_finding_and_what_helps() {
    for (nth, (change, check, state, word, helps)) in CASES.iter().enumerate() {
        let mut facts = well();
        change(&mut facts);
        let findings = judge(&facts);
        let fits = |one: &&Finding| {
            let helps = helps.is_empty() || one.remedy.iter().any(|step| step.contains(helps));
            one.check == *check && one.state == *state && one.text.contains(word) && helps
        };
        assert!(findings.iter().any(|one| fits(&one)), "case {nth}: {findings:#?}");
    }
}

#[test]
fn what_helps_stands_below() {
    let mut facts = well();
    facts.heard = None;
    facts.archive = None;
    facts.rmem_max = None;
    facts.memory = None;
    facts.ports[0].state = held("nfcapd");
    let expected = "\
FAIL  port       2055 is held by nfcapd (process 4711)
                 -> stop it, or choose another port with -p
note  arrival    not listened: no port is free
ok    clock      chronyd synchronises the time
ok    terminal   the terminal can draw everything
1 failed, 0 warnings
";
    assert_eq!(text(&judge(&facts)), expected);
}
