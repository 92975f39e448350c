//! Lines in the shape that was asked for.

use super::line::InspectLine;
use super::text::TextPrinter;

/// How it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InspectFormat {
    /// For people.
    Table,
    /// One JSON object a line.
    Ndjson,
}

/// Writes lines in one shape.
pub(super) struct InspectPrinter {
    pub(super) shape: InspectFormat,
    pub(super) text: TextPrinter,
}

impl InspectPrinter {
    /// Appends a line.
    pub(super) fn line(&mut self, line: &InspectLine<'_>, out: &mut Vec<u8>) {
        match self.shape {
            InspectFormat::Table => out.extend(self.text.line(line).into_bytes()),
            // Keys are texts and a `Vec` takes all: there is nothing that could fail.
            InspectFormat::Ndjson => {
                let _ = crate::text::json(&mut *out, line);
                out.push(b'\n');
            }
        }
    }
}
