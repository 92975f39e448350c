//! Columns of a file, read as they are asked for.

use std::path::Path;
use std::sync::Arc;

use super::ArchiveError;
use super::segment::Footer;
use crate::flow::column::{Dictionary, PAGE_ROWS, Vector};
use crate::flow::field::{Field, FieldKind, FieldValue};
use crate::flow::{Flow, FlowExtras, extras_of};

/// Flow records of a file as columns: a row group of a segment, a block of a
/// journal or of a file of nfcapd.
///
/// Rows are numbered from 0 in the order they were recorded, and read in pages
/// of [`PAGE_ROWS`]; only the last page is shorter. Of one field, all pages come
/// as ids of one dictionary, or none does... unless [`Chunk::dictionary`] gave
/// none; then every page is plain.
pub trait ColumnChunk: Send {
    /// How many rows there are; at least 1.
    fn rows(&self) -> usize;

    /// The file it is from.
    fn path(&self) -> &Path;

    /// The distinct values of a field, where all its pages are kept as places in them.
    ///
    /// # Errors
    /// When the file is damaged or cannot be read.
    fn dictionary(&mut self, field: Field) -> Result<Option<Arc<Dictionary>>, ArchiveError>;

    /// Reads a page of a field into `out`, whatever that held before.
    ///
    /// # Errors
    /// When the file is damaged or cannot be read.
    fn read(&mut self, field: Field, page: usize, out: &mut Vector) -> Result<(), ArchiveError>;

    /// The least and the greatest value of a field of numbers, if that is known
    /// without reading it. Times as the bits of `i64`, none of them negative.
    fn bounds(&self, field: Field) -> Option<(u64, u64)>;

    /// What the file says of all its rows together, if it says anything.
    fn footer(&self) -> Option<&Footer> {
        None
    }

    /// How many bytes of the file were read so far.
    fn bytes_read(&self) -> u64;

    /// How many pages there are.
    fn pages(&self) -> usize {
        self.rows().div_ceil(PAGE_ROWS)
    }

    /// How many rows a page has.
    fn page_rows(&self, page: usize) -> usize {
        self.rows().saturating_sub(page * PAGE_ROWS).min(PAGE_ROWS)
    }
}

/// The chunks of a file, in order. An error costs the part it is about; whoever
/// reads goes on.
pub type ColumnChunks = Box<dyn Iterator<Item = Result<Box<dyn ColumnChunk>, ArchiveError>> + Send>;

/// Flow records that lie in memory as they are, read as columns.
#[derive(Debug)]
pub struct RowChunk {
    path: Arc<Path>,
    flows: Vec<Flow>,
    more: Vec<FlowExtras>,
    bytes: u64,
}

impl RowChunk {
    /// Records of a file with what came with them ([`Flow::more`]), and how many
    /// bytes of the file they were. `None` without records.
    #[must_use]
    pub fn new(
        path: Arc<Path>,
        flows: Vec<Flow>,
        more: Vec<FlowExtras>,
        bytes: u64,
    ) -> Option<RowChunk> {
        (!flows.is_empty()).then_some(RowChunk { path, flows, more, bytes })
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
        let values = rows.map(|flow| (field.info().get)(flow, extras_of(flow, &self.more)));
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
