//! Examples of records with extra fields.

use super::*;
use crate::flow::{Time, extras_of};
use crate::wire::Decoder;
use crate::wire::element::REVERSE_PEN;

const NOW: Time = Time(1_800_000_000_000);

/// IPFIX messages with template 256 of these elements (enterprise number, id, length), and
/// with its records; a record is a list of values.
fn messages(fields: &[(u32, u16, u16)], records: &[&[u8]]) -> [Vec<u8>; 2] {
    let mut template = vec![1, 0];
    template.extend((fields.len() as u16).to_be_bytes());
    for (pen, id, length) in fields {
        template.extend((id | if *pen > 0 { 0x8000 } else { 0 }).to_be_bytes());
        template.extend(length.to_be_bytes());
        if *pen > 0 {
            template.extend(pen.to_be_bytes());
        }
    }
    [message(2, &template), message(256, &records.concat())]
}

fn message(set: u16, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16 + 4;
    let mut bytes = Vec::new();
    bytes.extend(10u16.to_be_bytes());
    bytes.extend((length + 16).to_be_bytes());
    bytes.extend(1_800_000_000u32.to_be_bytes());
    bytes.extend([0; 8]);
    bytes.extend(set.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(content);
    bytes
}

/// The flows of these messages, each with its extra fields.
fn decode(messages: &[Vec<u8>], keep: bool) -> Vec<(Flow, FlowExtras)> {
    let mut decoder = Decoder::new();
    decoder.keep_more(keep);
    let mut flows = Vec::new();
    for message in messages {
        decoder.decode(NOW, Host::v4(1), message, &mut flows);
    }
    assert!(decoder.more().len() <= flows.len());
    flows.iter().map(|flow| (*flow, *extras_of(flow, decoder.more()))).collect()
}

/// The extra fields of a record with a source, a destination and one more field.
fn of_one(id: u16, value: &[u8]) -> FlowExtras {
    let fields = [(0, 8, 4), (0, 12, 4), (0, id, value.len() as u16), (0, 2, 1)];
    let record = [&[10, 0, 0, 1, 10, 0, 0, 2], value, &[9]].concat();
    let made = decode(&messages(&fields, &[&record]), true);
    assert_eq!((made.len(), made[0].0.packets), (1, 9), "element {id}");
    made[0].1
}

#[test]
fn every_element_has_its_place() {
    let v6 = "2001:db8::7".parse::<Host>().unwrap();
    let none = FlowExtras::NONE;
    let event = FlowExtras { nat_event: 4, ..none };
    let cases: Vec<(u16, Vec<u8>, FlowExtras)> = vec![
        (18, vec![192, 0, 2, 7], FlowExtras { bgp_next_hop: Host::octets(192, 0, 2, 7), ..none }),
        (63, v6.0.to_be_bytes().into(), FlowExtras { bgp_next_hop: v6, ..none }),
        (52, vec![7], FlowExtras { min_ttl: 7, ..none }),
        (53, vec![8], FlowExtras { max_ttl: 8, ..none }),
        (55, vec![0xb8], FlowExtras { dst_tos: 0xb8, ..none }),
        (
            56,
            vec![0, 0x11, 0x22, 0x33, 0x44, 0x55],
            FlowExtras { in_src_mac: 0x0011_2233_4455, ..none },
        ),
        (57, vec![1, 2, 3, 4, 5, 6], FlowExtras { out_dst_mac: 0x0102_0304_0506, ..none }),
        (80, vec![1, 2, 3, 4, 5, 6], FlowExtras { in_dst_mac: 0x0102_0304_0506, ..none }),
        (81, vec![1, 2, 3, 4, 5, 6], FlowExtras { out_src_mac: 0x0102_0304_0506, ..none }),
        (59, vec![1, 2], FlowExtras { dst_vlan: 258, ..none }),
        (254, vec![1, 2], FlowExtras { dst_vlan: 258, ..none }),
        (89, vec![0x42], FlowExtras { forwarding: 0x42, ..none }),
        (89, vec![0, 0, 0, 0x42], FlowExtras { forwarding: 0x42, ..none }),
        (128, vec![0, 0, 0xfd, 0xe9], FlowExtras { next_as: 65_001, ..none }),
        (129, vec![0xfd, 0xe9], FlowExtras { prev_as: 65_001, ..none }),
        (225, vec![192, 0, 2, 8], FlowExtras { nat_src: Host::octets(192, 0, 2, 8), ..none }),
        (
            226,
            vec![192, 0, 2, 9],
            FlowExtras {
                nat_dst: Host::octets(192, 0, 2, 9),
                dst_inside: Host::octets(192, 0, 2, 9),
                ..none
            },
        ),
        (281, v6.0.to_be_bytes().into(), FlowExtras { nat_src: v6, ..none }),
        (282, v6.0.to_be_bytes().into(), FlowExtras { nat_dst: v6, dst_inside: v6, ..none }),
        (227, vec![4, 0], FlowExtras { nat_sport: 1024, ..none }),
        (228, vec![80], FlowExtras { nat_dport: 80, ..none }),
        (230, vec![4], event),
        (233, vec![4], event),
        (234, vec![0, 0, 1, 0], FlowExtras { in_vrf: 256, ..none }),
        (235, vec![0, 0, 1, 1], FlowExtras { out_vrf: 257, ..none }),
        // A value whose length does not fit its type is ignored.
        (56, vec![1, 2, 3, 4, 5], none),
        (56, vec![1, 2, 3, 4, 5, 6, 7, 8], none),
        (70, vec![1, 2], none),
        (70, vec![1, 2, 3, 4], none),
        (18, vec![1, 2, 3], none),
        (63, vec![1; 4], none),
        // A value of zero says nothing.
        (59, vec![0, 0], none),
    ];
    for (id, value, want) in cases {
        assert_eq!(of_one(id, &value), want, "element {id} of {value:?}");
    }
    for (entry, id) in (70..80).enumerate() {
        let mut want = none;
        want.mpls[entry] = 0x01_0231;
        assert_eq!(of_one(id, &[1, 2, 0x31]), want);
    }
}

#[test]
fn each_flow_refers_to_its_own_and_most_have_none() {
    let fields = [(0, 8, 4), (0, 12, 4), (0, 128, 4)];
    let record = |n: u8, next: u8| vec![10, 0, 0, n, 10, 0, 1, n, 0, 0, 0, next];
    // More records than can be read in place at the end of the datagram, so that some are
    // read from a copy.
    let records: Vec<Vec<u8>> = (0..60).map(|n| record(n, n % 3)).collect();
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let both = messages(&fields, &records);
    let made = decode(&both, true);
    assert_eq!(made.len(), 60);
    for (n, (flow, more)) in made.iter().enumerate() {
        assert_eq!(flow.src, Host::octets(10, 0, 0, n as u8));
        assert_eq!(*more, FlowExtras { next_as: n as u32 % 3, ..FlowExtras::NONE });
        assert_eq!(flow.more == 0, n % 3 == 0);
    }
    // Data that arrived before its template is decoded with it.
    let [template, data] = both.clone();
    assert_eq!(decode(&[data, template], true), made);
    // By default no extra fields are kept, and the flows are the same.
    let plain = decode(&both, false);
    let bare = made.iter().map(|(flow, _)| (Flow { more: 0, ..*flow }, FlowExtras::NONE));
    assert_eq!(plain, bare.collect::<Vec<_>>());
}

#[test]
fn forgetting_starts_a_new_list() {
    let [template, data] = messages(&[(0, 8, 4), (0, 128, 1)], &[&[10, 0, 0, 1, 7]]);
    let mut decoder = Decoder::new();
    decoder.keep_more(true);
    let mut flows = Vec::new();
    decoder.decode(NOW, Host::v4(1), &template, &mut flows);
    for _ in 0..3 {
        flows.clear();
        decoder.forget_more();
        decoder.decode(NOW, Host::v4(1), &data, &mut flows);
        assert_eq!((flows[0].more, decoder.more().len()), (1, 1));
    }
}

#[test]
fn the_way_back_swaps_what_has_sides() {
    let fields = [
        (0, 8, 4),
        (0, 12, 4),
        (0, 1, 1),
        (REVERSE_PEN, 1, 1),
        (0, 56, 6),
        (0, 57, 6),
        (0, 128, 1),
        (0, 234, 1),
        (0, 227, 1),
        (0, 58, 1),
        (0, 59, 1),
        (0, 52, 1),
    ];
    let record = [
        &[10, 0, 0, 1, 10, 0, 0, 2, 100, 50][..],
        &[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 7, 8, 9, 20, 30, 64],
    ];
    let made = decode(&messages(&fields, &[&record.concat()]), true);
    let [(there, ahead), (back, behind)] = made.as_slice() else { panic!("{made:?}") };
    assert_eq!((there.vlan, there.bytes, back.vlan, back.bytes), (20, 100, 30, 50));
    let want = FlowExtras {
        in_src_mac: 1,
        out_dst_mac: 2,
        next_as: 7,
        in_vrf: 8,
        nat_sport: 9,
        dst_vlan: 30,
        min_ttl: 64,
        ..FlowExtras::NONE
    };
    assert_eq!(*ahead, want);
    let want = FlowExtras {
        in_src_mac: 2,
        out_dst_mac: 1,
        prev_as: 7,
        out_vrf: 8,
        nat_dport: 9,
        dst_vlan: 20,
        ..FlowExtras::NONE
    };
    assert_eq!(*behind, want);
}

/// An Ethernet frame with an IPv4 packet of UDP.
const FRAME: [u8; 42] = [
    0, 0, 0x5e, 0, 0x53, 2, 0, 0, 0x5e, 0, 0x53, 1, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 61, 17, 0, 0,
    10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 4, 0, 0, 8, 0, 0,
];

#[test]
fn a_sampled_frame_has_mac_addresses_and_ttl() {
    let made = decode(&messages(&[(0, 315, 42)], &[&FRAME]), true);
    let want = FlowExtras {
        in_src_mac: 0x5e00_5301,
        in_dst_mac: 0x5e00_5302,
        min_ttl: 61,
        max_ttl: 61,
        ..FlowExtras::NONE
    };
    assert_eq!(made.iter().map(|(_, more)| *more).collect::<Vec<_>>(), [want]);
}

/// An sFlow datagram with one flow sample of these records.
fn sflow(records: &[(u32, Vec<u32>)]) -> Vec<u8> {
    let mut body = vec![1, 5, 100, 0, 0, 1, 2, records.len() as u32];
    for (format, words) in records {
        body.extend([*format, words.len() as u32 * 4]);
        body.extend(words);
    }
    let mut words = vec![5, 1, 0x0a00_0001, 0, 1, 1000, 1, 1, body.len() as u32 * 4];
    words.extend(body);
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[test]
fn an_sflow_sample_has_extra_fields_of_switch_and_router() {
    let mut frame = FRAME.to_vec();
    frame.resize(44, 0);
    let words = frame.chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap()));
    let header = [1, 60, 0, 42].into_iter().chain(words).collect();
    let gateway = vec![1, 0xc000_0207, 65_000, 65_001, 65_002, 1, 2, 2, 65_003, 65_004, 0, 100];
    let datagram = sflow(&[(1, header), (1001, vec![20, 0, 30, 0]), (1003, gateway)]);
    let made = decode(std::slice::from_ref(&datagram), true);
    let want = FlowExtras {
        bgp_next_hop: Host::octets(192, 0, 2, 7),
        in_src_mac: 0x5e00_5301,
        in_dst_mac: 0x5e00_5302,
        prev_as: 65_002,
        next_as: 65_003,
        dst_vlan: 30,
        min_ttl: 61,
        max_ttl: 61,
        ..FlowExtras::NONE
    };
    let [(flow, more)] = made.as_slice() else { panic!("{made:?}") };
    assert_eq!((*more, flow.vlan, flow.src_as, flow.dst_as), (want, 20, 65_001, 65_004));
    assert_eq!(decode(&[datagram], false)[0].1, FlowExtras::NONE);
}

/// A record of a router with NAT: addresses, then those after translation.
fn translation(src: [u8; 4], dst: [u8; 4], nat_src: [u8; 4], nat_dst: [u8; 4]) -> Vec<u8> {
    [src, dst, nat_src, nat_dst].concat()
}

#[test]
fn live_tables_get_only_the_flows_with_an_inside_address() {
    const INSIDE: [u8; 4] = [192, 168, 88, 5];
    const ROUTER: [u8; 4] = [203, 0, 113, 1];
    const SERVER: [u8; 4] = [198, 51, 100, 7];
    let fields = [(0, 8, 4), (0, 12, 4), (0, 225, 4), (0, 226, 4)];
    let out = translation(INSIDE, SERVER, ROUTER, SERVER);
    let back = translation(SERVER, ROUTER, SERVER, INSIDE);
    let zero = translation(SERVER, ROUTER, [0; 4], [0; 4]);
    // So many that some are read in place and some from a copy.
    let records: Vec<&[u8]> = (0..40).flat_map(|_| [&out[..], &back, &zero]).collect();
    let both = messages(&fields, &records);
    let found = |kept: KeptExtras| {
        let mut decoder = Decoder::new();
        decoder.keep_extras(kept);
        let mut flows = Vec::new();
        for message in &both {
            decoder.decode(NOW, Host::v4(1), message, &mut flows);
        }
        let ends: Vec<_> = flows.iter().map(|flow| flow.ends(decoder.more()).dst).collect();
        (ends, decoder.more().len())
    };
    let [inside, router, server] =
        [INSIDE, ROUTER, SERVER].map(|[a, b, c, d]| Host::octets(a, b, c, d));
    let want: Vec<Host> = (0..40).flat_map(|_| [server, inside, router]).collect();
    assert_eq!(found(KeptExtras::Everything), (want.clone(), 120));
    assert_eq!(found(KeptExtras::Inside), (want, 40));
    let reported = (0..40).flat_map(|_| [server, router, router]).collect();
    assert_eq!(found(KeptExtras::Nothing), (reported, 0));
}

#[test]
fn both_directions_to_a_published_server_have_its_inside_address() {
    // Source, destination, destination after translation, bytes of both directions.
    let fields = [
        (0, 8, 4),
        (0, 12, 4),
        (0, 226, 4),
        (0, 11, 2),
        (0, 228, 2),
        (0, 4, 1),
        (0, 231, 2),
        (0, 232, 2),
    ];
    let record = [
        &[198, 51, 100, 7, 203, 0, 113, 1, 192, 168, 88, 9][..],
        &[0x1f, 0x90, 0, 80, 6, 0, 9, 1, 0],
    ]
    .concat();
    let server = Host::octets(192, 168, 88, 9);
    for kept in [KeptExtras::Everything, KeptExtras::Inside] {
        let mut decoder = Decoder::new();
        decoder.keep_extras(kept);
        let mut flows = Vec::new();
        for message in messages(&fields, &[&record]) {
            decoder.decode(NOW, Host::v4(1), &message, &mut flows);
        }
        let ends: Vec<_> = flows.iter().map(|flow| flow.ends(decoder.more())).collect();
        assert_eq!((ends[0].dst, ends[0].dport), (server, 80));
        assert_eq!((ends[1].src, ends[1].sport), (server, 80));
        // As reported: the router's address.
        assert_eq!((flows[0].dst, flows[1].src), (Host::octets(203, 0, 113, 1), flows[0].dst));
    }
}
