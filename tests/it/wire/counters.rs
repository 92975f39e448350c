//! What counters mean: totals, events of firewalls, the way back, and records that make no
//! sense. The right values are those of the device's documentation.

use crate::common;
use toptalk::agg::{Config, Windows};
use toptalk::flow::{Flow, Host, Time};
use toptalk::snapshot::{Health, View};
use toptalk::wire::{
    Cause, DatagramReport, Decoder, DecoderLimits, KeptExtras, Policy, SharedLimits,
};

/// The time of the first message, in milliseconds since 1970.
const NOW: i64 = 1_800_000_000_000;
const EXPORTER: Host = Host::octets(192, 0, 2, 7);

const SRC: u16 = 8;
const DST: u16 = 12;
const START: u16 = 152;
const END: u16 = 153;

/// A data record: element (with `0x8000` for the reverse direction), bytes of the value, value.
type Record = Vec<(u16, u16, u64)>;

/// The endpoints of a connection of host 10.0.0.`host`.
fn endpoints(host: u8) -> Record {
    let (src, dst) = (0x0a00_0000 + u64::from(host), 0xcb00_7105);
    vec![(SRC, 4, src), (DST, 4, dst), (7, 2, 40_000), (11, 2, 443), (4, 1, 6)]
}

fn record(host: u8, more: &[(u16, u16, u64)]) -> Record {
    [endpoints(host), more.to_vec()].concat()
}

/// An IPFIX message at `seconds` after [`NOW`] with a template and one record of it.
fn message(seconds: i64, record: &Record) -> Vec<u8> {
    let mut template = Vec::from([1, 44, 0, record.len() as u8]);
    let mut data = Vec::new();
    for (id, length, value) in record {
        template.extend(id.to_be_bytes());
        template.extend(length.to_be_bytes());
        if id & 0x8000 != 0 {
            template.extend(29305u32.to_be_bytes());
        }
        data.extend(&value.to_be_bytes()[8 - usize::from(*length)..]);
    }
    let mut bytes = vec![0, 10, 0, 0];
    bytes.extend((((NOW / 1000) + seconds) as u32).to_be_bytes());
    bytes.extend([0; 8]);
    for (id, content) in [(2u16, template), (300, data)] {
        bytes.extend(id.to_be_bytes());
        bytes.extend((4 + content.len() as u16).to_be_bytes());
        bytes.extend(content);
    }
    let length = bytes.len() as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// A decoder and what it made.
#[derive(Default)]
struct Bench {
    decoder: Decoder,
    flows: Vec<Flow>,
    reports: Vec<DatagramReport>,
}

impl Bench {
    fn send(&mut self, seconds: i64, record: &Record) -> &mut Bench {
        let now = Time(NOW + 1000 * seconds);
        let message = message(seconds, record);
        self.reports.push(self.decoder.decode(now, EXPORTER, &message, &mut self.flows));
        self
    }

    /// Starts again with the state that an earlier run saved.
    fn restart(&mut self, seconds: i64) {
        let saved = self.decoder.memory();
        self.decoder = Decoder::new();
        self.decoder.restore(Time(NOW + 1000 * seconds), &saved).unwrap();
    }

    /// Bytes and packets by the source address's last byte: host 10.0.0.x up, then down.
    fn of(&self, host: u8) -> [(u64, u64); 2] {
        let host = Host::octets(10, 0, 0, host);
        let sum = |of: &dyn Fn(&&Flow) -> bool| {
            let flows = self.flows.iter().filter(of);
            flows.fold((0, 0), |sum, flow| (sum.0 + flow.bytes, sum.1 + flow.packets))
        };
        [sum(&|flow| flow.src == host), sum(&|flow| flow.dst == host)]
    }

    /// Bytes, start and end of each flow, in seconds after [`NOW`].
    fn parts(&self) -> Vec<(u64, i64, i64)> {
        let seconds = |time: Time| (time.0 - NOW) / 1000;
        self.flows
            .iter()
            .map(|flow| (flow.bytes, seconds(flow.first), seconds(flow.last)))
            .collect()
    }

    fn count(&self, cause: Cause) -> u32 {
        self.reports.iter().map(|report| report.causes.get(cause)).sum()
    }
}

fn at(seconds: i64) -> u64 {
    (NOW + 1000 * seconds) as u64
}

/// A record of a flow that began at `start`, with totals until `end`.
fn total(host: u8, start: i64, end: i64, bytes: u64, packets: u64) -> Record {
    let times = [(START, 8, at(start)), (END, 8, at(end))];
    record(host, &[&times[..], &[(85, 8, bytes), (86, 8, packets)]].concat())
}

#[test]
fn totals_count_what_was_added_since_the_report_before() {
    let mut bench = Bench::default();
    bench.send(10, &total(1, 0, 10, 1000, 10)).send(20, &total(1, 0, 20, 1500, 12));
    bench.send(21, &total(2, 5, 21, 70, 1));
    bench.send(30, &total(1, 0, 30, 4500, 20));
    assert_eq!(bench.parts(), [(1000, 0, 10), (500, 10, 20), (70, 5, 21), (3000, 20, 30)]);
    assert_eq!(bench.of(1), [(4500, 20), (0, 0)]);
    // Nothing new, a report that arrives late, and one that arrives twice.
    bench.send(31, &total(1, 0, 30, 4500, 20)).send(32, &total(1, 0, 20, 1500, 12));
    bench.send(40, &total(1, 0, 40, 4500, 20));
    assert_eq!(bench.of(1), [(4500, 20), (0, 0)]);
    assert_eq!(bench.flows.len(), 4);
    assert_eq!(bench.reports.iter().map(|report| report.uncounted).sum::<u32>(), 3);
    // The same addresses and ports again: another flow. The earlier one is still known.
    bench.send(60, &total(1, 50, 60, 300, 3)).send(61, &total(1, 0, 45, 4600, 21));
    bench.send(70, &total(1, 50, 70, 900, 9));
    assert_eq!(bench.of(1), [(5500, 30), (0, 0)]);
}

#[test]
fn totals_without_a_start_begin_again_when_they_are_less() {
    let only = |end: i64, bytes: u64| record(1, &[(END, 8, at(end)), (85, 8, bytes)]);
    let mut bench = Bench::default();
    bench.send(10, &only(10, 1000)).send(20, &only(20, 1500)).send(30, &only(30, 100));
    assert_eq!(bench.of(1)[0].0, 1600);
    bench.send(31, &only(20, 1500)).send(40, &only(40, 150));
    assert_eq!(bench.of(1)[0].0, 1650, "an earlier report that arrives late says nothing new");
}

#[test]
fn totals_of_four_bytes_wrap() {
    let narrow = |end: i64, bytes: u64| {
        record(1, &[(START, 8, at(0)), (END, 8, at(end)), (85, 4, bytes & 0xffff_ffff)])
    };
    let mut bench = Bench::default();
    let all = [1 << 30, 3 << 30, (1 << 32) + 5, (5 << 30) + 7, (1 << 33) + 1];
    for (n, bytes) in (1..).zip(all) {
        bench.send(60 * n, &narrow(60 * n, bytes));
    }
    assert_eq!(bench.of(1)[0].0, (1 << 33) + 1);
}

#[test]
fn totals_of_the_reverse_direction_and_by_flow_id() {
    let both = |end: i64, values: [u64; 4]| {
        let ids = [85, 86, 0x8000 | 85, 0x8000 | 86];
        let counters = ids.into_iter().zip(values).map(|(id, value)| (id, 8, value));
        let times = [(148, 8, 77), (START, 8, at(0)), (END, 8, at(end))];
        record(1, &times.into_iter().chain(counters).collect::<Vec<_>>())
    };
    let mut bench = Bench::default();
    bench.send(10, &both(10, [100, 1, 5000, 5])).send(20, &both(20, [200, 2, 5000, 5]));
    bench.send(30, &both(30, [200, 2, 9000, 9]));
    assert_eq!(bench.of(1), [(200, 2), (9000, 9)]);
    // Packets as totals beside bytes since the last report.
    let mixed = |end: i64, bytes: u64, packets: u64| {
        let counters = [(START, 8, at(0)), (END, 8, at(end)), (1, 8, bytes), (86, 8, packets)];
        record(2, &counters)
    };
    bench.send(10, &mixed(10, 500, 5)).send(20, &mixed(20, 500, 10));
    assert_eq!(bench.of(2), [(1000, 10), (0, 0)]);
}

#[test]
fn after_a_restart_flows_that_an_earlier_run_may_have_counted_are_only_a_base() {
    let mut bench = Bench::default();
    bench.send(10, &total(1, 0, 10, 1000, 10));
    bench.restart(60);
    bench.flows.clear();
    bench.send(70, &total(1, 0, 70, 7000, 70));
    assert_eq!((bench.flows.len(), bench.count(Cause::TotalWithoutBase)), (0, 1));
    bench.send(80, &total(1, 0, 80, 8000, 80));
    assert_eq!(bench.parts(), [(1000, 70, 80)]);
    // It began while the collector was not running.
    bench.send(90, &total(2, 30, 90, 500, 5));
    assert_eq!(bench.of(2), [(500, 5), (0, 0)]);
    assert_eq!(bench.count(Cause::TotalWithoutBase), 1);
}

/// An event of a firewall's connection, as Cisco's ASA sends it: the end of what was counted
/// is the time of the event.
fn event(id: u64, kind: u64, end: i64, [up, down]: [u64; 2]) -> Record {
    let fields = [(148, 4, id), (START, 8, at(0)), (323, 8, at(end)), (233, 1, kind)];
    let counters = [(231, 4, up), (232, 4, down)];
    record(id as u8, &[&fields[..], &counters[..]].concat())
}

const CREATED: u64 = 1;
const DELETED: u64 = 2;
const UPDATE: u64 = 5;

#[test]
fn the_end_of_a_connection_counts_only_what_its_updates_did_not() {
    let mut bench = Bench::default();
    bench.send(0, &event(1, CREATED, 0, [0, 0]));
    bench.send(60, &event(1, UPDATE, 60, [2557, 1117])).send(120, &event(1, UPDATE, 120, [31, 0]));
    bench.send(150, &event(1, DELETED, 150, [2600, 1117]));
    assert_eq!(bench.of(1).map(|one| one.0), [2600, 1117]);
    let ways: Vec<_> = bench.parts();
    let expected = [(2557, 0, 60), (1117, 0, 60), (31, 60, 120), (12, 120, 150)];
    assert_eq!(ways, expected);
    // A connection that is too short for updates; the end arrives twice.
    bench.send(151, &event(2, DELETED, 151, [700, 900]));
    bench.send(152, &event(2, DELETED, 151, [700, 900]));
    assert_eq!(bench.of(2).map(|one| one.0), [700, 900]);
    // An update is lost, and one arrives after the end.
    bench.send(160, &event(3, UPDATE, 160, [10, 10])).send(200, &event(3, DELETED, 200, [90, 80]));
    bench.send(201, &event(3, UPDATE, 190, [30, 20]));
    assert_eq!(bench.of(3).map(|one| one.0), [90, 80]);
    // An update that arrives twice is counted twice, but not once more at the end.
    bench.send(210, &event(4, UPDATE, 210, [100, 0])).send(210, &event(4, UPDATE, 210, [100, 0]));
    bench.send(220, &event(4, DELETED, 220, [150, 7]));
    assert_eq!(bench.of(4).map(|one| one.0), [200, 7]);
    assert_eq!(bench.count(Cause::TotalWithoutBase), 0);
}

#[test]
fn a_connection_in_the_middle_of_a_restart_counts_its_updates_and_not_its_total() {
    let mut bench = Bench::default();
    bench.send(60, &event(1, UPDATE, 60, [1000, 0])).send(60, &event(2, UPDATE, 60, [5000, 0]));
    bench.restart(100);
    bench.send(120, &event(1, UPDATE, 120, [200, 0]));
    bench
        .send(150, &event(1, DELETED, 150, [1250, 0]))
        .send(150, &event(2, DELETED, 150, [5001, 0]));
    assert_eq!(bench.of(1)[0].0, 1200);
    assert_eq!(bench.of(2)[0].0, 5000);
    assert_eq!(bench.count(Cause::TotalWithoutBase), 2);
}

#[test]
fn a_connection_of_more_than_four_gigabytes_wraps_its_counter_at_the_end() {
    let mut bench = Bench::default();
    for minute in 1..=4 {
        bench.send(60 * minute, &event(1, UPDATE, 60 * minute, [3 << 30, 1]));
    }
    let all = (12u64 << 30) + 77;
    bench.send(300, &event(1, DELETED, 300, [all & 0xffff_ffff, 4]));
    assert_eq!(bench.of(1).map(|one| one.0), [all, 4]);
}

#[test]
fn flows_beyond_the_limit_are_forgotten_and_do_not_count_twice() {
    let limits = DecoderLimits { counter_bytes: 1 << 20, ..DecoderLimits::default() };
    let decoder = Decoder::sharing(Policy::default(), &SharedLimits::new(limits, 1));
    let mut bench = Bench { decoder, ..Bench::default() };
    // Each flow goes on for as long as the test, so that each may have been forgotten.
    let flow = |n: u64, end: i64, bytes: u64| {
        let times = [(148, 8, n), (START, 8, at(0)), (END, 8, at(end)), (85, 8, bytes)];
        record(1, &times)
    };
    let flows = 20_000;
    for n in 1..=flows {
        bench.send(1, &flow(n, 1, 1_000_000));
    }
    let whole = bench.of(1)[0].0;
    assert!(whole <= flows * 1_000_000);
    let first = bench.flows.len() as u64;
    assert_eq!(whole, first * 1_000_000);
    for n in 1..=flows {
        bench.send(2, &flow(n, 2, 1_000_001));
    }
    let grown = bench.of(1)[0].0 - whole;
    assert!(grown <= flows, "{grown}: no total counts a second time");
    let without = u64::from(bench.count(Cause::TotalWithoutBase));
    assert_eq!(without + first + (bench.flows.len() as u64 - first), 2 * flows);
    assert!(bench.decoder.counter_bytes() <= 1 << 20, "{}", bench.decoder.counter_bytes());
    // A flow that begins afterwards cannot have been forgotten.
    bench.flows.clear();
    let times = [(148, 8, 0), (START, 8, at(3)), (END, 8, at(4)), (85, 8, 500)];
    bench.send(4, &record(2, &times));
    assert_eq!(bench.of(2)[0].0, 500);
}

/// An IPFIX message with a template of these fields and many records of it.
fn set(fields: &[(u16, u16)], records: &[Vec<u64>]) -> Vec<u8> {
    let first: Record = fields
        .iter()
        .zip(&records[0])
        .map(|((id, length), value)| (*id, *length, *value))
        .collect();
    let mut bytes = message(0, &first);
    for record in &records[1..] {
        for ((_, length), value) in fields.iter().zip(record) {
            bytes.extend(&value.to_be_bytes()[8 - usize::from(*length)..]);
        }
    }
    let length = bytes.len() as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    let set = 16 + 4 + 4 + 4 * fields.len();
    bytes[set + 2..set + 4].copy_from_slice(&(length - set as u16).to_be_bytes());
    bytes
}

#[test]
fn records_that_make_no_sense_are_not_used_and_counted() {
    let fields = [(SRC, 4), (DST, 4), (1, 8), (2, 8), (START, 8), (END, 8)];
    let line = |bytes: u64, packets: u64, seconds: i64| {
        vec![0x0a00_0001, 0xcb00_7105, bytes, packets, at(-seconds), at(0)]
    };
    let good = [
        line(1500, 1, 0),
        line(65_535 * 4, 4, 1),
        line(500_000_000_000, 1 << 40, 2),
        line(7, 0, 0),
    ];
    let bad = [line(1 << 63, 7, 60), line(65_536, 1, 0), line(500_000_000_001, 1 << 40, 2)];
    let mut bench = Bench::default();
    let mut sequence = 0u32;
    let mut send = |records: &[Vec<u64>]| {
        bench.flows.clear();
        let mut message = set(&fields, records);
        message[8..12].copy_from_slice(&sequence.to_be_bytes());
        sequence += records.len() as u32;
        let report = bench.decoder.decode(Time(NOW), EXPORTER, &message, &mut bench.flows);
        assert_eq!(report.flows as usize, bench.flows.len());
        assert_eq!(report.uncounted, report.causes.get(Cause::Implausible));
        (report.flows, report.uncounted)
    };
    assert_eq!(send(&good), (4, 0));
    assert_eq!(send(&bad), (0, 3));
    let mixed: Vec<_> = good.iter().zip(&bad).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    assert_eq!(send(&mixed), (3, 3));
    // Bytes without packets are usual in single records, but not in most of a set.
    assert_eq!(send(&[vec![line(100, 0, 0); 3], vec![line(100, 1, 0); 3]].concat()), (6, 0));
    assert_eq!(
        send(
            &[vec![line(100, 0, 0); 5], vec![line(0, 9, 0); 4], vec![line(100, 1, 0); 3]].concat()
        ),
        (3, 9)
    );
    // No record is missing in the sequence numbers of the exporter.
    assert_eq!(bench.decoder.exporters()[0].lost, 0);
    // A total that makes no sense does not become the base of the flow.
    let mut bench = Bench::default();
    bench.send(10, &total(1, 0, 10, 1000, 10)).send(20, &total(1, 0, 20, 1 << 60, 11));
    bench.send(30, &total(1, 0, 30, 3000, 30));
    assert_eq!(bench.of(1), [(3000, 30), (0, 0)]);
    assert_eq!(bench.count(Cause::Implausible), 1);
}

#[test]
fn a_record_counts_as_many_flows_as_it_says() {
    let mut bench = Bench::default();
    bench.decoder.keep_extras(KeptExtras::Inside);
    bench
        .send(0, &record(1, &[(1, 4, 500), (3, 4, 13)]))
        .send(0, &record(2, &[(1, 4, 70), (3, 4, 1)]));
    bench.send(0, &record(3, &[(1, 4, 70)]));
    let counts: Vec<_> = bench.flows.iter().map(|flow| flow.count(bench.decoder.more())).collect();
    assert_eq!(counts, [13, 1, 1]);
    let windows = Windows::new(Config { started: Time(NOW), ..Config::default() });
    windows.record_with(&bench.flows, bench.decoder.more());
    let answer = windows.snapshot(&View::default(), Time(NOW + 20_000), Health::default());
    assert_eq!(answer.totals.sum().flows, 15);
}

/// The payloads of a capture of raw IPv4 packets with UDP, with their times.
fn payloads(path: &std::path::Path) -> Vec<(Time, Vec<u8>)> {
    let bytes = std::fs::read(path).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut at, mut all) = (24, Vec::new());
    while at + 16 <= bytes.len() {
        let now = i64::from(word(at)) * 1000 + i64::from(word(at + 4)) / 1000;
        let end = at + 16 + word(at + 8) as usize;
        all.push((Time(now), bytes[at + 16 + 28..end].to_vec()));
        at = end;
    }
    all
}

#[test]
fn what_administrators_reported_of_counters_is_right() {
    let Some(folder) = common::skip::reports("what_administrators_reported_of_counters_is_right")
    else {
        return;
    };
    for (file, host, expected) in [
        ("asa_update_and_teardown", Host::octets(10, 0, 50, 10), [3288, 2017, 28]),
        ("total_counters", Host::octets(10, 0, 0, 1), [12148, 0, 8]),
    ] {
        let mut bench = Bench::default();
        for (now, payload) in payloads(&folder.join(file).with_extension("pcap")) {
            let report = bench.decoder.decode(now, EXPORTER, &payload, &mut bench.flows);
            bench.reports.push(report);
        }
        let sum = |of: &dyn Fn(&&Flow) -> bool| {
            bench.flows.iter().filter(of).map(|flow| flow.bytes).sum::<u64>()
        };
        let packets: u64 = bench.flows.iter().map(|flow| flow.packets).sum();
        let found = [sum(&|flow| flow.src == host), sum(&|flow| flow.dst == host), packets];
        assert_eq!(found, expected, "{file}");
    }
}
