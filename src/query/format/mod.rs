//! Prints answers in nfdump's formats, as CSV and as JSON.
//!
//! A [`QueryPrinter`] writes into a buffer, which the caller drains to the output. Rows can be
//! written one by one while files are still being read.

mod json;
pub mod layout;
mod raw;
mod row_writer;
pub mod stat;
mod summary;
pub mod tag;

pub use layout::{LayoutError, LineLayout};
pub use row_writer::{RateBasis, RowStyle, RowWriter};
pub use summary::CoveredSpan;

use jiff::tz::TimeZone;

use self::stat::Stat;
use super::AnswerRow;
use super::answer::{AnswerTable, QueryAnswer};
use super::question::{ArchiveQuestion, QueryMode};
use crate::flow::field::Field;
use crate::units::similar_words;

/// The format of an answer (`-o`).
#[derive(Clone, Debug)]
pub enum QueryFormat {
    /// `line`; for groups, the fields that they are summed by.
    Usual,
    /// Lines of tags.
    Lines(LineLayout),
    /// CSV with all columns, or with the given ones.
    Csv(Option<LineLayout>),
    /// A JSON array.
    Json,
    /// A JSON object per line.
    Ndjson,
    /// A line per field.
    Raw,
    /// No rows, only the totals.
    Null,
    /// A segment, as in the archive.
    Parquet,
}

/// The formats that are not predefined layouts: name and help.
pub const SHAPES: &[(&str, &str)] = &[
    ("raw", "a line per field"),
    ("json", "a JSON array of objects"),
    ("ndjson", "a JSON object per line"),
    ("csv", "comma-separated, every column"),
    ("csv:…", "comma-separated, these tags: `csv:%ts,%sa,%byt`"),
    (
        "fmt:…",
        "your own format: `fmt:%ts %sa -> %da %byt`, also with predefined formats: `fmt:%long %ra`",
    ),
    ("null", "no rows, only the summary line"),
    ("parquet", "an archive segment, for `-w` or a pipe"),
];

/// Formats of nfdump that are not supported, and what to write instead.
const OTHERS: &[(&str, &str)] = &[
    ("pipe", "nfdump removed it; write csv, or fmt: with bars between the tags"),
    ("gline", "toptalk has no country database; write line"),
    ("glong", "toptalk has no country database; write long"),
    ("nsel", "of firewall events only those of NAT are kept; write fmt:%line %nevt"),
    ("nel", "write fmt:%ts %nevt %pr %sap -> %dap %xsap -> %xdap"),
    ("csv-fast", "write csv, which is fast"),
    ("table", "write line"),
];

/// Why a format is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A format that does not exist.
    #[error("expected a format, found `{found}`; {near}")]
    Unknown {
        /// The format.
        found: String,
        /// The formats that are similar.
        near: String,
    },
    /// A format of nfdump that is not supported.
    #[error("`{word}`: {hint}")]
    Other {
        /// The format.
        word: String,
        /// What to write instead.
        hint: &'static str,
    },
    /// An error in the tags.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl QueryFormat {
    /// Parses `-o`. The returned flag tells whether a trailing `6` asks for full IPv6 addresses
    /// (`long6`).
    ///
    /// # Errors
    /// Names similar formats, or what to write instead.
    pub fn parse(text: &str) -> Result<(QueryFormat, bool), ShapeError> {
        if let Some(format) = text.strip_prefix("fmt:") {
            let layout = LineLayout::parse(format)?;
            let full6 = layout.has_full6();
            return Ok((QueryFormat::Lines(layout), full6));
        }
        if let Some(tags) = text.strip_prefix("csv:") {
            return Ok((QueryFormat::Csv(Some(LineLayout::csv(tags)?)), false));
        }
        let lower = text.to_ascii_lowercase();
        let (name, full6) = match lower.strip_suffix('6') {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        if let Some(layout) = LineLayout::predefined(name) {
            return Ok((QueryFormat::Lines(layout), full6));
        }
        let shape = match lower.as_str() {
            "csv" => QueryFormat::Csv(None),
            "json" => QueryFormat::Json,
            "ndjson" | "json-log" => QueryFormat::Ndjson,
            "raw" => QueryFormat::Raw,
            "null" => QueryFormat::Null,
            "parquet" => QueryFormat::Parquet,
            _ => return Err(QueryFormat::refused(name, text)),
        };
        Ok((shape, false))
    }

    fn refused(name: &str, text: &str) -> ShapeError {
        let word = text.to_owned();
        if let Some((_, hint)) = OTHERS.iter().find(|(other, _)| *other == name) {
            return ShapeError::Other { word, hint };
        }
        let known = layout::PREDEFINED.iter().map(|(name, ..)| *name);
        let known = known.chain(SHAPES.iter().map(|(name, _)| *name));
        ShapeError::Unknown { near: similar_words::hint(name, known), found: word }
    }
}

/// How an answer is printed.
#[derive(Clone, Debug)]
pub struct QueryOutput {
    /// The format.
    pub shape: QueryFormat,
    /// No heading and no summary (`-q`).
    pub quiet: bool,
    /// Full numbers (`-N`).
    pub plain: bool,
    /// Full IPv6 addresses (`-6`).
    pub full6: bool,
    /// Rates over the time from the first to the last packet of each line, not over the
    /// requested window (`--rates flows`).
    pub own_rates: bool,
}

/// Prints an answer: call [`QueryPrinter::begin`], then [`QueryPrinter::row`] for each row or
/// [`QueryPrinter::tables`], then [`QueryPrinter::end`].
#[derive(Debug)]
pub struct QueryPrinter {
    writer: RowWriter,
    shape: QueryFormat,
    quiet: bool,
    own_rates: bool,
    /// The largest number of lines of a statistic; 0 for no limit.
    limit: usize,
    is_statistic: bool,
    is_summary: bool,
}

impl QueryPrinter {
    /// A printer for the answer to `question`; times are in `zone`.
    #[must_use]
    pub fn new(question: &ArchiveQuestion, output: &QueryOutput, zone: TimeZone) -> QueryPrinter {
        let data =
            matches!(output.shape, QueryFormat::Csv(_) | QueryFormat::Json | QueryFormat::Ndjson);
        let style = if data {
            RowStyle::DATA
        } else {
            RowStyle { plain: output.plain, full6: output.full6, data: false }
        };
        let shape = match (&output.shape, &question.ask) {
            (QueryFormat::Usual, QueryMode::Groups { by, .. }) => usual_groups(by),
            (QueryFormat::Usual, QueryMode::Statistics { asked, .. }) => {
                match asked.iter().find_map(|one| one.by.as_ref()) {
                    Some(by) => usual_groups(by),
                    None => line(),
                }
            }
            (QueryFormat::Usual, _) => line(),
            (QueryFormat::Csv(None), _) => QueryFormat::Csv(Some(LineLayout::all_csv())),
            (shape, _) => shape.clone(),
        };
        let limit = match question.ask {
            QueryMode::Statistics { limit, .. } => limit,
            _ => 0,
        };
        QueryPrinter {
            writer: RowWriter::new(style, zone),
            shape,
            quiet: output.quiet,
            own_rates: output.own_rates,
            limit,
            is_statistic: matches!(question.ask, QueryMode::Statistics { .. }),
            is_summary: question.ask == QueryMode::Summary,
        }
    }

    /// The columns that the lines need in addition to those that are always counted; `None` for
    /// all columns.
    #[must_use]
    pub fn needs(&self) -> Option<Vec<Field>> {
        match &self.shape {
            QueryFormat::Lines(layout) | QueryFormat::Csv(Some(layout)) => {
                Some(layout.tags().flat_map(|tag| tag.needs).copied().collect())
            }
            _ => None,
        }
    }

    /// The output that was not taken yet.
    pub fn written(&mut self) -> &mut Vec<u8> {
        &mut self.writer.out
    }

    /// Writes the heading of a listing.
    pub fn begin(&mut self) {
        if self.is_statistic || self.is_summary {
            if matches!(self.shape, QueryFormat::Json) && self.is_statistic {
                self.writer.text("[\n");
            }
            return;
        }
        self.heading();
        if matches!(self.shape, QueryFormat::Json) {
            self.writer.text("[\n");
        }
    }

    fn heading(&mut self) {
        match &self.shape {
            _ if self.quiet => {}
            QueryFormat::Lines(layout) => layout.heading(&mut self.writer),
            QueryFormat::Csv(Some(layout)) => layout.csv_heading(&mut self.writer),
            _ => {}
        }
    }

    /// Writes a row of a listing.
    #[inline]
    pub fn row(&mut self, row: &AnswerRow) {
        let writer = &mut self.writer;
        writer.count += 1;
        match &self.shape {
            QueryFormat::Lines(layout) => layout.row(writer, row),
            QueryFormat::Csv(Some(layout)) => layout.csv_row(writer, row),
            QueryFormat::Json => {
                if writer.count > 1 {
                    writer.text(",\n");
                }
                json::row(writer, row);
            }
            QueryFormat::Ndjson => {
                json::row(writer, row);
                writer.byte(b'\n');
            }
            QueryFormat::Raw => raw::row(writer, row),
            QueryFormat::Usual
            | QueryFormat::Csv(None)
            | QueryFormat::Null
            | QueryFormat::Parquet => {}
        }
    }

    /// Writes the tables of an answer.
    pub fn tables(&mut self, answer: &QueryAnswer, span: Option<CoveredSpan>) {
        for (index, table) in answer.tables.iter().enumerate() {
            if index > 0 && matches!(self.shape, QueryFormat::Json) {
                self.writer.text(",\n");
            }
            self.writer.over = self.over(table, span);
            match table {
                AnswerTable::Rows { order, rows, .. } if self.is_statistic => {
                    self.records(*order, rows);
                }
                AnswerTable::Rows { rows, .. } => rows.iter().for_each(|row| self.row(row)),
                AnswerTable::Statistic { asked, order, rows, .. } => {
                    let totals = &answer.totals;
                    self.statistic(&Stat { asked, order: *order, rows, totals });
                }
            }
        }
    }

    /// The time that the rates of a table refer to: for sums the window, unless those of each
    /// row are requested; for single records their own duration.
    fn over(&self, table: &AnswerTable, span: Option<CoveredSpan>) -> RateBasis {
        let is_sums = !matches!(table, AnswerTable::Rows { by: None, .. });
        match span {
            Some(span) if is_sums && !self.own_rates => RateBasis::Window(span.ms()),
            _ => RateBasis::Itself,
        }
    }

    /// Writes a statistic of records: a listing with a title.
    fn records(&mut self, order: Option<super::StatOrder>, rows: &[AnswerRow]) {
        let order = order.unwrap_or(super::StatOrder::Flows);
        self.writer.count = 0;
        match self.shape {
            QueryFormat::Null | QueryFormat::Parquet => return,
            QueryFormat::Lines(_) | QueryFormat::Raw if !self.quiet => {
                stat::top(&mut self.writer, self.limit, "flows", order);
            }
            _ => {}
        }
        if matches!(self.shape, QueryFormat::Json) {
            let name = order.word().name;
            self.writer.text("{\"statistic\":\"record\",\"order\":\"");
            self.writer.text(name);
            self.writer.text("\",\"rows\":[\n");
            rows.iter().for_each(|row| self.row(row));
            return self.writer.text("\n]}");
        }
        self.heading();
        rows.iter().for_each(|row| self.row(row));
    }

    fn statistic(&mut self, stat: &Stat) {
        let writer = &mut self.writer;
        match &self.shape {
            QueryFormat::Csv(_) => stat.csv(writer, self.quiet),
            QueryFormat::Json => {
                writer.byte(b'{');
                stat.name(writer);
                writer.text(",\"rows\":[\n");
                for (index, row) in stat.rows.iter().enumerate() {
                    if index > 0 {
                        writer.text(",\n");
                    }
                    stat.json(writer, row, false);
                }
                writer.text("\n]}");
            }
            QueryFormat::Ndjson => {
                for row in stat.rows {
                    stat.json(writer, row, true);
                    writer.byte(b'\n');
                }
            }
            QueryFormat::Null | QueryFormat::Parquet => {}
            _ => stat.text(writer, self.limit, self.quiet),
        }
    }

    /// Writes the summary; `wall_us` is the duration of the query in microseconds.
    pub fn end(&mut self, answer: &QueryAnswer, span: Option<CoveredSpan>, wall_us: u64) {
        let writer = &mut self.writer;
        match &self.shape {
            QueryFormat::Json | QueryFormat::Ndjson if self.is_summary => {
                summary::json(writer, answer)
            }
            QueryFormat::Json => {
                writer.text("\n]\n");
            }
            QueryFormat::Ndjson | QueryFormat::Parquet => {}
            _ if self.is_summary && !matches!(self.shape, QueryFormat::Null) => {
                summary::only(writer, &answer.totals);
            }
            _ if self.quiet => {}
            QueryFormat::Csv(_) => summary::csv(writer, answer, span),
            _ => {
                let none = answer.totals.all.is_none();
                if none && !self.is_statistic && !self.is_summary {
                    writer.text("No matching flows\n");
                }
                summary::text(writer, answer, span, wall_us);
            }
        }
    }
}

fn line() -> QueryFormat {
    LineLayout::predefined("line").map_or(QueryFormat::Null, QueryFormat::Lines)
}

/// Groups by the 5-tuple are printed like flows.
fn usual_groups(by: &super::Aggregation) -> QueryFormat {
    if by.direction != super::FlowDirection::Apart {
        return LineLayout::predefined("biline").map_or(QueryFormat::Null, QueryFormat::Lines);
    }
    if *by == super::element::five_tuple() {
        line()
    } else {
        QueryFormat::Lines(LineLayout::of_groups(by))
    }
}

#[cfg(test)]
mod tests;
