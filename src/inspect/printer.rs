//! Lines in the shape that was asked for.

use super::line::Line;
use super::text::Text;

/// How it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// For people.
    Table,
    /// One JSON object a line.
    Ndjson,
}

/// Writes lines in one shape.
pub(super) struct Printer {
    pub(super) shape: Shape,
    pub(super) text: Text,
}

impl Printer {
    /// Appends a line.
    pub(super) fn line(&mut self, line: &Line<'_>, out: &mut Vec<u8>) {
        match self.shape {
            Shape::Table => out.extend(self.text.line(line).into_bytes()),
            // Keys are texts and a `Vec` takes all: there is nothing that could fail.
            Shape::Ndjson => {
                let _ = crate::text::json(&mut *out, line);
                out.push(b'\n');
            }
        }
    }
}
