//! Writes flows as a segment.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::column::{ColumnWriter, Scratch};
use super::footer::{Footer, SlotInfo};
use super::tail::ChecksummedTail;
use super::{MAX_DICTIONARY, MAX_ROWS};
use crate::archive::schema::{ArchiveColumn, StoredType};
use crate::flow::column::PAGE_ROWS;
use crate::flow::{Flow, FlowExtras};

impl StoredType {
    pub(super) fn physical(self) -> Physical {
        match self {
            StoredType::Millis | StoredType::Signed | StoredType::Unsigned(64) => Physical::INT64,
            StoredType::Unsigned(_) => Physical::INT32,
            StoredType::Flag => Physical::BOOLEAN,
            StoredType::Address => Physical::FIXED_LEN_BYTE_ARRAY,
            StoredType::Text => Physical::BYTE_ARRAY,
        }
    }

    fn logical(self) -> Option<LogicalType> {
        match self {
            StoredType::Millis => Some(LogicalType::timestamp(true, TimeUnit::MILLIS)),
            StoredType::Unsigned(bits) => Some(LogicalType::integer(bits.cast_signed(), false)),
            StoredType::Text => Some(LogicalType::String),
            StoredType::Signed | StoredType::Flag | StoredType::Address => None,
        }
    }
}

/// The Parquet schema of segments.
fn schema() -> Result<TypePtr, ParquetError> {
    let mut fields = Vec::new();
    for column in ArchiveColumn::all() {
        let field = Type::primitive_type_builder(column.name(), column.store.physical())
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(column.store.logical())
            .with_length(if column.store == StoredType::Address { 16 } else { 0 })
            .build()?;
        fields.push(Arc::new(field));
    }
    Ok(Arc::new(Type::group_type_builder("flows").with_fields(fields).build()?))
}

/// Writes the flows of a slot as a segment, in their order, with their `extras` ([`Flow::more`]
/// refers to them). `out` is neither flushed nor synced.
///
/// # Errors
/// `InvalidInput` when there are no flows or more than [`MAX_ROWS`]; otherwise the errors of
/// `out`, with their kinds.
/// `out` says, by its kind.
pub fn encode(
    flows: &[Flow],
    extras: &[FlowExtras],
    info: &SlotInfo,
    out: impl Write + Send,
) -> io::Result<Footer> {
    encode_with(flows, extras, info, None, out, MAX_DICTIONARY)
}

/// Like [`encode`]; `source` names the file that the flows were converted from.
///
/// # Errors
/// As for [`encode`].
pub fn encode_from(
    flows: &[Flow],
    extras: &[FlowExtras],
    info: &SlotInfo,
    source: &str,
    out: impl Write + Send,
) -> io::Result<Footer> {
    encode_with(flows, extras, info, Some(source), out, MAX_DICTIONARY)
}

/// [`encode`] with dictionaries of at most `max_dictionary` bytes.
pub(super) fn encode_with(
    flows: &[Flow],
    extras: &[FlowExtras],
    info: &SlotInfo,
    source: Option<&str>,
    out: impl Write + Send,
    max_dictionary: usize,
) -> io::Result<Footer> {
    if flows.is_empty() || flows.len() > MAX_ROWS {
        let what = format!("expected 1 to {MAX_ROWS} flows for a segment, found {}", flows.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let mut scratch = Scratch::new()?;
    let mut columns: Vec<_> = ArchiveColumn::all()
        .map(|column| (column, ColumnWriter::new(column, max_dictionary)))
        .collect();
    for page in flows.chunks(PAGE_ROWS) {
        let has_extras = page.iter().any(|flow| flow.more != 0);
        for (column, writer) in &mut columns {
            if column.field.is_extra() && !has_extras {
                writer.default_page(page.len(), &mut scratch)?;
            } else {
                writer.page(page, extras, &mut scratch)?;
            }
        }
    }
    let properties = WriterProperties::builder()
        .set_created_by(concat!("toptalk ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let schema = schema().map_err(plain)?;
    let mut out = ChecksummedTail::new(out);
    let mut file =
        SerializedFileWriter::new(&mut out, schema, Arc::new(properties)).map_err(plain)?;
    let descriptors = file.schema_descr().columns().to_vec();
    let mut group = file.next_row_group().map_err(plain)?;
    let mut footer = Footer::of(flows, extras, *info);
    footer.source = source.map(str::to_owned);
    footer.id_pages = columns.iter().map(|(_, writer)| writer.id_pages()).collect();
    for ((_, writer), descriptor) in columns.into_iter().zip(descriptors) {
        let (bytes, close) = writer.close(descriptor, &mut scratch)?;
        group.append_column(&bytes, close).map_err(plain)?;
    }
    group.close().map_err(plain)?;
    file.inner_mut().hold();
    for pair in footer.pairs() {
        file.append_key_value_metadata(pair);
    }
    let metadata = file.close().map_err(plain)?;
    out.finish()?;
    Ok(footer.with_bounds(&metadata))
}

/// Unwraps the error of the file below Parquet, because the caller checks whether the disk is
/// full.
fn plain(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}
