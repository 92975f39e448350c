//! The language by example.

mod extras;
mod live;
mod properties;
mod unknown;

use super::words::{LiveSupport, MISSING, WORDS};
use super::*;
use crate::flow::{Flow, Time};

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

/// Checks that a text prints as `want`, and that this means the same.
fn parses_as(text: &str, want: &str) {
    let shown = printed(text);
    assert_eq!(shown, want, "{text}");
    assert_eq!(Filter::parse(&shown), Filter::parse(text), "{text}");
}

#[test]
fn common_filters_are_parsed() {
    for (text, want) in [
        ("", "any"),
        ("any # all\n", "any"),
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
        ("ip in [10.1.2.3]", "ip 10.1.2.3"),
        ("src or dst port 80 and dst or src ip ::1", "port 80 and ip ::1"),
        (
            "SRC AND DST net 10/8 or dst and src port 53",
            "src and dst net 10.0.0.0/8 or src and dst port 53",
        ),
        ("flags S and not flags AFRPU", "flags S and not flags UAPRF"),
        ("flags x or flags = 2 or flags gt 0x10", "flags UAPRSF or flags 2 or flags > 16"),
        ("tos 184 and src tos 184 dscp 46", "tos 184 and tos 184 and dscp 46"),
        (
            "src as 65001 and as in [1, 5-9 4200000000]",
            "src as 65001 and as in [1, 5-9, 4200000000]",
        ),
        ("in if 3 or if 4 or out if in [5 6]", "in if 3 or if 4 or out if in [5, 6]"),
        ("router ip 192.0.2.1 or exporter ::1", "exporter 192.0.2.1 or exporter ::1"),
        ("exporter in [192.0.2.1 198.51.100.0/24]", "exporter in [192.0.2.1, 198.51.100.0/24]"),
        (
            "next ip 10.1.1.1 or next ip in [::1 10/8]",
            "next ip 10.1.1.1 or next ip in [::1, 10.0.0.0/8]",
        ),
        ("src mask 24 dst mask ge 8 mask 0", "src mask 24 and dst mask >= 8 and mask 0"),
        (
            "packets > 1k bytes >= 2M in bytes lt 3g",
            "packets > 1000 and bytes >= 2000000 and bytes < 3000000000",
        ),
        (
            "duration > 60000 and pps<5 and bps > 1T or bpp = 40",
            "duration > 60000 and pps < 5 and bps > 1000000000000 or bpp 40",
        ),
        ("icmp-type 8 icmp-code 0", "icmp-type 8 and icmp-code 0"),
        (
            "flowdir egress or dir 0 or flowdir 255",
            "flowdir egress or flowdir ingress or flowdir 255",
        ),
        (
            "observation domain id 5 or observation domain > 6",
            "observation domain 5 or observation domain > 6",
        ),
        ("engine-type 1 engine-id 2 flows 1", "engine-type 1 and engine-id 2 and flows 1"),
        (
            "first seen >= 2026-04-10 last < 2026-04-10T12:30",
            "first seen >= 2026-04-10T00:00:00Z and last seen < 2026-04-10T12:30:00Z",
        ),
        ("proto in [tcp 17 icmp]", "proto in [tcp, udp, icmp]"),
    ] {
        parses_as(text, want);
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
        ("flags Q", "Q", "letters of TCP flags", "`Q`"),
        ("flags 256", "256", "0..255", "`256`"),
        ("tcp and src as x", "x", "an AS number 0..4294967295", "`x`"),
        ("as in [1 4294967296]", "4294967296", "or a range", "`4294967296`"),
        ("bytes != 1M", "!", "`not bytes N`", "`!`"),
        ("in port 3", "port", "`if`, `packets`, `bytes`", "`port`"),
        ("out port 3", "port", "`if`", "`port`"),
        ("dst or src tcp", "tcp", "`tos`, `as`, `mask`, `vlan`", "`tcp`"),
        ("src flags S", "flags", "`ip`, `net`, `port`", "`flags`"),
        ("src or dst", "", "an address or a network", "the end"),
        ("in src if 3", "if", "without `src`", "`if`"),
        ("src and dst mac 1:2:3:4:5:6", "mac", "`ip`, `net`, `port`", "`mac`"),
        ("mac 1:2:3:4:5", "1:2:3:4:5", "a MAC address", "`1:2:3:4:5`"),
        ("mac 1:2:3:4:5:6:7", "1:2:3:4:5:6:7", "a MAC address", "`1:2:3:4:5:6:7`"),
        ("mac > 1:2:3:4:5:6", ">", "a MAC address", "`>`"),
        ("mac 1:2:3:4:5:+6", "1:2:3:4:5:+6", "a MAC address", "`1:2:3:4:5:+6`"),
        ("mpls label1 1048576", "1048576", "an MPLS label 0..1048575", "`1048576`"),
        ("mpls label11 5", "mpls", "an address", "`mpls`"),
        ("if eth0", "eth0", "an interface number", "`eth0`"),
        ("exporter 3", "3", "an address", "`3`"),
        ("tos 256", "256", "a type of service 0..255", "`256`"),
        ("first seen 2026-04-10", "2026-04-10", "`>=`", "`2026-04-10`"),
        ("last seen > noon", "noon", "a time such as", "`noon`"),
        ("observation", "observation", "an address", "`observation`"),
        ("https", "https", "`port https`", "`https`"),
        ("höst 1", "höst", "an address", "`höst`"),
        ("tcp \u{1b}[31m", "\u{1b}", "an address", "`?`"),
    ] {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!(&text[error.at.clone()], wrong, "{text}: {error}");
        let FilterFault::Unexpected { expected: said, found: there } = &error.why else {
            panic!("{text}: {error}");
        };
        assert!(said.contains(expected), "{text}: {error}");
        assert_eq!(there, found, "{text}");
        if wrong.is_empty() {
            assert_eq!(error.at, text.len()..text.len());
        }
    }
}

#[test]
fn limits_are_errors_and_never_an_overflow() {
    for text in ["(".repeat(60_000), "not ".repeat(16_000), "!(".repeat(30_000)] {
        let error = Filter::parse(&text).unwrap_err();
        assert!(error.to_string().contains("at most 64 levels"), "{error}");
    }
    let error = Filter::parse(&"ä".repeat(100_000)).unwrap_err();
    assert!(error.to_string().contains("bytes") && error.at.start <= MAX_TEXT, "{error}");
    let error = Filter::parse(&format!("port in [{}]", "1 ".repeat(5000))).unwrap_err();
    assert!(error.to_string().contains("items in a list"), "{error}");
    let long = format!("tcp{}", " or tcp".repeat(8000));
    let filter = Filter::parse(&long).unwrap();
    assert!(filter.matches(&flow("10.0.0.1", "10.0.0.2", 6, 1, 2)));
    let nested = format!("{}tcp{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    assert_eq!(printed(&nested), "proto tcp");
}

#[test]
fn unsupported_words_are_refused_with_a_reason() {
    for (text, at, lack) in [
        ("DST  GEO ch", "DST  GEO", "countries"),
        ("out bytes > 5", "out bytes", "separate flow"),
        ("ident router1", "ident", "`exporter ADDRESS`"),
        ("payload content 'x'", "payload", "payload"),
        ("observation point id 5", "observation point id", "points"),
        ("asa event deny", "asa event", "`nat event N`"),
    ] {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!(&text[error.at.clone()], at, "{text}");
        assert!(
            matches!(error.why, FilterFault::Missing { lack: said, .. } if said.contains(lack)),
            "{error}"
        );
        assert!(error.brief().len() <= HALF_A_LINE, "{error}");
    }
}

/// The rest of a line of 80 columns next to `filter: ` and a long text.
const HALF_A_LINE: usize = 34;

/// A term for each word with every modifier.
fn terms() -> impl Iterator<Item = (&'static words::FilterWord, String)> {
    use words::{AllowedModifiers, Argument, NumberNames};
    WORDS.iter().flat_map(|word| {
        let before: &[&str] = match word.before {
            AllowedModifiers::Nothing => &[""],
            AllowedModifiers::Ends => &["", "src ", "dst ", "src and dst ", "src or dst "],
            AllowedModifiers::InOut => &["", "in ", "out "],
            AllowedModifiers::EndsOrSrc => &["", "src ", "dst ", "src and dst ", "src or dst "],
            AllowedModifiers::Corners => {
                &["", "src ", "out ", "in dst ", "out src ", "src or dst "]
            }
            AllowedModifiers::In(_) => &["", "in "],
        };
        let after: &[&str] = match word.argument {
            Argument::Nothing => &[""],
            Argument::Addresses => &["10.0.0.1", "= ::1", "in [10.0.0.1 ::/8]"],
            Argument::Network => &["10.0.0.0/8", "10.0.0.0 255.0.0.0", "2001:db8::/32"],
            Argument::Numbers(_, _, NumberNames::Protocols) => &["tcp", "99", "in [udp 7]"],
            Argument::Numbers(..) => &["7", "> 7", "= 7", "le 7", "in [7, 3-5]"],
            Argument::Flags => &["S", "2", "> 2", "in [2 18]"],
            Argument::Name(_) => &["anna", "= DOM\\anna", "in [anna, 13:80]"],
            Argument::Mac => &["0:1:2:3:4:5", "in [0:1:2:3:4:5, ff-ff-ff-ff-ff-ff]"],
            Argument::Moment => &["> 2026-04-10", "= 2026-04-10T12:30:05.25Z"],
        };
        word.spellings().flat_map(move |name| {
            let name = name.replace('N', "3");
            before.iter().flat_map(move |before| {
                let name = name.clone();
                after.iter().map(move |after| (word, format!("{before}{name} {after}")))
            })
        })
    })
}

#[test]
fn every_word_of_the_table_is_parsed_printed_and_answered() {
    let flow = flow("10.0.0.1", "10.0.0.2", 6, 1, 2);
    for (word, text) in terms() {
        let filter = Filter::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(Filter::parse(&filter.to_string()).as_ref(), Ok(&filter), "{text}: {filter}");
        assert!(filter.answer(&flow).is_some(), "{text}");
        let sided = filter.to_string().contains("src") || filter.to_string().contains("dst");
        let live = match word.live {
            LiveSupport::Yes => true,
            LiveSupport::WithoutSide(..) => !sided,
            LiveSupport::No(..) => false,
        };
        assert_eq!(filter.check_live().is_ok(), live, "{text}");
    }
}

#[test]
fn every_spelling_has_one_meaning() {
    let known = WORDS.iter().flat_map(|word| word.spellings());
    let mut names: Vec<&str> =
        known.chain(MISSING.iter().flat_map(|missing| missing.names.iter().copied())).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    // `N` stands for a number.
    let lower = |name: &str| !name.trim_end_matches('N').contains(char::is_uppercase);
    assert!(names.iter().all(|name| lower(name)));
}

fn matching(text: &str, flow: &Flow) -> bool {
    Filter::parse(text).unwrap().matches(flow)
}

#[test]
fn flags_are_all_set_or_after_not_none() {
    let with = |tcp_flags| Flow { proto: 6, tcp_flags, ..Flow::EMPTY };
    for (text, flags, holds) in [
        ("flags SA", 0x12, true),
        ("flags SA", 0x02, false),
        ("flags s", 0x1b, true),
        ("not flags SA", 0x12, false),
        ("not flags SA", 0x02, false),
        ("not flags SA", 0x01, true),
        ("not not flags SA", 0x02, false),
        ("not (udp or flags SA)", 0x02, false),
        ("not (udp or not flags SA)", 0x02, false),
        ("not (udp or not flags SA)", 0x12, true),
        ("flags S and not flags AFRPU", 0x02, true),
        ("flags S and not flags AFRPU", 0x12, false),
        ("flags X", 0x3f, true),
        ("flags X", 0x1f, false),
        ("flags 2", 0x12, false),
        ("flags 0x12", 0x12, true),
        ("flags in [2 18]", 0x12, true),
        ("flags CE", 0xc2, true),
    ] {
        assert_eq!(matching(text, &with(flags)), holds, "{text} of {flags:#x}");
    }
    let udp = Flow { proto: 17, tcp_flags: 0x12, ..Flow::EMPTY };
    assert!(!matching("flags S", &udp) && !matching("flags > 0", &udp));
    assert!(matching("not flags S", &udp));
}

#[test]
fn computed_values_are_whole_scaled_and_never_overflow() {
    let flow = Flow {
        first: Time(1_000),
        last: Time(4_000),
        bytes: 3_001,
        packets: 2,
        sampling: crate::flow::Sampling::one_in(10),
        tos: 0xb8,
        domain: 0x0105,
        ..Flow::EMPTY
    };
    for text in [
        "bytes 30010",
        "packets 20",
        "bps 80026",
        "pps 6",
        "bpp 1500",
        "duration 3000",
        "flows 1",
        "dscp 46",
        "engine-type 1",
        "engine-id 5",
        "observation domain 0x105",
        "first seen = 1970-01-01T00:00:01Z",
        "last seen > 1970-01-01T00:00:03.999",
    ] {
        assert!(matching(text, &flow), "{text}");
    }
    let empty = Flow { first: Time(5), last: Time(3), ..Flow::EMPTY };
    for text in ["duration 0", "pps 0", "bps 0", "bpp 0", "bytes 0", "flowdir 255"] {
        assert!(matching(text, &empty), "{text}");
    }
    let huge = Flow {
        first: Time(i64::MIN),
        last: Time(i64::MAX),
        bytes: u64::MAX,
        packets: u64::MAX,
        sampling: crate::flow::Sampling::one_in(u32::MAX),
        ..Flow::EMPTY
    };
    assert!(matching("bytes > 18446744073709551615 and bps > 1 and duration > 1T", &huge));
    let icmp = Flow { proto: 58, dport: 0x8001, ..Flow::EMPTY };
    assert!(matching("icmp-type 128 and icmp-code 1", &icmp));
    assert!(!matching("icmp-type 128", &Flow { proto: 6, ..icmp }));
}

#[test]
fn ports_are_the_single_ones_asked_for() {
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

#[test]
fn a_list_of_networks_follows_ip_and_net() {
    let ip = Filter::parse("src ip in [10.0.0.0/8 2001:db8::/32]").unwrap();
    let net = Filter::parse("src net in [10.0.0.0/8, 2001:db8::/32]").unwrap();
    assert_eq!(net.to_string(), ip.to_string());
}
