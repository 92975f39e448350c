//! The words of the language. Each is declared once: parsing, refusals, help and docs/FILTER.md
//! derive from these tables.

pub use super::missing::{MISSING, UnsupportedWord};
pub use super::names::NumberNames;

use crate::flow::field::Field;

/// A word of the language.
#[derive(Debug)]
pub struct FilterWord {
    /// The spelling with which it is printed; of several words, all are required in this order.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// The modifiers that may precede it.
    pub before: AllowedModifiers,
    /// Its argument.
    pub argument: Argument,
    /// What it asks about.
    pub reads: WordSubject,
    /// Whether the live tables can answer it.
    pub live: LiveSupport,
    /// The matching flows, for people.
    pub help: &'static str,
}

/// The modifiers that may precede a word to select one of two columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedModifiers {
    /// None.
    Nothing,
    /// `src`, `dst`, `src or dst`, `src and dst`.
    Ends,
    /// `in`, `out`.
    InOut,
    /// `src`, `dst`, `src or dst`, `src and dst`; without one, `src` is meant.
    EndsOrSrc,
    /// `in`, `out`, `src`, `dst`, or one of each.
    Corners,
    /// `in`, which changes nothing; the text is the reason why `out` is refused.
    In(&'static str),
}

/// The argument of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// None.
    Nothing,
    /// `A`, `A/n` or `in [A B/n ...]`.
    Addresses,
    /// `A/n` or `A MASK`.
    Network,
    /// A comparison with a number, or `in [N N-M ...]`: what the number is called, its greatest
    /// value, and its names.
    Numbers(&'static str, u64, NumberNames),
    /// Letters of TCP flags, or a number.
    Flags,
    /// A comparison with a time.
    Moment,
    /// A MAC address, or `in [M M]`.
    Mac,
    /// A name, or `in [NAME NAME]`: what the name is of.
    Name(&'static str),
}

/// What a word asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordSubject {
    /// Nothing: every flow matches.
    Everything,
    /// IPv4 if true, otherwise IPv6.
    Family(bool),
    /// A field.
    One(Field),
    /// Source and destination, or in and out.
    Two(Field, Field),
    /// Both ports; rows know one port without a side.
    Ports,
    /// The TCP flags; flows of other protocols never match.
    Flags,
    /// A computed value.
    Computed(ComputedValue),
    /// At least one of several. Parsing replaces it by its parts.
    Any(WordChoice),
}

/// A value that is computed from several fields, or from a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComputedValue {
    /// Bytes, multiplied by the sampling rate.
    Bytes,
    /// Packets, multiplied by the sampling rate.
    Packets,
    /// The flows of one record: 1.
    Flows,
    /// Milliseconds between the first and the last packet.
    Duration,
    /// Packets per second.
    Pps,
    /// Bits per second.
    Bps,
    /// Bytes per packet.
    Bpp,
    /// The ICMP type.
    IcmpType,
    /// The ICMP code.
    IcmpCode,
    /// The upper six bits of the type of service.
    Dscp,
    /// The type of a NetFlow v5 engine.
    EngineType,
    /// The number of a NetFlow v5 engine.
    EngineId,
    /// The 20-bit label of an entry of the MPLS stack (RFC 3032, section 2.1).
    Label(Field),
    /// The traffic class of an entry (RFC 5462).
    Experimental(Field),
    /// The label at the bottom of the stack.
    BottomLabel,
}

/// A set of columns from which modifiers, or numbers in a word, select.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordChoice {
    /// The four MAC addresses.
    Macs,
    /// The least and the greatest TTL.
    Ttls,
    /// The labels of the MPLS stack.
    Labels,
    /// The traffic classes of the MPLS stack.
    Experimental,
}

impl WordChoice {
    /// All columns of the set.
    #[must_use]
    pub fn parts(self) -> &'static [WordSubject] {
        match self {
            WordChoice::Macs => MACS,
            WordChoice::Ttls => TTLS,
            WordChoice::Labels => LABELS,
            WordChoice::Experimental => EXPERIMENTAL,
        }
    }
}

/// The MAC addresses, in the order in which modifiers select them.
const MACS: &[WordSubject] = &[
    WordSubject::One(Field::InSrcMac),
    WordSubject::One(Field::InDstMac),
    WordSubject::One(Field::OutSrcMac),
    WordSubject::One(Field::OutDstMac),
];

/// The modifiers of these columns.
pub(super) const CORNERS: &[&str] = &["in src ", "in dst ", "out src ", "out dst "];

const TTLS: &[WordSubject] = &[WordSubject::One(Field::MinTtl), WordSubject::One(Field::MaxTtl)];

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
        let mut parts = [WordSubject::Everything; STACK.len()];
        let mut entry = 0;
        while entry < STACK.len() {
            parts[entry] = WordSubject::Computed(ComputedValue::$part(STACK[entry]));
            entry += 1;
        }
        parts
    }};
}

const LABELS: &[WordSubject] = &of_stack!(Label);
const EXPERIMENTAL: &[WordSubject] = &of_stack!(Experimental);

/// Whether the rows of the live tables can answer a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveSupport {
    /// They can.
    Yes,
    /// Only without `src` or `dst`: what rows lack, and what to write instead.
    WithoutSide(&'static str, &'static str),
    /// They cannot: what rows lack, and why.
    No(&'static str, &'static str),
}

const SUMS: &str = "a row sums all flows of a conversation";
const SINGLE: LiveSupport =
    LiveSupport::No("rows are sums of flows", "this asks about single flow records");
const OUT_COUNTERS: &str = "the reverse is a separate flow";

const BYTE: u64 = 255;
const SHORT: u64 = 65_535;
const LABEL: u64 = (1 << 20) - 1;
const LONG: u64 = u32::MAX as u64;

macro_rules! words {
    ($($name:literal $aliases:tt $before:expr, $argument:expr, $reads:expr, $live:expr, $help:literal;)*) => {
        /// All words that are accepted.
        pub const WORDS: &[FilterWord] = &[$(FilterWord {
            name: $name, aliases: &$aliases, before: $before, argument: $argument,
            reads: $reads, live: $live, help: $help,
        }),*];
    };
}

use AllowedModifiers::{Corners, Ends, EndsOrSrc, InOut, Nothing};
use Argument::{Addresses, Moment, Network, Numbers};

words! {
    "any" [] Nothing, Argument::Nothing, WordSubject::Everything, LiveSupport::Yes,
        "everything";
    "ipv4" ["inet", "inet4"] Nothing, Argument::Nothing, WordSubject::Family(true), LiveSupport::Yes,
        "addresses are IPv4";
    "ipv6" ["inet6"] Nothing, Argument::Nothing, WordSubject::Family(false), LiveSupport::Yes,
        "addresses are IPv6";
    "proto" ["protocol"] Nothing, Numbers("a protocol such as tcp or a number", BYTE, NumberNames::Protocols),
        WordSubject::One(Field::Proto), LiveSupport::Yes,
        "the protocol; `tcp` alone is short for `proto tcp`";
    "ip" ["host", "ipaddr"] Ends, Addresses, WordSubject::Two(Field::Src, Field::Dst), LiveSupport::Yes,
        "an address, or one of a list, as in `ip in [A B]`; without `src` or `dst` also the one inside a NAT; an address alone is short for `ip ADDRESS`";
    "net" ["network"] Ends, Network, WordSubject::Two(Field::Src, Field::Dst), LiveSupport::Yes,
        "a network; without `src` or `dst` also that of the address inside a NAT; a network alone is short for `net NETWORK`";
    "port" [] Ends, Numbers("a port number", SHORT, NumberNames::Services), WordSubject::Ports,
        LiveSupport::WithoutSide("rows keep the service port only", "write `port N`, without a side"),
        "a port by number or service name (`https`)";
    "if" [] InOut, Numbers("an interface number", LONG, NumberNames::None),
        WordSubject::Two(Field::Input, Field::Output), LiveSupport::Yes,
        "an interface by SNMP index";
    "exporter" ["exporter ip", "exporter host", "router", "router ip", "router host"] Nothing, Addresses,
        WordSubject::One(Field::Exporter), LiveSupport::Yes,
        "the address that the flow was reported from";
    "flags" [] Nothing, Argument::Flags, WordSubject::Flags, LiveSupport::No("rows keep no TCP flags", SUMS),
        "TCP with all these flags; after `not`, with none of them. A number compares them all at once";
    "icmp-type" ["icmp type"] Nothing, Numbers("an ICMP type", BYTE, NumberNames::None),
        WordSubject::Computed(ComputedValue::IcmpType), LiveSupport::No("rows keep no ICMP types", SUMS),
        "the ICMP type, of IPv4 or IPv6";
    "icmp-code" ["icmp code"] Nothing, Numbers("an ICMP code", BYTE, NumberNames::None),
        WordSubject::Computed(ComputedValue::IcmpCode), LiveSupport::No("rows keep no ICMP codes", SUMS),
        "the ICMP code, of IPv4 or IPv6";
    "tos" [] EndsOrSrc, Numbers("a type of service", BYTE, NumberNames::None),
        WordSubject::Two(Field::Tos, Field::DstTos), LiveSupport::No("rows keep no type of service", SUMS),
        "the type of service, the whole byte; on the way out with `dst`";
    "dscp" [] Nothing, Numbers("a code point", 63, NumberNames::None),
        WordSubject::Computed(ComputedValue::Dscp), LiveSupport::No("rows keep no type of service", SUMS),
        "the upper six bits of the type of service";
    "as" [] Ends, Numbers("an AS number", LONG, NumberNames::None), WordSubject::Two(Field::SrcAs, Field::DstAs),
        LiveSupport::No("rows keep no AS numbers", SUMS),
        "an AS number as the exporter reported it";
    "mask" [] Ends, Numbers("a prefix length", BYTE, NumberNames::None),
        WordSubject::Two(Field::SrcMask, Field::DstMask), LiveSupport::No("rows keep no prefix lengths", SUMS),
        "the prefix length of the route to an end";
    "vlan" [] Ends, Numbers("a VLAN number", SHORT, NumberNames::None),
        WordSubject::Two(Field::Vlan, Field::DstVlan), LiveSupport::No("rows keep no VLANs", SUMS),
        "the VLAN on the way in (`src`) or out (`dst`)";
    "next ip" ["next", "next host", "nexthop"] Nothing, Addresses, WordSubject::One(Field::NextHop),
        LiveSupport::No("rows keep no next hops", SUMS),
        "the next router";
    "flowdir" ["dir", "direction"] Nothing, Numbers("`ingress`, `egress` or a number", BYTE, NumberNames::Directions),
        WordSubject::One(Field::Direction), LiveSupport::No("rows keep no flow direction", SUMS),
        "`ingress` or `egress`; 255 is not reported";
    "packets" [] AllowedModifiers::In(OUT_COUNTERS), Numbers("a number", u64::MAX, NumberNames::None),
        WordSubject::Computed(ComputedValue::Packets), SINGLE,
        "packets, times the sampling rate";
    "bytes" [] AllowedModifiers::In(OUT_COUNTERS), Numbers("a number", u64::MAX, NumberNames::None),
        WordSubject::Computed(ComputedValue::Bytes), SINGLE,
        "bytes, times the sampling rate";
    "flows" ["flow"] Nothing, Numbers("a number", u64::MAX, NumberNames::None),
        WordSubject::Computed(ComputedValue::Flows), SINGLE,
        "flows in a record, which is 1";
    "duration" [] Nothing, Numbers("a number of milliseconds", u64::MAX, NumberNames::None),
        WordSubject::Computed(ComputedValue::Duration), SINGLE,
        "milliseconds from the first packet to the last";
    "pps" [] Nothing, Numbers("a number", u64::MAX, NumberNames::None), WordSubject::Computed(ComputedValue::Pps), SINGLE,
        "packets per second over the duration; 0 without one";
    "bps" [] Nothing, Numbers("a number", u64::MAX, NumberNames::None), WordSubject::Computed(ComputedValue::Bps), SINGLE,
        "bits per second over the duration; 0 without one";
    "bpp" [] Nothing, Numbers("a number", u64::MAX, NumberNames::None), WordSubject::Computed(ComputedValue::Bpp), SINGLE,
        "bytes per packet";
    "first seen" ["first"] Nothing, Moment, WordSubject::One(Field::First), SINGLE,
        "the time of the first packet by the exporter's clock";
    "last seen" ["last"] Nothing, Moment, WordSubject::One(Field::Last), SINGLE,
        "the time of the last packet by the exporter's clock";
    "observation domain" ["observation domain id"] Nothing, Numbers("a number", LONG, NumberNames::None),
        WordSubject::One(Field::Domain), LiveSupport::No("rows keep no observation domains", SUMS),
        "the observation domain of IPFIX, source id of v9, engine of v5, sub-agent of sFlow";
    "engine-type" ["engine type"] Nothing, Numbers("an engine type", BYTE, NumberNames::None),
        WordSubject::Computed(ComputedValue::EngineType), LiveSupport::No("rows keep no engines", SUMS),
        "the second byte from the right of the observation domain: in v5 the engine's type";
    "engine-id" ["engine id"] Nothing, Numbers("an engine number", BYTE, NumberNames::None),
        WordSubject::Computed(ComputedValue::EngineId), LiveSupport::No("rows keep no engines", SUMS),
        "the last byte of the observation domain: in v5 the engine's number";
    "mac" [] Corners, Argument::Mac, WordSubject::Any(WordChoice::Macs),
        LiveSupport::No("rows keep no MAC addresses", SUMS),
        "a MAC address, as frames came in or went out";
    "mpls labelN" [] Nothing, Numbers("an MPLS label", LABEL, NumberNames::None), WordSubject::Any(WordChoice::Labels),
        LiveSupport::No("rows keep no MPLS labels", SUMS),
        "the label of entry 1 (the top) to 10 of the MPLS stack";
    "mpls any" [] Nothing, Numbers("an MPLS label", LABEL, NumberNames::None), WordSubject::Any(WordChoice::Labels),
        LiveSupport::No("rows keep no MPLS labels", SUMS),
        "the label of any entry";
    "mpls eos" [] Nothing, Numbers("an MPLS label", LABEL, NumberNames::None),
        WordSubject::Computed(ComputedValue::BottomLabel), LiveSupport::No("rows keep no MPLS labels", SUMS),
        "the label at the bottom of the stack";
    "mpls expN" [] Nothing, Numbers("a traffic class", 7, NumberNames::None), WordSubject::Any(WordChoice::Experimental),
        LiveSupport::No("rows keep no MPLS labels", SUMS),
        "the three bits of traffic class of an entry, once called experimental";
    "prev as" ["previous as"] Nothing, Numbers("an AS number", LONG, NumberNames::None),
        WordSubject::One(Field::PrevAs), LiveSupport::No("rows keep no AS numbers", SUMS),
        "the neighbour AS towards the source";
    "next as" [] Nothing, Numbers("an AS number", LONG, NumberNames::None),
        WordSubject::One(Field::NextAs), LiveSupport::No("rows keep no AS numbers", SUMS),
        "the neighbour AS towards the destination";
    "bgpnext ip" ["bgpnext", "bgp next ip", "bgp next"] Nothing, Addresses,
        WordSubject::One(Field::BgpNextHop), LiveSupport::No("rows keep no next hops", SUMS),
        "the next hop of the route by BGP";
    "min ttl" ["minttl"] Nothing, Numbers("a TTL", BYTE, NumberNames::None), WordSubject::One(Field::MinTtl),
        LiveSupport::No("rows keep no TTLs", SUMS),
        "the least TTL of the packets";
    "max ttl" ["maxttl"] Nothing, Numbers("a TTL", BYTE, NumberNames::None), WordSubject::One(Field::MaxTtl),
        LiveSupport::No("rows keep no TTLs", SUMS),
        "the greatest TTL of the packets";
    "ttl" [] Nothing, Numbers("a TTL", BYTE, NumberNames::None), WordSubject::Any(WordChoice::Ttls),
        LiveSupport::No("rows keep no TTLs", SUMS),
        "the least or the greatest TTL";
    "fwdstat" [] Nothing, Numbers("a forwarding status", BYTE, NumberNames::Forwarding),
        WordSubject::One(Field::Forwarding), LiveSupport::No("rows keep no forwarding status", SUMS),
        "the forwarding status (RFC 7270, 4.12): 64 forwarded (`forw`), 128 dropped (`drop`), and reasons above";
    "nip" ["xip", "nat ip"] Ends, Addresses, WordSubject::Two(Field::NatSrc, Field::NatDst),
        LiveSupport::No("rows keep no translations", SUMS),
        "an address after translation";
    "xnet" ["nnet"] Ends, Network, WordSubject::Two(Field::NatSrc, Field::NatDst),
        LiveSupport::No("rows keep no translations", SUMS),
        "a network of addresses after translation";
    "nport" ["xport", "nat port"] Ends, Numbers("a port number", SHORT, NumberNames::Services),
        WordSubject::Two(Field::NatSrcPort, Field::NatDstPort), LiveSupport::No("rows keep no translations", SUMS),
        "a port after translation";
    "nat event" [] Nothing, Numbers("`add`, `delete` or the number of an event", BYTE, NumberNames::NatEvents),
        WordSubject::One(Field::NatEvent), LiveSupport::No("rows keep no events", SUMS),
        "what a NAT or a firewall did, by number; `add` is 1, `delete` 2";
    "ingress vrf" ["vrf"] Nothing, Numbers("a VRF number", LONG, NumberNames::None),
        WordSubject::One(Field::InVrf), LiveSupport::No("rows keep no VRFs", SUMS),
        "the routing table on the way in";
    "egress vrf" [] Nothing, Numbers("a VRF number", LONG, NumberNames::None),
        WordSubject::One(Field::OutVrf), LiveSupport::No("rows keep no VRFs", SUMS),
        "the routing table on the way out";
    "app" ["application"] Nothing, Argument::Name("the name of an application such as ssl, or its id such as 13:80"),
        WordSubject::One(Field::AppName), LiveSupport::No("rows keep no applications", SUMS),
        "the application by name, or by `engine:selector` if the exporter announced no name";
    "user" ["username"] Nothing, Argument::Name("the name of a user"), WordSubject::One(Field::User),
        LiveSupport::No("rows keep no users", SUMS),
        "the user that a firewall reported";
}

impl FilterWord {
    /// The first word that reads this.
    pub(super) fn of(reads: WordSubject) -> &'static FilterWord {
        let fits = |word: &&FilterWord| word.reads == reads || word.part(reads).is_some();
        WORDS.iter().find(fits).unwrap_or(&WORDS[0])
    }

    /// Which of the parts it is taken apart into this is.
    pub(super) fn part(&self, reads: WordSubject) -> Option<usize> {
        let WordSubject::Any(choice) = self.reads else { return None };
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
            LiveSupport::Yes => Some(self.usage()),
            LiveSupport::WithoutSide(..) => Some(self.with(AllowedModifiers::Nothing)),
            LiveSupport::No(..) => None,
        }
    }

    fn with(&self, before: AllowedModifiers) -> String {
        let before = match before {
            AllowedModifiers::Nothing => "",
            AllowedModifiers::Ends | AllowedModifiers::EndsOrSrc => "[src|dst] ",
            AllowedModifiers::InOut => "[in|out] ",
            AllowedModifiers::Corners => "[in|out] [src|dst] ",
            AllowedModifiers::In(_) => "[in] ",
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
            Argument::Name(_) => " NAME",
        };
        format!("{before}{}{after}", self.name)
    }

    fn is_about_names(&self) -> bool {
        matches!(self.argument, Numbers(_, _, NumberNames::Protocols | NumberNames::Directions))
    }
}
