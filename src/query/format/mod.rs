//! Answers as nfdump prints them, as CSV and as JSON.
//!
//! A [`Printer`] writes into a buffer; whoever has it drains the buffer to
//! where it should go. Rows may come one by one while files are still read.

mod json;
pub mod layout;
mod pen;
mod raw;
pub mod stat;
mod summary;
pub mod tag;

pub use layout::{Layout, LayoutError};
pub use pen::{Over, Pen, Style};
pub use summary::Span;

use jiff::tz::TimeZone;

use self::stat::Stat;
use super::Row;
use super::answer::{Answer, Table};
use super::question::{Ask, Question};
use crate::flow::field::Field;
use crate::units::near;

/// The shape of an answer (`-o`).
#[derive(Clone, Debug)]
pub enum Shape {
    /// `line`, or for groups what they were summed by.
    Usual,
    Lines(Layout),
    /// Every column, or the given ones.
    Csv(Option<Layout>),
    Json,
    Ndjson,
    Raw,
    /// No rows, only the totals.
    Null,
    /// A segment, as in the archive.
    Parquet,
}

/// Shapes with a name that is no layout's.
pub const SHAPES: &[(&str, &str)] = &[
    ("raw", "a line for each field"),
    ("json", "a JSON array of objects"),
    ("ndjson", "a JSON object a line"),
    ("csv", "comma-separated, every column"),
    ("csv:…", "comma-separated, these tags: `csv:%ts,%sa,%byt`"),
    ("fmt:…", "lines of your own: `fmt:%ts %sa -> %da %byt`, also with names: `fmt:%long %ra`"),
    ("null", "no rows, only the totals"),
    ("parquet", "a file of the archive, for `-w` or a pipe"),
];

/// Shapes of nfdump, and what to write instead.
const OTHERS: &[(&str, &str)] = &[
    ("pipe", "nfdump gave it up; write csv, or fmt: with bars between the tags"),
    ("gline", "no database of countries is kept; write line"),
    ("glong", "no database of countries is kept; write long"),
    ("nsel", "events of firewalls are kept only as far as they are of NAT; write fmt:%line %nevt"),
    ("nel", "write fmt:%ts %nevt %pr %sap -> %dap %xsap -> %xdap"),
    ("csv-fast", "write csv, which is fast"),
    ("table", "write line"),
];

/// Why a shape is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    #[error("expected a format, found `{found}`; {near}")]
    Unknown { found: String, near: String },
    #[error("`{word}`: {hint}")]
    Other { word: String, hint: &'static str },
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl Shape {
    /// Reads `-o`; the flag says whether a `6` behind it asked for IPv6 in full
    /// (`long6`).
    ///
    /// # Errors
    /// Names what is close, or what to write instead.
    pub fn parse(text: &str) -> Result<(Shape, bool), ShapeError> {
        if let Some(format) = text.strip_prefix("fmt:") {
            return Ok((Shape::Lines(Layout::parse(format)?), false));
        }
        if let Some(tags) = text.strip_prefix("csv:") {
            return Ok((Shape::Csv(Some(Layout::csv(tags)?)), false));
        }
        let lower = text.to_ascii_lowercase();
        let (name, full6) = match lower.strip_suffix('6') {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        if let Some(layout) = Layout::predefined(name) {
            return Ok((Shape::Lines(layout), full6));
        }
        let shape = match lower.as_str() {
            "csv" => Shape::Csv(None),
            "json" => Shape::Json,
            "ndjson" | "json-log" => Shape::Ndjson,
            "raw" => Shape::Raw,
            "null" => Shape::Null,
            "parquet" => Shape::Parquet,
            _ => return Err(Shape::refused(name, text)),
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
        ShapeError::Unknown { near: near::hint(name, known), found: word }
    }
}

/// How an answer is printed.
#[derive(Clone, Debug)]
pub struct Output {
    pub shape: Shape,
    /// No heading and nothing below (`-q`).
    pub quiet: bool,
    /// Numbers in full (`-N`).
    pub plain: bool,
    /// IPv6 in full (`-6`).
    pub full6: bool,
    /// Rates over the time from the first packet to the last of each line, not
    /// over the window that was asked for (`--rates own`).
    pub own_rates: bool,
}

/// Prints an answer: [`Printer::begin`], then rows one by one or
/// [`Printer::tables`], then [`Printer::end`].
#[derive(Debug)]
pub struct Printer {
    pen: Pen,
    shape: Shape,
    quiet: bool,
    own_rates: bool,
    /// Of statistics, how many lines each may have.
    limit: usize,
    is_statistic: bool,
    is_summary: bool,
}

impl Printer {
    /// A printer for the answer to `question`; times as the clocks of `zone` show them.
    #[must_use]
    pub fn new(question: &Question, output: &Output, zone: TimeZone) -> Printer {
        let data = matches!(output.shape, Shape::Csv(_) | Shape::Json | Shape::Ndjson);
        let style = if data {
            Style::DATA
        } else {
            Style { plain: output.plain, full6: output.full6, data: false }
        };
        let shape = match (&output.shape, &question.ask) {
            (Shape::Usual, Ask::Groups { by, .. }) => usual_groups(by),
            (Shape::Usual, Ask::Statistics { asked, .. }) => {
                match asked.iter().find_map(|one| one.by.as_ref()) {
                    Some(by) => usual_groups(by),
                    None => line(),
                }
            }
            (Shape::Usual, _) => line(),
            (Shape::Csv(None), _) => Shape::Csv(Some(Layout::all_csv())),
            (shape, _) => shape.clone(),
        };
        let limit = match question.ask {
            Ask::Statistics { limit, .. } => limit,
            _ => 0,
        };
        Printer {
            pen: Pen::new(style, zone),
            shape,
            quiet: output.quiet,
            own_rates: output.own_rates,
            limit,
            is_statistic: matches!(question.ask, Ask::Statistics { .. }),
            is_summary: question.ask == Ask::Summary,
        }
    }

    /// The columns that its lines are made of, besides those that are always
    /// counted; `None` for all there are.
    #[must_use]
    pub fn needs(&self) -> Option<Vec<Field>> {
        match &self.shape {
            Shape::Lines(layout) | Shape::Csv(Some(layout)) => {
                Some(layout.tags().flat_map(|tag| tag.needs).copied().collect())
            }
            _ => None,
        }
    }

    /// What was written and not taken yet.
    pub fn written(&mut self) -> &mut Vec<u8> {
        &mut self.pen.out
    }

    /// Writes what stands above a listing.
    pub fn begin(&mut self) {
        if self.is_statistic || self.is_summary {
            if matches!(self.shape, Shape::Json) && self.is_statistic {
                self.pen.text("[\n");
            }
            return;
        }
        self.heading();
        if matches!(self.shape, Shape::Json) {
            self.pen.text("[\n");
        }
    }

    fn heading(&mut self) {
        match &self.shape {
            _ if self.quiet => {}
            Shape::Lines(layout) => layout.heading(&mut self.pen),
            Shape::Csv(Some(layout)) => layout.csv_heading(&mut self.pen),
            _ => {}
        }
    }

    /// Writes a row of a listing.
    #[inline]
    pub fn row(&mut self, row: &Row) {
        let pen = &mut self.pen;
        pen.count += 1;
        match &self.shape {
            Shape::Lines(layout) => layout.row(pen, row),
            Shape::Csv(Some(layout)) => layout.csv_row(pen, row),
            Shape::Json => {
                if pen.count > 1 {
                    pen.text(",\n");
                }
                json::row(pen, row);
            }
            Shape::Ndjson => {
                json::row(pen, row);
                pen.byte(b'\n');
            }
            Shape::Raw => raw::row(pen, row),
            Shape::Usual | Shape::Csv(None) | Shape::Null | Shape::Parquet => {}
        }
    }

    /// Writes the tables of an answer.
    pub fn tables(&mut self, answer: &Answer, span: Option<Span>) {
        for (place, table) in answer.tables.iter().enumerate() {
            if place > 0 && matches!(self.shape, Shape::Json) {
                self.pen.text(",\n");
            }
            self.pen.over = self.over(table, span);
            match table {
                Table::Rows { order, rows, .. } if self.is_statistic => {
                    self.records(*order, rows);
                }
                Table::Rows { rows, .. } => rows.iter().for_each(|row| self.row(row)),
                Table::Statistic { asked, order, rows, .. } => {
                    let totals = &answer.totals;
                    self.statistic(&Stat { asked, order: *order, rows, totals });
                }
            }
        }
    }

    /// What the rates of a table are over: of sums the window, unless they were
    /// asked for or sorted by; of single records their own time.
    fn over(&self, table: &Table, span: Option<Span>) -> Over {
        let order = match table {
            Table::Rows { by: None, .. } => return Over::Itself,
            Table::Rows { order, .. } => *order,
            Table::Statistic { order, .. } => Some(*order),
        };
        let sorted = matches!(order, Some(super::Order::Pps | super::Order::Bps));
        match span {
            Some(span) if !sorted && !self.own_rates => Over::Window(span.ms()),
            _ => Over::Itself,
        }
    }

    /// A statistic of records: a listing with a title.
    fn records(&mut self, order: Option<super::Order>, rows: &[Row]) {
        let order = order.unwrap_or(super::Order::Flows);
        self.pen.count = 0;
        match self.shape {
            Shape::Null | Shape::Parquet => return,
            Shape::Lines(_) | Shape::Raw if !self.quiet => {
                stat::top(&mut self.pen, self.limit, "flows", order);
            }
            _ => {}
        }
        if matches!(self.shape, Shape::Json) {
            let name = order.word().name;
            self.pen.text("{\"statistic\":\"record\",\"order\":\"");
            self.pen.text(name);
            self.pen.text("\",\"rows\":[\n");
            rows.iter().for_each(|row| self.row(row));
            return self.pen.text("\n]}");
        }
        self.heading();
        rows.iter().for_each(|row| self.row(row));
    }

    fn statistic(&mut self, stat: &Stat) {
        let pen = &mut self.pen;
        match &self.shape {
            Shape::Csv(_) => stat.csv(pen, self.quiet),
            Shape::Json => {
                pen.byte(b'{');
                stat.name(pen);
                pen.text(",\"rows\":[\n");
                for (place, row) in stat.rows.iter().enumerate() {
                    if place > 0 {
                        pen.text(",\n");
                    }
                    stat.json(pen, row, false);
                }
                pen.text("\n]}");
            }
            Shape::Ndjson => {
                for row in stat.rows {
                    stat.json(pen, row, true);
                    pen.byte(b'\n');
                }
            }
            Shape::Null | Shape::Parquet => {}
            _ => stat.text(pen, self.limit, self.quiet),
        }
    }

    /// Writes what stands below; `wall_us` is how long it took.
    pub fn end(&mut self, answer: &Answer, span: Option<Span>, wall_us: u64) {
        let pen = &mut self.pen;
        match &self.shape {
            Shape::Json | Shape::Ndjson if self.is_summary => summary::json(pen, answer),
            Shape::Json => {
                pen.text("\n]\n");
            }
            Shape::Ndjson | Shape::Parquet => {}
            _ if self.is_summary && !matches!(self.shape, Shape::Null) => {
                summary::only(pen, &answer.totals);
            }
            _ if self.quiet => {}
            Shape::Csv(_) => summary::csv(pen, answer, span),
            _ => {
                let none = answer.totals.all.is_none_or(|all| all.flows == 0);
                if none && !self.is_statistic && !self.is_summary {
                    pen.text("No matching flows\n");
                }
                summary::text(pen, answer, span, wall_us);
            }
        }
    }
}

fn line() -> Shape {
    Layout::predefined("line").map_or(Shape::Null, Shape::Lines)
}

/// Groups by the 5-tuple look like flows.
fn usual_groups(by: &super::Aggregation) -> Shape {
    if by.ways != super::Ways::Apart {
        return Layout::predefined("biline").map_or(Shape::Null, Shape::Lines);
    }
    if *by == super::element::five_tuple() { line() } else { Shape::Lines(Layout::of_groups(by)) }
}

#[cfg(test)]
mod tests;
