//! Single terms: what may stand before a word, the word, and what follows it.

use super::cursor::Cursor;
use super::error::{FilterError, Why};
use super::names::services;
use super::read::{argument, net_or_host};
use super::token::Kind;
use super::tree::{Node, Place, Side, Term, Test};
use super::words::{Before, MISSING, Names, Reads, WORDS, Word};
use crate::flow::field::Field;

const TERM: &str = "an address, a network, a protocol, `port`, `ip`, `net`, `src`, `dst`, `if`, \
                    `flags` or another word, `not` or `(`";

const SRC: &[&str] = &["src", "source"];
const DST: &[&str] = &["dst", "destination"];

/// What stood before a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stood {
    Nothing,
    End(Side),
    Way(Side),
    /// `in src`, which only MAC addresses have.
    WayAndEnd(Side, Side),
}

impl Stood {
    /// Whether it leaves this one of the four corners: in src, in dst, out src, out dst.
    fn picks(self, corner: usize) -> bool {
        let fits = |side: Side, second: bool| match side {
            Side::Src => !second,
            Side::Dst => second,
            Side::Either | Side::Both => true,
        };
        let (way, end) = match self {
            Stood::Nothing => (Side::Either, Side::Either),
            Stood::End(end) => (Side::Either, end),
            Stood::Way(way) => (way, Side::Either),
            Stood::WayAndEnd(way, end) => (way, end),
        };
        fits(way, corner >= 2) && fits(end, corner % 2 == 1)
    }
}

/// A word of the language.
enum Spelled {
    Known(&'static Word),
    Refused(&'static str),
}

/// Reads one term.
pub(super) fn term(cursor: &mut Cursor<'_>) -> Result<Node, FilterError> {
    let start = cursor.peek().start;
    let stood = before(cursor);
    let Some((spelled, length)) = spelled(cursor) else {
        return bare(cursor, stood, start);
    };
    let word = match spelled {
        Spelled::Known(word) => word,
        Spelled::Refused(lack) => return Err(missing(cursor, start, length, lack)),
    };
    let side = match (word.before, stood) {
        (Before::EndsOrSrc, Stood::Nothing) => Side::Src,
        (_, Stood::Nothing) => Side::Either,
        (Before::Ends | Before::EndsOrSrc, Stood::End(side)) => side,
        (Before::Ways, Stood::Way(side)) => side,
        (Before::In(_), Stood::Way(Side::Src)) => Side::Either,
        (Before::Corners, stood) if stood != Stood::End(Side::Both) => Side::Either,
        (Before::In(lack), Stood::Way(_)) => {
            return Err(missing(cursor, start, length, lack));
        }
        _ => return Err(cursor.wrong(after(stood))),
    };
    let entry = cursor.entry(length).filter(|_| word.name.ends_with('N'));
    let place = Place(start..cursor.skip(length));
    let test = argument(cursor, word.name, word.argument)?;
    let Reads::Any(choice) = word.reads else { return Ok(node(word.reads, side, test, place)) };
    let picked =
        choice.parts().iter().enumerate().filter(|(index, _)| match (word.before, entry) {
            (Before::Corners, _) => stood.picks(*index),
            (_, entry) => entry.is_none_or(|entry| entry == *index),
        });
    Ok(Node::one(picked.map(|(_, one)| node(*one, side, test.clone(), place.clone())).collect()))
}

fn node(reads: Reads, side: Side, test: Test, place: Place) -> Node {
    match reads {
        Reads::Everything => Node::Any,
        _ => Node::Term(Term { reads, side, test, place }),
    }
}

/// Reads what picks a column.
fn before(cursor: &mut Cursor<'_>) -> Stood {
    for (words, others, side) in [(SRC, DST, Side::Src), (DST, SRC, Side::Dst)] {
        if !cursor.take_word(words) {
            continue;
        }
        let joint = cursor.peek().kind;
        let joined = matches!(joint, Kind::And | Kind::Or) && cursor.is_second(others);
        if !joined {
            return Stood::End(side);
        }
        cursor.skip(2);
        return Stood::End(if joint == Kind::And { Side::Both } else { Side::Either });
    }
    for (word, side) in [("in", Side::Src), ("out", Side::Dst)] {
        if cursor.take_word(&[word]) {
            return if cursor.take_word(SRC) {
                Stood::WayAndEnd(side, Side::Src)
            } else if cursor.take_word(DST) {
                Stood::WayAndEnd(side, Side::Dst)
            } else {
                Stood::Way(side)
            };
        }
    }
    Stood::Nothing
}

/// The longest word that stands next, and how many tokens it takes.
fn spelled(cursor: &Cursor<'_>) -> Option<(Spelled, usize)> {
    let known = WORDS.iter().flat_map(|word| {
        word.spellings().filter_map(|name| Some((Spelled::Known(word), cursor.has_phrase(name)?)))
    });
    let refused = MISSING.iter().flat_map(|missing| {
        let names = missing.names.iter();
        names.filter_map(|name| Some((Spelled::Refused(missing.lack), cursor.has_phrase(name)?)))
    });
    known.chain(refused).max_by_key(|(_, length)| *length)
}

/// That a word asks for what flows do not have.
fn missing(
    cursor: &mut Cursor<'_>,
    start: usize,
    length: usize,
    lack: &'static str,
) -> FilterError {
    let at = start..cursor.skip(length);
    FilterError { why: Why::Missing { word: cursor.written(at.clone()), lack }, at }
}

/// What can follow what stood.
fn after(stood: Stood) -> String {
    let fits = |word: &&Word| match stood {
        Stood::Nothing => true,
        Stood::End(Side::Both) => matches!(word.before, Before::Ends | Before::EndsOrSrc),
        Stood::End(_) => {
            matches!(word.before, Before::Ends | Before::EndsOrSrc | Before::Corners)
        }
        Stood::Way(Side::Src) => {
            matches!(word.before, Before::Ways | Before::In(_) | Before::Corners)
        }
        Stood::Way(_) => matches!(word.before, Before::Ways | Before::Corners),
        Stood::WayAndEnd(..) => word.before == Before::Corners,
    };
    let mut words: Vec<String> =
        WORDS.iter().filter(fits).map(|word| format!("`{}`", word.name)).collect();
    if let Stood::End(_) = stood {
        words.push("an address or a network".to_owned());
    }
    match stood {
        Stood::Nothing => TERM.to_owned(),
        Stood::WayAndEnd(..) => "`mac`, or `in` or `out` without `src` or `dst`".to_owned(),
        _ => words.join(", "),
    }
}

/// A word that is none of the language: an address, a network, a protocol, or
/// a mistake.
fn bare(cursor: &mut Cursor<'_>, stood: Stood, start: usize) -> Result<Node, FilterError> {
    let Some(word) = cursor.word() else {
        return Err(cursor.wrong(after(stood)));
    };
    let place = Place(start..cursor.peek().end);
    let side = match stood {
        Stood::Nothing => Some(Side::Either),
        Stood::End(side) => Some(side),
        Stood::Way(_) | Stood::WayAndEnd(..) => None,
    };
    if let Some(side) = side
        && let Some(net) = net_or_host(word)
    {
        cursor.take();
        return Ok(node(Reads::Two(Field::Src, Field::Dst), side, Test::Nets(vec![net]), place));
    }
    if stood == Stood::Nothing {
        if let [proto] = Names::Protocols.numbers(word).as_slice() {
            cursor.take();
            return Ok(node(Reads::One(Field::Proto), Side::Either, Test::is(*proto), place));
        }
        if services(word).next().is_some() {
            return Err(cursor.wrong(format!("`port {}`", word.to_ascii_lowercase())));
        }
    }
    Err(cursor.wrong(after(stood)))
}
