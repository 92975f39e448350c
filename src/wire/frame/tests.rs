use proptest::prelude::*;

use super::*;

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// An IPv4 packet with its length in the header.
fn ipv4(proto: u8, fragment: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = 20 + options.len() + payload.len();
    let mut out = vec![0x45 + (options.len() / 4) as u8, 0xb8];
    out.extend((length as u16).to_be_bytes());
    out.extend([0x12, 0x34]);
    out.extend(fragment.to_be_bytes());
    out.extend([63, proto, 0, 0, 10, 0, 0, 1, 192, 0, 2, 9]);
    out.extend(options);
    out.extend(payload);
    out
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x6b, 0x80, 0, 0];
    out.extend((payload.len() as u16).to_be_bytes());
    out.extend([next, 64]);
    out.extend(Host::from_str6("2001:db8::1"));
    out.extend(Host::from_str6("2001:db8::2"));
    out.extend(payload);
    out
}

impl Host {
    fn from_str6(text: &str) -> [u8; 16] {
        text.parse::<Host>().unwrap().0.to_be_bytes()
    }
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x08, 0x07, 0, 53];
    out.extend((8 + payload.len() as u16).to_be_bytes());
    out.extend([0, 0]);
    out.extend(payload);
    out
}

/// 20 bytes of TCP header: 1025 -> 443, SYN and ACK.
const TCP: [u8; 20] = [4, 1, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0, 0, 0, 0, 0, 0];

fn frame(kinds: &[u8], ip: &[u8]) -> Vec<u8> {
    [&MACS, kinds, ip].concat()
}

#[test]
fn every_way_down_to_ip_is_found() {
    let ip = ipv4(17, 0, &[], &udp(b"hello"));
    let pseudowire = frame(&[8, 0], &ip);
    let ways: [(&str, &[u8], &[u8], u16); 13] = [
        ("plain", &[8, 0], &ip, 0),
        ("VLAN", &[0x81, 0, 0xa0, 30, 8, 0], &ip, 30),
        ("priority tag", &[0x81, 0, 0xa0, 0, 0x81, 0, 0, 7, 8, 0], &ip, 7),
        ("QinQ", &[0x88, 0xa8, 0x0f, 0xff, 0x81, 0, 0, 30, 8, 0], &ip, 4095),
        ("old QinQ", &[0x91, 0, 0, 5, 0x81, 0, 0, 30, 8, 0], &ip, 5),
        ("SNAP", &[0, 60, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ip, 0),
        ("SNAP in a VLAN", &[0x81, 0, 0, 9, 0, 60, 0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 0], &ip, 9),
        ("LLC", &[0, 60, 6, 6, 3], &ip, 0),
        ("MPLS", &[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64], &ip, 0),
        ("MPLS multicast", &[0x88, 0x48, 0, 2, 1, 64], &ip, 0),
        ("pseudowire", &[0x88, 0x47, 0, 2, 1, 64, 0, 0, 0, 0], &pseudowire, 0),
        ("PPPoE", &[0x88, 0x64, 0x11, 0, 0, 1, 0, 35, 0, 0x21], &ip, 0),
        ("MPLS in PPPoE", &[0x88, 0x64, 0x11, 0, 0, 1, 0, 39, 2, 0x81, 0, 2, 1, 64], &ip, 0),
    ];
    for (name, kinds, ip, vlan) in ways {
        let mut bytes = frame(kinds, ip);
        bytes.extend([0; 9]); // padding of a short frame
        let packet = Packet::ethernet(&bytes).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(packet.vlan, vlan, "{name}");
        assert_eq!((packet.src_mac[5], packet.dst_mac[5]), (2, 1), "{name}");
        assert_eq!(
            (packet.src, packet.dst),
            (Host::octets(10, 0, 0, 1), Host::octets(192, 0, 2, 9))
        );
        assert_eq!((packet.sport, packet.dport, packet.proto), (2055, 53, 17), "{name}");
        assert_eq!((packet.tos, packet.ttl, packet.ip_length), (0xb8, 63, 33), "{name}");
        assert_eq!(&bytes[packet.payload.clone()], b"hello", "{name}");
        assert_eq!(packet.ip_payload.len(), 13, "{name}");
    }
    for kinds in [[8, 6], [0x88, 0xcc], [0, 38]] {
        assert_eq!(Packet::ethernet(&frame(&kinds, &ip)), None, "ARP, LLDP, spanning tree");
    }
}

#[test]
fn captures_of_other_link_types_are_read() {
    let four = ipv4(17, 0, &[], &udp(b"x"));
    let six = ipv6(17, &udp(b"x"));
    let cooked = [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 8, 0][..], &four].concat();
    let vlan =
        [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 0x81, 0, 0, 3, 8, 0][..], &four].concat();
    let cooked2 =
        [&[0x86, 0xdd, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0][..], &six].concat();
    let packets = [
        Packet::linux_cooked(&cooked),
        Packet::linux_cooked(&vlan),
        Packet::linux_cooked2(&cooked2),
        Packet::null_loopback(&[&[2, 0, 0, 0][..], &four].concat()),
        Packet::null_loopback(&[&[0, 0, 0, 30][..], &six].concat()),
        Packet::ppp(&[&[0xff, 3, 0, 0x21][..], &four].concat()),
        Packet::ppp(&[&[0x57][..], &six].concat()),
        Packet::mpls(&[&[0, 2, 1, 64][..], &six].concat()),
        Packet::ip(&six),
    ];
    for (index, packet) in packets.into_iter().enumerate() {
        let packet = packet.unwrap_or_else(|| panic!("{index}"));
        assert_eq!((packet.sport, packet.dport, packet.payload.len()), (2055, 53, 1), "{index}");
        assert_eq!(packet.src_mac[5], if index < 3 { 9 } else { 0 }, "{index}");
        assert_eq!(packet.vlan, if index == 1 { 3 } else { 0 });
    }
    assert_eq!(Packet::null_loopback(&[&[0, 0, 0, 7][..], &six].concat()), None);
}

#[test]
fn transport_headers_give_ports_flags_and_payload() {
    let tcp_options = [&TCP[..12], &[0x60, 0x12, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1], b"data"].concat();
    let echo = [8, 0, 0, 0, 0, 1, 0, 1, b'x'];
    let sctp = [0x0b, 0x59, 0x0b, 0x5a, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2];
    type Row<'a> = (u8, &'a [u8], u16, u16, u8, usize);
    let rows: [Row; 6] = [
        (6, &TCP, 1025, 443, 0x12, 0),
        (6, &tcp_options, 1025, 443, 0x12, 4),
        (1, &echo, 0, 0x0800, 0, 1),
        (58, &[129, 0, 0, 0, 0, 0, 0, 0], 0, 129 * 256, 0, 0),
        (132, &sctp, 2905, 2906, 0, 2),
        (47, &[0, 0, 8, 0], 0, 0, 0, 4),
    ];
    for (proto, segment, sport, dport, flags, payload) in rows {
        for bytes in [ipv4(proto, 0, &[], segment), ipv6(proto, segment)] {
            let packet = Packet::ip(&bytes).unwrap();
            assert_eq!((packet.sport, packet.dport), (sport, dport), "{proto}");
            assert_eq!((packet.proto, packet.tcp_flags), (proto, flags), "{proto}");
            assert_eq!(packet.payload.len(), payload, "{proto}");
            assert_eq!(packet.ip_length as usize, bytes.len());
            assert_eq!(packet.tos, 0xb8);
        }
    }
    // Four bytes of a TCP header are enough for the ports, three are not.
    let cut = ipv4(6, 0, &[], &TCP);
    assert_eq!(Packet::ip(&cut[..24]).unwrap().dport, 443);
    assert_eq!(Packet::ip(&cut[..23]).unwrap().dport, 0);
    assert_eq!(Packet::ip(&cut[..19]), None);
}

#[test]
fn fragments_have_ports_in_the_first_only() {
    let rows =
        [(0x2000, 0, true), (0x2001, 8, true), (0x00b9, 0xb9 * 8, false), (0x4000, 0, false)];
    for (word, offset, more) in rows {
        let bytes = ipv4(17, word, &[], &udp(b"hello"));
        let packet = Packet::ip(&bytes).unwrap();
        assert_eq!((packet.fragment_offset, packet.more_fragments), (offset, more));
        assert_eq!(packet.fragment, offset > 0);
        assert_eq!(packet.dport, if offset > 0 { 0 } else { 53 });
        assert_eq!((packet.ip_id, packet.ip_payload.len()), (0x1234, 13));
    }
    for (word, dport) in [(1u8, 53), (9, 0)] {
        let payload = [&[17, 0, 0, word, 0, 0, 0, 7][..], &udp(b"hello")].concat();
        let packet = Packet::ip(&ipv6(44, &payload)).unwrap();
        assert_eq!((packet.proto, packet.dport, packet.ip_id), (17, dport, 7));
        assert_eq!((packet.fragment, packet.fragment_offset), (word > 8, u16::from(word & 8)));
        assert!(packet.more_fragments);
        assert_eq!(packet.ip_payload.len(), 13);
    }
}

#[test]
fn options_and_extension_headers_are_stepped_over() {
    let bytes = ipv4(17, 0, &[7, 7, 4, 0, 0, 0, 0, 0], &udp(b"hello"));
    let packet = Packet::ip(&bytes).unwrap();
    assert_eq!((packet.dport, &bytes[packet.payload]), (53, &b"hello"[..]));

    let mut chain = vec![43, 0, 0, 0, 0, 0, 0, 0]; // hop by hop, then routing
    chain.extend([60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // then destination options
    chain.extend([51, 0, 0, 0, 0, 0, 0, 0]); // then AH of 24 bytes
    chain.extend([17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    chain.extend(udp(b"hello"));
    let bytes = ipv6(0, &chain);
    let packet = Packet::ip(&bytes).unwrap();
    assert_eq!((packet.proto, packet.dport, &bytes[packet.payload]), (17, 53, &b"hello"[..]));
    // The packet is cut off within its extension headers: the addresses count all the same.
    let packet = Packet::ip(&bytes[..48]).unwrap();
    assert_eq!((packet.proto, packet.dport, packet.payload.len()), (43, 0, 0));
}

#[test]
fn lengths_that_are_too_large_are_cut_to_the_packet() {
    let mut long = ipv4(17, 0, &[], &udp(b"hello"));
    long[2] = 0xff;
    assert_eq!(Packet::ip(&long).unwrap().payload, 28..33);
    let mut short = ipv4(17, 0, &[], &udp(b"hello"));
    short[3] = 10;
    let packet = Packet::ip(&short).unwrap();
    assert_eq!((packet.payload, packet.dport, packet.ip_length), (20..20, 0, 10));
    let mut zero = ipv4(17, 0, &[], &udp(b"hello"));
    zero[3] = 0;
    assert_eq!(Packet::ip(&zero).unwrap().payload, 28..33);
    let mut udp_short = ipv4(17, 0, &[], &udp(b"hello"));
    udp_short[25] = 3;
    assert_eq!(Packet::ip(&udp_short).unwrap().payload, 28..28);
    let mut no_header = ipv4(17, 0, &[], &udp(b"hello"));
    no_header[0] = 0x44;
    assert_eq!(Packet::ip(&no_header), None);
    let tower = [&MACS[..], &[0x81, 0, 0, 1].repeat(400)].concat();
    assert_eq!(Packet::ethernet(&tower), None);
    let labels = [0, 1, 0, 64].repeat(400);
    assert_eq!(Packet::mpls(&labels), None);
}

fn every_reader(bytes: &[u8]) {
    let readers = [
        Packet::ethernet,
        Packet::ip,
        Packet::mpls,
        Packet::ppp,
        Packet::linux_cooked,
        Packet::linux_cooked2,
        Packet::null_loopback,
    ];
    for read in readers {
        if let Some(packet) = read(bytes) {
            assert!(bytes.get(packet.payload.clone()).is_some(), "{packet:?}");
            assert!(bytes.get(packet.ip_payload.clone()).is_some(), "{packet:?}");
            assert!(packet.payload.start >= packet.ip_payload.start);
            assert!(packet.payload.end <= packet.ip_payload.end);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        every_reader(&bytes);
    }

    #[test]
    fn no_damage_to_a_packet_panics(
        six in any::<bool>(),
        proto in prop::sample::select(vec![0u8, 1, 6, 17, 33, 43, 44, 51, 58, 60, 132, 136]),
        body in prop::collection::vec(any::<u8>(), 0..80),
        damage in prop::collection::vec((0usize..150, any::<u8>()), 0..3),
        cut in 0usize..150,
    ) {
        let ip = if six { ipv6(proto, &body) } else { ipv4(proto, 0, &[], &body) };
        let mut bytes = frame(if six { &[0x86, 0xdd] } else { &[8, 0] }, &ip);
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(cut);
        every_reader(&bytes);
        every_reader(bytes.get(14..).unwrap_or(&[]));
    }
}
