//! Columns of a flow file, read on demand.

use std::path::Path;
use std::sync::Arc;

use super::ArchiveError;
use super::segment::Footer;
use crate::flow::column::{Dictionary, PAGE_ROWS, Vector};
use crate::flow::field::{Field, FieldKind, FieldValue};
use crate::flow::{Flow, FlowExtras, extras_of};

/// The flow records of one unit of a file, as columns: a row group of a segment, or a block of
/// a journal or of an nfcapd file.
///
/// Rows are numbered from 0 in the order in which they were recorded, and are read in pages of
/// [`PAGE_ROWS`]; only the last page may be shorter. If [`ColumnChunk::dictionary`] gives a
/// dictionary for a field, all its pages are ids into it; otherwise all its pages hold plain
/// values.
pub trait ColumnChunk: Send {
    /// The number of rows; at least 1.
    fn rows(&self) -> usize;

    /// The path of the file.
    fn path(&self) -> &Path;

    /// The distinct values of a field if all its pages are stored as ids into a dictionary,
    /// else `None`.
    ///
    /// # Errors
    /// When the file is damaged or cannot be read.
    fn dictionary(&mut self, field: Field) -> Result<Option<Arc<Dictionary>>, ArchiveError>;

    /// Reads page number `page` (from 0) of a field into `out`; the previous content of `out`
    /// is replaced.
    ///
    /// # Errors
    /// When the file is damaged or cannot be read.
    fn read(&mut self, field: Field, page: usize, out: &mut Vector) -> Result<(), ArchiveError>;

    /// The least and the greatest value of a numeric field, if they are known without reading
    /// the column. Times are the bits of an `i64` in milliseconds; none of them is negative.
    fn bounds(&self, field: Field) -> Option<(u64, u64)>;

    /// The footer of the file, if it has one.
    fn footer(&self) -> Option<&Footer> {
        None
    }

    /// The number of bytes read from the file so far.
    fn bytes_read(&self) -> u64;

    /// The number of pages.
    fn pages(&self) -> usize {
        self.rows().div_ceil(PAGE_ROWS)
    }

    /// The number of rows in page number `page`.
    fn page_rows(&self, page: usize) -> usize {
        self.rows().saturating_sub(page * PAGE_ROWS).min(PAGE_ROWS)
    }
}

/// The chunks of a file, in order. An error concerns only its own chunk; the caller continues
/// with the next one.
pub type ColumnChunks = Box<dyn Iterator<Item = Result<Box<dyn ColumnChunk>, ArchiveError>> + Send>;

/// Flow records in memory, read as columns.
#[derive(Debug)]
pub struct RowChunk {
    path: Arc<Path>,
    flows: Vec<Flow>,
    extras: Vec<FlowExtras>,
    bytes: u64,
}

impl RowChunk {
    /// Records of a file with their extras ([`Flow::more`] refers to them), and the number of
    /// bytes that the records took in the file. `None` if there are no records.
    #[must_use]
    pub fn new(
        path: Arc<Path>,
        flows: Vec<Flow>,
        extras: Vec<FlowExtras>,
        bytes: u64,
    ) -> Option<RowChunk> {
        (!flows.is_empty()).then_some(RowChunk { path, flows, extras, bytes })
    }
}

impl ColumnChunk for RowChunk {
    fn rows(&self) -> usize {
        self.flows.len()
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn dictionary(&mut self, _: Field) -> Result<Option<Arc<Dictionary>>, ArchiveError> {
        Ok(None)
    }

    fn read(&mut self, field: Field, page: usize, out: &mut Vector) -> Result<(), ArchiveError> {
        let rows = self.flows.iter().skip(page * PAGE_ROWS).take(PAGE_ROWS);
        let values = rows.map(|flow| (field.info().get)(flow, extras_of(flow, &self.extras)));
        match field.info().kind {
            FieldKind::Address => out.addresses().extend(values.filter_map(|value| match value {
                FieldValue::Address(host) => Some(host),
                _ => None,
            })),
            FieldKind::Text => out.texts().extend(values.filter_map(|value| match value {
                FieldValue::Text(text) => Some(text),
                _ => None,
            })),
            _ => out.numbers().extend(values.filter_map(|value| match value {
                FieldValue::Number(number) => Some(number),
                FieldValue::Time(time) => Some(time.0.cast_unsigned()),
                FieldValue::Address(_) | FieldValue::Text(_) => None,
            })),
        }
        Ok(())
    }

    fn bounds(&self, _: Field) -> Option<(u64, u64)> {
        None
    }

    fn bytes_read(&self) -> u64 {
        self.bytes
    }
}
