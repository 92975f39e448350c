//! What a segment says about itself, readable without its columns.

use std::fs::File;
use std::path::Path;

use parquet::file::metadata::{KeyValue, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::statistics::Statistics;

use super::MAX_ROWS;
use super::thrift::{Odd, look_over};
use crate::archive::ArchiveError;
use crate::archive::schema::{Column, Store};
use crate::flow::field::Field;
use crate::flow::{Flow, Time};
use crate::text::clean;

/// The name of the format's version among the key-value pairs, and the version.
const VERSION: (&str, &str) = ("toptalk.archive", "1");

/// The end of a file that is ever read at once: segments have some 20 kB.
const MAX_METADATA: u32 = 1 << 20;

/// How the writer of segments begins to name itself.
const WRITER: &str = "toptalk ";

/// Characters of another writer's name that are told.
const MAX_NAME: usize = 60;

/// The slot of time that a segment is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    pub start: Time,
    pub length_ms: i64,
}

/// What a segment says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    pub slot: SlotInfo,
    /// What it was converted from, if it was: see [`crate::archive::convert`].
    pub source: Option<String>,
    pub rows: u64,
    /// The earliest `first` and the latest `last`, by the exporters' clocks, of
    /// flows that are not far off ([`Flow::is_far_off`]); `None` when all are.
    pub span: Option<(Time, Time)>,
    /// Whether there are flows that are far off: they may have any times.
    pub far_off: bool,
    /// Sums over all rows but duplicates, scaled by their sampling rates.
    pub flows: u64,
    pub packets: u64,
    pub bytes: u64,
    /// Rows that are duplicates.
    pub duplicates: u64,
    /// The least and the greatest value of fields of numbers.
    bounds: Vec<(Field, u64, u64)>,
}

impl Footer {
    /// The least and the greatest value of a field of numbers, as
    /// [`Chunk::bounds`](crate::archive::Chunk::bounds) has them.
    #[must_use]
    pub fn bounds(&self, field: Field) -> Option<(u64, u64)> {
        self.bounds.iter().find(|(of, ..)| *of == field).map(|(_, min, max)| (*min, *max))
    }

    /// Of flows that are written.
    pub(super) fn of(flows: &[Flow], slot: SlotInfo) -> Footer {
        let mut footer = Footer {
            slot,
            source: None,
            rows: flows.len() as u64,
            span: None,
            far_off: false,
            flows: 0,
            packets: 0,
            bytes: 0,
            duplicates: 0,
            bounds: Vec::new(),
        };
        for flow in flows {
            if flow.is_far_off() {
                footer.far_off = true;
            } else {
                let (begun, ended) = (flow.first.min(flow.last), flow.first.max(flow.last));
                let (first, last) = footer.span.unwrap_or((begun, ended));
                footer.span = Some((first.min(begun), last.max(ended)));
            }
            if flow.duplicate {
                footer.duplicates += 1;
                continue;
            }
            let (bytes, packets) = flow.scaled();
            footer.flows += 1;
            footer.bytes = footer.bytes.saturating_add(bytes);
            footer.packets = footer.packets.saturating_add(packets);
        }
        footer
    }

    pub(super) fn with_bounds(self, metadata: &ParquetMetaData) -> Footer {
        Footer { bounds: bounds(metadata), ..self }
    }

    /// As key-value pairs of Parquet's metadata.
    pub(super) fn pairs(&self) -> Vec<KeyValue> {
        let mut pairs = vec![
            (VERSION.0, VERSION.1.to_owned()),
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
        pairs.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect()
    }

    /// Of a file's metadata, the columns checked.
    pub(super) fn parse(path: &Path, metadata: &ParquetMetaData) -> Result<Footer, ArchiveError> {
        let file = metadata.file_metadata();
        let none = Vec::new();
        let pairs = file.key_value_metadata().unwrap_or(&none);
        let text = |key: &str| {
            pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_deref())
        };
        let foreign =
            |what: &str| ArchiveError::Foreign { path: path.to_owned(), what: what.into() };
        match text(VERSION.0) {
            None => return Err(foreign("a Parquet file without the key toptalk.archive")),
            Some(version) if version != VERSION.1 => {
                let what = format!("format {version}, this one reads {}", VERSION.1);
                return Err(ArchiveError::Version { path: path.to_owned(), what });
            }
            Some(_) => {}
        }
        // Programs that copy a file keep its keys, whatever else they change.
        let writer = file.created_by().unwrap_or_default();
        if !writer.starts_with(WRITER) {
            let writer: String = clean(writer).chars().take(MAX_NAME).collect();
            return Err(foreign(&format!("`{writer}` has written it anew, in a form of its own")));
        }
        let number = |key: &str| {
            let number = text(key).and_then(|text| text.parse::<u64>().ok());
            number.ok_or_else(|| {
                ArchiveError::damaged(path, format!("no number {key} in the footer"))
            })
        };
        let time = |key: &str| text(key).and_then(|text| text.parse().ok()).map(Time);
        let length_ms = time("toptalk.slot_length").map(|length| length.0);
        let (Some(start), Some(length_ms)) = (time("toptalk.slot_start"), length_ms) else {
            return Err(ArchiveError::damaged(path, "no slot in the footer"));
        };
        let footer = Footer {
            slot: SlotInfo { start, length_ms },
            source: text("toptalk.source").map(str::to_owned),
            rows: number("toptalk.rows")?,
            span: time("toptalk.first").zip(time("toptalk.last")),
            far_off: number("toptalk.far_off")? != 0,
            flows: number("toptalk.flows")?,
            packets: number("toptalk.packets")?,
            bytes: number("toptalk.bytes")?,
            duplicates: number("toptalk.duplicates")?,
            bounds: bounds(metadata),
        };
        check(path, metadata, footer.rows)?;
        Ok(footer)
    }
}

/// That there is one row group with our columns.
fn check(path: &Path, metadata: &ParquetMetaData, rows: u64) -> Result<(), ArchiveError> {
    let [group] = metadata.row_groups() else {
        let what = format!("expected one row group, found {}", metadata.num_row_groups());
        return Err(ArchiveError::damaged(path, what));
    };
    if rows == 0 || rows > MAX_ROWS as u64 || u64::try_from(group.num_rows()) != Ok(rows) {
        let what = format!("expected {rows} rows (1 to {MAX_ROWS}), found {}", group.num_rows());
        return Err(ArchiveError::damaged(path, what));
    }
    if group.num_columns() != Column::all().count() {
        let what =
            format!("expected {} columns, found {}", Column::all().count(), group.num_columns());
        return Err(ArchiveError::damaged(path, what));
    }
    for (column, found) in Column::all().zip(group.columns()) {
        let expected = (column.name(), column.store.physical());
        let name = found.column_path().string();
        if (name.as_str(), found.column_type()) != expected {
            let what = format!("expected the column {}, found {name}", column.name());
            return Err(ArchiveError::damaged(path, what));
        }
    }
    Ok(())
}

fn bounds(metadata: &ParquetMetaData) -> Vec<(Field, u64, u64)> {
    let Some(group) = metadata.row_groups().first() else { return Vec::new() };
    let mut all = Vec::new();
    for (column, found) in Column::all().zip(group.columns()) {
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
        let signed = matches!(column.store, Store::Millis | Store::Signed);
        if !(signed && min.cast_signed() < 0) && min <= max {
            all.push((column.field, min, max));
        }
    }
    all
}

/// Reads what a segment says about itself: only the end of the file.
///
/// # Errors
/// When the file cannot be read, is damaged, not a segment, or of another version.
pub fn footer(path: &Path) -> Result<Footer, ArchiveError> {
    let file = File::open(path).map_err(|error| ArchiveError::io("open", path, error))?;
    Footer::parse(path, &metadata(path, &file)?)
}

/// The metadata of a Parquet file, without its indexes.
pub(super) fn metadata(path: &Path, file: &File) -> Result<ParquetMetaData, ArchiveError> {
    let bytes = end(path, file)?;
    match look_over(&bytes) {
        Ok(()) => {}
        Err(Odd::Nonsense) => {
            return Err(ArchiveError::damaged(path, "its metadata make no sense"));
        }
        Err(Odd::Others) => {
            let what = "a Parquet file with other columns".to_owned();
            return Err(ArchiveError::Foreign { path: path.to_owned(), what });
        }
    }
    // What a stranger's file makes of the parser must not end this program.
    let read = std::panic::catch_unwind(|| ParquetMetaDataReader::decode_metadata(&bytes));
    match read {
        Ok(Ok(metadata)) => Ok(metadata),
        Ok(Err(error)) => Err(ArchiveError::damaged(path, format!("its metadata: {error}"))),
        Err(_) => Err(ArchiveError::damaged(path, "its metadata make no sense")),
    }
}

/// The metadata's bytes: what the length says that stands before "PAR1" at the
/// end of a Parquet file.
fn end(path: &Path, file: &File) -> Result<Vec<u8>, ArchiveError> {
    use std::os::unix::fs::FileExt;
    let io = |error| ArchiveError::reading(path, error);
    let length = file.metadata().map_err(io)?.len();
    let Some(at) = length.checked_sub(8) else {
        return Err(ArchiveError::damaged(path, format!("{length} bytes are no Parquet file")));
    };
    let mut end = [0; 8];
    file.read_exact_at(&mut end, at).map_err(io)?;
    let [a, b, c, d, magic @ ..] = end;
    let metadata = u32::from_le_bytes([a, b, c, d]);
    if magic != *b"PAR1" {
        let what = "it does not end as a Parquet file does: cut off, or something else";
        return Err(ArchiveError::damaged(path, what));
    }
    let Some(begin) = at.checked_sub(metadata.into()).filter(|_| metadata <= MAX_METADATA) else {
        let what = format!("metadata of {metadata} bytes in a file of {length}");
        return Err(ArchiveError::damaged(path, what));
    };
    let mut bytes = vec![0; metadata as usize];
    file.read_exact_at(&mut bytes, begin).map_err(io)?;
    Ok(bytes)
}
