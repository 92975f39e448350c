//! Short texts of a flow, such as a user name.

use std::fmt;

use crate::text::is_hidden;

/// Maximum length of a [`FlowText`] in bytes. AAA user names have up to 64; longer ones are
/// cut.
pub const MAX_TEXT: usize = 64;

/// A text of at most [`MAX_TEXT`] bytes of UTF-8 without control characters, stored in place so
/// that records are plain bytes. It is padded with zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowText([u8; MAX_TEXT]);

impl FlowText {
    /// The empty text.
    pub const EMPTY: FlowText = FlowText([0; MAX_TEXT]);

    /// A text from outside: hidden characters are removed, and a text that is too long is cut after
    /// the last character that fits.
    #[must_use]
    pub fn new(text: &str) -> FlowText {
        let (mut bytes, mut length) = ([0; MAX_TEXT], 0);
        for char in text.chars().filter(|char| !is_hidden(*char)) {
            let end = length + char.len_utf8();
            let Some(place) = bytes.get_mut(length..end) else { break };
            char.encode_utf8(place);
            length = end;
        }
        FlowText(bytes)
    }

    /// A text from bytes, up to the first zero. Invalid UTF-8 is replaced.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> FlowText {
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        if text.is_empty() {
            FlowText::EMPTY
        } else {
            FlowText::new(&String::from_utf8_lossy(text))
        }
    }

    /// A text that is formatted in place, without allocating. What does not fit is cut.
    #[must_use]
    pub fn formatted(what: fmt::Arguments<'_>) -> FlowText {
        struct Place([u8; MAX_TEXT], usize);
        impl fmt::Write for Place {
            fn write_str(&mut self, part: &str) -> fmt::Result {
                let end = self.1 + part.len();
                self.0.get_mut(self.1..end).ok_or(fmt::Error)?.copy_from_slice(part.as_bytes());
                self.1 = end;
                Ok(())
            }
        }
        let mut place = Place([0; MAX_TEXT], 0);
        // An error means that a part did not fit; the parts before it stay.
        let _ = fmt::write(&mut place, what);
        FlowText::of_bytes(&place.0)
    }

    /// All bytes, including the zeros at the end.
    #[must_use]
    pub fn padded(&self) -> &[u8; MAX_TEXT] {
        &self.0
    }

    /// The text without padding.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        str::from_utf8(text).unwrap_or_default()
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.first() == Some(&0)
    }
}

impl Default for FlowText {
    fn default() -> FlowText {
        FlowText::EMPTY
    }
}

impl fmt::Debug for FlowText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_have_no_controls() {
        assert_eq!(FlowText::new("anna@example.org").as_str(), "anna@example.org");
        assert_eq!(FlowText::new("a\u{1b}[2J\0\u{9b}b").as_str(), "a[2Jb");
        let long = "\u{20ac}".repeat(40);
        assert_eq!(FlowText::new(&long).as_str(), "\u{20ac}".repeat(21), "63 bytes");
        assert_eq!(FlowText::formatted(format_args!("{}:{}", 13, 80)).as_str(), "13:80");
        assert_eq!(FlowText::formatted(format_args!("{}{long}", 1)).as_str(), "1");
        assert_eq!(FlowText::of_bytes(b"anna\0\0bob").as_str(), "anna");
        assert_eq!(FlowText::of_bytes(&[0xff, b'x']).as_str(), "\u{fffd}x");
        assert_eq!(FlowText::of_bytes(FlowText::new(&long).padded()), FlowText::new(&long));
        assert!(
            FlowText::EMPTY.is_empty()
                && FlowText::new("").is_empty()
                && !FlowText::new("x").is_empty()
        );
    }
}
