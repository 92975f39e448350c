//! Single terms: the modifier before a word, the word, and its argument.

use super::condition::Test;
use super::cursor::Cursor;
use super::error::{FilterError, FilterFault};
use super::names::services;
use super::read::{argument, net_or_host};
use super::token::TokenKind;
use super::tree::{FlowEnd, Node, SourceSpan, Term};
use super::words::{AllowedModifiers, FilterWord, MISSING, NumberNames, WORDS, WordSubject};
use crate::flow::field::Field;

const TERM: &str = "an address, a network, a protocol, `port`, `ip`, `net`, `src`, `dst`, `if`, \
                    `flags` or another word, `not` or `(`";

const SRC: &[&str] = &["src", "source"];
const DST: &[&str] = &["dst", "destination"];

/// The modifier before a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Modifier {
    Nothing,
    End(FlowEnd),
    InOut(FlowEnd),
    /// `in src`, which only MAC addresses have.
    InOutAndEnd(FlowEnd, FlowEnd),
}

impl Modifier {
    /// Whether the modifier includes this corner: in src, in dst, out src, out dst.
    fn picks(self, corner: usize) -> bool {
        let fits = |side: FlowEnd, second: bool| match side {
            FlowEnd::Src => !second,
            FlowEnd::Dst => second,
            FlowEnd::Either | FlowEnd::Both => true,
        };
        let (way, end) = match self {
            Modifier::Nothing => (FlowEnd::Either, FlowEnd::Either),
            Modifier::End(end) => (FlowEnd::Either, end),
            Modifier::InOut(way) => (way, FlowEnd::Either),
            Modifier::InOutAndEnd(way, end) => (way, end),
        };
        fits(way, corner >= 2) && fits(end, corner % 2 == 1)
    }
}

/// A word of the language.
enum SpelledWord {
    Known(&'static FilterWord),
    Refused(&'static str),
}

/// Reads one term.
pub(super) fn term(cursor: &mut Cursor<'_>) -> Result<Node, FilterError> {
    let start = cursor.peek().start;
    let modifier = before(cursor);
    let Some((spelled, length)) = spelled(cursor) else {
        return bare(cursor, modifier, start);
    };
    let word = match spelled {
        SpelledWord::Known(word) => word,
        SpelledWord::Refused(lack) => return Err(missing(cursor, start, length, lack)),
    };
    let side = match (word.before, modifier) {
        (AllowedModifiers::EndsOrSrc, Modifier::Nothing) => FlowEnd::Src,
        (_, Modifier::Nothing) => FlowEnd::Either,
        (AllowedModifiers::Ends | AllowedModifiers::EndsOrSrc, Modifier::End(side)) => side,
        (AllowedModifiers::InOut, Modifier::InOut(side)) => side,
        (AllowedModifiers::In(_), Modifier::InOut(FlowEnd::Src)) => FlowEnd::Either,
        (AllowedModifiers::Corners, modifier) if modifier != Modifier::End(FlowEnd::Both) => {
            FlowEnd::Either
        }
        (AllowedModifiers::In(lack), Modifier::InOut(_)) => {
            return Err(missing(cursor, start, length, lack));
        }
        _ => return Err(cursor.wrong(after(modifier))),
    };
    let entry = cursor.entry(length).filter(|_| word.name.ends_with('N'));
    let span = SourceSpan(start..cursor.skip(length));
    let test = argument(cursor, word.name, word.argument)?;
    let WordSubject::Any(choice) = word.reads else {
        return Ok(node(word.reads, side, test, span));
    };
    let picked =
        choice.parts().iter().enumerate().filter(|(index, _)| match (word.before, entry) {
            (AllowedModifiers::Corners, _) => modifier.picks(*index),
            (_, entry) => entry.is_none_or(|entry| entry == *index),
        });
    Ok(Node::one(picked.map(|(_, one)| node(*one, side, test.clone(), span.clone())).collect()))
}

fn node(reads: WordSubject, side: FlowEnd, test: Test, span: SourceSpan) -> Node {
    match reads {
        WordSubject::Everything => Node::Any,
        _ => Node::Term(Term { reads, side, test, span }),
    }
}

/// Reads the modifier.
fn before(cursor: &mut Cursor<'_>) -> Modifier {
    for (words, others, side) in [(SRC, DST, FlowEnd::Src), (DST, SRC, FlowEnd::Dst)] {
        if !cursor.take_word(words) {
            continue;
        }
        let joint = cursor.peek().kind;
        let joined = matches!(joint, TokenKind::And | TokenKind::Or) && cursor.is_second(others);
        if !joined {
            return Modifier::End(side);
        }
        cursor.skip(2);
        return Modifier::End(if joint == TokenKind::And {
            FlowEnd::Both
        } else {
            FlowEnd::Either
        });
    }
    for (word, side) in [("in", FlowEnd::Src), ("out", FlowEnd::Dst)] {
        if cursor.take_word(&[word]) {
            return if cursor.take_word(SRC) {
                Modifier::InOutAndEnd(side, FlowEnd::Src)
            } else if cursor.take_word(DST) {
                Modifier::InOutAndEnd(side, FlowEnd::Dst)
            } else {
                Modifier::InOut(side)
            };
        }
    }
    Modifier::Nothing
}

/// The longest word that comes next, and its number of tokens.
fn spelled(cursor: &Cursor<'_>) -> Option<(SpelledWord, usize)> {
    let known = WORDS.iter().flat_map(|word| {
        word.spellings()
            .filter_map(|name| Some((SpelledWord::Known(word), cursor.has_phrase(name)?)))
    });
    let refused = MISSING.iter().flat_map(|missing| {
        let names = missing.names.iter();
        names
            .filter_map(|name| Some((SpelledWord::Refused(missing.lack), cursor.has_phrase(name)?)))
    });
    known.chain(refused).max_by_key(|(_, length)| *length)
}

/// The error that a word asks for something that toptalk does not keep.
fn missing(
    cursor: &mut Cursor<'_>,
    start: usize,
    length: usize,
    lack: &'static str,
) -> FilterError {
    let at = start..cursor.skip(length);
    FilterError { why: FilterFault::Missing { word: cursor.written(at.clone()), lack }, at }
}

/// The words that can follow a modifier, for messages.
fn after(modifier: Modifier) -> String {
    let fits = |word: &&FilterWord| match modifier {
        Modifier::Nothing => true,
        Modifier::End(FlowEnd::Both) => {
            matches!(word.before, AllowedModifiers::Ends | AllowedModifiers::EndsOrSrc)
        }
        Modifier::End(_) => {
            matches!(
                word.before,
                AllowedModifiers::Ends | AllowedModifiers::EndsOrSrc | AllowedModifiers::Corners
            )
        }
        Modifier::InOut(FlowEnd::Src) => {
            matches!(
                word.before,
                AllowedModifiers::InOut | AllowedModifiers::In(_) | AllowedModifiers::Corners
            )
        }
        Modifier::InOut(_) => {
            matches!(word.before, AllowedModifiers::InOut | AllowedModifiers::Corners)
        }
        Modifier::InOutAndEnd(..) => word.before == AllowedModifiers::Corners,
    };
    let mut words: Vec<String> =
        WORDS.iter().filter(fits).map(|word| format!("`{}`", word.name)).collect();
    if let Modifier::End(_) = modifier {
        words.push("an address or a network".to_owned());
    }
    match modifier {
        Modifier::Nothing => TERM.to_owned(),
        Modifier::InOutAndEnd(..) => "`mac`, or `in` or `out` without `src` or `dst`".to_owned(),
        _ => words.join(", "),
    }
}

/// Handles a word that is not in the tables: an address, a network, a protocol, or an error.
fn bare(cursor: &mut Cursor<'_>, modifier: Modifier, start: usize) -> Result<Node, FilterError> {
    let Some(word) = cursor.word() else {
        return Err(cursor.wrong(after(modifier)));
    };
    let span = SourceSpan(start..cursor.peek().end);
    let side = match modifier {
        Modifier::Nothing => Some(FlowEnd::Either),
        Modifier::End(side) => Some(side),
        Modifier::InOut(_) | Modifier::InOutAndEnd(..) => None,
    };
    if let Some(side) = side
        && let Some(net) = net_or_host(word)
    {
        cursor.take();
        return Ok(node(
            WordSubject::Two(Field::Src, Field::Dst),
            side,
            Test::Nets(vec![net]),
            span,
        ));
    }
    if modifier == Modifier::Nothing {
        if let [proto] = NumberNames::Protocols.numbers(word).as_slice() {
            cursor.take();
            return Ok(node(
                WordSubject::One(Field::Proto),
                FlowEnd::Either,
                Test::is(*proto),
                span,
            ));
        }
        if services(word).next().is_some() {
            return Err(cursor.wrong(format!("`port {}`", word.to_ascii_lowercase())));
        }
    }
    Err(cursor.wrong(after(modifier)))
}
