//! The words of the language, each declared once: parsing, refusals, help and
//! docs/FILTER.md all derive from these tables.

pub use super::missing::{MISSING, Missing};
pub use super::names::Names;

use crate::flow::field::Field;

/// A primitive of the language.
#[derive(Debug)]
pub struct Word {
    /// How it is printed; of several words it needs all, in this order.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// Which words may stand before it.
    pub before: Before,
    /// What follows it.
    pub argument: Argument,
    /// What it asks about.
    pub reads: Reads,
    /// Whether the live tables can answer it.
    pub live: Live,
    /// What matches, for people.
    pub help: &'static str,
}

/// Which words may stand before a word to pick one of two columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Nothing,
    /// `src`, `dst`, `src or dst`, `src and dst`.
    Ends,
    /// `in`, `out`.
    Ways,
    /// The same, and `src` is meant where none stands.
    EndsOrSrc,
    /// `in`, `out`, `src`, `dst`, or one of each.
    Corners,
    /// `in`, which changes nothing; the text says what is not kept for `out`.
    In(&'static str),
}

/// What follows a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    Nothing,
    /// `A`, `A/n` or `in [A B/n ...]`.
    Addresses,
    /// `A/n` or `A MASK`.
    Network,
    /// A comparison with a number, or `in [N N-M ...]`: what it is called, the
    /// highest one, and the names it has.
    Numbers(&'static str, u64, Names),
    /// Letters of TCP flags, or a number.
    Flags,
    /// A comparison with a moment.
    Moment,
    /// A MAC address, or `in [M M]`.
    Mac,
}

/// What a word asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Nothing: every flow matches.
    Everything,
    /// IPv4 when true, else IPv6.
    Family(bool),
    One(Field),
    /// Source and destination, or in and out.
    Two(Field, Field),
    /// Both ports; rows know them without a side.
    Ports,
    /// The flags of TCP; flows of other protocols never match.
    Flags,
    Computed(Computed),
    /// At least one of several. Parsing takes it apart: no term reads it.
    Any(Choice),
}

/// What is computed from several fields, or from a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Computed {
    /// Counters stand for what was on the wire: times the sampling rate.
    Bytes,
    Packets,
    /// Of one record: 1.
    Flows,
    Duration,
    Pps,
    Bps,
    Bpp,
    IcmpType,
    IcmpCode,
    Dscp,
    EngineType,
    EngineId,
    /// The 20 bits of an entry of the MPLS stack, its traffic class (RFC 3032,
    /// 2.1; RFC 5462), and the label at the bottom of the stack.
    Label(Field),
    Experimental(Field),
    BottomLabel,
}

/// What a word leaves open, or words before it and numbers in it pick from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Macs,
    Ttls,
    Labels,
    Experimental,
}

impl Choice {
    /// All there is to pick from.
    #[must_use]
    pub fn parts(self) -> &'static [Reads] {
        match self {
            Choice::Macs => MACS,
            Choice::Ttls => TTLS,
            Choice::Labels => LABELS,
            Choice::Experimental => EXPERIMENTAL,
        }
    }
}

/// The corners of a router, in the order in which words before pick them.
const MACS: &[Reads] = &[
    Reads::One(Field::InSrcMac),
    Reads::One(Field::InDstMac),
    Reads::One(Field::OutSrcMac),
    Reads::One(Field::OutDstMac),
];

/// What stands before a word for each of them.
pub(super) const CORNERS: &[&str] = &["in src ", "in dst ", "out src ", "out dst "];

const TTLS: &[Reads] = &[Reads::One(Field::MinTtl), Reads::One(Field::MaxTtl)];

/// The MPLS stack from the top.
pub(super) const STACK: [Field; crate::flow::MPLS_LABELS] = [
    Field::Mpls1,
    Field::Mpls2,
    Field::Mpls3,
    Field::Mpls4,
    Field::Mpls5,
    Field::Mpls6,
    Field::Mpls7,
    Field::Mpls8,
    Field::Mpls9,
    Field::Mpls10,
];

macro_rules! of_stack {
    ($part:ident) => {{
        let mut parts = [Reads::Everything; STACK.len()];
        let mut entry = 0;
        while entry < STACK.len() {
            parts[entry] = Reads::Computed(Computed::$part(STACK[entry]));
            entry += 1;
        }
        parts
    }};
}

const LABELS: &[Reads] = &of_stack!(Label);
const EXPERIMENTAL: &[Reads] = &of_stack!(Experimental);

/// Whether the rows of the live tables can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    Yes,
    /// Only without `src` or `dst`: what rows lack, and what to do.
    WithoutSide(&'static str, &'static str),
    /// What rows lack, and why.
    No(&'static str, &'static str),
}

const SUMS: &str = "a row sums all flows of a conversation";
const SINGLE: Live = Live::No("rows are sums of flows", "this asks about single flow records");
const OUT_COUNTERS: &str = "the way back is a flow of its own";

const BYTE: u64 = 255;
const SHORT: u64 = 65_535;
const LABEL: u64 = (1 << 20) - 1;
const LONG: u64 = u32::MAX as u64;

macro_rules! words {
    ($($name:literal $aliases:tt $before:expr, $argument:expr, $reads:expr, $live:expr, $help:literal;)*) => {
        /// Every word that is understood.
        pub const WORDS: &[Word] = &[$(Word {
            name: $name, aliases: &$aliases, before: $before, argument: $argument,
            reads: $reads, live: $live, help: $help,
        }),*];
    };
}

use Argument::{Addresses, Moment, Network, Numbers};
use Before::{Corners, Ends, EndsOrSrc, Nothing, Ways};

words! {
    "any" [] Nothing, Argument::Nothing, Reads::Everything, Live::Yes,
        "everything";
    "ipv4" ["inet", "inet4"] Nothing, Argument::Nothing, Reads::Family(true), Live::Yes,
        "addresses are IPv4";
    "ipv6" ["inet6"] Nothing, Argument::Nothing, Reads::Family(false), Live::Yes,
        "addresses are IPv6";
    "proto" ["protocol"] Nothing, Numbers("a protocol such as tcp or a number", BYTE, Names::Protocols),
        Reads::One(Field::Proto), Live::Yes,
        "the protocol; `tcp` alone is short for `proto tcp`";
    "ip" ["host", "ipaddr"] Ends, Addresses, Reads::Two(Field::Src, Field::Dst), Live::Yes,
        "an address, or one of a list; an address alone is short for `ip ADDRESS`";
    "net" ["network"] Ends, Network, Reads::Two(Field::Src, Field::Dst), Live::Yes,
        "a network; a network alone is short for `net NETWORK`";
    "port" [] Ends, Numbers("a port number", SHORT, Names::Services), Reads::Ports,
        Live::WithoutSide("rows keep the service port only", "write `port N`, without a side"),
        "a port by number or service name (`https`)";
    "if" [] Ways, Numbers("an interface number", LONG, Names::None),
        Reads::Two(Field::Input, Field::Output), Live::Yes,
        "an interface by SNMP index";
    "exporter" ["exporter ip", "exporter host", "router", "router ip", "router host"] Nothing, Addresses,
        Reads::One(Field::Exporter), Live::Yes,
        "the address that the flow was reported from";
    "flags" [] Nothing, Argument::Flags, Reads::Flags, Live::No("rows keep no TCP flags", SUMS),
        "TCP with all these flags; after `not`, with none of them. A number compares them all at once";
    "icmp-type" ["icmp type"] Nothing, Numbers("an ICMP type", BYTE, Names::None),
        Reads::Computed(Computed::IcmpType), Live::No("rows keep no ICMP types", SUMS),
        "the ICMP type, of IPv4 or IPv6";
    "icmp-code" ["icmp code"] Nothing, Numbers("an ICMP code", BYTE, Names::None),
        Reads::Computed(Computed::IcmpCode), Live::No("rows keep no ICMP codes", SUMS),
        "the ICMP code, of IPv4 or IPv6";
    "tos" [] EndsOrSrc, Numbers("a type of service", BYTE, Names::None),
        Reads::Two(Field::Tos, Field::DstTos), Live::No("rows keep no type of service", SUMS),
        "the type of service, the whole byte; on the way out with `dst`";
    "dscp" [] Nothing, Numbers("a code point", 63, Names::None),
        Reads::Computed(Computed::Dscp), Live::No("rows keep no type of service", SUMS),
        "the upper six bits of the type of service";
    "as" [] Ends, Numbers("an AS number", LONG, Names::None), Reads::Two(Field::SrcAs, Field::DstAs),
        Live::No("rows keep no AS numbers", SUMS),
        "an AS number as the exporter reported it";
    "mask" [] Ends, Numbers("a prefix length", BYTE, Names::None),
        Reads::Two(Field::SrcMask, Field::DstMask), Live::No("rows keep no prefix lengths", SUMS),
        "the prefix length of the route to an end";
    "vlan" [] Ends, Numbers("a VLAN number", SHORT, Names::None),
        Reads::Two(Field::Vlan, Field::DstVlan), Live::No("rows keep no VLANs", SUMS),
        "the VLAN on the way in (`src`) or out (`dst`)";
    "next ip" ["next", "next host", "nexthop"] Nothing, Addresses, Reads::One(Field::NextHop),
        Live::No("rows keep no next hops", SUMS),
        "the next router";
    "flowdir" ["dir", "direction"] Nothing, Numbers("`ingress`, `egress` or a number", BYTE, Names::Directions),
        Reads::One(Field::Direction), Live::No("rows keep no flow direction", SUMS),
        "`ingress` or `egress`; 255 is not reported";
    "packets" [] Before::In(OUT_COUNTERS), Numbers("a number", u64::MAX, Names::None),
        Reads::Computed(Computed::Packets), SINGLE,
        "packets, times the sampling rate";
    "bytes" [] Before::In(OUT_COUNTERS), Numbers("a number", u64::MAX, Names::None),
        Reads::Computed(Computed::Bytes), SINGLE,
        "bytes, times the sampling rate";
    "flows" ["flow"] Nothing, Numbers("a number", u64::MAX, Names::None),
        Reads::Computed(Computed::Flows), SINGLE,
        "flows in a record, which is 1";
    "duration" [] Nothing, Numbers("a number of milliseconds", u64::MAX, Names::None),
        Reads::Computed(Computed::Duration), SINGLE,
        "milliseconds from the first packet to the last";
    "pps" [] Nothing, Numbers("a number", u64::MAX, Names::None), Reads::Computed(Computed::Pps), SINGLE,
        "packets per second over the duration; 0 without one";
    "bps" [] Nothing, Numbers("a number", u64::MAX, Names::None), Reads::Computed(Computed::Bps), SINGLE,
        "bits per second over the duration; 0 without one";
    "bpp" [] Nothing, Numbers("a number", u64::MAX, Names::None), Reads::Computed(Computed::Bpp), SINGLE,
        "bytes per packet";
    "first seen" ["first"] Nothing, Moment, Reads::One(Field::First), SINGLE,
        "the time of the first packet by the exporter's clock";
    "last seen" ["last"] Nothing, Moment, Reads::One(Field::Last), SINGLE,
        "the time of the last packet by the exporter's clock";
    "observation domain" ["observation domain id"] Nothing, Numbers("a number", LONG, Names::None),
        Reads::One(Field::Domain), Live::No("rows keep no observation domains", SUMS),
        "the observation domain of IPFIX, source id of v9, engine of v5, sub-agent of sFlow";
    "engine-type" ["engine type"] Nothing, Numbers("an engine type", BYTE, Names::None),
        Reads::Computed(Computed::EngineType), Live::No("rows keep no engines", SUMS),
        "the second byte from the right of the observation domain: in v5 the engine's type";
    "engine-id" ["engine id"] Nothing, Numbers("an engine number", BYTE, Names::None),
        Reads::Computed(Computed::EngineId), Live::No("rows keep no engines", SUMS),
        "the last byte of the observation domain: in v5 the engine's number";
    "mac" [] Corners, Argument::Mac, Reads::Any(Choice::Macs),
        Live::No("rows keep no MAC addresses", SUMS),
        "a MAC address, as frames came in or went out";
    "mpls labelN" [] Nothing, Numbers("an MPLS label", LABEL, Names::None), Reads::Any(Choice::Labels),
        Live::No("rows keep no MPLS labels", SUMS),
        "the label of entry 1 (the top) to 10 of the MPLS stack";
    "mpls any" [] Nothing, Numbers("an MPLS label", LABEL, Names::None), Reads::Any(Choice::Labels),
        Live::No("rows keep no MPLS labels", SUMS),
        "the label of any entry";
    "mpls eos" [] Nothing, Numbers("an MPLS label", LABEL, Names::None),
        Reads::Computed(Computed::BottomLabel), Live::No("rows keep no MPLS labels", SUMS),
        "the label at the bottom of the stack";
    "mpls expN" [] Nothing, Numbers("a traffic class", 7, Names::None), Reads::Any(Choice::Experimental),
        Live::No("rows keep no MPLS labels", SUMS),
        "the three bits of traffic class of an entry, once called experimental";
    "prev as" ["previous as"] Nothing, Numbers("an AS number", LONG, Names::None),
        Reads::One(Field::PrevAs), Live::No("rows keep no AS numbers", SUMS),
        "the neighbour AS towards the source";
    "next as" [] Nothing, Numbers("an AS number", LONG, Names::None),
        Reads::One(Field::NextAs), Live::No("rows keep no AS numbers", SUMS),
        "the neighbour AS towards the destination";
    "bgpnext ip" ["bgpnext", "bgp next ip", "bgp next"] Nothing, Addresses,
        Reads::One(Field::BgpNextHop), Live::No("rows keep no next hops", SUMS),
        "the next hop of the route by BGP";
    "min ttl" ["minttl"] Nothing, Numbers("a TTL", BYTE, Names::None), Reads::One(Field::MinTtl),
        Live::No("rows keep no TTLs", SUMS),
        "the least TTL of the packets";
    "max ttl" ["maxttl"] Nothing, Numbers("a TTL", BYTE, Names::None), Reads::One(Field::MaxTtl),
        Live::No("rows keep no TTLs", SUMS),
        "the greatest TTL of the packets";
    "ttl" [] Nothing, Numbers("a TTL", BYTE, Names::None), Reads::Any(Choice::Ttls),
        Live::No("rows keep no TTLs", SUMS),
        "the least or the greatest TTL";
    "fwdstat" [] Nothing, Numbers("a forwarding status", BYTE, Names::Forwarding),
        Reads::One(Field::Forwarding), Live::No("rows keep no forwarding status", SUMS),
        "the forwarding status (RFC 7270, 4.12): 64 forwarded (`forw`), 128 dropped (`drop`), and reasons above";
    "nip" ["xip", "nat ip"] Ends, Addresses, Reads::Two(Field::NatSrc, Field::NatDst),
        Live::No("rows keep no translations", SUMS),
        "an address after translation";
    "xnet" ["nnet"] Ends, Network, Reads::Two(Field::NatSrc, Field::NatDst),
        Live::No("rows keep no translations", SUMS),
        "a network of addresses after translation";
    "nport" ["xport", "nat port"] Ends, Numbers("a port number", SHORT, Names::Services),
        Reads::Two(Field::NatSrcPort, Field::NatDstPort), Live::No("rows keep no translations", SUMS),
        "a port after translation";
    "nat event" [] Nothing, Numbers("`add`, `delete` or the number of an event", BYTE, Names::NatEvents),
        Reads::One(Field::NatEvent), Live::No("rows keep no events", SUMS),
        "what a NAT or a firewall did, by number; `add` is 1, `delete` 2";
    "ingress vrf" ["vrf"] Nothing, Numbers("a VRF number", LONG, Names::None),
        Reads::One(Field::InVrf), Live::No("rows keep no VRFs", SUMS),
        "the routing table on the way in";
    "egress vrf" [] Nothing, Numbers("a VRF number", LONG, Names::None),
        Reads::One(Field::OutVrf), Live::No("rows keep no VRFs", SUMS),
        "the routing table on the way out";
}

impl Word {
    /// The first word that reads this.
    pub(super) fn of(reads: Reads) -> &'static Word {
        let fits = |word: &&Word| word.reads == reads || word.part(reads).is_some();
        WORDS.iter().find(fits).unwrap_or(&WORDS[0])
    }

    /// Which of the parts it is taken apart into this is.
    pub(super) fn part(&self, reads: Reads) -> Option<usize> {
        let Reads::Any(choice) = self.reads else { return None };
        choice.parts().iter().position(|part| *part == reads)
    }

    /// All its spellings.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// It with what may stand before and after it, as a manual writes it.
    #[must_use]
    pub fn usage(&self) -> String {
        self.with(self.before)
    }

    /// The same for the rows of the live tables; nothing when they cannot answer.
    #[must_use]
    pub fn live_usage(&self) -> Option<String> {
        match self.live {
            Live::Yes => Some(self.usage()),
            Live::WithoutSide(..) => Some(self.with(Before::Nothing)),
            Live::No(..) => None,
        }
    }

    fn with(&self, before: Before) -> String {
        let before = match before {
            Before::Nothing => "",
            Before::Ends | Before::EndsOrSrc => "[src|dst] ",
            Before::Ways => "[in|out] ",
            Before::Corners => "[in|out] [src|dst] ",
            Before::In(_) => "[in] ",
        };
        let after = match self.argument {
            Argument::Nothing => "",
            Argument::Addresses => " ADDRESS",
            Argument::Network => " NETWORK",
            Argument::Numbers(..) if self.is_about_names() => " NAME|N",
            Argument::Numbers(..) => " [COMP] N",
            Argument::Flags => " LETTERS|N",
            Argument::Moment => " COMP TIME",
            Argument::Mac => " MAC",
        };
        format!("{before}{}{after}", self.name)
    }

    fn is_about_names(&self) -> bool {
        matches!(self.argument, Numbers(_, _, Names::Protocols | Names::Directions))
    }
}
