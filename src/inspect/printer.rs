//! Prints lines in the format that was asked for.

use super::line::InspectLine;
use super::text::TextPrinter;

/// Output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InspectFormat {
    /// A table for people.
    Table,
    /// One JSON object on each line.
    Ndjson,
}

/// Prints lines in one format.
pub(super) struct InspectPrinter {
    pub(super) shape: InspectFormat,
    pub(super) text: TextPrinter,
}

impl InspectPrinter {
    /// Appends a line.
    pub(super) fn line(&mut self, line: &InspectLine<'_>, out: &mut Vec<u8>) {
        match self.shape {
            InspectFormat::Table => out.extend(self.text.line(line).into_bytes()),
            // This cannot fail: all keys are texts, and writing to a `Vec` does not fail.
            InspectFormat::Ndjson => {
                let _ = crate::text::json(&mut *out, line);
                out.push(b'\n');
            }
        }
    }
}
