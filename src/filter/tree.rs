//! The meaning of a filter: a tree of terms, and its evaluation.

use std::ops::Range;

use super::columns::FilterSubject;
use super::condition::{Comparison, Test};
use super::words::{ComputedValue, FilterWord, LiveSupport, STACK, WordSubject};
use crate::flow::Host;
use crate::flow::field::{Field, FieldValue};

/// Which of two columns a term asks about; for interfaces, `Src` means in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlowEnd {
    Either,
    Src,
    Dst,
    /// Both columns have to match.
    Both,
}

/// The addresses of the hosts of a flow, for words without `src` or `dst`: as reported, and
/// inside a NAT.
pub(super) const HOSTS: [Field; 4] = [Field::Src, Field::Dst, Field::SrcInside, Field::DstInside];

/// The position of a term in the text. It is ignored in comparisons: two spellings of a filter
/// are equal.
#[derive(Clone, Debug)]
pub(super) struct SourceSpan(pub Range<usize>);

impl PartialEq for SourceSpan {
    fn eq(&self, _: &SourceSpan) -> bool {
        true
    }
}

/// A single condition on a flow.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    pub reads: WordSubject,
    pub side: FlowEnd,
    pub test: Test,
    pub span: SourceSpan,
}

/// A filter or a part of it.
///
/// `All` and `One` have at least two parts and never a part of their own kind ([`Node::all`]
/// and [`Node::one`] ensure that), so a long chain of `and` stays flat and the depth of a tree
/// is the depth of its parentheses.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Node {
    #[default]
    Any,
    Term(Term),
    Not(Box<Node>),
    All(Vec<Node>),
    One(Vec<Node>),
}

impl Node {
    /// A node that matches if all parts match.
    pub(super) fn all(parts: Vec<Node>) -> Node {
        Node::join(parts, Node::All, |part| match part {
            Node::All(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// A node that matches if at least one part matches.
    pub(super) fn one(parts: Vec<Node>) -> Node {
        Node::join(parts, Node::One, |part| match part {
            Node::One(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// The negation of a node. In nfdump, `not flags AF` means none of these flags (its manual
    /// uses that to find a lone SYN), so an odd number of `not` before flag letters turns "all"
    /// into "any".
    pub(super) fn negated(mut part: Node) -> Node {
        part.invert_flags();
        Node::Not(Box::new(part))
    }

    fn invert_flags(&mut self) {
        match self {
            Node::Term(Term { test: Test::Flags { any, .. }, .. }) => *any = !*any,
            Node::Any | Node::Term(_) => {}
            Node::Not(part) => part.invert_flags(),
            Node::All(parts) | Node::One(parts) => parts.iter_mut().for_each(Node::invert_flags),
        }
    }

    fn join(
        parts: Vec<Node>,
        make: fn(Vec<Node>) -> Node,
        open: fn(Node) -> Result<Vec<Node>, Node>,
    ) -> Node {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match open(part) {
                Ok(inner) => flat.extend(inner),
                Err(other) => flat.push(other),
            }
        }
        match flat.len() {
            0 | 1 => flat.pop().unwrap_or_default(),
            _ => make(flat),
        }
    }

    /// Whether a row matches; `None` if that depends on a value that the row does not know.
    pub(super) fn answer(&self, row: &impl FilterSubject) -> Option<bool> {
        match self {
            Node::Any => Some(true),
            Node::Term(term) => term.answer(row),
            Node::Not(part) => part.answer(row).map(|holds| !holds),
            Node::All(parts) => decided(parts.iter().map(|part| part.answer(row)), false),
            Node::One(parts) => decided(parts.iter().map(|part| part.answer(row)), true),
        }
    }

    /// The answer for everything that `exporter` reports; `None` if it depends on other values.
    pub(super) fn answer_of(&self, exporter: Host) -> Option<bool> {
        match self {
            Node::Any => Some(true),
            Node::Term(term) => term.answer_of(exporter),
            Node::Not(part) => part.answer_of(exporter).map(|holds| !holds),
            Node::All(parts) => decided(parts.iter().map(|part| part.answer_of(exporter)), false),
            Node::One(parts) => decided(parts.iter().map(|part| part.answer_of(exporter)), true),
        }
    }

    /// The largest number of single tests for a row.
    pub(super) fn cost(&self) -> u64 {
        match self {
            Node::Any => 0,
            Node::Term(term) => term.test.cost(),
            Node::Not(part) => part.cost(),
            Node::All(parts) | Node::One(parts) => {
                parts.iter().map(Node::cost).fold(0, u64::saturating_add)
            }
        }
    }

    /// The first term for which `wanted` returns a value.
    pub(super) fn find<T>(&self, wanted: &impl Fn(&Term) -> Option<T>) -> Option<T> {
        match self {
            Node::Any => None,
            Node::Term(term) => wanted(term),
            Node::Not(part) => part.find(wanted),
            Node::All(parts) | Node::One(parts) => parts.iter().find_map(|part| part.find(wanted)),
        }
    }

    /// Adds the single ports that are asked for; those under `not` are not.
    pub(super) fn wanted_ports(&self, wanted: &mut Vec<u16>) {
        match self {
            Node::Term(Term { reads: WordSubject::Ports, test, .. }) => {
                let ports: &[(i128, i128)] = match test {
                    Test::Compare(Comparison::Eq, port) => &[(*port, *port)],
                    Test::Among(ranges) => ranges,
                    _ => &[],
                };
                let single = ports.iter().filter(|(low, high)| low == high);
                wanted.extend(single.filter_map(|(port, _)| u16::try_from(*port).ok()));
            }
            Node::All(parts) | Node::One(parts) => {
                parts.iter().for_each(|part| part.wanted_ports(wanted));
            }
            Node::Any | Node::Term(_) | Node::Not(_) => {}
        }
    }
}

/// `decisive` if one part has that answer; otherwise unknown if one part is unknown.
fn decided(parts: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut answer = Some(!decisive);
    for part in parts {
        match part {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

impl Term {
    fn answer(&self, row: &impl FilterSubject) -> Option<bool> {
        let of = |field: Field| value(row, field).map(|value| self.test.holds(value));
        match self.reads {
            WordSubject::Everything => Some(true),
            WordSubject::Family(v4) => Some(row.src().as_v4().is_some() == v4),
            WordSubject::One(field) => of(field),
            WordSubject::Two(Field::Src, Field::Dst) if self.side == FlowEnd::Either => {
                decided(HOSTS.into_iter().map(|field| self.answer_host(row, field)), true)
            }
            WordSubject::Two(one, two) => self.sides(|| of(one), || of(two)),
            WordSubject::Ports if self.side == FlowEnd::Either => {
                let (src, dst) = row.ports();
                Some(self.test.has(i128::from(src)) || self.test.has(i128::from(dst)))
            }
            WordSubject::Ports => self.sides(|| of(Field::SrcPort), || of(Field::DstPort)),
            // Never used by a term: parsing replaces it by its parts.
            WordSubject::Any(_) => None,
            WordSubject::Flags if row.proto() != TCP => Some(false),
            WordSubject::Flags => of(Field::TcpFlags),
            WordSubject::Computed(computed) if !computed.applies(row.proto()) => Some(false),
            WordSubject::Computed(computed) => {
                computed.number(&|field| number(row, field)).map(|n| self.test.has(n))
            }
        }
    }

    fn answer_host(&self, row: &impl FilterSubject, field: Field) -> Option<bool> {
        value(row, field).map(|value| self.test.holds_host(field, value))
    }

    fn answer_of(&self, exporter: Host) -> Option<bool> {
        match self.reads {
            WordSubject::Everything => Some(true),
            WordSubject::One(Field::Exporter) => {
                Some(self.test.holds(FieldValue::Address(exporter)))
            }
            _ => None,
        }
    }

    fn sides(
        &self,
        one: impl FnOnce() -> Option<bool>,
        two: impl FnOnce() -> Option<bool>,
    ) -> Option<bool> {
        match self.side {
            FlowEnd::Src => one(),
            FlowEnd::Dst => two(),
            FlowEnd::Either | FlowEnd::Both => {
                // The second end is evaluated only if the first one does not decide.
                let (mut one, mut two) = (Some(one), Some(two));
                let ends = std::iter::from_fn(|| match one.take() {
                    Some(one) => Some(one()),
                    None => two.take().map(|two| two()),
                });
                decided(ends, self.side == FlowEnd::Either)
            }
        }
    }

    /// What the rows of the live tables lack for this term, and why.
    pub(super) fn not_live(&self) -> Option<(&'static str, &'static str)> {
        match FilterWord::of(self.reads).live {
            LiveSupport::Yes => None,
            LiveSupport::WithoutSide(..) if self.side == FlowEnd::Either => None,
            LiveSupport::WithoutSide(lack, because) | LiveSupport::No(lack, because) => {
                Some((lack, because))
            }
        }
    }

    /// Whether the term asks for the exporter or an interface.
    pub(super) fn reads_interfaces(&self) -> bool {
        matches!(self.reads, WordSubject::Two(Field::Input, _) | WordSubject::One(Field::Exporter))
    }
}

pub(super) const TCP: u8 = 6;
const ICMP: [u8; 2] = [1, 58];

impl ComputedValue {
    /// Whether the value exists for a protocol; otherwise nothing matches.
    pub(super) fn applies(self, proto: u8) -> bool {
        match self {
            ComputedValue::IcmpType | ComputedValue::IcmpCode => ICMP.contains(&proto),
            _ => true,
        }
    }

    /// The columns that it is computed from, including the one that decides whether it applies.
    pub(super) fn fields(self) -> &'static [Field] {
        match self {
            ComputedValue::Bytes => &[Field::Bytes, Field::Sampling],
            ComputedValue::Packets => &[Field::Packets, Field::Sampling],
            ComputedValue::Flows => &[],
            ComputedValue::Duration => &[Field::First, Field::Last],
            ComputedValue::Pps => &[Field::Packets, Field::Sampling, Field::First, Field::Last],
            ComputedValue::Bps => &[Field::Bytes, Field::Sampling, Field::First, Field::Last],
            ComputedValue::Bpp => &[Field::Bytes, Field::Packets],
            ComputedValue::IcmpType | ComputedValue::IcmpCode => &[Field::Proto, Field::DstPort],
            ComputedValue::Dscp => &[Field::Tos],
            ComputedValue::EngineType | ComputedValue::EngineId => &[Field::Domain],
            ComputedValue::Label(entry) | ComputedValue::Experimental(entry) => {
                let span = STACK.iter().position(|field| *field == entry);
                span.and_then(|span| STACK.get(span..=span)).unwrap_or(&[])
            }
            ComputedValue::BottomLabel => &STACK,
        }
    }

    /// The value, if all columns are known. Whole numbers, as in nfdump.
    pub(super) fn number(self, get: &impl Fn(Field) -> Option<i128>) -> Option<i128> {
        let scaled = |field| Some(get(field)? * get(Field::Sampling)?.max(1));
        let duration = || Some((get(Field::Last)? - get(Field::First)?).max(0));
        let per_second = |count: i128| Some((count * 1000).checked_div(duration()?).unwrap_or(0));
        let byte = |field, shift: u32| Some(get(field)? >> shift & 0xff);
        match self {
            ComputedValue::Bytes => scaled(Field::Bytes),
            ComputedValue::Packets => scaled(Field::Packets),
            ComputedValue::Flows => Some(1),
            ComputedValue::Duration => duration(),
            ComputedValue::Pps => per_second(scaled(Field::Packets)?),
            ComputedValue::Bps => per_second(scaled(Field::Bytes)? * 8),
            ComputedValue::Bpp => {
                Some(get(Field::Bytes)?.checked_div(get(Field::Packets)?).unwrap_or(0))
            }
            // ICMP type and code are in the destination port.
            ComputedValue::IcmpType => byte(Field::DstPort, 8),
            ComputedValue::IcmpCode => byte(Field::DstPort, 0),
            ComputedValue::Dscp => Some(get(Field::Tos)? >> 2),
            ComputedValue::EngineType => byte(Field::Domain, 8),
            ComputedValue::EngineId => byte(Field::Domain, 0),
            ComputedValue::Label(entry) => Some(get(entry)? >> 4),
            ComputedValue::Experimental(entry) => Some(get(entry)? >> 1 & 7),
            ComputedValue::BottomLabel => {
                for entry in STACK {
                    let entry = get(entry)?;
                    if entry & 1 == 1 {
                        return Some(entry >> 4);
                    }
                }
                Some(0)
            }
        }
    }
}

fn value(row: &impl FilterSubject, field: Field) -> Option<FieldValue> {
    match field {
        Field::Src => Some(FieldValue::Address(row.src())),
        Field::Dst => Some(FieldValue::Address(row.dst())),
        Field::Exporter => Some(FieldValue::Address(row.exporter())),
        Field::Proto => Some(FieldValue::Number(u64::from(row.proto()))),
        Field::Input => Some(FieldValue::Number(u64::from(row.interfaces().0))),
        Field::Output => Some(FieldValue::Number(u64::from(row.interfaces().1))),
        _ => row.value(field),
    }
}

fn number(row: &impl FilterSubject, field: Field) -> Option<i128> {
    match value(row, field)? {
        FieldValue::Number(number) => Some(i128::from(number)),
        FieldValue::Time(time) => Some(i128::from(time.0)),
        FieldValue::Address(_) | FieldValue::Text(_) => None,
    }
}
