//! The filter line: a text that is checked while it is typed.

use crate::filter::{Filter, FilterError};
use crate::text::is_hidden;

use super::action::LineCommand;

/// The longest filter text in bytes.
pub const MAX_TEXT: usize = 1000;

/// The number of former filters that are kept.
pub const MAX_HISTORY: usize = 50;

/// A filter with the text that was typed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TypedFilter {
    /// The text.
    pub text: String,
    /// The parsed filter.
    pub filter: Filter,
}

/// The state of the open line.
#[derive(Clone, Debug, Default)]
pub struct FilterLine {
    text: String,
    /// The position of the cursor in bytes, always between two characters.
    cursor: usize,
    /// The filter that Esc restores.
    former: TypedFilter,
    error: Option<FilterError>,
    /// The index in the history, counted from the newest, while a former filter is recalled.
    recalled: Option<usize>,
    /// The text that was typed before a filter was recalled.
    draft: String,
}

impl FilterLine {
    /// Opens the line with the current filter.
    pub fn open(former: &TypedFilter) -> FilterLine {
        FilterLine {
            text: former.text.clone(),
            cursor: former.text.len(),
            former: former.clone(),
            ..FilterLine::default()
        }
    }

    /// A line whose text has a given error.
    #[cfg(test)]
    pub fn with_error(text: &str, error: FilterError) -> FilterLine {
        let mut line = FilterLine { error: Some(error), ..FilterLine::default() };
        line.paste(text);
        line
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The position of the cursor in bytes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    pub fn error(&self) -> Option<&FilterError> {
        self.error.as_ref()
    }

    pub fn former(&self) -> &TypedFilter {
        &self.former
    }

    /// The filter of the current text; `None` if it has an error, or asks for something that
    /// the live tables do not keep.
    pub fn check(&mut self) -> Option<TypedFilter> {
        // A line of spaces looks empty, so it is taken as empty.
        let text = if self.text.trim().is_empty() { "" } else { &self.text };
        match Filter::parse(text).and_then(|filter| filter.check_live().map(|()| filter)) {
            Ok(filter) => {
                self.error = None;
                Some(TypedFilter { text: self.text.trim().to_owned(), filter })
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    /// Inserts a character at the cursor. Control characters, and characters beyond the limit,
    /// are ignored.
    pub fn insert(&mut self, c: char) {
        if is_hidden(c) || self.text.len() + c.len_utf8() > MAX_TEXT {
            return;
        }
        self.text.insert(self.cursor, c);
        self.cursor += c.len_utf8();
    }

    /// Inserts a text; line ends and tabs become spaces.
    pub fn paste(&mut self, text: &str) {
        for c in text.trim_end().chars().take(MAX_TEXT) {
            self.insert(if c.is_whitespace() { ' ' } else { c });
        }
    }

    /// Executes an editing command. `history` is sorted from old to new.
    pub fn edit(&mut self, command: LineCommand, history: &[String]) {
        match command {
            LineCommand::Accept => {}
            LineCommand::Left => self.cursor = self.before(),
            LineCommand::Right => self.cursor = self.after(),
            LineCommand::Home => self.cursor = 0,
            LineCommand::End => self.cursor = self.text.len(),
            LineCommand::EraseLeft => self.erase(self.before(), self.cursor),
            LineCommand::EraseRight => self.erase(self.cursor, self.after()),
            LineCommand::EraseAll => self.erase(0, self.cursor),
            LineCommand::EraseWord => {
                let left = self.text[..self.cursor].trim_end();
                let word = left.rfind(char::is_whitespace);
                let start =
                    word.map_or(0, |at| at + left[at..].chars().next().map_or(0, char::len_utf8));
                self.erase(start, self.cursor);
            }
            LineCommand::Older => self.recall(history, true),
            LineCommand::Newer => self.recall(history, false),
        }
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        let next = self.text[self.cursor..].chars().next();
        self.cursor + next.map_or(0, char::len_utf8)
    }

    fn erase(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn recall(&mut self, history: &[String], older: bool) {
        let next = match (self.recalled, older) {
            (None, true) => Some(0),
            (Some(at), true) => Some((at + 1).min(history.len().saturating_sub(1))),
            (Some(at), false) => at.checked_sub(1),
            (None, false) => return,
        };
        let text = match next {
            Some(at) => match history.iter().rev().nth(at) {
                Some(text) => text.clone(),
                None => return,
            },
            None => std::mem::take(&mut self.draft),
        };
        let typed = std::mem::replace(&mut self.text, text);
        if self.recalled.is_none() {
            self.draft = typed;
        }
        self.recalled = next;
        self.cursor = self.text.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> FilterLine {
        let mut line = FilterLine::default();
        line.paste(text);
        line
    }

    #[test]
    fn editing_works_on_characters_not_bytes() {
        let mut line = line("pört 漢");
        assert_eq!(line.cursor(), line.text().len());
        line.edit(LineCommand::EraseLeft, &[]);
        line.edit(LineCommand::Home, &[]);
        line.edit(LineCommand::Right, &[]);
        line.edit(LineCommand::EraseRight, &[]);
        line.insert('o');
        assert_eq!(line.text(), "port ");
        line.edit(LineCommand::Left, &[]);
        line.edit(LineCommand::Left, &[]);
        line.edit(LineCommand::Left, &[]);
        assert_eq!(line.cursor(), 0);
        line.edit(LineCommand::EraseLeft, &[]);
        assert_eq!(line.text(), "port ");
    }

    #[test]
    fn words_and_lines_are_erased_to_the_left() {
        let mut line = line("src\u{2003}net  10.0.0.0/8 ");
        line.edit(LineCommand::EraseWord, &[]);
        assert_eq!(line.text(), "src net  ");
        line.edit(LineCommand::EraseWord, &[]);
        assert_eq!(line.text(), "src ");
        line.edit(LineCommand::EraseAll, &[]);
        line.edit(LineCommand::EraseWord, &[]);
        assert_eq!((line.text(), line.cursor()), ("", 0));
    }

    #[test]
    fn history_goes_both_ways_and_keeps_the_draft() {
        let history = ["a".to_owned(), "b".to_owned()];
        let mut line = line("draft");
        for (command, want) in [
            (LineCommand::Newer, "draft"),
            (LineCommand::Older, "b"),
            (LineCommand::Older, "a"),
            (LineCommand::Older, "a"),
            (LineCommand::Newer, "b"),
            (LineCommand::Newer, "draft"),
        ] {
            line.edit(command, &history);
            assert_eq!(line.text(), want);
        }
        line.edit(LineCommand::Older, &[]);
        assert_eq!(line.text(), "draft");
    }

    #[test]
    fn the_text_is_bounded_and_free_of_control_characters() {
        let mut line = line(&"ä".repeat(MAX_TEXT));
        assert_eq!(line.text().len(), MAX_TEXT);
        line.insert('x');
        assert_eq!(line.text().len(), MAX_TEXT);
        let mut line = FilterLine::default();
        line.paste("a\u{1b}[2J\tb\r\n");
        assert_eq!(line.text(), "a[2J b");
    }
}
