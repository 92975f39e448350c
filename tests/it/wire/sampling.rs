//! Sampling rates as devices send them: in options of another source id, in data records, in
//! headers, and with their bytes in the wrong order. What the summary says is what was applied.

use toptalk::flow::{Flow, Host, RateDoubt, Sampling, Time};
use toptalk::wire::policy::GivenRate;
use toptalk::wire::summary::RateScope;
use toptalk::wire::{Cause, Decoder, ExporterSummary, Policy};

const NOW: i64 = 1_800_000_000_000;
const EXPORTER: Host = Host::octets(192, 0, 2, 7);

/// An IPFIX message of this domain with these sets.
fn message(domain: u32, sets: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0, 10, 0, 0];
    bytes.extend(((NOW / 1000) as u32).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(domain.to_be_bytes());
    for (id, content) in sets {
        bytes.extend(id.to_be_bytes());
        bytes.extend((4 + content.len() as u16).to_be_bytes());
        bytes.extend(content);
    }
    let length = bytes.len() as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// A template: its id, then id and length of each field. With `scope` it is an options template.
fn template(id: u16, scope: Option<u16>, fields: &[(u16, u16)]) -> Vec<u8> {
    let mut words = vec![id, fields.len() as u16];
    words.extend(scope);
    words.extend(fields.iter().flat_map(|(id, length)| [*id, *length]));
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Options that announce a rate for a sampler.
fn announce(sampler: u8, rate: u16) -> [(u16, Vec<u8>); 2] {
    let record = [vec![sampler], rate.to_be_bytes().to_vec()].concat();
    [(3, template(301, Some(1), &[(48, 1), (34, 2)])), (301, record)]
}

/// A record from 10.0.0.1 to 10.0.0.2 with further bytes.
fn record(id: u16, more: &[u8]) -> (u16, Vec<u8>) {
    (id, [&[10, 0, 0, 1, 10, 0, 0, 2], more].concat())
}

fn plain() -> (u16, Vec<u8>) {
    (2, template(300, None, &[(8, 4), (12, 4)]))
}

fn by_sampler() -> (u16, Vec<u8>) {
    (2, template(300, None, &[(8, 4), (12, 4), (48, 1)]))
}

/// Records with a rate of `width` bytes.
fn in_record(width: u16) -> (u16, Vec<u8>) {
    (2, template(300, None, &[(8, 4), (12, 4), (34, width)]))
}

struct Outcome {
    flows: Vec<Flow>,
    summary: ExporterSummary,
    decoder: Decoder,
    causes: Vec<(Cause, u32)>,
}

fn decode_with(policy: Policy, messages: &[Vec<u8>]) -> Outcome {
    let mut decoder = Decoder::with_policy(policy);
    let (mut flows, mut causes) = (Vec::new(), Vec::new());
    for message in messages {
        let report = decoder.decode(Time(NOW), EXPORTER, message, &mut flows);
        causes.extend(report.causes.iter());
    }
    let summary = decoder.exporters().remove(0);
    Outcome { flows, summary, decoder, causes }
}

fn decode(messages: &[Vec<u8>]) -> Outcome {
    decode_with(Policy::default(), messages)
}

fn rates(outcome: &Outcome) -> Vec<u32> {
    outcome.flows.iter().map(|flow| flow.sampling.rate().unwrap_or(0)).collect()
}

#[test]
fn a_rate_of_another_source_id_counts_if_it_is_the_only_one() {
    let other = message(9, &announce(1, 100));
    let data = message(2, &[plain(), record(300, &[])]);
    let got = decode(&[other.clone(), data.clone()]);
    assert_eq!((rates(&got), got.summary.rates), (vec![100], vec![100]));
    // The sampler of the record, by another domain that knows it; the only rate for one that
    // is not known; none for id 0, which stands for no sampler.
    let data = message(2, &[by_sampler(), record(300, &[1]), record(300, &[5]), record(300, &[0])]);
    let got = decode(&[other.clone(), data.clone()]);
    assert_eq!((rates(&got), got.summary.rates), (vec![100, 100, 0], vec![0, 100]));
    // Two rates: only the sampler that a record names decides.
    let more = message(8, &announce(2, 50));
    let got = decode(&[other.clone(), more.clone(), data.clone()]);
    assert_eq!(rates(&got), [100, 0, 0]);
    // Domains that disagree on a sampler decide nothing, until they agree again.
    let contrary = message(7, &announce(1, 10));
    let agreed = message(7, &announce(1, 100));
    let got = decode(&[other, contrary, data.clone(), agreed, data]);
    assert_eq!(rates(&got), [0, 0, 0, 100, 100, 0]);
}

#[test]
fn the_own_domain_and_domain_0_go_before_others() {
    let zero = message(0, &announce(1, 20));
    let other = message(9, &announce(1, 30));
    let data =
        |sets: &[(u16, Vec<u8>)]| message(2, &[sets, &[by_sampler(), record(300, &[1])]].concat());
    let got = decode(&[zero.clone(), other.clone(), data(&[]), data(&announce(1, 10))]);
    assert_eq!(rates(&got), [20, 10]);
    // The own domain has another sampler only.
    let got = decode(&[zero, other, data(&announce(4, 40))]);
    assert_eq!(rates(&got), [20]);
}

#[test]
fn rates_in_records_and_headers_are_shown_as_applied() {
    let got = decode(&[message(1, &[in_record(2), record(300, &[7, 208])])]);
    assert_eq!((rates(&got), got.summary.rates), (vec![2000], vec![2000]));
    let samplers = got.decoder.details(EXPORTER).unwrap().samplers;
    assert_eq!((samplers[0].domain, samplers[0].rate), (1, 2000));
    assert_eq!(samplers[0].selector, RateScope::InRecords(None));
    // By sampler: each record has its number and its rate.
    let fields = template(300, None, &[(8, 4), (12, 4), (48, 1), (50, 2)]);
    let sets = [(2, fields), record(300, &[3, 0, 100]), record(300, &[4, 0, 10])];
    let got = decode(&[message(1, &sets)]);
    assert_eq!((rates(&got), got.summary.rates), (vec![100, 10], vec![10, 100]));
    let samplers = got.decoder.details(EXPORTER).unwrap().samplers;
    let got: Vec<_> = samplers.iter().map(|known| (known.selector, known.rate)).collect();
    assert_eq!(got, [(RateScope::InRecords(Some(3)), 100), (RateScope::InRecords(Some(4)), 10)]);
    // NetFlow v5: one packet in 50, in the header.
    let mut v5 = vec![0, 5, 0, 1];
    v5.extend([0; 4]);
    v5.extend(((NOW / 1000) as u32).to_be_bytes());
    v5.extend([0; 8]);
    v5.extend([0, 0, 0x40, 50]);
    v5.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    v5.extend([0; 40]);
    let got = decode(&[v5]);
    assert_eq!((rates(&got), got.summary.rates), (vec![50], vec![50]));
    assert_eq!(got.decoder.details(EXPORTER).unwrap().samplers[0].rate, 50);
}

#[test]
fn an_announced_rate_that_no_flow_has_is_not_shown_as_applied() {
    let options = message(2, &[&announce(1, 100)[..], &announce(2, 10)[..]].concat());
    assert_eq!(decode(std::slice::from_ref(&options)).summary.rates, [10, 100], "before any flow");
    let got = decode(&[options, message(2, &[plain(), record(300, &[])])]);
    assert_eq!((rates(&got), got.summary.rates), (vec![0], vec![]));
}

#[test]
fn a_rate_in_the_wrong_byte_order_is_read_the_other_way_round_and_told() {
    let swapped = |sent, swapped| Some(RateDoubt { sent, swapped, is_swapped: true });
    for (width, bytes, rate) in [
        (4, vec![100, 0, 0, 0], 100),
        (4, vec![0xe8, 3, 0, 0], 1000),
        (4, vec![0, 0, 1, 0], 256),
        (8, vec![0, 2, 0, 0, 0, 0, 0, 0], 512),
    ] {
        let got = decode(&[message(1, &[in_record(width), record(300, &bytes)])]);
        assert_eq!((rates(&got), &got.summary.rates), (vec![rate], &vec![rate]), "{bytes:?}");
        let sent = bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let is_swapped = sent != u64::from(rate);
        assert_eq!(got.summary.rate_doubt, swapped(sent, rate.into()).filter(|_| is_swapped));
        assert_eq!(got.causes.contains(&(Cause::RateByteOrder, 1)), is_swapped);
    }
    // In options, too.
    let options = [(3, template(301, Some(1), &[(149, 1), (34, 4)])), (301, vec![0, 100, 0, 0, 0])];
    let sets = [&options[..], &[plain(), record(300, &[])]].concat();
    let got = decode(&[message(1, &sets)]);
    assert_eq!((rates(&got), got.summary.rate_doubt), (vec![100], swapped(1_677_721_600, 100)));
}

#[test]
fn a_doubtful_rate_is_kept_and_told_and_the_configured_one_decides() {
    for (width, bytes, rate) in [
        (4, vec![0, 2, 0, 0], 131_072),
        (2, vec![100, 0], 25_600),
        (4, vec![1, 2, 3, 4], 16_909_060),
    ] {
        let sent = [message(1, &[in_record(width), record(300, &bytes)])];
        let got = decode(&sent);
        assert_eq!((rates(&got), &got.summary.rates), (vec![rate], &vec![rate]));
        let doubt = got.summary.rate_doubt.unwrap();
        assert_eq!((doubt.sent, doubt.is_swapped), (u64::from(rate), false));
        assert!(got.causes.contains(&(Cause::RateDoubtful, 1)));
        let given = GivenRate { exporter: Some(EXPORTER), rate: Sampling::one_in(512) };
        let policy = Policy { sampling: vec![given], ..Policy::default() };
        let got = decode_with(policy, &sent);
        assert_eq!((rates(&got), got.summary.rate_doubt), (vec![512], None));
    }
    // Usual rates are not doubted.
    for (width, bytes) in [(2, vec![16, 0]), (2, vec![0x4e, 0x20]), (4, vec![0, 1, 0x86, 0xa0])] {
        let got = decode(&[message(1, &[in_record(width), record(300, &bytes)])]);
        assert_eq!(got.summary.rate_doubt, None, "{bytes:?}");
    }
}

#[test]
fn rates_of_an_earlier_run_count_for_other_domains_as_well() {
    let mut before = Decoder::new();
    let mut flows = Vec::new();
    before.decode(Time(NOW), EXPORTER, &message(9, &announce(1, 100)), &mut flows);
    let mut decoder = Decoder::new();
    decoder.restore(Time(NOW), &before.memory()).unwrap();
    let data = message(2, &[plain(), record(300, &[])]);
    decoder.decode(Time(NOW), EXPORTER, &data, &mut flows);
    assert_eq!(flows[0].sampling, Sampling::one_in(100));
}
