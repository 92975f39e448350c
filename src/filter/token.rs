//! Splits a filter into words and symbols with their positions.

use std::ops::Range;

use super::condition::Comparison;

/// The kind of a token; words are interpreted where they occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word,
    And,
    Or,
    Not,
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
    Comp(Comparison),
    /// A single `&` or `|`.
    Stray,
    /// After the last token.
    End,
}

/// A token and its byte range in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub start: usize,
    pub end: usize,
}

impl Token {
    pub(super) fn at(self) -> Range<usize> {
        self.start..self.end
    }

    /// The text of the token; empty at the end.
    pub(super) fn text(self, text: &str) -> &str {
        text.get(self.at()).unwrap_or("")
    }
}

/// The symbols; longer ones come before their prefixes.
const SYMBOLS: &[(&str, TokenKind)] = &[
    ("&&", TokenKind::And),
    ("||", TokenKind::Or),
    ("==", TokenKind::Comp(Comparison::Eq)),
    (">=", TokenKind::Comp(Comparison::Ge)),
    ("<=", TokenKind::Comp(Comparison::Le)),
    ("=", TokenKind::Comp(Comparison::Eq)),
    (">", TokenKind::Comp(Comparison::Gt)),
    ("<", TokenKind::Comp(Comparison::Lt)),
    ("!", TokenKind::Not),
    ("(", TokenKind::Open),
    (")", TokenKind::Close),
    ("[", TokenKind::OpenList),
    ("]", TokenKind::CloseList),
    (",", TokenKind::Comma),
    ("&", TokenKind::Stray),
    ("|", TokenKind::Stray),
];

/// The words that are operators, in lower case.
const OPERATORS: &[(&str, TokenKind)] =
    &[("and", TokenKind::And), ("or", TokenKind::Or), ("not", TokenKind::Not)];

/// Splits a text into tokens. Comments extend from `#` to the end of the line.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(rest) = text.get(start..) {
        let Some(first) = rest.chars().next() else { break };
        let symbol = SYMBOLS.iter().find(|(symbol, _)| rest.starts_with(symbol));
        let (kind, length) = match (first, symbol) {
            ('#', _) => (None, rest.find('\n').unwrap_or(rest.len())),
            (space, _) if space.is_whitespace() => (None, space.len_utf8()),
            (_, Some((symbol, kind))) => (Some(*kind), symbol.len()),
            _ => {
                let length = rest.find(ends_word).unwrap_or(rest.len());
                (Some(word(rest.get(..length).unwrap_or(rest))), length)
            }
        };
        let end = start + length;
        if let Some(kind) = kind {
            found.push(Token { kind, start, end });
        }
        start = end;
    }
    found
}

fn word(text: &str) -> TokenKind {
    OPERATORS
        .iter()
        .find(|(operator, _)| operator.eq_ignore_ascii_case(text))
        .map_or(TokenKind::Word, |(_, kind)| *kind)
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || "()[],!=<>&|#".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_symbols_need_no_space_between_them() {
        let text = "PORT>=80&&!(ip in[::1,é])# rest or\nOr x|";
        let cut = tokens(text);
        let words: Vec<&str> = cut.iter().map(|token| token.text(text)).collect();
        assert_eq!(
            words,
            [
                "PORT", ">=", "80", "&&", "!", "(", "ip", "in", "[", "::1", ",", "é", "]", ")",
                "Or", "x", "|"
            ]
        );
        let kinds: Vec<TokenKind> = cut.iter().map(|token| token.kind).collect();
        assert_eq!(kinds[1], TokenKind::Comp(Comparison::Ge));
        assert_eq!(kinds[3], TokenKind::And);
        assert_eq!(kinds[14], TokenKind::Or);
        assert_eq!(kinds[16], TokenKind::Stray);
    }
}
