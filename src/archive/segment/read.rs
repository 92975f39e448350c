//! Reads segments, one page of a column at a time.

use std::cell::Cell;
use std::fmt::Display;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::bits::{PADDING, runs};
use super::column::plain_size;
use super::footer::{Footer, metadata};
use super::location::{ColumnPart, PageLocation, max_page, parts};
use super::page::{Encoding, MAX_HEADER, PageHeader};
use super::{MAX_DICTIONARY, delta};
use crate::archive::schema::{Coding, StoredType};
use crate::archive::{ArchiveError, ColumnChunk, is_sum_of};
use crate::flow::column::{Dictionary, PAGE_ROWS, Vector};
use crate::flow::field::Field;
use crate::flow::{FlowText, Host};

/// The largest ratio of decompressed to stored size of a dictionary. Its values are distinct;
/// the most similar ones reach a ratio of 80.
const MAX_RATIO: usize = 1024;

/// An open segment; its columns are read on demand.
pub struct Segment {
    path: Arc<Path>,
    file: File,
    footer: Footer,
    parts: Vec<ColumnPart>,
    bytes_read: u64,
    buffers: Buffers,
}

/// Buffers for reading pages.
#[derive(Default)]
struct Buffers {
    /// The stored bytes of a page. The buffer never shrinks, so that it is not zeroed again and
    /// again.
    stored: Vec<u8>,
    raw: Vec<u8>,
    ids: Vec<u32>,
    zstd: zstd::bulk::Decompressor<'static>,
}

thread_local! {
    /// The buffers of the segment that was closed last. A thread that reads many files one
    /// after the other gets zeroed memory from the system once, not per file.
    static SPARE: Cell<Option<Buffers>> = const { Cell::new(None) };
}

impl Drop for Segment {
    fn drop(&mut self) {
        let buffers = std::mem::take(&mut self.buffers);
        // If the thread is ending, the buffers are simply dropped.
        let _ = SPARE.try_with(|spare| spare.set(Some(buffers)));
    }
}

/// Opens a segment.
///
/// # Errors
/// When the file cannot be read, is damaged, is not a segment, or has an unsupported version.
pub fn open(path: &Path) -> Result<Segment, ArchiveError> {
    let file = crate::archive::regular::open(path)
        .map_err(|error| ArchiveError::io("open", path, error))?;
    let metadata = metadata(path, &file)?;
    let footer = Footer::parse(path, &metadata)?;
    let parts = parts(path, &file, &metadata.0, &footer)?;
    Ok(Segment {
        path: Arc::from(path),
        file,
        footer,
        parts,
        bytes_read: 0,
        buffers: SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default(),
    })
}

impl Segment {
    /// The metadata of the segment.
    #[must_use]
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    fn damaged(&self, field: Field, what: impl Display) -> ArchiveError {
        ArchiveError::damaged(&self.path, format!("column {}: {what}", field.info().name))
    }

    /// The error for a page, or for the dictionary.
    fn damaged_at(&self, field: Field, page: Option<usize>, what: &str) -> ArchiveError {
        match page {
            Some(page) => self.damaged(field, format_args!("page {page}: {what}")),
            None => self.damaged(field, format_args!("dictionary: {what}")),
        }
    }

    /// Whether the file has no column for a field, because the field is newer.
    fn lacks(&self, field: Field) -> bool {
        field as usize >= self.parts.len()
    }

    fn part(&self, field: Field) -> Result<&ColumnPart, ArchiveError> {
        let part = self.parts.get(field as usize);
        part.ok_or_else(|| self.damaged(field, "it is missing"))
    }

    /// Reads a page, or the dictionary, into `buffers.raw`, followed by [`PADDING`] zeros; at
    /// most `most` bytes.
    fn load(
        &mut self,
        field: Field,
        page: Option<usize>,
        location: PageLocation,
        most: usize,
    ) -> Result<PageHeader, ArchiveError> {
        let compressed = self.part(field)?.compressed;
        let Buffers { stored, raw, zstd, .. } = &mut self.buffers;
        if stored.len() < location.size {
            stored.resize(location.size, 0);
        }
        let stored = stored.get_mut(..location.size).unwrap_or_default();
        self.file
            .read_exact_at(stored, location.offset)
            .map_err(|error| ArchiveError::reading(&self.path, error))?;
        self.bytes_read += location.size as u64;
        let parsed = PageHeader::parse(stored);
        let found = parsed.and_then(|(header, at)| {
            let (head, bytes) = stored.split_at_checked(at)?;
            // The header must have the canonical encoding, so that no damaged bit stays
            // unnoticed.
            header.is_written_as(head).then_some((header, bytes))
        });
        let Some((header, bytes)) = found.filter(|(header, bytes)| {
            header.stored as usize == bytes.len() && header.raw as usize <= most
        }) else {
            return Err(self.damaged_at(field, page, "its header is invalid"));
        };
        if !is_sum_of(header.crc, bytes) {
            return Err(self.damaged_at(field, page, "the checksum is wrong"));
        }
        let length = header.raw as usize;
        raw.clear();
        if compressed && header.compressed {
            raw.reserve(length + PADDING);
            if zstd.decompress_to_buffer(bytes, raw).ok() != Some(length) {
                return Err(self.damaged_at(field, page, "it cannot be decompressed"));
            }
        } else if bytes.len() == length {
            raw.extend_from_slice(bytes);
        } else {
            return Err(self.damaged_at(field, page, "its length differs from its header"));
        }
        raw.extend([0; PADDING]);
        Ok(header)
    }

    /// The dictionary of a column; it is read once.
    fn values(&mut self, field: Field) -> Result<Option<Arc<Dictionary>>, ArchiveError> {
        let part = self.part(field)?;
        if part.column.coding == Coding::Runs {
            return Ok(Some(Arc::new(Dictionary::Numbers(vec![0, 1]))));
        }
        if part.values.is_some() {
            return Ok(part.values.clone());
        }
        let (Some(location), store) = (part.dictionary, part.column.store) else { return Ok(None) };
        // Each value occurs in at least one row, and distinct values compress only by a bounded
        // ratio. So a small file cannot claim much memory.
        let value = plain_size(store);
        let of_rows = self.rows().saturating_mul(value.max(16));
        let of_rows = of_rows.min(MAX_DICTIONARY + PAGE_ROWS * value.max(16));
        let most = of_rows.min(location.size.saturating_mul(MAX_RATIO));
        let header = self.load(field, None, location, most)?;
        let bytes = self.buffers.raw.len() - PADDING;
        let mut values = Vector::default();
        let read = plain(store, self.buffers.raw.get(..bytes).unwrap_or_default(), &mut values);
        let is_plain = header.dictionary && header.encoding == Encoding::Plain;
        let count = values.len();
        if !is_plain || read.is_none() || count != header.values as usize || count == 0 {
            return Err(self.damaged_at(field, None, "its values are invalid"));
        }
        let values = Arc::new(match values {
            Vector::Addresses(hosts) => Dictionary::Addresses(hosts),
            Vector::Numbers(numbers) => Dictionary::Numbers(numbers),
            Vector::Texts(texts) => Dictionary::Texts(texts),
            Vector::Ids(_) => Dictionary::Numbers(Vec::new()), // plain values are no ids
        });
        if let Some(part) = self.parts.get_mut(field as usize) {
            part.values = Some(Arc::clone(&values));
        }
        Ok(Some(values))
    }

    /// Whether all pages are of ids. After a dictionary became too large, all further pages are
    /// plain, so the last page tells.
    fn only_ids(&mut self, field: Field) -> Result<bool, ArchiveError> {
        let part = self.part(field)?;
        if let Some(known) = part.only_ids {
            return Ok(known);
        }
        let only_ids = match (part.column.coding, part.dictionary, part.pages.last()) {
            (Coding::Runs, ..) => true,
            (Coding::Delta, ..) | (_, None, _) | (_, _, None) => false,
            (_, Some(_), Some(last)) => {
                let mut head = [0; MAX_HEADER];
                let length = last.size.min(MAX_HEADER);
                let bytes = head.get_mut(..length).unwrap_or_default();
                self.file
                    .read_exact_at(bytes, last.offset)
                    .map_err(|error| ArchiveError::reading(&self.path, error))?;
                match PageHeader::parse(bytes) {
                    Some((header, _)) => header.encoding == Encoding::Ids,
                    None => {
                        let page = part.pages.len() - 1;
                        let what = "its header is invalid";
                        return Err(self.damaged_at(field, Some(page), what));
                    }
                }
            }
        };
        if let Some(part) = self.parts.get_mut(field as usize) {
            part.only_ids = Some(only_ids);
        }
        Ok(only_ids)
    }

    /// Decodes the ids in `buffers.raw`, all of them below `values`.
    fn decode_ids(
        &self,
        encoding: Encoding,
        rows: usize,
        values: usize,
        ids: &mut Vec<u32>,
    ) -> Option<()> {
        ids.clear();
        match encoding {
            Encoding::Ids => {
                let width = u32::from(*self.buffers.raw.first()?);
                if width > 32 {
                    return None;
                }
                runs(self.buffers.raw.get(1..)?, width, rows, ids)?;
            }
            Encoding::Rle => runs(self.buffers.raw.get(4..)?, 1, rows, ids)?,
            Encoding::Plain | Encoding::Delta => return None,
        }
        let greatest = ids.iter().fold(0, |greatest, id| greatest.max(*id));
        ((greatest as usize) < values).then_some(())
    }
}

/// Decodes values in Parquet's PLAIN encoding. `None` if the length of a text is wrong.
fn plain(store: StoredType, bytes: &[u8], out: &mut Vector) -> Option<()> {
    match store {
        StoredType::Text => {
            let (texts, mut rest) = (out.texts(), bytes);
            while !rest.is_empty() {
                let (length, behind) = rest.split_first_chunk()?;
                let (text, behind) =
                    behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                texts.push(FlowText::of_bytes(text));
                rest = behind;
            }
        }
        StoredType::Address => {
            let (values, _) = bytes.as_chunks::<16>();
            out.addresses().extend(values.iter().map(|bytes| Host(u128::from_be_bytes(*bytes))));
        }
        StoredType::Unsigned(64) | StoredType::Millis | StoredType::Signed => {
            let (values, _) = bytes.as_chunks::<8>();
            out.numbers().extend(values.iter().map(|bytes| u64::from_le_bytes(*bytes)));
        }
        StoredType::Unsigned(_) | StoredType::Flag => {
            let (values, _) = bytes.as_chunks::<4>();
            out.numbers().extend(values.iter().map(|bytes| u64::from(u32::from_le_bytes(*bytes))));
        }
    }
    Some(())
}

/// Replaces ids by their values.
fn looked_up(values: &Dictionary, ids: &[u32], out: &mut Vector) {
    match values {
        Dictionary::Addresses(hosts) => {
            out.addresses().extend(ids.iter().filter_map(|id| hosts.get(*id as usize)));
        }
        Dictionary::Numbers(numbers) => {
            out.numbers().extend(ids.iter().filter_map(|id| numbers.get(*id as usize)));
        }
        Dictionary::Texts(texts) => {
            out.texts().extend(ids.iter().filter_map(|id| texts.get(*id as usize)));
        }
    }
}

impl ColumnChunk for Segment {
    fn rows(&self) -> usize {
        self.footer.rows as usize
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn dictionary(&mut self, field: Field) -> Result<Option<Arc<Dictionary>>, ArchiveError> {
        if self.lacks(field) {
            return Ok(Some(Arc::new(Dictionary::nothing(field))));
        }
        if self.only_ids(field)? { self.values(field) } else { Ok(None) }
    }

    fn read(&mut self, field: Field, page: usize, out: &mut Vector) -> Result<(), ArchiveError> {
        let rows = self.page_rows(page);
        if self.lacks(field) {
            out.ids().resize(rows, 0);
            return Ok(());
        }
        let part = self.part(field)?;
        let store = part.column.store;
        let Some(location) = part.pages.get(page).copied() else {
            return Err(self.damaged_at(field, Some(page), "it is missing"));
        };
        let only_ids = self.only_ids(field)?;
        let values = self.values(field)?;
        let header = self.load(field, Some(page), location, max_page(store))?;
        let invalid = "its values are invalid";
        let is_allowed = self.part(field)?.allows(page, header.encoding);
        if header.dictionary || !is_allowed || header.values as usize != rows {
            return Err(self.damaged_at(field, Some(page), invalid));
        }
        let read = match (header.encoding, values) {
            (Encoding::Ids | Encoding::Rle, Some(values)) if only_ids => {
                self.decode_ids(header.encoding, rows, values.len(), out.ids())
            }
            (Encoding::Ids, Some(values)) => {
                let mut ids = std::mem::take(&mut self.buffers.ids);
                let read = self.decode_ids(header.encoding, rows, values.len(), &mut ids);
                looked_up(&values, &ids, out);
                self.buffers.ids = ids;
                read
            }
            (Encoding::Delta, _) if !only_ids => {
                delta::decode(&self.buffers.raw, rows, out.numbers())
            }
            (Encoding::Plain, _) if !only_ids => {
                let bytes = self.buffers.raw.len() - PADDING;
                plain(store, self.buffers.raw.get(..bytes).unwrap_or_default(), out)
            }
            _ => None,
        };
        match read {
            Some(()) if out.len() == rows => Ok(()),
            _ => Err(self.damaged_at(field, Some(page), invalid)),
        }
    }

    fn bounds(&self, field: Field) -> Option<(u64, u64)> {
        self.footer.bounds(field)
    }

    fn footer(&self) -> Option<&Footer> {
        Some(&self.footer)
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}
