//! The tokens of a text and how far they have been read.

use super::error::{FilterError, FilterFault};
use super::token::{Token, TokenKind, tokens};
use crate::flow::MPLS_LABELS;
use crate::text;

/// Longest text in bytes.
pub const MAX_TEXT: usize = 64 * 1024;
/// Deepest nesting of parentheses and `not`.
pub const MAX_DEPTH: usize = 64;
/// Most items of one `in [...]` list.
pub const MAX_LIST: usize = 4096;

/// The columns of a wrong token that a message repeats.
const MAX_FOUND: usize = 40;

/// The tokens of a text and how far they have been read.
pub(super) struct Cursor<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    /// The tokens of a text, none of them read.
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, tokens: tokens(text), next: 0, depth: 0 }
    }

    /// The next token, [`Kind::End`] behind the last one.
    pub(super) fn peek(&self) -> Token {
        let end = self.text.len();
        let after = Token { kind: TokenKind::End, start: end, end };
        self.tokens.get(self.next).copied().unwrap_or(after)
    }

    /// The next token, which is thereby read.
    pub(super) fn take(&mut self) -> Token {
        let token = self.peek();
        self.next += 1;
        token
    }

    /// Reads the next token if it is of this kind.
    pub(super) fn take_if(&mut self, kind: TokenKind) -> bool {
        let hit = self.peek().kind == kind;
        if hit {
            self.next += 1;
        }
        hit
    }

    /// What is written in the next token if it is a word.
    pub(super) fn word(&self) -> Option<&'a str> {
        let token = self.peek();
        (token.kind == TokenKind::Word).then(|| token.text(self.text))
    }

    /// Reads the next token if it is one of these words, in any case.
    pub(super) fn take_word(&mut self, words: &[&str]) -> bool {
        let hit = self.word().is_some_and(|word| is_one_of(word, words));
        if hit {
            self.next += 1;
        }
        hit
    }

    /// That the next token is not what was expected.
    pub(super) fn wrong(&self, expected: impl Into<String>) -> FilterError {
        let token = self.peek();
        let found = match token.kind {
            TokenKind::End => "the end".to_owned(),
            _ => quoted(token.text(self.text)),
        };
        FilterError {
            at: token.at(),
            why: FilterFault::Unexpected { expected: expected.into(), found },
        }
    }

    /// Whether the token after the next one is one of these words, in any case.
    pub(super) fn is_second(&self, words: &[&str]) -> bool {
        let token = self.tokens.get(self.next + 1);
        token.is_some_and(|token| is_one_of(token.text(self.text), words))
    }

    /// How many tokens a phrase takes, if it stands next, in any case. A word of
    /// it that ends with `N` stands for that word with a number of an MPLS entry.
    pub(super) fn has_phrase(&self, phrase: &str) -> Option<usize> {
        let mut length = 0;
        for word in phrase.split(' ') {
            let token = self.tokens.get(self.next + length)?;
            let text = token.text(self.text);
            let same = text.eq_ignore_ascii_case(word)
                || word.strip_suffix('N').is_some_and(|word| entry(text, word).is_some());
            if token.kind != TokenKind::Word || !same {
                return None;
            }
            length += 1;
        }
        Some(length)
    }

    /// The number at the end of the last of so many tokens, if it is that of an
    /// MPLS entry, counted from 0.
    pub(super) fn entry(&self, length: usize) -> Option<usize> {
        let token = self.tokens.get(self.next + length.checked_sub(1)?)?;
        let text = token.text(self.text);
        entry(text, text.trim_end_matches(|c: char| c.is_ascii_digit()))
    }

    /// Reads so many tokens and returns where the last one ends.
    pub(super) fn skip(&mut self, count: usize) -> usize {
        (0..count).map(|_| self.take().end).last().unwrap_or_else(|| self.peek().start)
    }

    /// A part of the text, on one line and without anything a terminal would obey.
    pub(super) fn written(&self, at: std::ops::Range<usize>) -> String {
        let words = self.text.get(at).unwrap_or("").split_whitespace();
        text::replaced(&words.collect::<Vec<_>>().join(" "), '?')
    }

    /// Reads a `not` or `(` and counts it.
    pub(super) fn descend(&mut self) -> Result<(), FilterError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.wrong(format!("at most {MAX_DEPTH} levels of parentheses and `not`")));
        }
        self.take();
        self.depth += 1;
        Ok(())
    }

    /// Says that the part behind a `not` or between parentheses has been read.
    pub(super) fn ascend(&mut self) {
        self.depth -= 1;
    }
}

/// Which entry of the MPLS stack, from 0, a text names that begins with `word`.
fn entry(text: &str, word: &str) -> Option<usize> {
    let (start, number) = text.split_at_checked(word.len())?;
    let place = (1..=MPLS_LABELS).find(|place| number == place.to_string())?;
    start.eq_ignore_ascii_case(word).then_some(place - 1)
}

/// Whether `word` is among these, in any case.
fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// A token for a message: short, and without anything a terminal would obey.
fn quoted(token: &str) -> String {
    let token = text::replaced(token, '?');
    let mut shown = text::head(&token, MAX_FOUND).to_owned();
    if shown.len() < token.len() {
        shown.push_str("...");
    }
    format!("`{shown}`")
}
