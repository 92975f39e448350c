//! Parses a text to a tree by recursive descent.
//!
//! ```text
//! one   := all ( or all )*
//! all   := unary ( [and] unary )*
//! unary := not unary | ( one ) | term
//! ```

use super::cursor::{Cursor, MAX_TEXT};
use super::error::{FilterError, FilterFault};
use super::term;
use super::token::TokenKind;
use super::tree::Node;

/// The tree of a whole text; an empty text matches everything. A text with characters but
/// without words is an error, because something was intended: the filter may be commented out,
/// or a shell variable unset.
pub(super) fn parse(text: &str) -> Result<Node, FilterError> {
    if text.len() > MAX_TEXT {
        let start = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let expected = format!("at most {MAX_TEXT} bytes");
        let found = format!("{} bytes", text.len());
        let why = FilterFault::Unexpected { expected, found };
        return Err(FilterError { at: start..text.len(), why });
    }
    let mut cursor = Cursor::new(text);
    if text.is_empty() {
        return Ok(Node::Any);
    }
    if cursor.peek().kind == TokenKind::End {
        let found = if text.trim().is_empty() { "only spaces" } else { "only a comment" };
        let expected = "a filter (`any` matches everything)".to_owned();
        let why = FilterFault::Unexpected { expected, found: found.to_owned() };
        return Err(FilterError { at: 0..text.len(), why });
    }
    let node = cursor.one()?;
    match cursor.peek().kind {
        TokenKind::End => Ok(node),
        _ => Err(cursor.wrong("`and`, `or` or the end")),
    }
}

impl Cursor<'_> {
    fn one(&mut self) -> Result<Node, FilterError> {
        let mut parts = vec![self.all()?];
        while self.take_if(TokenKind::Or) {
            parts.push(self.all()?);
        }
        Ok(Node::one(parts))
    }

    fn all(&mut self) -> Result<Node, FilterError> {
        let mut parts = vec![self.unary()?];
        loop {
            let and = self.take_if(TokenKind::And);
            // Adjacent terms mean `and`: `tcp port 443`.
            let beside =
                matches!(self.peek().kind, TokenKind::Word | TokenKind::Not | TokenKind::Open);
            if !and && !beside {
                return Ok(Node::all(parts));
            }
            parts.push(self.unary()?);
        }
    }

    fn unary(&mut self) -> Result<Node, FilterError> {
        match self.peek().kind {
            TokenKind::Not => {
                self.descend()?;
                let part = self.unary()?;
                self.ascend();
                Ok(Node::negated(part))
            }
            TokenKind::Open => {
                self.descend()?;
                let inner = self.one()?;
                if !self.take_if(TokenKind::Close) {
                    return Err(self.wrong("`)`, `and` or `or`"));
                }
                self.ascend();
                Ok(inner)
            }
            _ => term::term(self),
        }
    }
}
