//! Attacks: what anybody can send, and what a good exporter keeps during it. These floods took
//! all resources of early versions. Pure: no sockets, no clocks.

mod fairness;

use crate::common::sets::{Datagram, Spec, iana};
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::{
    Cause, DatagramReport, Decoder, DecoderLimits, MAX_EXPORTERS, MAX_HELD_PER_EXPORTER, Policy,
    SharedLimits,
};

const NOW: i64 = 1_800_000_000_000;
const SECONDS: u32 = (NOW / 1000) as u32;
const GOOD: Host = Host::octets(192, 0, 2, 200);
const SHAPE: [Spec; 5] = [iana(8, 4), iana(12, 4), iana(7, 2), iana(1, 8), iana(2, 8)];
/// Bytes of a record of that template.
const RECORD: usize = 26;

/// A decoder with its flows.
struct Collector {
    decoder: Decoder,
    now: i64,
    flows: Vec<Flow>,
}

impl Collector {
    fn new() -> Collector {
        Collector { decoder: Decoder::new(), now: NOW, flows: Vec::new() }
    }

    fn take(&mut self, from: Host, bytes: &[u8]) -> DatagramReport {
        self.flows.clear();
        self.decoder.decode(Time(self.now), from, bytes, &mut self.flows)
    }

    /// Has a good exporter send flows for some seconds, so that it becomes known.
    fn knows_good(&mut self) {
        for _ in 0..5 {
            let sent = message(1).template(300, &SHAPE).set(300, &records(10)).bytes();
            assert_eq!(self.take(GOOD, &sent).flows, 10);
            self.now += 1000;
        }
    }

    /// The number of flows that a good exporter gets from `sets` pending sets once its template
    /// arrives.
    fn held_by_good(&mut self, sets: u32) -> u32 {
        for _ in 0..sets {
            self.take(GOOD, &message(2).set(400, &records(20)).bytes());
        }
        let template = message(2).template(400, &SHAPE).bytes();
        let mut flows = self.take(GOOD, &template).flows;
        while let Some(more) = self.decoder.release(Time(self.now), &mut self.flows, None) {
            flows += more.flows;
        }
        flows
    }
}

fn message(domain: u32) -> Datagram {
    Datagram::ipfix(domain, SECONDS, 0)
}

fn records(count: usize) -> Vec<u8> {
    vec![10; RECORD * count]
}

fn stranger(n: u32) -> Host {
    Host::v4(0x0a00_0000 + n)
}

/// Fills the memory for templates from many addresses.
fn flood_templates(collector: &mut Collector, strangers: u32) {
    let fields: Vec<Spec> = (0..500).map(|n| iana(n % 250, 4)).collect();
    for n in 0..strangers {
        for block in 0..4 {
            let mut sent = message(1);
            for id in 0..30 {
                sent = sent.template(256 + block * 30 + id, &fields);
            }
            collector.take(stranger(n), &sent.bytes());
        }
    }
}

/// Fills the memory for pending sets from many addresses.
fn flood_held(collector: &mut Collector, strangers: u32) {
    for n in 0..strangers {
        for _ in 0..150 {
            collector.take(stranger(n), &message(1).set(300, &[7; 60_000]).bytes());
        }
    }
}

#[test]
fn a_known_exporters_new_template_is_stored_when_others_fill_the_pool() {
    for strangers in [4, 100] {
        let mut collector = Collector::new();
        collector.knows_good();
        flood_templates(&mut collector, strangers);
        let sent = message(1).template(301, &SHAPE).set(301, &records(20)).bytes();
        let report = collector.take(GOOD, &sent);
        assert_eq!((report.flows, report.causes.get(Cause::TemplateLimit)), (20, 0));
    }
}

#[test]
fn a_new_exporters_template_is_stored_when_others_fill_the_pool() {
    for strangers in [4, 100] {
        let mut collector = Collector::new();
        flood_templates(&mut collector, strangers);
        let sent = message(1).template(301, &SHAPE).set(301, &records(20)).bytes();
        assert_eq!(collector.take(GOOD, &sent).flows, 20, "with {strangers} other senders");
    }
}

#[test]
fn data_before_its_template_is_kept_when_others_fill_the_pool() {
    for strangers in [4, 60] {
        let mut collector = Collector::new();
        collector.knows_good();
        flood_held(&mut collector, strangers);
        assert_eq!(collector.held_by_good(50), 1000, "known, with {strangers} other senders");
        let mut collector = Collector::new();
        flood_held(&mut collector, strangers);
        assert_eq!(collector.held_by_good(50), 1000, "new, with {strangers} other senders");
    }
}

#[test]
fn workers_that_share_a_budget_each_have_a_part() {
    let budget = SharedLimits::new(DecoderLimits::default(), 4);
    let decoder = || Decoder::sharing(Policy::default(), &budget);
    let (mut flooded, mut collector) = (Collector::new(), Collector::new());
    (flooded.decoder, collector.decoder) = (decoder(), decoder());
    flood_held(&mut flooded, 20);
    flood_templates(&mut flooded, 100);
    assert_eq!(collector.held_by_good(50), 1000);
}

#[test]
fn spoofed_exporters_neither_keep_out_nor_displace_others() {
    let mut collector = Collector::new();
    collector.knows_good();
    let one = message(1).template(300, &SHAPE).set(300, &records(1)).bytes();
    for n in 0..3 * MAX_EXPORTERS as u32 {
        collector.now += 1;
        assert_eq!(collector.take(stranger(n), &one).flows, 1, "each in turn");
    }
    // A new exporter is decoded at once, and stays while others come.
    let newcomer = Host::octets(192, 0, 2, 7);
    assert_eq!(collector.take(newcomer, &one).flows, 1);
    for n in 0..10_000u32 {
        collector.now += 1;
        collector.take(stranger(100_000 + n), &one);
        if n % 100 == 0 {
            let data = message(1).set(300, &records(1)).bytes();
            assert_eq!(collector.take(newcomer, &data).flows, 1, "it keeps its template");
        }
    }
    let data = message(1).set(300, &records(5)).bytes();
    assert_eq!(collector.take(GOOD, &data).flows, 5, "who has a history stays");
    assert_eq!(collector.decoder.exporters().len(), MAX_EXPORTERS);
}

#[test]
fn an_exporter_named_by_allow_counts_as_known_at_once() {
    let allow = vec!["192.0.2.200".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    let mut collector = Collector::new();
    collector.decoder = Decoder::with_policy(Policy { allow, ..Policy::default() });
    let sent = message(1).template(300, &SHAPE).set(300, &records(1)).bytes();
    collector.take(GOOD, &sent);
    for n in 0..3 * MAX_EXPORTERS as u32 {
        collector.take(stranger(n), &sent);
    }
    let data = message(1).set(300, &records(5)).bytes();
    assert_eq!(collector.take(GOOD, &data).flows, 5);
}

#[test]
fn domains_samplers_and_sources_count_against_the_pool() {
    let mut collector = Collector::new();
    let options = [iana(149, 4), iana(48, 2), iana(34, 4)];
    let rates: Vec<u8> = (0..250u16)
        .flat_map(|id| [[0, 0, 0, 0], [0, 0, 0, 9]].concat().into_iter().chain(id.to_be_bytes()))
        .collect();
    let mut refused = 0;
    for n in 0..400 {
        for domain in 0..250 {
            let sent = message(domain).options(300, 1, &options).set(300, &rates).bytes();
            refused += collector.take(stranger(n), &sent).causes.get(Cause::DomainLimit);
        }
    }
    let bytes = collector.decoder.template_bytes();
    assert!(bytes <= DecoderLimits::default().template_bytes && refused > 0, "{bytes} {refused}");
}

#[test]
fn what_waited_is_decoded_in_pieces() {
    let mut collector = Collector::new();
    let content = vec![7; 65_000];
    for _ in 0..120 {
        collector.take(GOOD, &message(1).set(300, &content).bytes());
    }
    let template = message(1).template(300, &[iana(8, 4)]).bytes();
    let mut flows = collector.take(GOOD, &template).flows;
    assert!(flows <= 16_250, "one set at once: {flows}");
    let mut pieces = 0;
    while collector.decoder.is_due() {
        collector.flows.clear();
        let Some(more) = collector.decoder.release(Time(NOW), &mut collector.flows, None) else {
            break;
        };
        assert!(more.flows <= 16_250, "{}", more.flows);
        flows += more.flows;
        pieces += 1;
    }
    assert_eq!(u64::from(flows), 120 * 16_250);
    assert!(pieces >= 119 && 120 * 65_000 < MAX_HELD_PER_EXPORTER, "{pieces}");
}

#[test]
fn what_a_burst_of_templates_releases_is_decoded_in_pieces_too() {
    // Many domains, and one domain whose template changes again and again: each of these small
    // datagrams once released the next 65 kB of pending sets.
    let sets = 100;
    for domains in [1, sets] {
        let mut collector = Collector::new();
        for n in 0..sets {
            collector.take(GOOD, &message(n % domains).set(300, &vec![7; 65_000]).bytes());
        }
        let mut flows = 0;
        for n in 0..sets {
            let changing = iana(if n % 2 == 0 { 8 } else { 12 }, 4);
            let template = message(n % domains).template(300, &[changing]).bytes();
            flows += u64::from(collector.take(GOOD, &template).flows);
        }
        assert!(flows <= 16_250, "one set at once, {domains} domains: {flows}");
        while let Some(more) = collector.decoder.release(Time(NOW), &mut collector.flows, None) {
            assert!(more.flows <= 16_250, "{}", more.flows);
            flows += u64::from(more.flows);
        }
        assert_eq!(flows, u64::from(sets) * 16_250, "{domains} domains");
        let next = message(1000).set(300, &[7; 400]).bytes();
        assert_eq!(collector.take(GOOD, &next).flows, 0);
        let template = message(1000).template(300, &[iana(8, 4)]).bytes();
        assert_eq!(collector.take(GOOD, &template).flows, 100, "with its template again");
    }
}

/// Steps of the decoder per byte of a datagram.
fn steps(collector: &mut Collector, bytes: &[u8]) -> f64 {
    let before = collector.decoder.steps();
    collector.take(GOOD, bytes);
    (collector.decoder.steps() - before) as f64 / bytes.len() as f64
}

#[test]
fn withdrawals_in_mass_cost_no_more_than_their_bytes() {
    let mut collector = Collector::new();
    for block in 0..16u16 {
        let mut sent = message(5);
        for id in 0..64 {
            sent = sent.options(300 + block * 64 + id, 1, &[iana(149, 4), iana(34, 4)]);
        }
        collector.take(GOOD, &sent.bytes());
    }
    let all: Vec<u8> = [0u8, 2, 0, 0].repeat(16_000);
    let cost = steps(&mut collector, &message(5).set(2, &all).bytes());
    assert!(cost < 2.0, "{cost} steps a byte");
    // The same with a template between any two of them.
    let one: Vec<u8> = [0u8, 2, 0, 0, 1, 0, 0, 1, 0, 8, 0, 4].repeat(5_000);
    let cost = steps(&mut collector, &message(5).set(2, &one).bytes());
    assert!(cost < 2.0, "{cost} steps a byte");
}

#[test]
fn a_withdrawal_is_for_the_sets_own_id() {
    let mut collector = Collector::new();
    let options = [iana(149, 4), iana(34, 4)];
    let known = message(1).template(300, &SHAPE).options(301, 1, &options);
    collector.take(GOOD, &known.bytes());
    let templates = |collector: &Collector| collector.decoder.exporters()[0].templates;
    for (set, id) in [(2u16, 1u8), (2, 3), (2, 255), (3, 2), (3, 4), (3, 0)] {
        let report = collector.take(GOOD, &message(1).set(set, &[0, id, 0, 0]).bytes());
        assert_eq!(report.causes.get(Cause::TemplateWithdrawn), 0, "{id} in set {set}");
        assert_eq!(templates(&collector), 2);
    }
    let report = collector.take(GOOD, &message(1).set(3, &[0, 3, 0, 0]).bytes());
    assert_eq!((report.causes.get(Cause::TemplateWithdrawn), templates(&collector)), (1, 1));
    let report = collector.take(GOOD, &message(1).set(2, &[0, 2, 0, 0]).bytes());
    assert_eq!((report.causes.get(Cause::TemplateWithdrawn), templates(&collector)), (1, 0));
}

#[test]
fn sflow_samples_that_overlap_are_read_twice_at_most() {
    let word = |n: u32| n.to_be_bytes();
    let head = [word(5), word(1), [192, 0, 2, 1], word(0), word(1), word(1000), word(60_000)];
    // A counter sample of no bytes, then one of another format whose bytes look like many
    // records of the first: each of them once had all the rest read again.
    let unit = [word(2), word(0), word(99), word(8), word(u32::MAX), word(0)];
    let mut bytes = head.concat();
    while bytes.len() < 60_000 {
        bytes.extend(unit.concat());
    }
    let mut collector = Collector::new();
    let cost = steps(&mut collector, &bytes);
    assert!(cost < 2.0, "{cost} steps a byte");
}

#[test]
fn times_at_the_end_of_numbers_overflow_nothing() {
    let fields = [iana(8, 4), iana(12, 4), iana(22, 4), iana(21, 4), iana(1, 4)];
    let record =
        |up: u32| [[10; 8].to_vec(), up.to_be_bytes().repeat(2), vec![0, 0, 0, 9]].concat();
    for init in [i64::MAX as u64, i64::MAX as u64 - 1, 1, u64::MAX] {
        let mut collector = Collector::new();
        let start = [vec![0, 0, 0, 0], init.to_be_bytes().to_vec()].concat();
        let options = message(1).options(400, 1, &[iana(149, 4), iana(160, 8)]).set(400, &start);
        collector.take(GOOD, &options.template(300, &fields).bytes());
        for up in [0, 1, u32::MAX / 2, u32::MAX / 2 + 1, u32::MAX] {
            let report = collector.take(GOOD, &message(1).set(300, &record(up)).bytes());
            assert_eq!(report.flows, 1);
            for flow in &collector.flows {
                let _ = (flow.duration_ms(), flow.is_far_off(), flow.scaled());
            }
        }
        // The same within each record, with every other element for times.
        for with in [150, 151, 152, 153, 154, 155, 158, 159, 161, 162, 322, 323] {
            let fields = [iana(8, 4), iana(160, 8), iana(22, 4), iana(with, 8)];
            for value in [0, init, i64::MAX as u64, u64::MAX] {
                let record = [
                    vec![10; 4],
                    init.to_be_bytes().to_vec(),
                    vec![255; 4],
                    value.to_be_bytes().to_vec(),
                ];
                let sent = message(1).template(500, &fields).set(500, &record.concat());
                assert_eq!(collector.take(GOOD, &sent.bytes()).flows, 1, "{with}");
            }
        }
    }
}
