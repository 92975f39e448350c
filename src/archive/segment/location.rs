//! The locations of a segment's columns and pages, checked against the file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::MAX_DICTIONARY;
use super::column::plain_size;
use super::footer::Footer;
use super::page::{Encoding, MAX_HEADER};
use super::thrift::locations;
use crate::archive::ArchiveError;
use crate::archive::schema::{ArchiveColumn, Coding, StoredType};
use crate::flow::column::{Dictionary, PAGE_ROWS};

/// The largest size of a page in bytes: plain values, or delta-encoded numbers (64 bits each,
/// and their widths).
pub(super) fn max_page(store: StoredType) -> usize {
    PAGE_ROWS * plain_size(store).max(16) + (1 << 16)
}

/// The location of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageLocation {
    pub offset: u64,
    pub size: usize,
}

/// The location of a column, and what was read of it.
#[derive(Debug)]
pub(super) struct ColumnPart {
    pub column: ArchiveColumn,
    pub compressed: bool,
    pub dictionary: Option<PageLocation>,
    pub pages: Vec<PageLocation>,
    /// The dictionary, after it was read.
    pub values: Option<Arc<Dictionary>>,
    /// The number of pages of ids, which come first; `None` in version 1, where only the pages
    /// themselves tell.
    pub id_pages: Option<usize>,
    /// Whether all pages are of ids; `None` until that is known.
    pub only_ids: Option<bool>,
}

impl ColumnPart {
    /// Whether the page with this number may have this encoding.
    pub fn allows(&self, page: usize, encoding: Encoding) -> bool {
        let is_ids = encoding == Encoding::Ids;
        match self.column.coding {
            Coding::Delta => encoding == Encoding::Delta,
            Coding::Runs => encoding == Encoding::Rle,
            Coding::Dictionary => {
                (is_ids || encoding == Encoding::Plain)
                    && self.id_pages.is_none_or(|id_pages| is_ids == (page < id_pages))
            }
        }
    }
}

/// The largest size of all page indexes in bytes; an entry has about 20.
const MAX_INDEX: u64 = 1 << 20;

/// The page indexes of all columns, which are contiguous.
struct PageIndex {
    begin: u64,
    bytes: Vec<u8>,
}

/// The location of a column's page index: its beginning and its end.
fn index_of(column: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let begin = u64::try_from(column.offset_index_offset()?).ok()?;
    let length = u64::try_from(column.offset_index_length()?).ok()?;
    Some((begin, begin.checked_add(length)?))
}

/// The location of all page indexes: offset and size.
fn index_location(metadata: &ParquetMetaData, length: u64) -> Result<(u64, usize), String> {
    let columns = metadata.row_groups().first().map_or(&[][..], |group| group.columns());
    let indexes: Option<Vec<_>> = columns.iter().map(index_of).collect();
    let indexes = indexes.ok_or("it has no page index")?;
    let begin = indexes.iter().map(|index| index.0).min().unwrap_or(0);
    let end = indexes.iter().map(|index| index.1).max().unwrap_or(0);
    match end.checked_sub(begin) {
        Some(size @ 0..=MAX_INDEX) if end <= length => Ok((begin, size as usize)),
        _ => Err(format!("the page index is from byte {begin} to {end} of {length}")),
    }
}

impl PageIndex {
    fn of(&self, column: &ColumnChunkMetaData) -> Option<&[u8]> {
        let (begin, end) = index_of(column)?;
        let at = |offset: u64| usize::try_from(offset.checked_sub(self.begin)?).ok();
        self.bytes.get(at(begin)?..at(end)?)
    }
}

/// The locations of all columns. They follow each other, so that no page belongs to two columns
/// and none reaches beyond the file.
pub(super) fn parts(
    path: &Path,
    file: &File,
    metadata: &ParquetMetaData,
    footer: &Footer,
) -> Result<Vec<ColumnPart>, ArchiveError> {
    let io = |error| ArchiveError::reading(path, error);
    let damaged = |what: String| ArchiveError::damaged(path, what);
    let length = file.metadata().map_err(io)?.len();
    let (begin, size) = index_location(metadata, length).map_err(damaged)?;
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, begin).map_err(io)?;
    let index = PageIndex { begin, bytes };
    let Some(group) = metadata.row_groups().first() else { return Err(damaged("no rows".into())) };
    let mut parts = Vec::new();
    let mut free = UnclaimedBytes { begin: 0, end: length };
    let rows = footer.rows as usize;
    for (column, found) in ArchiveColumn::of_version(footer.version).zip(group.columns()) {
        let of_name = |what| damaged(format!("column {}: {what}", column.name()));
        let mut part = part(column, found, &index, rows, &mut free).map_err(of_name)?;
        if let (Some(id_pages), Coding::Dictionary) =
            (footer.id_pages.get(parts.len()), column.coding)
        {
            part.id_pages = Some(*id_pages);
            part.only_ids = Some(*id_pages == part.pages.len());
        }
        parts.push(part);
    }
    Ok(parts)
}

/// The bytes of the file that belong to no page yet.
struct UnclaimedBytes {
    begin: u64,
    end: u64,
}

impl UnclaimedBytes {
    /// Claims bytes, and all bytes before them.
    fn take(&mut self, offset: i64, size: i64, most: usize) -> Option<PageLocation> {
        let (offset, size) = (u64::try_from(offset).ok()?, u64::try_from(size).ok()?);
        let end = offset.checked_add(size)?;
        if offset < self.begin || end > self.end || size > most as u64 {
            return None;
        }
        self.begin = end;
        Some(PageLocation { offset, size: size as usize })
    }
}

fn part(
    column: ArchiveColumn,
    found: &ColumnChunkMetaData,
    index: &PageIndex,
    rows: usize,
    free: &mut UnclaimedBytes,
) -> Result<ColumnPart, String> {
    let Some(locations) = index.of(found).and_then(locations) else {
        return Err("its page index is invalid".into());
    };
    if locations.len() != rows.div_ceil(PAGE_ROWS) {
        return Err(format!("{} pages for {rows} rows", locations.len()));
    }
    let first = locations.first().map_or(0, |page| page.offset);
    let most = MAX_DICTIONARY + PAGE_ROWS * plain_size(column.store) + MAX_HEADER;
    let dictionary = match found.dictionary_page_offset() {
        None => None,
        Some(offset) => {
            let location = free.take(offset, first.saturating_sub(offset), most);
            Some(location.ok_or("its dictionary is not in front of its pages")?)
        }
    };
    let mut pages = Vec::with_capacity(locations.len());
    for (nth, page) in locations.iter().enumerate() {
        match free.take(page.offset, page.size, max_page(column.store) + MAX_HEADER) {
            Some(at) if page.first_row == (nth * PAGE_ROWS) as i64 => pages.push(at),
            _ => return Err(format!("page {nth} is not in its place")),
        }
    }
    let compressed = match found.compression() {
        Compression::ZSTD(_) => true,
        Compression::UNCOMPRESSED => false,
        other => return Err(format!("it has the unsupported compression {other}")),
    };
    Ok(ColumnPart {
        column,
        compressed,
        dictionary,
        pages,
        values: None,
        id_pages: None,
        only_ids: None,
    })
}
