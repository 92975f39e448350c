//! Habits of real devices: where they announce sampling rates, how they count both directions,
//! and what they send after a restart.

use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::{Cause, Decoder};

const NOW: i64 = 1_800_000_000_000;

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

fn flows_of(messages: &[Vec<u8>]) -> Vec<Flow> {
    let mut decoder = Decoder::new();
    let mut flows = Vec::new();
    for message in messages {
        decoder.decode(Time(NOW), Host::octets(192, 0, 2, 7), message, &mut flows);
    }
    flows
}

fn rates(flows: &[Flow]) -> Vec<Option<u32>> {
    flows.iter().map(|flow| flow.sampling.rate()).collect()
}

#[test]
fn rates_are_found_wherever_they_are_announced() {
    let data = (2, template(300, None, &[(8, 4), (12, 4), (10, 1), (14, 1), (61, 1)]));
    let record = |input, output, direction| {
        (300, [vec![10, 0, 0, 1, 10, 0, 0, 2], vec![input, output, direction]].concat())
    };
    // A rate for the exporter as a whole: it is announced in domain 0 and applies to all
    // domains.
    let all = [
        message(0, &[(3, template(301, Some(1), &[(149, 1), (34, 2)])), (301, vec![0, 3, 232])]),
        message(1, &[data.clone(), record(5, 6, 0)]),
    ];
    assert_eq!(rates(&flows_of(&all)), [Some(1000)]);
    // A rate as a probability, for the selector that the record names.
    let chosen = (2, template(300, None, &[(8, 4), (12, 4), (302, 1)]));
    let options = template(301, Some(1), &[(302, 1), (304, 1), (311, 8)]);
    let probability = [vec![7, 3], 0.001f64.to_be_bytes().to_vec()].concat();
    let sets = [(3, options), (301, probability), chosen, (300, vec![10, 0, 0, 1, 10, 0, 0, 2, 7])];
    assert_eq!(rates(&flows_of(&[message(1, &sets)])), [Some(1000)]);
    // A rate by interface, input or output; also announced with the output interface alone.
    for interface in [10, 14] {
        let options = template(301, Some(1), &[(interface, 1), (34, 1)]);
        let sets = [(3, options), (301, vec![5, 100, 6, 10]), data.clone()];
        let sets = [sets.to_vec(), vec![record(5, 6, 0), record(5, 6, 1)]].concat();
        assert_eq!(rates(&flows_of(&[message(1, &sets)])), [Some(100), Some(10)]);
    }
    // Of the two intervals one is 0; the other one counts.
    let options = template(301, Some(1), &[(149, 1), (34, 1), (50, 1)]);
    let sets = [(3, options), (301, vec![0, 0, 100]), data, record(1, 2, 0)];
    assert_eq!(rates(&flows_of(&[message(1, &sets)])), [Some(100)]);
}

#[test]
fn what_a_responder_sent_counts_unless_its_kind_is_counted_already() {
    let fields = [(8, 4), (12, 4), (231, 2), (232, 2), (2, 1)];
    let sets = [
        (2, template(300, None, &fields)),
        (300, vec![10, 0, 0, 1, 10, 0, 0, 2, 0, 100, 39, 15, 5]),
    ];
    let flows = flows_of(&[message(1, &sets)]);
    let counted: Vec<(u64, u64)> = flows.iter().map(|flow| (flow.bytes, flow.packets)).collect();
    assert_eq!(counted, [(100, 5), (9999, 0)]);
}

#[test]
fn a_remembered_template_that_misfits_once_is_believed_no_more() {
    let mut first = Decoder::new();
    let mut flows = Vec::new();
    let exporter = Host::octets(192, 0, 2, 7);
    let old = message(1, &[(2, template(300, None, &[(8, 4), (12, 4), (1, 4), (2, 4), (7, 4)]))]);
    first.decode(Time(NOW), exporter, &old, &mut flows);
    let mut second = Decoder::new();
    second.restore(Time(NOW), &first.memory()).unwrap();
    // Records have 24 bytes now. One such record does not fit the old length of 20; five do.
    for count in [1, 5] {
        let data = message(1, &[(300, vec![1; 24 * count])]);
        second.decode(Time(NOW), exporter, &data, &mut flows);
    }
    assert!(flows.is_empty(), "not decoded by a shape that is gone");
    let fields = [(8, 4), (12, 4), (1, 4), (2, 4), (7, 4), (11, 4)];
    let new = message(1, &[(2, template(300, None, &fields))]);
    second.decode(Time(NOW), exporter, &new, &mut flows);
    assert_eq!(flows.len(), 6, "held until the new one came");
}

#[test]
fn records_between_no_addresses_count_for_no_host() {
    let none = [0, 0, 0, 0, 0, 0, 0, 0, 7];
    let dhcp = [0, 0, 0, 0, 255, 255, 255, 255, 9];
    let sets = [
        (2, template(300, None, &[(8, 4), (12, 4), (1, 1)])),
        (300, [&none[..], &dhcp, &none, &[10, 0, 0, 1, 10, 0, 0, 2, 5]].concat()),
    ];
    let mut decoder = Decoder::new();
    let mut flows = Vec::new();
    let exporter = Host::octets(192, 0, 2, 7);
    let report = decoder.decode(Time(NOW), exporter, &message(1, &sets), &mut flows);
    let bytes: Vec<u64> = flows.iter().map(|flow| flow.bytes).collect();
    assert_eq!((bytes, report.flows), (vec![9, 5], 2));
    assert_eq!((report.addressless.records, report.addressless.bytes), (2, 14));
    assert_eq!(report.causes.get(Cause::NoAddresses), 2);
    // NetFlow v5: two records of 48 bytes, one of them empty.
    let mut v5 = vec![0, 5, 0, 2, 0, 0, 0, 0];
    v5.extend(((NOW / 1000) as u32).to_be_bytes());
    v5.extend([0; 12]);
    v5.extend([0; 48]);
    v5.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    v5.extend([0; 40]);
    flows.clear();
    let report = decoder.decode(Time(NOW), Host::octets(192, 0, 2, 8), &v5, &mut flows);
    assert_eq!((flows.len(), report.flows, report.addressless.records), (1, 1, 1));
}
