//! Properties of the language: random trees, random texts.

use proptest::prelude::*;

use super::super::condition::{Comparison, Test};
use super::super::tree::{FlowEnd, Node, SourceSpan, Term};
use super::super::words::{
    AllowedModifiers, Argument, ComputedValue, FilterWord, WORDS, WordSubject,
};
use super::super::*;
use crate::flow::field::{Field, FieldValue};
use crate::flow::{Flow, FlowExtras, FlowText, Network, Sampling, Time};

fn hosts() -> impl Strategy<Value = Host> {
    prop_oneof![(0u32..8).prop_map(Host::v4), (0u128..8).prop_map(|n| Host(n + (0x2001 << 112)))]
}

fn networks() -> impl Strategy<Value = Network> {
    (hosts(), 0u8..=128).prop_map(|(host, bits)| {
        let limit = if host.as_v4().is_some() { 32 } else { 128 };
        Network::new(host, bits.min(limit)).unwrap()
    })
}

fn comps() -> impl Strategy<Value = Comparison> {
    prop::sample::select(vec![
        Comparison::Eq,
        Comparison::Gt,
        Comparison::Lt,
        Comparison::Ge,
        Comparison::Le,
    ])
}

/// Numbers that a word accepts, small ones more often.
fn numbers(max: u64) -> impl Strategy<Value = i128> {
    prop_oneof![4 => 0..=max.min(9), 1 => 0..=max].prop_map(i128::from)
}

fn tests(argument: Argument) -> BoxedStrategy<Test> {
    let compared = |max| (comps(), numbers(max)).prop_map(|(comp, n)| Test::Compare(comp, n));
    let listed = |max| {
        let pairs = prop::collection::vec((numbers(max), numbers(max)), 1..4);
        pairs.prop_map(|pairs| {
            Test::among(pairs.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect())
        })
    };
    match argument {
        Argument::Nothing => Just(Test::Nothing).boxed(),
        Argument::Addresses | Argument::Network => {
            prop::collection::vec(networks(), 1..4).prop_map(Test::Nets).boxed()
        }
        Argument::Numbers(_, max, _) => prop_oneof![compared(max), listed(max)].boxed(),
        Argument::Flags => prop_oneof![
            (1u8..).prop_map(|mask| Test::Flags { mask, any: false }),
            compared(255),
            listed(255)
        ]
        .boxed(),
        Argument::Name(_) => {
            let name = prop::sample::select(vec!["anna", "DOM\\bob", "13:80", "ms-office-365"]);
            let names = prop::collection::vec(name.prop_map(FlowText::new), 1..4);
            names.prop_map(Test::Texts).boxed()
        }
        Argument::Mac => {
            let single = numbers((1 << 48) - 1).prop_map(|n| (n, n));
            prop::collection::vec(single, 1..4).prop_map(Test::among).boxed()
        }
        Argument::Moment => compared(u64::from(u32::MAX)).boxed(),
    }
}

fn terms(word: &'static FilterWord) -> impl Strategy<Value = Node> {
    let sides = match word.before {
        AllowedModifiers::Nothing | AllowedModifiers::Corners | AllowedModifiers::In(_) => {
            vec![FlowEnd::Either]
        }
        AllowedModifiers::Ends | AllowedModifiers::EndsOrSrc => {
            vec![FlowEnd::Either, FlowEnd::Src, FlowEnd::Dst, FlowEnd::Both]
        }
        AllowedModifiers::InOut => vec![FlowEnd::Either, FlowEnd::Src, FlowEnd::Dst],
    };
    let parts = match word.reads {
        WordSubject::Any(choice) => choice.parts().to_vec(),
        reads => vec![reads],
    };
    let all = (prop::sample::select(parts), prop::sample::select(sides), tests(word.argument));
    all.prop_map(|(reads, side, test)| match reads {
        WordSubject::Everything => Node::Any,
        reads => Node::Term(Term { reads, side, test, span: SourceSpan(0..0) }),
    })
}

fn trees() -> impl Strategy<Value = Node> {
    let term = (0..WORDS.len()).prop_flat_map(|at| terms(&WORDS[at]));
    term.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(Node::negated),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::all),
            prop::collection::vec(inner, 2..4).prop_map(Node::one),
        ]
    })
}

prop_compose! {
    fn flows()(
        (src, dst, next_hop, exporter) in (hosts(), hosts(), hosts(), hosts()),
        (proto, tcp_flags, tos, direction) in (
            prop::sample::select(vec![1u8, 6, 17, 58]), 0u8..16, 0u8..40, 0u8..3,
        ),
        (sport, dport, vlan) in (0u16..9, 0u16..3000, 0u16..9),
        (input, output, src_as, dst_as, domain) in (0u32..9, 0u32..9, 0u32..9, 0u32..9, 0u32..3000),
        (src_mask, dst_mask) in (0u8..9, 0u8..9),
        (bytes, packets, rate) in (0u64..99, 0u64..9, 0u32..3),
        (first, last) in (0i64..9, 0i64..9),
    ) -> Flow {
        Flow {
            src, dst, next_hop, exporter, proto, tcp_flags, tos, direction, sport, dport, vlan,
            input, output, src_as, dst_as, domain, src_mask, dst_mask, bytes, packets,
            sampling: Sampling::one_in(rate), first: Time(first), last: Time(last),
            ..Flow::EMPTY
        }
    }
}

prop_compose! {
    fn extras()(
        (nat_src, nat_dst, bgp_next_hop) in (hosts(), hosts(), hosts()),
        macs in prop::array::uniform4(0u64..9),
        mpls in prop::array::uniform10(0u32..200),
        (prev_as, next_as, in_vrf, out_vrf) in (0u32..9, 0u32..9, 0u32..9, 0u32..9),
        (nat_sport, nat_dport, dst_vlan, dst_tos) in (0u16..9, 0u16..9, 0u16..9, 0u8..9),
        (min_ttl, max_ttl, nat_event, forwarding) in (0u8..9, 0u8..9, 0u8..9, 0u8..9),
    ) -> FlowExtras {
        FlowExtras {
            nat_src, nat_dst, bgp_next_hop, mpls, prev_as, next_as, in_vrf, out_vrf, nat_sport,
            nat_dport, dst_vlan, dst_tos, min_ttl, max_ttl, nat_event, forwarding,
            in_src_mac: macs[0], out_dst_mac: macs[1], in_dst_mac: macs[2], out_src_mac: macs[3],
            ..FlowExtras::NONE
        }
    }
}

/// Values of the extras of a flow.
fn extras_values(
    reads: WordSubject,
    row: &Flow,
    extras: &FlowExtras,
) -> Option<(Vec<i128>, Vec<Host>)> {
    let entry = |field: Field| i128::from(extras.mpls[field as usize - Field::Mpls1 as usize]);
    let numbers: Vec<i128> = match reads {
        WordSubject::Two(Field::NatSrc, _) => {
            return Some((vec![], vec![extras.nat_src, extras.nat_dst]));
        }
        WordSubject::One(Field::BgpNextHop) => return Some((vec![], vec![extras.bgp_next_hop])),
        WordSubject::Two(Field::NatSrcPort, _) => {
            vec![extras.nat_sport.into(), extras.nat_dport.into()]
        }
        WordSubject::Two(Field::Vlan, _) => vec![row.vlan.into(), extras.dst_vlan.into()],
        WordSubject::Two(Field::Tos, _) => vec![row.tos.into(), extras.dst_tos.into()],
        WordSubject::One(Field::InSrcMac) => vec![extras.in_src_mac.into()],
        WordSubject::One(Field::InDstMac) => vec![extras.in_dst_mac.into()],
        WordSubject::One(Field::OutSrcMac) => vec![extras.out_src_mac.into()],
        WordSubject::One(Field::OutDstMac) => vec![extras.out_dst_mac.into()],
        WordSubject::One(Field::PrevAs) => vec![extras.prev_as.into()],
        WordSubject::One(Field::NextAs) => vec![extras.next_as.into()],
        WordSubject::One(Field::InVrf) => vec![extras.in_vrf.into()],
        WordSubject::One(Field::OutVrf) => vec![extras.out_vrf.into()],
        WordSubject::One(Field::MinTtl) => vec![extras.min_ttl.into()],
        WordSubject::One(Field::MaxTtl) => vec![extras.max_ttl.into()],
        WordSubject::One(Field::NatEvent) => vec![extras.nat_event.into()],
        WordSubject::One(Field::Forwarding) => vec![extras.forwarding.into()],
        WordSubject::Computed(ComputedValue::Label(field)) => vec![entry(field) / 16],
        WordSubject::Computed(ComputedValue::Experimental(field)) => vec![entry(field) / 2 % 8],
        WordSubject::Computed(ComputedValue::BottomLabel) => {
            let bottom = extras.mpls.iter().find(|entry| *entry % 2 == 1);
            vec![bottom.map_or(0, |entry| i128::from(entry / 16))]
        }
        _ => return None,
    };
    Some((numbers, vec![]))
}

/// A direct implementation of the same meaning: the values of a term, and whether it never
/// matches the flow.
fn asked(term: &Term, row: &Flow, extras: &FlowExtras) -> (Vec<i128>, Vec<Host>, bool) {
    if let Some((numbers, hosts)) = extras_values(term.reads, row, extras) {
        return (numbers, hosts, false);
    }
    let mut hosts = Vec::new();
    let (bytes, packets) = row.scaled();
    let (bytes, packets) = (i128::from(bytes), i128::from(packets));
    let ms = i128::from(row.duration_ms());
    let rate = |count: i128| if ms == 0 { 0 } else { count * 1000 / ms };
    let icmp = matches!(row.proto, 1 | 58);
    let mut never = false;
    let numbers: Vec<i128> = match term.reads {
        WordSubject::Everything | WordSubject::Family(_) | WordSubject::Any(_) => vec![],
        WordSubject::Ports => vec![row.sport.into(), row.dport.into()],
        WordSubject::Flags => {
            never = row.proto != 6;
            vec![row.tcp_flags.into()]
        }
        WordSubject::Two(Field::Src, _) => {
            hosts = vec![row.src, row.dst];
            vec![]
        }
        WordSubject::Two(Field::SrcAs, _) => vec![row.src_as.into(), row.dst_as.into()],
        WordSubject::Two(Field::SrcMask, _) => vec![row.src_mask.into(), row.dst_mask.into()],
        WordSubject::Two(..) => vec![row.input.into(), row.output.into()],
        WordSubject::One(Field::NextHop) => {
            hosts = vec![row.next_hop];
            vec![]
        }
        WordSubject::One(Field::Exporter) => {
            hosts = vec![row.exporter];
            vec![]
        }
        WordSubject::One(Field::Proto) => vec![row.proto.into()],
        WordSubject::One(Field::Direction) => vec![row.direction.into()],
        WordSubject::One(Field::First) => vec![row.first.0.into()],
        WordSubject::One(Field::Last) => vec![row.last.0.into()],
        WordSubject::One(_) => vec![row.domain.into()],
        WordSubject::Computed(computed) => {
            never = !icmp && matches!(computed, ComputedValue::IcmpType | ComputedValue::IcmpCode);
            vec![match computed {
                ComputedValue::Bytes => bytes,
                ComputedValue::Packets => packets,
                ComputedValue::Flows => 1,
                ComputedValue::Duration => ms,
                ComputedValue::Pps => rate(packets),
                ComputedValue::Bps => rate(bytes * 8),
                ComputedValue::Bpp if row.packets == 0 => 0,
                ComputedValue::Bpp => (row.bytes / row.packets).into(),
                ComputedValue::IcmpType => (row.dport / 256).into(),
                ComputedValue::IcmpCode => (row.dport % 256).into(),
                ComputedValue::Dscp => (row.tos / 4).into(),
                ComputedValue::EngineType => (row.domain / 256 % 256).into(),
                ComputedValue::EngineId => (row.domain % 256).into(),
                _ => unreachable!(),
            }]
        }
    };
    (numbers, hosts, never)
}

fn in_net(net: &Network, host: Host) -> bool {
    let bits = u32::from(net.prefix());
    match (net.base().as_v4(), host.as_v4()) {
        (Some(base), Some(own)) => (0..bits).all(|n| (base ^ own) >> (31 - n) & 1 == 0),
        (None, None) => (0..bits).all(|n| (net.base().0 ^ host.0) >> (127 - n) & 1 == 0),
        _ => false,
    }
}

/// Evaluates a tree directly. `odd`: under an odd number of `not`.
fn naive(node: &Node, row: &Flow, extras: &FlowExtras, odd: bool) -> bool {
    let term = match node {
        Node::Any => return true,
        Node::Not(part) => return !naive(part, row, extras, !odd),
        Node::All(parts) => return parts.iter().all(|part| naive(part, row, extras, odd)),
        Node::One(parts) => return parts.iter().any(|part| naive(part, row, extras, odd)),
        Node::Term(term) => term,
    };
    if let WordSubject::Family(v4) = term.reads {
        return row.src.to_ip().is_ipv4() == v4;
    }
    if let (Test::Texts(texts), WordSubject::One(field)) = (&term.test, term.reads) {
        let FieldValue::Text(own) = field.value(row, extras) else { unreachable!() };
        return texts.iter().any(|text| text.as_str().eq_ignore_ascii_case(own.as_str()));
    }
    let (numbers, hosts, never) = asked(term, row, extras);
    let holds = |number: i128| match &term.test {
        Test::Compare(Comparison::Eq, limit) => number == *limit,
        Test::Compare(Comparison::Gt, limit) => number > *limit,
        Test::Compare(Comparison::Lt, limit) => number < *limit,
        Test::Compare(Comparison::Ge, limit) => number >= *limit,
        Test::Compare(Comparison::Le, limit) => number <= *limit,
        Test::Among(ranges) => ranges.iter().any(|(low, high)| *low <= number && number <= *high),
        Test::Flags { mask, .. } => {
            let mut bits = (0..8).filter(|bit| mask >> bit & 1 == 1);
            let set = |bit: u32| number >> bit & 1 == 1;
            if odd { bits.any(set) } else { bits.all(set) }
        }
        Test::Nothing | Test::Nets(_) | Test::Texts(_) => unreachable!(),
    };
    let inside = |host: Host| match &term.test {
        Test::Nets(nets) => nets.iter().any(|net| in_net(net, host)),
        _ => unreachable!(),
    };
    let answers: Vec<bool> =
        numbers.into_iter().map(holds).chain(hosts.into_iter().map(inside)).collect();
    !never
        && match term.side {
            FlowEnd::Either => answers.contains(&true),
            FlowEnd::Src => answers[0],
            FlowEnd::Dst => answers[1],
            FlowEnd::Both => !answers.contains(&false),
        }
}

/// These words and every word of the language.
fn words(mut words: Vec<&'static str>) -> Vec<&'static str> {
    words.extend(WORDS.iter().flat_map(FilterWord::spellings));
    words.extend(words::MISSING.iter().flat_map(|missing| missing.names));
    words
}

proptest! {
    #[test]
    fn printing_and_parsing_gives_the_same_filter(
        root in trees(),
        rows in prop::collection::vec((flows(), extras()), 1..20),
    ) {
        let filter = Filter { root, ..Filter::default() };
        let again = Filter::parse(&filter.to_string());
        prop_assert_eq!(again.as_ref(), Ok(&filter), "{}", filter);
        for (row, extras) in rows {
            let want = naive(&filter.root, &row, &extras, false);
            prop_assert_eq!(filter.answer(&(&row, &extras)), Some(want), "{} {:?} {:?}", filter, row, extras);
        }
    }

    #[test]
    fn no_text_panics_and_errors_lie_within_it(
        text in prop_oneof![
            any::<String>(),
            prop::collection::vec(
                prop::sample::select(words(vec![
                    "tcp", "port", "in", "[", "]", "80", "80-90", ",", "(", ")", "not", "!", "and",
                    "or", "10.0.0.0/8", "::/0", "net", "ip", "src", "dst", "0x", "1k", "k", "ü", "#",
                    "\n", "=", "&", "proto", "255.0.0.0", "/", "1/", "/1", "-", "65536",
                    "out", "mpls label3", "mpls exp10", "0:1:2:3:4:5", ">", "2026-04-10", "SA", "id", "x", "\u{1b}", "'",
                ])),
                0..12,
            ).prop_map(|words| words.join(" ")),
        ],
    ) {
        match Filter::parse(&text) {
            Ok(filter) => {
                if let Err(error) = filter.check_live() {
                    prop_assert!(text.get(error.at.clone()).is_some(), "{:?}", error);
                    let command = error.command().unwrap_or_default();
                    prop_assert!(!command.chars().any(char::is_control), "{}", command);
                }
                prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
            }
            Err(error) => prop_assert!(text.get(error.at.clone()).is_some(), "{:?}", error),
        }
    }
}
