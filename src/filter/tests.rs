//! The language by example and by property.

use proptest::prelude::*;

use super::tree::{Comp, Node, Place, Side};
use super::*;
use crate::flow::{Flow, Network};

fn flow(src: &str, dst: &str, proto: u8, sport: u16, dport: u16) -> Flow {
    let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
    Flow { src, dst, proto, sport, dport, ..Flow::EMPTY }
}

fn printed(text: &str) -> String {
    match Filter::parse(text) {
        Ok(filter) => filter.to_string(),
        Err(error) => panic!("{text}: {error} at {:?}", error.at),
    }
}

#[test]
fn what_people_type_is_understood() {
    for (text, want) in [
        ("", "any"),
        ("  # all\n", "any"),
        ("ANY", "any"),
        ("10.1.2.3", "ip 10.1.2.3"),
        ("10.0.0.0/8", "net 10.0.0.0/8"),
        ("10/8", "net 10.0.0.0/8"),
        ("192.168/16", "net 192.168.0.0/16"),
        ("tcp port 443", "proto tcp and port 443"),
        ("TCP Port HTTPS", "proto tcp and port 443"),
        ("inet6 and proto 58", "ipv6 and proto icmp6"),
        ("proto ipv6", "proto ipv6"),
        ("Src Net 10.9.8.7 255.255.0.0", "src net 10.9.0.0/16"),
        ("dst ipaddr 2001:DB8::1", "dst ip 2001:db8::1"),
        ("src 10.1.2.3", "src ip 10.1.2.3"),
        ("ip in [10.1.2.3, 10.2.0.0/16 ::1]", "ip in [10.1.2.3, 10.2.0.0/16, ::1]"),
        ("port in [80 443,8000-8080]", "port in [80, 443, 8000-8080]"),
        ("src port ge 1k and dst port<0x50", "src port >= 1000 and dst port < 80"),
        ("port == 22 || !udp && icmp", "port 22 or not proto udp and proto icmp"),
        ("not (tcp or udp) ipv4", "not (proto tcp or proto udp) and ipv4"),
        ("(((tcp and udp))) and icmp", "proto tcp and proto udp and proto icmp"),
        ("tcp and # web\n (port 80 or port 443)", "proto tcp and (port 80 or port 443)"),
        ("port netbios or port in [22 DHCP]", "port in [137, 138, 139] or port in [22, 67, 68]"),
        ("ip 10.0.0.0/8", "net 10.0.0.0/8"),
    ] {
        let shown = printed(text);
        assert_eq!(shown, want, "{text}");
        assert_eq!(Filter::parse(&shown), Filter::parse(text), "{text}");
    }
    assert!(Filter::default().is_any() && !Filter::parse("not any").unwrap().is_any());
}

#[test]
fn errors_point_at_the_wrong_word() {
    for (text, wrong, expected, found) in [
        ("port 70000", "70000", "a port number 0..65535", "`70000`"),
        ("port in [80 x]", "x", "a range", "`x`"),
        ("port in [80", "", "`]`", "the end"),
        ("port in []", "]", "a port number", "`]`"),
        ("port in [80,]", "]", "a port number", "`]`"),
        ("port in [90-80]", "90-80", "a range", "`90-80`"),
        ("port 80-90", "80-90", "`port in [80-90]`", "`80-90`"),
        ("port > dhcp", "dhcp", "a port number", "`dhcp`"),
        ("port != 80", "!", "`not port N`", "`!`"),
        ("tcp and", "", "an address", "the end"),
        ("tcp or or udp", "or", "an address", "`or`"),
        ("(tcp", "", "`)`", "the end"),
        ("tcp)", ")", "`and`, `or` or the end", "`)`"),
        ("proto 256", "256", "a protocol", "`256`"),
        ("proto", "", "a protocol", "the end"),
        ("net 10.0.0.0", "", "10.0.0.0/24", "the end"),
        ("net 10.0.0.0 255.0.255.0", "255.0.255.0", "a mask", "`255.0.255.0`"),
        ("net 10.0.0.0/33", "10.0.0.0/33", "a network", "`10.0.0.0/33`"),
        ("net 2001:db8::", "2001:db8::", "2001:db8::/64", "`2001:db8::`"),
        ("ip 10.0.0.256", "10.0.0.256", "an address", "`10.0.0.256`"),
        ("tcp & udp", "&", "`and`", "`&`"),
        ("src tcp", "tcp", "`ip`, `net`, `port`", "`tcp`"),
        ("flags S", "flags", "the live view cannot answer", "`flags`"),
        ("tcp and src as 65001", "as", "the live view cannot answer", "`as`"),
        ("bytes > 1M", "bytes", "the live view cannot answer", "`bytes`"),
        ("in if 3", "in", "the live view cannot answer", "`in`"),
        ("https", "https", "`port https`", "`https`"),
        ("höst 1", "höst", "an address", "`höst`"),
        ("tcp \u{1b}[31m", "\u{1b}", "an address", "`?`"),
    ] {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!(&text[error.at.clone()], wrong, "{text}: {error}");
        assert!(error.expected.contains(expected), "{text}: {error}");
        assert_eq!(error.found, found, "{text}");
        if wrong.is_empty() {
            assert_eq!(error.at, text.len()..text.len());
        }
    }
}

#[test]
fn limits_are_errors_and_never_an_overflow() {
    for text in ["(".repeat(60_000), "not ".repeat(16_000), "!(".repeat(30_000)] {
        let error = Filter::parse(&text).unwrap_err();
        assert!(error.expected.contains("at most 64 levels"), "{error}");
    }
    let error = Filter::parse(&"ä".repeat(100_000)).unwrap_err();
    assert!(error.expected.contains("bytes") && error.at.start <= MAX_TEXT, "{error}");
    let error = Filter::parse(&format!("port in [{}]", "1 ".repeat(5000))).unwrap_err();
    assert!(error.expected.contains("items in a list"), "{error}");
    let long = format!("tcp{}", " or tcp".repeat(8000));
    let filter = Filter::parse(&long).unwrap();
    assert!(filter.matches(&flow("10.0.0.1", "10.0.0.2", 6, 1, 2)));
    let nested = format!("{}tcp{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    assert_eq!(printed(&nested), "proto tcp");
}

#[test]
fn one_sided_ports_are_refused_live_and_found_in_the_text() {
    let text = "tcp and not (dst  PORT 443 or udp)";
    let error = Filter::parse(text).unwrap().check_live().unwrap_err();
    assert_eq!(&text[error.at.clone()], "dst  PORT");
    assert_eq!(error.found, "`dst port`");
    assert!(error.expected.contains("`port N`"), "{error}");
    let text = "src port in [1 2]";
    assert_eq!(&text[Filter::parse(text).unwrap().check_live().unwrap_err().at], "src port");
    assert_eq!(Filter::parse("src ip 10.0.0.1 port 5").unwrap().check_live(), Ok(()));
}

#[test]
fn wanted_ports_are_the_single_ones_asked_for() {
    let filter = Filter::parse("port 443 or port in [80 8000-8080 443] or not port 22").unwrap();
    assert_eq!(filter.ports(), [80, 443]);
    assert!(Filter::parse("port > 1024").unwrap().ports().is_empty());
}

#[test]
fn an_ipv6_network_holds_no_ipv4_host() {
    let v4 = flow("10.0.0.1", "10.0.0.2", 6, 1, 2);
    let v6 = flow("2001:db8::1", "2001:db8::2", 6, 1, 2);
    let all = Filter::parse("net ::/0").unwrap();
    assert!(all.matches(&v6) && !all.matches(&v4));
    let all = Filter::parse("net 0.0.0.0/0").unwrap();
    assert!(all.matches(&v4) && !all.matches(&v6));
}

fn sides() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Either), Just(Side::Src), Just(Side::Dst)]
}

fn hosts() -> impl Strategy<Value = Host> {
    prop_oneof![(0u32..8).prop_map(Host::v4), (0u128..8).prop_map(|n| Host(n + (0x2001 << 112)))]
}

fn networks() -> impl Strategy<Value = Network> {
    (hosts(), 0u8..=128).prop_map(|(host, bits)| {
        let limit = if host.as_v4().is_some() { 32 } else { 128 };
        Network::new(host, bits.min(limit)).unwrap()
    })
}

fn trees() -> impl Strategy<Value = Node> {
    let comps = prop::sample::select(vec![Comp::Eq, Comp::Gt, Comp::Lt, Comp::Ge, Comp::Le]);
    let ranges = prop::collection::vec((0u16..9, 0u16..9), 1..4)
        .prop_map(|pairs| pairs.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect::<Vec<_>>());
    let term = prop_oneof![
        Just(Node::Any),
        any::<bool>().prop_map(|v4| Node::Family { v4 }),
        any::<u8>().prop_map(Node::Proto),
        (sides(), networks()).prop_map(|(side, net)| Node::Net(side, net)),
        (sides(), prop::collection::vec(networks(), 1..4))
            .prop_map(|(side, nets)| Node::NetIn(side, nets)),
        (sides(), comps, 0u16..9).prop_map(|(s, c, p)| Node::Port(s, c, p, Place(0..0))),
        (sides(), ranges).prop_map(|(side, list)| Node::PortIn(side, list, Place(0..0))),
    ];
    term.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| Node::Not(Box::new(part))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::all),
            prop::collection::vec(inner, 2..4).prop_map(Node::one),
        ]
    })
}

/// The same meaning said as directly as possible: with sets of values per side.
fn naive(node: &Node, row: &Flow) -> bool {
    let picked = |side: &Side| match side {
        Side::Either => vec![(row.src, row.sport), (row.dst, row.dport)],
        Side::Src => vec![(row.src, row.sport)],
        Side::Dst => vec![(row.dst, row.dport)],
    };
    let in_net = |net: &Network, host: Host| match (net.base().as_v4(), host.as_v4()) {
        (Some(base), Some(bits)) => {
            (0..u32::from(net.prefix())).all(|n| (base ^ bits) >> (31 - n) & 1 == 0)
        }
        (None, None) => {
            (0..u32::from(net.prefix())).all(|n| (net.base().0 ^ host.0) >> (127 - n) & 1 == 0)
        }
        _ => false,
    };
    match node {
        Node::Any => true,
        Node::Family { v4 } => row.src.to_ip().is_ipv4() == *v4,
        Node::Proto(proto) => row.proto == *proto,
        Node::Net(side, net) => picked(side).iter().any(|(host, _)| in_net(net, *host)),
        Node::NetIn(side, nets) => nets.iter().any(|net| naive(&Node::Net(*side, *net), row)),
        Node::Port(side, comp, port, _) => picked(side).iter().any(|(_, p)| match comp {
            Comp::Eq => p == port,
            Comp::Gt => p > port,
            Comp::Lt => p < port,
            Comp::Ge => p >= port,
            Comp::Le => p <= port,
        }),
        Node::PortIn(side, ranges, _) => {
            picked(side).iter().any(|(_, p)| ranges.iter().any(|(low, high)| low <= p && p <= high))
        }
        Node::Not(part) => !naive(part, row),
        Node::All(parts) => parts.iter().filter(|part| !naive(part, row)).count() == 0,
        Node::One(parts) => parts.iter().filter(|part| naive(part, row)).count() > 0,
    }
}

proptest! {
    #[test]
    fn printing_and_parsing_gives_the_same_filter(
        root in trees(),
        rows in prop::collection::vec((hosts(), hosts(), 0u8..20, 0u16..9, 0u16..9), 1..20),
    ) {
        let filter = Filter { root };
        let again = Filter::parse(&filter.to_string());
        prop_assert_eq!(again.as_ref(), Ok(&filter), "{}", filter);
        for (src, dst, proto, sport, dport) in rows {
            let row = Flow { src, dst, proto, sport, dport, ..Flow::EMPTY };
            prop_assert_eq!(filter.matches(&row), naive(&filter.root, &row), "{} {:?}", filter, row);
        }
    }

    #[test]
    fn no_text_panics_and_errors_lie_within_it(
        text in prop_oneof![
            any::<String>(),
            prop::collection::vec(
                prop::sample::select(vec![
                    "tcp", "port", "in", "[", "]", "80", "80-90", ",", "(", ")", "not", "!", "and",
                    "or", "10.0.0.0/8", "::/0", "net", "ip", "src", "dst", "0x", "1k", "k", "ü", "#",
                    "\n", "=", "&", "proto", "255.0.0.0", "/", "1/", "/1", "-", "65536",
                ]),
                0..12,
            ).prop_map(|words| words.join(" ")),
        ],
    ) {
        match Filter::parse(&text) {
            Ok(filter) => prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter)),
            Err(error) => prop_assert!(text.get(error.at.clone()).is_some(), "{:?}", error),
        }
    }
}
