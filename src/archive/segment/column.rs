//! Writes a column: its pages one after the other; the dictionary is put in front of them at
//! the end.

use std::io;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding as Named, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

use super::bits::{put_runs, width};
use super::delta;
use super::dictionary::{DictionaryIndex, DictionaryKey};
use super::page::{Encoding, PageHeader};
use crate::archive::schema::{ArchiveColumn, Coding, StoredType};
use crate::flow::column::Vector;
use crate::flow::{Flow, FlowExtras, FlowText, Host, MAX_TEXT};

/// The compression level of zstd. The next levels take twice the time and save a twentieth of
/// the bytes.
const LEVEL: i32 = 1;

/// A page is stored compressed if that saves at least one byte in this many; nearly random ids
/// are read faster uncompressed.
const MIN_SAVING: usize = 12;

/// Buffers that all columns use in turn.
pub(super) struct Scratch {
    values: Vector,
    ids: Vec<u32>,
    raw: Vec<u8>,
    stored: Vec<u8>,
    zstd: zstd::bulk::Compressor<'static>,
}

impl Scratch {
    pub fn new() -> io::Result<Scratch> {
        Ok(Scratch {
            values: Vector::default(),
            ids: Vec::new(),
            raw: Vec::new(),
            stored: Vec::new(),
            zstd: zstd::bulk::Compressor::new(LEVEL)?,
        })
    }
}

/// A page in the bytes of its column.
struct Location {
    offset: usize,
    size: usize,
    rows: usize,
}

/// A column that is being written.
pub(super) struct ColumnWriter {
    column: ArchiveColumn,
    max_dictionary: usize,
    numbers: DictionaryIndex<u64>,
    hosts: DictionaryIndex<Host>,
    texts: DictionaryIndex<FlowText>,
    /// The least and the greatest of the values that are not in the dictionary.
    bounds: Option<(u128, u128)>,
    pages: Vec<u8>,
    locations: Vec<Location>,
    raw_bytes: usize,
    /// The number of pages of ids, which come before those of plain values.
    id_pages: usize,
    any_plain: bool,
    any_compressed: bool,
}

/// The size of a plain value in bytes; of a text, the largest size.
pub(super) fn plain_size(store: StoredType) -> usize {
    match store {
        StoredType::Text => 4 + MAX_TEXT,
        StoredType::Address => 16,
        StoredType::Unsigned(64) | StoredType::Millis | StoredType::Signed => 8,
        StoredType::Unsigned(_) | StoredType::Flag => 4,
    }
}

/// Appends numbers in Parquet's PLAIN encoding.
fn put_numbers(store: StoredType, numbers: &[u64], out: &mut Vec<u8>) {
    if plain_size(store) == 4 {
        out.extend(numbers.iter().flat_map(|number| (*number as u32).to_le_bytes()));
    } else {
        out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }
}

/// Maps a number so that unsigned order is the order of the column's type.
fn ordered(store: StoredType, number: u64) -> u128 {
    let signed = matches!(store, StoredType::Millis | StoredType::Signed);
    u128::from(number ^ (u64::from(signed) << 63))
}

fn put_hosts(hosts: &[Host], out: &mut Vec<u8>) {
    out.extend(hosts.iter().flat_map(|host| host.0.to_be_bytes()));
}

/// Appends texts in Parquet's PLAIN encoding: length and bytes.
fn put_texts(texts: &[FlowText], out: &mut Vec<u8>) {
    for text in texts.iter().map(FlowText::as_str) {
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    }
}

impl ColumnWriter {
    pub fn new(column: ArchiveColumn, max_dictionary: usize) -> ColumnWriter {
        ColumnWriter {
            column,
            max_dictionary,
            numbers: DictionaryIndex::default(),
            hosts: DictionaryIndex::default(),
            texts: DictionaryIndex::default(),
            bounds: None,
            pages: Vec::new(),
            locations: Vec::new(),
            raw_bytes: 0,
            id_pages: 0,
            any_plain: false,
            any_compressed: false,
        }
    }

    /// Appends a page of flows; `extras` are those of the whole batch.
    pub fn page(
        &mut self,
        flows: &[Flow],
        extras: &[FlowExtras],
        scratch: &mut Scratch,
    ) -> io::Result<()> {
        let mut values = std::mem::take(&mut scratch.values);
        let store = self.column.store;
        (self.column.field.info().gather)(flows, extras, &mut values);
        scratch.raw.clear();
        let encoding = match (&values, self.column.coding) {
            (Vector::Numbers(numbers), Coding::Delta) => {
                self.widen(numbers.iter().map(|number| ordered(store, *number)));
                delta::encode(numbers, &mut scratch.raw);
                Encoding::Delta
            }
            (Vector::Numbers(numbers), Coding::Runs) => {
                self.widen(numbers.iter().map(|number| u128::from(*number)));
                scratch.ids.clear();
                scratch.ids.extend(numbers.iter().map(|number| *number as u32));
                // Runs of booleans are preceded by their size in bytes.
                scratch.raw.extend([0; 4]);
                put_runs(&scratch.ids, 1, &mut scratch.raw);
                let length = (scratch.raw.len() - 4) as u32;
                scratch.raw.splice(..4, length.to_le_bytes());
                Encoding::Rle
            }
            (Vector::Numbers(numbers), Coding::Dictionary) if !self.is_full() => {
                ids(&mut self.numbers, numbers, scratch);
                Encoding::Ids
            }
            (Vector::Addresses(hosts), _) if !self.is_full() => {
                ids(&mut self.hosts, hosts, scratch);
                Encoding::Ids
            }
            (Vector::Numbers(numbers), Coding::Dictionary) => {
                self.widen(numbers.iter().map(|number| ordered(store, *number)));
                put_numbers(self.column.store, numbers, &mut scratch.raw);
                Encoding::Plain
            }
            (Vector::Addresses(hosts), _) => {
                self.widen(hosts.iter().map(|host| host.0));
                put_hosts(hosts, &mut scratch.raw);
                Encoding::Plain
            }
            (Vector::Texts(texts), _) if !self.is_full() => {
                ids(&mut self.texts, texts, scratch);
                Encoding::Ids
            }
            (Vector::Texts(texts), _) => {
                put_texts(texts, &mut scratch.raw);
                Encoding::Plain
            }
            (Vector::Ids(_), _) => Encoding::Plain, // fields are never gathered as ids
        };
        scratch.values = values;
        self.put(encoding, flows.len(), scratch)
    }

    /// Appends a page of rows whose value is that of [`FlowExtras::NONE`].
    pub fn default_page(&mut self, rows: usize, scratch: &mut Scratch) -> io::Result<()> {
        scratch.ids.clear();
        match self.column.store {
            StoredType::Address => self.hosts.extend(&[Host::UNSPECIFIED], &mut scratch.ids),
            StoredType::Text => self.texts.extend(&[FlowText::EMPTY], &mut scratch.ids),
            _ => self.numbers.extend(&[0], &mut scratch.ids),
        }
        let id = scratch.ids.first().copied().unwrap_or(0);
        scratch.ids.resize(rows, id);
        scratch.raw.clear();
        put_ids(self.values(), scratch);
        self.put(Encoding::Ids, rows, scratch)
    }

    /// The number of values in the dictionary, over all types; only one type is used.
    fn values(&self) -> usize {
        self.numbers.values().len() + self.hosts.values().len() + self.texts.values().len()
    }

    fn is_full(&self) -> bool {
        self.values() * plain_size(self.column.store) >= self.max_dictionary
    }

    /// The number of pages of ids.
    pub fn id_pages(&self) -> usize {
        self.id_pages
    }

    fn widen(&mut self, values: impl Iterator<Item = u128> + Clone) {
        if let (Some(min), Some(max)) = (values.clone().min(), values.max()) {
            let (least, greatest) = self.bounds.unwrap_or((min, max));
            self.bounds = Some((least.min(min), greatest.max(max)));
        }
    }

    /// Appends the content of `scratch.raw` as a page.
    fn put(&mut self, encoding: Encoding, rows: usize, scratch: &mut Scratch) -> io::Result<()> {
        self.id_pages += usize::from(encoding == Encoding::Ids);
        self.any_plain |= encoding == Encoding::Plain;
        let compressed = compress(scratch)?;
        self.any_compressed |= compressed;
        let page = if compressed { &scratch.stored } else { &scratch.raw };
        let header = PageHeader {
            dictionary: false,
            values: rows as u32,
            encoding,
            stored: page.len() as u32,
            raw: scratch.raw.len() as u32,
            compressed,
            crc: crc32fast::hash(page),
        };
        let offset = self.pages.len();
        header.write(&mut self.pages);
        self.raw_bytes += self.pages.len() - offset + scratch.raw.len();
        self.pages.extend_from_slice(page);
        self.locations.push(Location { offset, size: self.pages.len() - offset, rows });
        Ok(())
    }

    /// The bytes of the column, and its Parquet metadata.
    pub fn close(
        mut self,
        descriptor: ColumnDescPtr,
        scratch: &mut Scratch,
    ) -> io::Result<(Bytes, ColumnCloseResult)> {
        let mut bytes = Vec::new();
        let values = self.values();
        let compressed = self.any_compressed || values > 8;
        if self.id_pages > 0 {
            self.dictionary(values, compressed, scratch, &mut bytes)?;
        }
        let pages_at = bytes.len();
        bytes.append(&mut self.pages);
        let rows: usize = self.locations.iter().map(|page| page.rows).sum();
        let mut index = OffsetIndexBuilder::new();
        for page in &self.locations {
            index.append_row_count(page.rows as i64);
            index.append_offset_and_size((pages_at + page.offset) as i64, page.size as i32);
        }
        let codec = match compressed {
            true => Compression::ZSTD(ZstdLevel::try_new(LEVEL).unwrap_or_default()),
            false => Compression::UNCOMPRESSED,
        };
        let mut metadata = ColumnChunkMetaData::builder(descriptor)
            .set_encodings(self.encodings())
            .set_compression(codec)
            .set_num_values(rows as i64)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(self.raw_bytes as i64)
            .set_data_page_offset(pages_at as i64)
            .set_dictionary_page_offset((self.id_pages > 0).then_some(0));
        if let Some(statistics) = self.statistics() {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows as u64,
            metadata: metadata.build().map_err(io::Error::other)?,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(index.build()),
        };
        Ok((Bytes::from(bytes), close))
    }

    fn dictionary(
        &mut self,
        values: usize,
        compressed: bool,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        scratch.raw.clear();
        put_numbers(self.column.store, self.numbers.values(), &mut scratch.raw);
        put_hosts(self.hosts.values(), &mut scratch.raw);
        put_texts(self.texts.values(), &mut scratch.raw);
        if compressed {
            scratch.stored.clear();
            scratch.stored.reserve(zstd::zstd_safe::compress_bound(scratch.raw.len()));
            scratch.zstd.compress_to_buffer(&scratch.raw, &mut scratch.stored)?;
        }
        let page = if compressed { &scratch.stored } else { &scratch.raw };
        let header = PageHeader {
            dictionary: true,
            values: values as u32,
            encoding: Encoding::Plain,
            stored: page.len() as u32,
            raw: scratch.raw.len() as u32,
            compressed: true,
            crc: crc32fast::hash(page),
        };
        header.write(out);
        self.raw_bytes += out.len() + scratch.raw.len();
        out.extend_from_slice(page);
        Ok(())
    }

    fn encodings(&self) -> Vec<Named> {
        match self.column.coding {
            Coding::Delta => vec![Named::DELTA_BINARY_PACKED],
            Coding::Runs => vec![Named::RLE],
            Coding::Dictionary if self.id_pages == 0 => vec![Named::PLAIN],
            Coding::Dictionary => vec![Named::PLAIN, Named::RLE_DICTIONARY],
        }
    }

    fn statistics(&mut self) -> Option<Statistics> {
        let store = self.column.store;
        let numbers = std::mem::take(&mut self.numbers);
        self.widen(numbers.values().iter().map(|number| ordered(store, *number)));
        let hosts = std::mem::take(&mut self.hosts);
        self.widen(hosts.values().iter().map(|host| host.0));
        let (min, max) = self.bounds?;
        let number = |bits: u128| ordered(store, bits as u64) as u64;
        Some(match self.column.store {
            StoredType::Address => {
                let bytes = |bits: u128| {
                    FixedLenByteArray::from(ByteArray::from(bits.to_be_bytes().to_vec()))
                };
                Statistics::fixed_len_byte_array(
                    Some(bytes(min)),
                    Some(bytes(max)),
                    None,
                    Some(0),
                    false,
                )
            }
            StoredType::Text => return None,
            StoredType::Flag => {
                Statistics::boolean(Some(min != 0), Some(max != 0), None, Some(0), false)
            }
            store if plain_size(store) == 4 => {
                let bits = |bits: u128| Some((bits as u32).cast_signed());
                Statistics::int32(bits(min), bits(max), None, Some(0), false)
            }
            _ => {
                let bits = |bits: u128| Some(number(bits).cast_signed());
                Statistics::int64(bits(min), bits(max), None, Some(0), false)
            }
        })
    }
}

/// Encodes values as ids into `scratch.raw`.
fn ids<T: DictionaryKey + Default>(
    dictionary: &mut DictionaryIndex<T>,
    values: &[T],
    scratch: &mut Scratch,
) {
    scratch.ids.clear();
    dictionary.extend(values, &mut scratch.ids);
    put_ids(dictionary.values().len(), scratch);
}

/// Appends ids to `scratch.raw`, after their width for a dictionary of `values` values; at
/// least 1, because some readers do not accept 0.
fn put_ids(values: usize, scratch: &mut Scratch) {
    let width = width(values.saturating_sub(1) as u64).max(1);
    scratch.raw.push(width as u8);
    put_runs(&scratch.ids, width, &mut scratch.raw);
}

/// Whether the page should be stored compressed, as it then is in `scratch.stored`.
fn compress(scratch: &mut Scratch) -> io::Result<bool> {
    if scratch.raw.len() < 64 {
        return Ok(false);
    }
    scratch.stored.clear();
    scratch.stored.reserve(zstd::zstd_safe::compress_bound(scratch.raw.len()));
    scratch.zstd.compress_to_buffer(&scratch.raw, &mut scratch.stored)?;
    Ok(scratch.stored.len() + scratch.raw.len() / MIN_SAVING < scratch.raw.len())
}
