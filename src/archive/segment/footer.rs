//! The metadata of a segment, which can be read without its columns.

use std::fs::File;
use std::path::Path;

use parquet::file::metadata::{KeyValue, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::statistics::Statistics;

use super::MAX_ROWS;
use super::sums::{PageSums, SegmentTotals, span_of};
use super::tail::{self, TailCheck};
use super::thrift::{MetadataError, look_over};
use crate::archive::ArchiveError;
use crate::archive::schema::{ArchiveColumn, StoredType, Version};
use crate::flow::column::PAGE_ROWS;
use crate::flow::field::Field;
use crate::flow::{Flow, FlowExtras, Time};
use crate::text::clean;

/// The key of the format version among the key-value pairs.
const VERSION: &str = "toptalk.archive";

/// The largest size of the metadata that is read; segments have about 20 kB.
const MAX_METADATA: u32 = 1 << 20;

/// How the `created_by` of toptalk's segments begins.
const WRITER: &str = "toptalk ";

/// The number of characters of another writer's name that are shown.
const MAX_NAME: usize = 60;

/// The slot of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// Its beginning.
    pub start: Time,
    /// Its length in milliseconds.
    pub length_ms: i64,
}

/// The metadata of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    /// The format version.
    pub version: Version,
    /// The slot.
    pub slot: SlotInfo,
    /// The source file, if the segment was converted: see [`crate::archive::convert`].
    pub source: Option<String>,
    /// The number of rows.
    pub rows: u64,
    /// The earliest `first` and the latest `last`, by the exporters' clocks, of flows that are
    /// not far off ([`Flow::is_far_off`]); `None` if all are.
    pub span: Option<(Time, Time)>,
    /// Whether there are flows that are far off; their times may be anything.
    pub far_off: bool,
    /// The number of records without duplicates.
    pub flows: u64,
    /// Their packets, multiplied by the sampling rates.
    pub packets: u64,
    /// Their bytes, multiplied by the sampling rates.
    pub bytes: u64,
    /// The number of rows that are duplicates.
    pub duplicates: u64,
    /// The sums of each page; none in version 1.
    pub pages: Vec<PageSums>,
    /// The number of pages of ids of each column, which come first; unknown in version 1.
    pub(super) id_pages: Vec<usize>,
    /// The least and the greatest value of numeric fields.
    bounds: Vec<(Field, u64, u64)>,
}

impl Footer {
    /// The least and the greatest value of a numeric field, in the form of
    /// [`ColumnChunk::bounds`](crate::archive::ColumnChunk::bounds).
    #[must_use]
    pub fn bounds(&self, field: Field) -> Option<(u64, u64)> {
        self.bounds.iter().find(|(of, ..)| *of == field).map(|(_, min, max)| (*min, *max))
    }

    /// The footer of flows that are written, with their extras.
    pub(super) fn of(flows: &[Flow], extras: &[FlowExtras], slot: SlotInfo) -> Footer {
        let pages = PageSums::of_pages(flows, extras);
        let totals = SegmentTotals::of(&pages, flows.len() as u64);
        let (span, far_off) = span_of(flows);
        Footer {
            version: Version::NEWEST,
            slot,
            source: None,
            rows: flows.len() as u64,
            span,
            far_off,
            flows: totals.flows,
            packets: totals.packets,
            bytes: totals.bytes,
            duplicates: totals.duplicates,
            pages,
            id_pages: Vec::new(),
            bounds: Vec::new(),
        }
    }

    /// Whether no flow can be in the time between `from` and `to`, as far as these are given. A
    /// query for that time skips the file.
    #[must_use]
    pub fn is_outside(&self, from: Option<Time>, to: Option<Time>) -> bool {
        let outside = self.span.is_none_or(|(first, last)| {
            from.is_some_and(|from| last < from) || to.is_some_and(|to| first > to)
        });
        outside && !self.far_off
    }

    /// Whether [`bounds`](Footer::bounds) are exact, not only limits: in version 1 some are
    /// not.
    #[must_use]
    pub fn has_exact_bounds(&self) -> bool {
        self.version != Version::One
    }

    pub(super) fn with_bounds(self, metadata: &ParquetMetaData) -> Footer {
        Footer { bounds: bounds(metadata, self.version), ..self }
    }

    /// The key-value pairs for Parquet's metadata.
    pub(super) fn pairs(&self) -> Vec<KeyValue> {
        let mut pairs = vec![
            (VERSION, self.version.number().to_string()),
            ("toptalk.slot_start", self.slot.start.0.to_string()),
            ("toptalk.slot_length", self.slot.length_ms.to_string()),
            ("toptalk.rows", self.rows.to_string()),
            ("toptalk.far_off", u8::from(self.far_off).to_string()),
            ("toptalk.flows", self.flows.to_string()),
            ("toptalk.packets", self.packets.to_string()),
            ("toptalk.bytes", self.bytes.to_string()),
            ("toptalk.duplicates", self.duplicates.to_string()),
        ];
        if let Some(source) = &self.source {
            pairs.push(("toptalk.source", source.clone()));
        }
        if let Some((first, last)) = self.span {
            pairs.push(("toptalk.first", first.0.to_string()));
            pairs.push(("toptalk.last", last.0.to_string()));
        }
        let id_pages: Vec<String> = self.id_pages.iter().map(usize::to_string).collect();
        pairs.push(("toptalk.id_pages", id_pages.join(" ")));
        pairs.push(("toptalk.pages", PageSums::text(&self.pages)));
        // The checksum is the last pair, so that no value after it can look like it.
        pairs.push((tail::KEY, tail::UNKNOWN.to_owned()));
        pairs.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect()
    }

    /// Parses a file's metadata and checks everything that can be checked without the pages.
    pub(super) fn parse(
        path: &Path,
        (metadata, sum): &(ParquetMetaData, TailCheck),
    ) -> Result<Footer, ArchiveError> {
        let pairs = Pairs::of(path, metadata);
        let version = pairs.version(metadata, *sum)?;
        let length_ms = pairs.time("toptalk.slot_length").map(|length| length.0);
        let (Some(start), Some(length_ms)) = (pairs.time("toptalk.slot_start"), length_ms) else {
            return Err(ArchiveError::damaged(path, "no slot in the footer"));
        };
        let (pages, id_pages) = match version {
            Version::One => (Vec::new(), Vec::new()),
            _ => pairs.pages()?,
        };
        let mut footer = Footer {
            version,
            slot: SlotInfo { start, length_ms },
            source: pairs.text("toptalk.source").map(str::to_owned),
            rows: pairs.number("toptalk.rows")?,
            span: pairs.time("toptalk.first").zip(pairs.time("toptalk.last")),
            far_off: pairs.number("toptalk.far_off")? != 0,
            flows: pairs.number("toptalk.flows")?,
            packets: pairs.number("toptalk.packets")?,
            bytes: pairs.number("toptalk.bytes")?,
            duplicates: pairs.number("toptalk.duplicates")?,
            pages,
            id_pages,
            bounds: bounds(metadata, version),
        };
        check(path, metadata, &footer)?;
        if version == Version::One {
            footer.bounds = footer.trusted_bounds(path, metadata)?;
        }
        Ok(footer)
    }

    /// The bounds of a footer without a checksum (version 1). Only statements that occur twice
    /// are trusted: the time span also occurs as the bounds of the time columns, unless flows
    /// are far off. Nothing else occurs twice.
    fn trusted_bounds(
        &self,
        path: &Path,
        metadata: &ParquetMetaData,
    ) -> Result<Vec<(Field, u64, u64)>, ArchiveError> {
        if self.far_off {
            return Ok(Vec::new());
        }
        let of = |field| times(metadata, field);
        let bounds = of(Field::First)
            .zip(of(Field::Last))
            .map(|(first, last)| (Time(first.0.min(last.0)), Time(first.1.max(last.1))));
        match self.span {
            Some(span) if bounds == Some(span) => {
                let bound = |field| (field, span.0.0.cast_unsigned(), span.1.0.cast_unsigned());
                let is_plain = span.0.0 >= 0;
                Ok([Field::First, Field::Last]
                    .into_iter()
                    .filter(|_| is_plain)
                    .map(bound)
                    .collect())
            }
            _ => Err(ArchiveError::damaged(path, "its footer has two different time spans")),
        }
    }
}

/// The least and the greatest value of a time column in the metadata.
fn times(metadata: &ParquetMetaData, field: Field) -> Option<(i64, i64)> {
    let column = metadata.row_groups().first()?.columns().get(field as usize)?;
    match column.statistics()? {
        Statistics::Int64(of) => Some((*of.min_opt()?, *of.max_opt()?)),
        _ => None,
    }
}

/// The key-value pairs of a file.
struct Pairs<'a> {
    path: &'a Path,
    pairs: &'a [KeyValue],
}

impl<'a> Pairs<'a> {
    fn of(path: &'a Path, metadata: &'a ParquetMetaData) -> Pairs<'a> {
        let pairs = metadata.file_metadata().key_value_metadata();
        Pairs { path, pairs: pairs.map_or(&[], Vec::as_slice) }
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_deref())
    }

    fn number(&self, key: &str) -> Result<u64, ArchiveError> {
        let number = self.text(key).and_then(|text| text.parse::<u64>().ok());
        let what = || format!("no number {key} in the footer");
        number.ok_or_else(|| ArchiveError::damaged(self.path, what()))
    }

    fn time(&self, key: &str) -> Option<Time> {
        self.text(key).and_then(|text| text.parse().ok()).map(Time)
    }

    /// The version, if the file is a segment and unchanged since it was written.
    fn version(&self, metadata: &ParquetMetaData, sum: TailCheck) -> Result<Version, ArchiveError> {
        let foreign = |what: String| ArchiveError::Foreign { path: self.path.to_owned(), what };
        let found = self.text(VERSION);
        // Programs that rewrite a Parquet file keep its key-value pairs, whatever else they
        // change.
        let writer = metadata.file_metadata().created_by().unwrap_or_default();
        if found.is_some() && !writer.starts_with(WRITER) {
            let writer: String = clean(writer).chars().take(MAX_NAME).collect();
            return Err(foreign(format!(
                "it was rewritten by `{writer}`, which changes the layout"
            )));
        }
        if sum == TailCheck::Wrong {
            return Err(ArchiveError::damaged(self.path, "the checksum of its footer is wrong"));
        }
        let Some(found) = found else {
            return Err(foreign("a Parquet file without the key toptalk.archive".to_owned()));
        };
        let Some(version) = found.parse().ok().and_then(Version::of) else {
            let found: String = clean(found).chars().take(MAX_NAME).collect();
            let what = format!("format {found}, this one reads {}", Version::READ);
            return Err(ArchiveError::Version { path: self.path.to_owned(), what });
        };
        if version >= Version::Two && sum == TailCheck::Missing {
            let what = "the checksum of its footer is missing";
            return Err(ArchiveError::damaged(self.path, what));
        }
        Ok(version)
    }

    /// The sums of the pages, and the number of pages of ids of each column.
    fn pages(&self) -> Result<(Vec<PageSums>, Vec<usize>), ArchiveError> {
        let id_pages = self.text("toptalk.id_pages");
        let id_pages: Option<Vec<usize>> =
            id_pages.and_then(|text| text.split(' ').map(|word| word.parse().ok()).collect());
        let pages = self.text("toptalk.pages").and_then(PageSums::parse);
        let what = "the page sums in its footer are invalid";
        pages.zip(id_pages).ok_or_else(|| ArchiveError::damaged(self.path, what))
    }
}

/// Checks that there is one row group with the columns of the version.
fn check(path: &Path, metadata: &ParquetMetaData, footer: &Footer) -> Result<(), ArchiveError> {
    let (rows, columns) = (footer.rows, || ArchiveColumn::of_version(footer.version));
    let [group] = metadata.row_groups() else {
        let what = format!("expected one row group, found {}", metadata.num_row_groups());
        return Err(ArchiveError::damaged(path, what));
    };
    if rows == 0 || rows > MAX_ROWS as u64 || u64::try_from(group.num_rows()) != Ok(rows) {
        let what = format!("expected {rows} rows (1 to {MAX_ROWS}), found {}", group.num_rows());
        return Err(ArchiveError::damaged(path, what));
    }
    if group.num_columns() != columns().count() {
        let what = format!("expected {} columns, found {}", columns().count(), group.num_columns());
        return Err(ArchiveError::damaged(path, what));
    }
    let pages = (rows as usize).div_ceil(PAGE_ROWS);
    let counts = (footer.pages.len(), footer.id_pages.len());
    if footer.version >= Version::Two && counts != (pages, columns().count()) {
        return Err(ArchiveError::damaged(path, "the page sums in its footer are invalid"));
    }
    for (column, found) in columns().zip(group.columns()) {
        let expected = (column.name(), column.store.physical());
        let name = found.column_path().string();
        if (name.as_str(), found.column_type()) != expected {
            let what = format!("expected the column {}, found {name}", column.name());
            return Err(ArchiveError::damaged(path, what));
        }
    }
    Ok(())
}

fn bounds(metadata: &ParquetMetaData, version: Version) -> Vec<(Field, u64, u64)> {
    let Some(group) = metadata.row_groups().first() else { return Vec::new() };
    let mut all = Vec::new();
    for (column, found) in ArchiveColumn::of_version(version).zip(group.columns()) {
        let (min, max) = match found.statistics() {
            Some(Statistics::Int32(of)) => match (of.min_opt(), of.max_opt()) {
                (Some(min), Some(max)) => {
                    (u64::from(min.cast_unsigned()), u64::from(max.cast_unsigned()))
                }
                _ => continue,
            },
            Some(Statistics::Int64(of)) => match (of.min_opt(), of.max_opt()) {
                (Some(min), Some(max)) => (min.cast_unsigned(), max.cast_unsigned()),
                _ => continue,
            },
            _ => continue,
        };
        let signed = matches!(column.store, StoredType::Millis | StoredType::Signed);
        if !(signed && min.cast_signed() < 0) && min <= max {
            all.push((column.field, min, max));
        }
    }
    all
}

/// Reads the metadata of a segment: only the end of the file.
///
/// # Errors
/// When the file cannot be read, is damaged, is not a segment, or has an unsupported version.
pub fn footer(path: &Path) -> Result<Footer, ArchiveError> {
    let file = crate::archive::regular::open(path)
        .map_err(|error| ArchiveError::io("open", path, error))?;
    Footer::parse(path, &metadata(path, &file)?)
}

/// The metadata of a Parquet file, without its indexes, and the result of checking their checksum.
pub(super) fn metadata(
    path: &Path,
    file: &File,
) -> Result<(ParquetMetaData, TailCheck), ArchiveError> {
    let bytes = end(path, file)?;
    let sum = tail::check(&bytes);
    let is_toptalks = || bytes.windows(WRITER.len()).rev().any(|part| part == WRITER.as_bytes());
    if sum == TailCheck::Wrong && is_toptalks() {
        return Err(ArchiveError::damaged(path, "the checksum of its footer is wrong"));
    }
    match look_over(&bytes) {
        Ok(()) => {}
        Err(MetadataError::Nonsense) => {
            return Err(ArchiveError::damaged(path, "its metadata are invalid"));
        }
        Err(MetadataError::Others) => {
            let what = "a Parquet file with other columns".to_owned();
            return Err(ArchiveError::Foreign { path: path.to_owned(), what });
        }
    }
    // The parser must not end this program whatever a foreign file contains.
    let read = std::panic::catch_unwind(|| ParquetMetaDataReader::decode_metadata(&bytes));
    match read {
        Ok(Ok(metadata)) => Ok((metadata, sum)),
        Ok(Err(error)) => {
            Err(ArchiveError::damaged(path, format!("its metadata are invalid: {error}")))
        }
        Err(_) => Err(ArchiveError::damaged(path, "its metadata are invalid")),
    }
}

/// The bytes of the metadata: a Parquet file ends with the metadata, their length and "PAR1".
fn end(path: &Path, file: &File) -> Result<Vec<u8>, ArchiveError> {
    use std::os::unix::fs::FileExt;
    let io = |error| ArchiveError::reading(path, error);
    let length = file.metadata().map_err(io)?.len();
    let Some(at) = length.checked_sub(8) else {
        return Err(ArchiveError::damaged(
            path,
            format!("{length} bytes are too few for a Parquet file"),
        ));
    };
    let mut end = [0; 8];
    file.read_exact_at(&mut end, at).map_err(io)?;
    let [a, b, c, d, magic @ ..] = end;
    let metadata = u32::from_le_bytes([a, b, c, d]);
    if magic != *b"PAR1" {
        let what = "it does not end like a Parquet file: it is cut off, or another kind of file";
        return Err(ArchiveError::damaged(path, what));
    }
    let Some(begin) = at.checked_sub(metadata.into()).filter(|_| metadata <= MAX_METADATA) else {
        let what = format!(
            "the length of its metadata is invalid: {metadata} bytes in a file of {length}"
        );
        return Err(ArchiveError::damaged(path, what));
    };
    let mut bytes = vec![0; metadata as usize];
    file.read_exact_at(&mut bytes, begin).map_err(io)?;
    Ok(bytes)
}
