//! Prints filters as text that parses to the same filter.

use std::fmt;

use super::condition::{Comparison, Test};
use super::moment;
use super::tree::{FlowEnd, Node, Term};
use super::words::{AllowedModifiers, Argument, CORNERS, FilterWord, NumberNames, WordSubject};
use crate::flow::Network;

/// The letters of TCP flags and their bits; the last two are those of RFC 3168.
pub(super) const FLAGS: &[(char, u8)] =
    &[('U', 32), ('A', 16), ('P', 8), ('R', 4), ('S', 2), ('F', 1), ('E', 64), ('C', 128)];

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Eq => "",
            Comparison::Gt => "> ",
            Comparison::Lt => "< ",
            Comparison::Ge => ">= ",
            Comparison::Le => "<= ",
        })
    }
}

fn before(word: &FilterWord, reads: WordSubject, side: FlowEnd) -> &'static str {
    if word.before == AllowedModifiers::Corners {
        return word.part(reads).and_then(|corner| CORNERS.get(corner).copied()).unwrap_or("");
    }
    match (word.before, side) {
        (AllowedModifiers::EndsOrSrc, FlowEnd::Either) => "src or dst ",
        (AllowedModifiers::EndsOrSrc, FlowEnd::Src) | (_, FlowEnd::Either) => "",
        (AllowedModifiers::InOut | AllowedModifiers::In(_), FlowEnd::Src) => "in ",
        (AllowedModifiers::InOut | AllowedModifiers::In(_), _) => "out ",
        (_, FlowEnd::Src) => "src ",
        (_, FlowEnd::Dst) => "dst ",
        (_, FlowEnd::Both) => "src and dst ",
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = FilterWord::of(self.reads);
        let is_net = matches!(&self.test, Test::Nets(nets) if matches!(nets.as_slice(), [net] if !alone(net)));
        let name = if is_net && word.name == "ip" { "net" } else { word.name };
        f.write_str(before(word, self.reads, self.side))?;
        match (word.part(self.reads), name.strip_suffix('N')) {
            (Some(entry), Some(name)) => write!(f, "{name}{}", entry + 1)?,
            _ => f.write_str(name)?,
        }
        match &self.test {
            Test::Nothing => Ok(()),
            Test::Nets(nets) => match nets.as_slice() {
                [net] => {
                    f.write_str(" ")?;
                    network(f, net)
                }
                nets => items(f, nets, network),
            },
            Test::Texts(texts) => match texts.as_slice() {
                [text] => write!(f, " {}", text.as_str()),
                texts => items(f, texts, |f, text| f.write_str(text.as_str())),
            },
            Test::Compare(comp, number) => {
                // The comparison with a time is always written.
                let equal = *comp == Comparison::Eq && word.argument == Argument::Moment;
                write!(f, " {}{comp}", if equal { "= " } else { "" })?;
                value(f, word, *number)
            }
            Test::Among(ranges) => items(f, ranges, |f, (low, high)| match low == high {
                true => value(f, word, *low),
                false => write!(f, "{low}-{high}"),
            }),
            Test::Flags { mask, .. } => {
                f.write_str(" ")?;
                let mut set = FLAGS.iter().filter(|(_, bit)| mask & bit != 0);
                set.try_for_each(|(letter, _)| write!(f, "{letter}"))
            }
        }
    }
}

fn value(f: &mut fmt::Formatter<'_>, word: &FilterWord, number: i128) -> fmt::Result {
    let names = match word.argument {
        Argument::Moment => return f.write_str(&moment::print(number)),
        Argument::Mac => {
            let octets = (number as u64).to_be_bytes();
            let digits: Vec<String> =
                octets.iter().skip(2).map(|octet| format!("{octet:02x}")).collect();
            return f.write_str(&digits.join(":"));
        }
        Argument::Numbers(_, _, names) => names,
        _ => NumberNames::None,
    };
    match names.name(number) {
        Some(name) => f.write_str(name),
        None => write!(f, "{number}"),
    }
}

fn network(f: &mut fmt::Formatter<'_>, net: &Network) -> fmt::Result {
    match alone(net) {
        true => write!(f, "{}", net.base()),
        false => write!(f, "{net}"),
    }
}

fn alone(net: &Network) -> bool {
    *net == Network::single(net.base())
}

/// Prints ` in [X, Y]`.
fn items<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    print: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str(" in [")?;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        print(f, item)?;
    }
    f.write_str("]")
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Any => f.write_str("any"),
            Node::Term(term) => term.fmt(f),
            Node::Not(part) => match **part {
                Node::All(_) | Node::One(_) => write!(f, "not ({part})"),
                _ => write!(f, "not {part}"),
            },
            Node::All(parts) => joined(f, parts, " and "),
            Node::One(parts) => joined(f, parts, " or "),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Node], word: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        match part {
            Node::One(_) => write!(f, "({part})")?,
            _ => write!(f, "{part}")?,
        }
    }
    Ok(())
}
