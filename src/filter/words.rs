//! The words of the language, each declared once: parsing, refusals, help and
//! docs/FILTER.md all derive from these tables.

use crate::flow::field::Field;
use crate::flow::service::{SERVICES, protocol_name, protocol_number};

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
    /// `src`, which changes nothing; the text says what is not kept for `dst`.
    Src(&'static str),
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
}

/// Names that stand for numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    None,
    Protocols,
    Services,
    Directions,
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
}

/// Whether the rows of the live tables can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    Yes,
    /// Only without `src` or `dst`: what rows lack, and what to do.
    WithoutSide(&'static str, &'static str),
    /// What rows lack, and why.
    No(&'static str, &'static str),
}

/// Words of nfdump's language about what flows do not have here.
#[derive(Debug)]
pub struct Missing {
    pub names: &'static [&'static str],
    pub lack: &'static str,
}

const SUMS: &str = "a row sums all flows of a conversation";
const SINGLE: Live = Live::No("rows are sums of flows", "this asks about single flow records");
const OUT_COUNTERS: &str = "the way back is a flow of its own";

const BYTE: u64 = 255;
const SHORT: u64 = 65_535;
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
use Before::{Ends, Nothing, Ways};

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
    "tos" [] Before::Src("only the incoming one is kept"),
        Numbers("a type of service", BYTE, Names::None),
        Reads::One(Field::Tos), Live::No("rows keep no type of service", SUMS),
        "the type of service, the whole byte";
    "dscp" [] Nothing, Numbers("a code point", 63, Names::None),
        Reads::Computed(Computed::Dscp), Live::No("rows keep no type of service", SUMS),
        "the upper six bits of the type of service";
    "as" [] Ends, Numbers("an AS number", LONG, Names::None), Reads::Two(Field::SrcAs, Field::DstAs),
        Live::No("rows keep no AS numbers", SUMS),
        "an AS number as the exporter reported it";
    "mask" [] Ends, Numbers("a prefix length", BYTE, Names::None),
        Reads::Two(Field::SrcMask, Field::DstMask), Live::No("rows keep no prefix lengths", SUMS),
        "the prefix length of the route to an end";
    "vlan" [] Before::Src("only the incoming one is kept"),
        Numbers("a VLAN number", SHORT, Names::None),
        Reads::One(Field::Vlan), Live::No("rows keep no VLANs", SUMS),
        "the VLAN";
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
}

macro_rules! missing {
    ($($names:tt $lack:literal;)*) => {
        /// Every word of nfdump's language that is refused.
        pub const MISSING: &[Missing] = &[$(Missing { names: &$names, lack: $lack }),*];
    };
}

missing! {
    ["mac"] "MAC addresses are not kept";
    ["mpls"] "MPLS labels are not kept";
    ["bgpnext ip", "bgpnext", "bgp next ip", "bgp next"] "BGP next hops are not kept";
    ["prev as", "previous as", "next as"] "neighbour AS numbers are not kept";
    ["geo"] "countries are not known";
    ["tun proto", "tunip", "tun ip"] "tunnels are not looked into";
    ["ident"] "no labels; use `exporter ADDRESS`";
    ["sysid"] "no numbers; use `exporter ADDRESS`";
    ["count"] "flows have no numbers";
    ["nfversion"] "the export version is not kept";
    ["fwdstat"] "forwarding status is not kept";
    ["observation point", "observation point id"] "observation points are not kept";
    ["min ttl", "max ttl", "minttl", "maxttl", "ttl"] "TTLs are not kept";
    ["payload"] "payload is not kept";
    ["flowlabel"] "flow labels are not kept";
    ["client latency", "server latency", "app latency"] "latencies are not kept";
    ["nat event", "nip", "nport", "nat"] "NAT events are not kept";
    ["pblock start", "pblock end", "pblock step", "pblock size"] "NAT port blocks are not kept";
    ["xip", "xnet", "xport"] "translated addresses are not kept";
    ["ingress vrf", "egress vrf", "vrf"] "VRFs are not kept";
    ["asa event", "asa xevent"] "firewall events are not kept";
    ["ingress acl", "ingress ace", "ingress xace", "egress acl"] "access lists are not kept";
    ["pf action", "pf reason", "pf rule", "pf dir", "pf interface"] "pf's records are not kept";
    ["@include"] "files are not read from filters";
}

impl Word {
    /// The first word that reads this.
    pub(super) fn of(reads: Reads) -> &'static Word {
        WORDS.iter().find(|word| word.reads == reads).unwrap_or(&WORDS[0])
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
            Before::Ends => "[src|dst] ",
            Before::Ways => "[in|out] ",
            Before::Src(_) => "[src] ",
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
        };
        format!("{before}{}{after}", self.name)
    }

    fn is_about_names(&self) -> bool {
        matches!(self.argument, Numbers(_, _, Names::Protocols | Names::Directions))
    }
}

impl Names {
    /// The numbers a name stands for.
    pub(super) fn numbers(self, name: &str) -> Vec<u64> {
        match self {
            Names::None => Vec::new(),
            Names::Protocols => protocol_number(name).map(u64::from).into_iter().collect(),
            Names::Services => services(name).map(u64::from).collect(),
            Names::Directions if name.eq_ignore_ascii_case("ingress") => vec![0],
            Names::Directions if name.eq_ignore_ascii_case("egress") => vec![1],
            Names::Directions => Vec::new(),
        }
    }

    /// The name to print for a number.
    pub(super) fn name(self, number: i128) -> Option<&'static str> {
        match (self, number) {
            (Names::Protocols, _) => u8::try_from(number).ok().and_then(protocol_name),
            (Names::Directions, 0) => Some("ingress"),
            (Names::Directions, 1) => Some("egress"),
            // Ports print as numbers, as they always have.
            (Names::None | Names::Services | Names::Directions, _) => None,
        }
    }
}

/// The ports of a service.
pub(super) fn services(name: &str) -> impl Iterator<Item = u16> + '_ {
    SERVICES
        .iter()
        .filter(move |(_, known)| known.eq_ignore_ascii_case(name))
        .map(|(port, _)| *port)
}
