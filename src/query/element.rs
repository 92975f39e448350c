//! The elements of statistics (`-s`) and the fields of aggregation (`-A`), with nfdump's words.

use std::sync::LazyLock;

use super::order::{self, OrderError};
use super::question::{
    Aggregation, CountedSides, FlowDirection, KeyPart, Prefix, StatElement, StatOrder, Statistic,
};
use crate::flow::field::Field;
use crate::units::similar_words;

/// The largest number of statistics in one query.
pub const MAX_STATISTICS: usize = 8;

const fn one(field: Field) -> CountedSides {
    CountedSides::One(KeyPart::whole(field))
}

const fn either(a: Field, b: Field) -> CountedSides {
    CountedSides::Either(KeyPart::whole(a), KeyPart::whole(b))
}

const fn reported(field: Field) -> KeyPart {
    KeyPart { field, prefix: Some(Prefix::Reported) }
}

macro_rules! elements {
    ($($name:literal $aliases:tt $label:literal $keys:expr;)*) => {
        /// All elements, in the order of nfdump's manual. Networks with a length (`srcip4/24`)
        /// are only found by [`element`].
        pub static ELEMENTS: &[StatElement] = &[$(StatElement {
            name: $name, aliases: &$aliases, label: $label, keys: $keys,
        }),*];
    };
}

elements! {
    "record" [] "flows" CountedSides::Record;
    "srcip" ["src"] "Src IP Addr" one(Field::Src);
    "dstip" ["dst"] "Dst IP Addr" one(Field::Dst);
    "ip" [] "IP Addr" either(Field::Src, Field::Dst);
    "host" [] "Host" either(Field::SrcInside, Field::DstInside);
    "srchost" [] "Src Host" one(Field::SrcInside);
    "dsthost" [] "Dst Host" one(Field::DstInside);
    "nhip" ["next"] "Nexthop IP" one(Field::NextHop);
    "nhbip" ["bgpnext"] "Nexthop BGP IP" one(Field::BgpNextHop);
    "router" ["exporter"] "Router IP" one(Field::Exporter);
    "srcport" [] "Src Port" one(Field::SrcPort);
    "dstport" [] "Dst Port" one(Field::DstPort);
    "port" [] "Port" either(Field::SrcPort, Field::DstPort);
    "proto" [] "Protocol" one(Field::Proto);
    "flags" [] "TCP Flags" one(Field::TcpFlags);
    "tos" ["srctos"] "Tos" one(Field::Tos);
    "dsttos" [] "Dst Tos" one(Field::DstTos);
    "dir" ["flowdir"] "Dir" one(Field::Direction);
    "srcas" [] "Src AS" one(Field::SrcAs);
    "dstas" [] "Dst AS" one(Field::DstAs);
    "as" [] "AS" either(Field::SrcAs, Field::DstAs);
    "prevas" [] "Prev AS" one(Field::PrevAs);
    "nextas" [] "Next AS" one(Field::NextAs);
    "inif" [] "Input If" one(Field::Input);
    "outif" [] "Output If" one(Field::Output);
    "if" [] "In/Out If" either(Field::Input, Field::Output);
    "srcmask" [] "Src Mask" one(Field::SrcMask);
    "dstmask" [] "Dst Mask" one(Field::DstMask);
    "mask" [] "Mask" either(Field::SrcMask, Field::DstMask);
    "srcnet" [] "Src Network" CountedSides::One(reported(Field::Src));
    "dstnet" [] "Dst Network" CountedSides::One(reported(Field::Dst));
    "net" [] "Network" CountedSides::Either(reported(Field::Src), reported(Field::Dst));
    "srcvlan" [] "Src Vlan" one(Field::Vlan);
    "dstvlan" [] "Dst Vlan" one(Field::DstVlan);
    "vlan" [] "Vlan" either(Field::Vlan, Field::DstVlan);
    "insrcmac" [] "In Src Mac" one(Field::InSrcMac);
    "outdstmac" [] "Out Dst Mac" one(Field::OutDstMac);
    "indstmac" [] "In Dst Mac" one(Field::InDstMac);
    "outsrcmac" [] "Out Src Mac" one(Field::OutSrcMac);
    "srcmac" [] "Src Mac" either(Field::InSrcMac, Field::OutSrcMac);
    "dstmac" [] "Dst Mac" either(Field::InDstMac, Field::OutDstMac);
    "inmac" [] "In Mac" either(Field::InSrcMac, Field::InDstMac);
    "outmac" [] "Out Mac" either(Field::OutSrcMac, Field::OutDstMac);
    "mpls1" [] "MPLS lab 1" one(Field::Mpls1);
    "mpls2" [] "MPLS lab 2" one(Field::Mpls2);
    "mpls3" [] "MPLS lab 3" one(Field::Mpls3);
    "mpls4" [] "MPLS lab 4" one(Field::Mpls4);
    "mpls5" [] "MPLS lab 5" one(Field::Mpls5);
    "mpls6" [] "MPLS lab 6" one(Field::Mpls6);
    "mpls7" [] "MPLS lab 7" one(Field::Mpls7);
    "mpls8" [] "MPLS lab 8" one(Field::Mpls8);
    "mpls9" [] "MPLS lab 9" one(Field::Mpls9);
    "mpls10" [] "MPLS lab 10" one(Field::Mpls10);
    "minttl" [] "Min TTL" one(Field::MinTtl);
    "maxttl" [] "Max TTL" one(Field::MaxTtl);
    "fwdstat" ["fwd"] "Forwarding" one(Field::Forwarding);
    "odid" [] "obs domainID" one(Field::Domain);
    "ivrf" ["vrf"] "I-vrf-ID" one(Field::InVrf);
    "evrf" [] "E-vrf-ID" one(Field::OutVrf);
    "nevent" [] "NAT Event" one(Field::NatEvent);
    "xsrcip" ["nsrcip"] "X-Src IP Addr" one(Field::NatSrc);
    "xdstip" ["ndstip"] "X-Dst IP Addr" one(Field::NatDst);
    "xsrcport" ["nsrcport"] "X-Src Port" one(Field::NatSrcPort);
    "xdstport" ["ndstport"] "X-Dst Port" one(Field::NatDstPort);
    "app" ["application"] "Application" one(Field::AppName);
    "user" ["username"] "User" one(Field::User);
}

/// Elements of nfdump for data that is not kept, and the reason.
pub const UNANSWERED: &[(&[&str], &str)] = &[
    (&["srcgeo", "dstgeo"], "toptalk has no country database; write the networks into the filter"),
    (&["inam", "onam"], "interfaces are kept by number; use inif, outif"),
    (&["ivrfnam", "evrfnam"], "VRFs are kept by number; use ivrf, evrf"),
    (&["sysid"], "it is nfcapd's own exporter number; use router"),
    (&["nbar"], "use app"),
    (&["ja3"], "packet contents are not kept"),
    (&["opid"], "observation points are not kept; use odid, inif"),
    (
        &["event", "xevent", "iacl", "iace", "ixace", "eacl", "eace", "exace"],
        "of firewall events only those of NAT are kept; use nevent",
    ),
    (&["cl", "sl", "al"], "latencies are not kept"),
];

struct Nets {
    word: &'static str,
    field: Option<Field>,
    v4: bool,
}

/// Words that are followed by a slash and a prefix length.
const NETS: &[Nets] = &[
    Nets { word: "srcip4", field: Some(Field::Src), v4: true },
    Nets { word: "srcip6", field: Some(Field::Src), v4: false },
    Nets { word: "dstip4", field: Some(Field::Dst), v4: true },
    Nets { word: "dstip6", field: Some(Field::Dst), v4: false },
    Nets { word: "srcnet", field: Some(Field::Src), v4: true },
    Nets { word: "dstnet", field: Some(Field::Dst), v4: true },
    Nets { word: "net", field: None, v4: true },
];

/// An element for every length of every kind of network, because elements must have a static
/// lifetime.
static NETWORKS: LazyLock<Vec<(String, StatElement)>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for net in NETS {
        let longest = if net.v4 { 32 } else { 128 };
        for length in 0..=longest {
            let prefix = Some(if net.v4 { Prefix::V4(length) } else { Prefix::V6(length) });
            let part = |field| KeyPart { field, prefix };
            let (label, keys) = match net.field {
                Some(Field::Src) => ("Src Network", CountedSides::One(part(Field::Src))),
                Some(field) => ("Dst Network", CountedSides::One(part(field))),
                None => ("Network", CountedSides::Either(part(Field::Src), part(Field::Dst))),
            };
            let element = StatElement { name: net.word, aliases: &[], label, keys };
            all.push((format!("{}/{length}", net.word), element));
        }
    }
    all
});

/// Why a word of `-s` or `-A` is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElementError {
    /// A word that does not exist.
    #[error("expected {what}, found `{found}`; {near}")]
    Unknown {
        /// What was expected.
        what: &'static str,
        /// The word.
        found: String,
        /// The words that are similar.
        near: String,
    },
    /// A word of nfdump for data that is not kept.
    #[error("`{word}`: {why}")]
    Unanswered {
        /// The word.
        word: String,
        /// The reason, and what to use instead.
        why: &'static str,
    },
    /// A prefix length that is missing or too large.
    #[error("`{word}`: expected a length of 0 to {longest} bits after the slash; {hint}")]
    Length {
        /// The word.
        word: String,
        /// The greatest length.
        longest: u8,
        /// What to write instead.
        hint: &'static str,
    },
    /// A field that occurs twice.
    #[error("`{0}` is given twice")]
    Twice(String),
    /// No field at all.
    #[error("expected at least one field to sum by")]
    Nothing,
    /// An order by time, which statistics do not have.
    #[error("`-s {word}/{order}`: times sort rows, not statistics; write `-O {order}`")]
    TimeOrder {
        /// The element.
        word: String,
        /// The order.
        order: &'static str,
    },
    /// An invalid order.
    #[error(transparent)]
    Order(#[from] OrderError),
}

/// The element of a word such as `dstip` or `srcip4/24`.
///
/// # Errors
/// Names the reason why it is not supported, or similar words.
pub fn element(word: &str) -> Result<&'static StatElement, ElementError> {
    let word = word.to_ascii_lowercase();
    let is =
        |element: &&StatElement| element.name == word || element.aliases.contains(&word.as_str());
    if let Some(element) = ELEMENTS.iter().find(is) {
        return Ok(element);
    }
    if let Some((_, element)) = NETWORKS.iter().find(|(name, _)| *name == word) {
        return Ok(element);
    }
    Err(refused("an element", &word, ELEMENTS.iter().map(|element| element.name)))
}

/// The error for a word that is not supported.
fn refused<'a>(
    what: &'static str,
    word: &str,
    known: impl Iterator<Item = &'a str>,
) -> ElementError {
    let (base, length) = word.split_once('/').unwrap_or((word, ""));
    if let Some(net) = NETS.iter().find(|net| net.word == base) {
        let is_v6 = length.parse().is_ok_and(|length: u8| length <= 128);
        let hint = match net.v4 && is_v6 {
            true if length.is_empty() => "as in srcip4/24",
            true => "networks of IPv6 are srcip6/N and dstip6/N",
            false => "as in srcip4/24 or srcip6/64",
        };
        let longest = if net.v4 { 32 } else { 128 };
        return ElementError::Length { word: word.to_owned(), longest, hint };
    }
    match UNANSWERED.iter().find(|(words, _)| words.contains(&word)) {
        Some((_, why)) => ElementError::Unanswered { word: word.to_owned(), why },
        None => ElementError::Unknown {
            what,
            found: word.to_owned(),
            near: similar_words::hint(base, known),
        },
    }
}

/// Parses one `-s`: `ELEMENT[:p][/ORDER]…`. If no order is given, the caller has to add one.
///
/// # Errors
/// Names the part that is invalid.
pub fn statistic(text: &str) -> Result<Statistic, ElementError> {
    let mut parts = text.split('/');
    let head = parts.next().unwrap_or_default();
    let mut rest: Vec<&str> = parts.collect();
    let (word, by_protocol) = match head.strip_suffix(":p").or_else(|| head.strip_suffix(":P")) {
        Some(word) => (word.to_owned(), true),
        None => (head.to_owned(), false),
    };
    let (mut word, mut by_protocol) = (word, by_protocol);
    // For a network, the prefix length comes before the first order.
    if NETS.iter().any(|net| net.word.eq_ignore_ascii_case(&word)) {
        let number = |text: &&str| text.starts_with(|first: char| first.is_ascii_digit());
        if let Some(length) = rest.first().copied().filter(number) {
            rest.remove(0);
            let bare = length.strip_suffix(":p").or_else(|| length.strip_suffix(":P"));
            by_protocol |= bare.is_some();
            word = format!("{word}/{}", bare.unwrap_or(length));
        }
    }
    let element = element(&word)?;
    let mut orders: Vec<StatOrder> = Vec::new();
    for text in rest {
        let order = order::parse(text)?;
        if !order.word().behind_slash {
            return Err(ElementError::TimeOrder { word, order: order.word().name });
        }
        if !orders.contains(&order) {
            orders.push(order);
        }
    }
    let by = (element.keys == CountedSides::Record).then(five_tuple);
    Ok(Statistic { element, by_protocol, orders, by })
}

/// A field of `-A`.
pub struct PartWord {
    /// The field.
    pub field: Field,
    /// The word.
    pub name: &'static str,
    /// Its other spellings.
    pub aliases: &'static [&'static str],
    /// The tag that prints it.
    pub tag: &'static str,
}

macro_rules! parts {
    ($($name:literal $aliases:tt $field:ident $tag:literal;)*) => {
        /// All words of `-A`; addresses also accept a length: `srcip4/24`, `dstip6/64`.
        pub const PARTS: &[PartWord] = &[$(PartWord {
            field: Field::$field, name: $name, aliases: &$aliases, tag: $tag,
        }),*];
    };
}

parts! {
    "proto" [] Proto "pr";
    "srcip" ["src"] Src "sa";
    "dstip" ["dst"] Dst "da";
    "srchost" [] SrcInside "isa";
    "dsthost" [] DstInside "ida";
    "srcport" [] SrcPort "sp";
    "dstport" [] DstPort "dp";
    "srcmask" [] SrcMask "smk";
    "dstmask" [] DstMask "dmk";
    "srcvlan" ["vlan"] Vlan "svln";
    "dstvlan" [] DstVlan "dvln";
    "srcas" [] SrcAs "sas";
    "dstas" [] DstAs "das";
    "nextas" [] NextAs "nas";
    "prevas" [] PrevAs "pas";
    "inif" [] Input "in";
    "outif" [] Output "out";
    "next" ["nhip"] NextHop "nh";
    "bgpnext" ["nhbip"] BgpNextHop "nhb";
    "insrcmac" [] InSrcMac "ismc";
    "outdstmac" [] OutDstMac "odmc";
    "indstmac" [] InDstMac "idmc";
    "outsrcmac" [] OutSrcMac "osmc";
    "tos" ["srctos"] Tos "tos";
    "dsttos" [] DstTos "dtos";
    "flags" [] TcpFlags "flg";
    "dir" ["flowdir"] Direction "dir";
    "minttl" [] MinTtl "minttl";
    "maxttl" [] MaxTtl "maxttl";
    "fwdstat" ["fwd"] Forwarding "fwd";
    "mpls1" [] Mpls1 "mpls1";
    "mpls2" [] Mpls2 "mpls2";
    "mpls3" [] Mpls3 "mpls3";
    "mpls4" [] Mpls4 "mpls4";
    "mpls5" [] Mpls5 "mpls5";
    "mpls6" [] Mpls6 "mpls6";
    "mpls7" [] Mpls7 "mpls7";
    "mpls8" [] Mpls8 "mpls8";
    "mpls9" [] Mpls9 "mpls9";
    "mpls10" [] Mpls10 "mpls10";
    "router" ["exporter"] Exporter "ra";
    "odid" [] Domain "odid";
    "ivrf" ["vrf"] InVrf "ivrf";
    "evrf" [] OutVrf "evrf";
    "nevent" [] NatEvent "nevt";
    "xsrcip" ["nsrcip"] NatSrc "xsa";
    "xdstip" ["ndstip"] NatDst "xda";
    "xsrcport" ["nsrcport"] NatSrcPort "xsp";
    "xdstport" ["ndstport"] NatDstPort "xdp";
}

/// Protocol, addresses and ports: the key of `-a`.
#[must_use]
pub fn five_tuple() -> Aggregation {
    let fields = [Field::Proto, Field::Src, Field::Dst, Field::SrcPort, Field::DstPort];
    let parts = fields.map(KeyPart::whole).to_vec();
    Aggregation { parts, direction: FlowDirection::Apart }
}

/// Parses `-A`: words separated by commas.
///
/// # Errors
/// Names the word that is invalid or that occurs twice.
pub fn aggregation(text: &str) -> Result<Aggregation, ElementError> {
    let mut parts: Vec<KeyPart> = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let part = part(&word.to_ascii_lowercase())?;
        if parts.iter().any(|other| other.field == part.field) {
            return Err(ElementError::Twice(word.to_owned()));
        }
        parts.push(part);
    }
    if parts.is_empty() {
        return Err(ElementError::Nothing);
    }
    // A network also includes its prefix length.
    for (address, mask) in [(Field::Src, Field::SrcMask), (Field::Dst, Field::DstMask)] {
        let mask = KeyPart::whole(mask);
        if parts.contains(&reported(address)) && !parts.contains(&mask) {
            parts.push(mask);
        }
    }
    Ok(Aggregation { parts, direction: FlowDirection::Apart })
}

fn part(word: &str) -> Result<KeyPart, ElementError> {
    let is = |part: &&PartWord| part.name == word || part.aliases.contains(&word);
    if let Some(part) = PARTS.iter().find(is) {
        return Ok(KeyPart::whole(part.field));
    }
    match word {
        "srcnet" => return Ok(reported(Field::Src)),
        "dstnet" => return Ok(reported(Field::Dst)),
        _ => {}
    }
    match NETWORKS.iter().find(|(name, _)| name == word).map(|(_, element)| element.keys) {
        Some(CountedSides::One(part)) => Ok(part),
        _ => {
            let known = PARTS.iter().map(|part| part.name).chain(["srcnet", "dstnet"]);
            Err(refused("a field to sum by", word, known))
        }
    }
}

#[cfg(test)]
#[path = "element_tests.rs"]
mod tests;
