//! Single terms: `any`, families, protocols, addresses, networks and ports.

use super::FilterError;
use super::parse::{MAX_LIST, Parser, is_one_of};
use super::token::Kind;
use super::tree::{Comp, Node, Place, Side};
use crate::flow::service::{SERVICES, protocol_number};
use crate::flow::{Host, Network};

const TERM: &str = "an address, a network, `port`, `proto`, `ip`, `net`, `src`, `dst`, \
                    `ipv4`, `ipv6`, `any`, `not` or `(`";
const ADDRESS: &str = "an address such as 10.1.2.3 or 2001:db8::1";
const NETWORK: &str = "a network such as 10.0.0.0/8, 10.0.0.0 255.0.0.0 or 2001:db8::/32";
const PORT: &str = "a port number 0..65535";
const PROTOCOL: &str = "a protocol such as tcp or a number 0..255";

const FAMILY_4: &[&str] = &["ipv4", "inet", "inet4"];
const FAMILY_6: &[&str] = &["ipv6", "inet6"];
const ADDRESS_WORDS: &[&str] = &["ip", "host", "ipaddr"];
const NETWORK_WORDS: &[&str] = &["net", "network"];

/// Words of nfdump's language about things that the live tables do not keep.
const NOT_LIVE: &[&str] = &[
    "flags",
    "tos",
    "dscp",
    "as",
    "if",
    "vlan",
    "mask",
    "packets",
    "bytes",
    "flows",
    "duration",
    "pps",
    "bps",
    "bpp",
    "first",
    "last",
    "seen",
    "flowdir",
    "mac",
    "mpls",
    "mpls1",
    "label",
    "observation",
    "next",
    "bgp",
    "prev",
    "router",
    "exporter",
    "ident",
    "in",
    "out",
    "icmp-type",
    "icmp-code",
    "engine",
    "engine-type",
    "engine-id",
    "ttl",
    "nat",
    "xlate",
    "payload",
    "geo",
    "asn",
    "sysid",
];

const COMPARISONS: &[(&str, Comp)] =
    &[("eq", Comp::Eq), ("gt", Comp::Gt), ("lt", Comp::Lt), ("ge", Comp::Ge), ("le", Comp::Le)];

/// Reads one term.
pub(super) fn term(parser: &mut Parser<'_>) -> Result<Node, FilterError> {
    let start = parser.peek().start;
    if parser.take_word(&["any"]) {
        return Ok(Node::Any);
    }
    if parser.take_word(FAMILY_4) {
        return Ok(Node::Family { v4: true });
    }
    if parser.take_word(FAMILY_6) {
        return Ok(Node::Family { v4: false });
    }
    if parser.take_word(&["proto", "protocol"]) {
        return protocol(parser);
    }
    let side = side(parser);
    if parser.take_word(ADDRESS_WORDS) {
        return addresses(parser, side);
    }
    if parser.take_word(NETWORK_WORDS) {
        return network(parser, side);
    }
    let port_end = parser.peek().end;
    if parser.take_word(&["port"]) {
        return port(parser, side, Place(start..port_end));
    }
    bare(parser, side)
}

fn side(parser: &mut Parser<'_>) -> Side {
    if parser.take_word(&["src", "source"]) {
        Side::Src
    } else if parser.take_word(&["dst", "destination"]) {
        Side::Dst
    } else {
        Side::Either
    }
}

/// A word that begins no term: an address, a network, a protocol, or a mistake.
fn bare(parser: &mut Parser<'_>, side: Side) -> Result<Node, FilterError> {
    let expected = match side {
        Side::Either => TERM,
        Side::Src | Side::Dst => "`ip`, `net`, `port`, an address or a network",
    };
    let Some(word) = parser.word() else {
        return Err(parser.wrong(expected));
    };
    if let Some(net) = net_or_host(word) {
        parser.take();
        return Ok(Node::Net(side, net));
    }
    if side == Side::Either
        && let Some(proto) = protocol_number(word)
    {
        parser.take();
        return Ok(Node::Proto(proto));
    }
    if is_one_of(word, NOT_LIVE) {
        return Err(parser.wrong(
            "a question about addresses, networks, ports or protocols; \
             the live view cannot answer this one",
        ));
    }
    if service_ports(word).next().is_some() {
        return Err(parser.wrong(format!("`port {}`", word.to_ascii_lowercase())));
    }
    Err(parser.wrong(expected))
}

fn protocol(parser: &mut Parser<'_>) -> Result<Node, FilterError> {
    parser.take_if(Kind::Comp(Comp::Eq));
    let number = parser.word().and_then(|word| {
        protocol_number(word).or_else(|| number(word).and_then(|n| u8::try_from(n).ok()))
    });
    let proto = number.ok_or_else(|| parser.wrong(PROTOCOL))?;
    parser.take();
    Ok(Node::Proto(proto))
}

/// After `ip`: an address, or `in` and a list of addresses and networks.
fn addresses(parser: &mut Parser<'_>, side: Side) -> Result<Node, FilterError> {
    if parser.take_word(&["in"]) {
        let expected = "an address or a network";
        let read = |word: &str| net_or_host(word).into_iter().collect();
        return Ok(Node::NetIn(side, list(parser, expected, read)?));
    }
    parser.take_if(Kind::Comp(Comp::Eq));
    let net = parser.word().and_then(net_or_host).ok_or_else(|| parser.wrong(ADDRESS))?;
    parser.take();
    Ok(Node::Net(side, net))
}

/// After `net`: `A/n` or `A MASK`.
fn network(parser: &mut Parser<'_>, side: Side) -> Result<Node, FilterError> {
    let word = parser.word().ok_or_else(|| parser.wrong(NETWORK))?;
    let net = if word.contains('/') {
        net_or_host(word)
    } else {
        let base = word.parse::<Host>().ok().ok_or_else(|| parser.wrong(NETWORK))?;
        if base.as_v4().is_none() {
            return Err(parser.wrong(format!("a prefix length: `{base}/64`")));
        }
        parser.take();
        let prefix = parser.word().and_then(dotted_mask);
        let prefix = prefix.ok_or_else(|| {
            parser.wrong(format!("a prefix length (`{base}/24`) or a mask such as 255.255.255.0"))
        })?;
        Network::new(base, prefix)
    };
    let net = net.ok_or_else(|| parser.wrong(NETWORK))?;
    parser.take();
    Ok(Node::Net(side, net))
}

/// After `port`: a comparison, or `in` and a list of ports and ranges.
fn port(parser: &mut Parser<'_>, side: Side, place: Place) -> Result<Node, FilterError> {
    if parser.take_word(&["in"]) {
        let expected = "a port number 0..65535 or a range such as 8000-8080";
        return Ok(Node::PortIn(side, list(parser, expected, port_ranges)?, place));
    }
    if parser.peek().kind == Kind::Not {
        return Err(parser.wrong("a port number 0..65535 (for other ports write `not port N`)"));
    }
    let comp = comparison(parser);
    let ranges = parser.word().map(port_ranges).unwrap_or_default();
    let node = match (ranges.as_slice(), comp) {
        ([], _) => return Err(parser.wrong(PORT)),
        ([(low, high)], _) if low == high => Node::Port(side, comp, *low, place),
        ([(low, high)], _) => {
            let hint = format!("{PORT} (ranges go into a list: `port in [{low}-{high}]`)");
            return Err(parser.wrong(hint));
        }
        // A service with several ports.
        (_, Comp::Eq) => Node::PortIn(side, ranges, place),
        _ => return Err(parser.wrong(PORT)),
    };
    parser.take();
    Ok(node)
}

fn comparison(parser: &mut Parser<'_>) -> Comp {
    let comp = match parser.peek().kind {
        Kind::Comp(comp) => Some(comp),
        _ => parser.word().and_then(|word| {
            COMPARISONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, c)| *c)
        }),
    };
    if comp.is_some() {
        parser.take();
    }
    comp.unwrap_or(Comp::Eq)
}

/// `[`, at least one item with commas or spaces between, `]`.
fn list<T>(
    parser: &mut Parser<'_>,
    expected: &str,
    read: impl Fn(&str) -> Vec<T>,
) -> Result<Vec<T>, FilterError> {
    if !parser.take_if(Kind::OpenList) {
        return Err(parser.wrong("`[`"));
    }
    let mut items = Vec::new();
    loop {
        let read = parser.word().map(&read).unwrap_or_default();
        if read.is_empty() {
            return Err(parser.wrong(expected));
        }
        if items.len() >= MAX_LIST {
            return Err(parser.wrong(format!("at most {MAX_LIST} items in a list")));
        }
        items.extend(read);
        parser.take();
        let comma = parser.take_if(Kind::Comma);
        if !comma && parser.take_if(Kind::CloseList) {
            return Ok(items);
        }
        if parser.peek().kind != Kind::Word {
            return Err(parser.wrong(if comma { expected } else { "`,`, `]` or a further item" }));
        }
    }
}

/// `10.1.2.3`, `2001:db8::/32`, and `10/8` or `192.168/16` for short.
fn net_or_host(word: &str) -> Option<Network> {
    let Some((address, prefix)) = word.split_once('/') else {
        return word.parse().ok().map(Network::single);
    };
    if !is_digits(prefix) {
        return None;
    }
    let prefix = prefix.parse().ok()?;
    let host = match address.parse::<Host>() {
        Ok(host) => host,
        Err(_) => {
            let missing = 3usize.checked_sub(address.matches('.').count())?;
            format!("{address}{}", ".0".repeat(missing)).parse().ok()?
        }
    };
    Network::new(host, prefix)
}

/// The prefix length of a contiguous dotted mask.
fn dotted_mask(word: &str) -> Option<u8> {
    let bits = word.parse::<Host>().ok()?.as_v4()?;
    let ones = bits.leading_ones();
    (ones + bits.trailing_zeros() >= 32).then(|| u8::try_from(ones).ok()).flatten()
}

/// What a word says about ports: `443`, `8000-8080`, or a service name with all
/// its ports (`netbios`). Nothing when it is none of these.
fn port_ranges(word: &str) -> Vec<(u16, u16)> {
    if let Some(port) = port_number(word) {
        return vec![(port, port)];
    }
    let range = word.split_once('-').and_then(|(low, high)| {
        let (low, high) = (port_number(low)?, port_number(high)?);
        (low <= high).then_some((low, high))
    });
    match range {
        Some(range) => vec![range],
        None => service_ports(word).map(|port| (port, port)).collect(),
    }
}

fn port_number(word: &str) -> Option<u16> {
    number(word).and_then(|number| u16::try_from(number).ok())
}

fn service_ports(word: &str) -> impl Iterator<Item = u16> + '_ {
    SERVICES.iter().filter(move |(_, name)| name.eq_ignore_ascii_case(word)).map(|(port, _)| *port)
}

/// Decimal with `k`, `M`, `G` or `T` (powers of 1000), or hexadecimal after `0x`.
fn number(word: &str) -> Option<u64> {
    if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        let plain = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        return plain.then(|| u64::from_str_radix(hex, 16).ok()).flatten();
    }
    let (digits, factor) = match word.bytes().last() {
        Some(b'k' | b'K') => (word.get(..word.len() - 1)?, 1000),
        Some(b'm' | b'M') => (word.get(..word.len() - 1)?, 1_000_000),
        Some(b'g' | b'G') => (word.get(..word.len() - 1)?, 1_000_000_000),
        Some(b't' | b'T') => (word.get(..word.len() - 1)?, 1_000_000_000_000),
        _ => (word, 1),
    };
    if !is_digits(digits) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
