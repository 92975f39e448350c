//! The tokens of a text and the reading position.

use super::error::{FilterError, FilterFault};
use super::token::{Token, TokenKind, tokens};
use crate::flow::MPLS_LABELS;
use crate::text;

/// The largest length of a filter text, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;
/// The deepest nesting of parentheses and `not`.
pub const MAX_DEPTH: usize = 64;
/// The largest number of items in an `in [...]` list.
pub const MAX_LIST: usize = 4096;

/// The number of columns of a wrong token that an error repeats.
const MAX_FOUND: usize = 40;

/// The tokens of a text and the reading position.
pub(super) struct Cursor<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    /// The tokens of a text, at the first one.
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, tokens: tokens(text), next: 0, depth: 0 }
    }

    /// The next token; [`TokenKind::End`] after the last one.
    pub(super) fn peek(&self) -> Token {
        let end = self.text.len();
        let after = Token { kind: TokenKind::End, start: end, end };
        self.tokens.get(self.next).copied().unwrap_or(after)
    }

    /// Reads the next token.
    pub(super) fn take(&mut self) -> Token {
        let token = self.peek();
        self.next += 1;
        token
    }

    /// Reads the next token if it has this kind.
    pub(super) fn take_if(&mut self, kind: TokenKind) -> bool {
        let hit = self.peek().kind == kind;
        if hit {
            self.next += 1;
        }
        hit
    }

    /// The text of the next token if it is a word.
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

    /// The error that the next token is not the expected one.
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

    /// The number of tokens of a phrase if it comes next, in any case. A word that ends with
    /// `N` stands for that word followed by the number of an MPLS entry.
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

    /// The number at the end of the last of `length` tokens if it is that of an MPLS entry,
    /// counted from 0.
    pub(super) fn entry(&self, length: usize) -> Option<usize> {
        let token = self.tokens.get(self.next + length.checked_sub(1)?)?;
        let text = token.text(self.text);
        entry(text, text.trim_end_matches(|c: char| c.is_ascii_digit()))
    }

    /// Reads `count` tokens and returns the end of the last one.
    pub(super) fn skip(&mut self, count: usize) -> usize {
        (0..count).map(|_| self.take().end).last().unwrap_or_else(|| self.peek().start)
    }

    /// A part of the text on one line, without control sequences for terminals.
    pub(super) fn written(&self, at: std::ops::Range<usize>) -> String {
        let words = self.text.get(at).unwrap_or("").split_whitespace();
        text::replaced(&words.collect::<Vec<_>>().join(" "), '?')
    }

    /// Reads a `not` or `(` and counts the nesting.
    pub(super) fn descend(&mut self) -> Result<(), FilterError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.wrong(format!("at most {MAX_DEPTH} levels of parentheses and `not`")));
        }
        self.take();
        self.depth += 1;
        Ok(())
    }

    /// Notes that the operand of a `not` or the content of parentheses has been read.
    pub(super) fn ascend(&mut self) {
        self.depth -= 1;
    }
}

/// The index in the MPLS stack, from 0, of a text that consists of `word` and a number.
fn entry(text: &str, word: &str) -> Option<usize> {
    let (start, number) = text.split_at_checked(word.len())?;
    let place = (1..=MPLS_LABELS).find(|place| number == place.to_string())?;
    start.eq_ignore_ascii_case(word).then_some(place - 1)
}

/// Whether `word` is one of these, in any case.
fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// A token for a message: shortened, without control sequences for terminals.
fn quoted(token: &str) -> String {
    let token = text::replaced(token, '?');
    let mut shown = text::head(&token, MAX_FOUND).to_owned();
    if shown.len() < token.len() {
        shown.push_str("...");
    }
    format!("`{shown}`")
}
