//! Parses the output of either program into tables of cells.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::questions::{Question, Shape};

/// A parsed answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub tables: Vec<Table>,
    /// The summary, by name.
    pub totals: BTreeMap<String, String>,
}

/// Rows of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The title, such as `Top 10 Dst IP Addr ordered by bytes:`.
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// The columns of a statistic, as in its CSV.
const STATISTIC: &str = "ts td pr val fl flP pkt pktP byt bytP pps bps bpp";
const STATISTIC_CSV: &str = "ts te td pr val fl flP pkt pktP byt bytP pps bps bpp";

fn owned<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

impl Answer {
    /// Parses the answer to a question.
    pub fn read(question: &Question, text: &str) -> Result<Answer, String> {
        match &question.shape {
            Shape::Json if text.starts_with('[') => json(text),
            Shape::Json | Shape::Totals => Ok(Answer { tables: Vec::new(), totals: totals(text) }),
            Shape::Raw => Ok(raw(text)),
            Shape::Csv => csv(question, text),
            Shape::Lines(columns) => lines(question, columns, text),
        }
    }
}

/// Lines of the summary about the effort, not the result.
const EFFORT: &[&str] = &["Sys: ", "Wall: "];

const BELOW: &[&str] = &["Summary: ", "Time window: ", "Total flows processed: "];

fn is_below(line: &str) -> bool {
    BELOW.iter().chain(EFFORT).any(|begin| line.starts_with(begin))
}

/// The text that both programs print instead of rows.
const NONE: &str = "No matching flows";

/// Parses lists and statistics in lines.
fn lines(question: &Question, of_lists: &[String], text: &str) -> Result<Answer, String> {
    let mut answer = Answer { tables: Vec::new(), totals: totals(text) };
    let of_statistics = owned(STATISTIC.split(' '));
    let new = |title: &str| {
        let is_statistic = question.is_statistic && !title.contains(" flows ordered by ");
        let columns = if is_statistic { &of_statistics } else { of_lists };
        // Some of nfdump's names begin with a blank.
        Table { title: title.replace("  ", " "), columns: columns.to_vec(), rows: Vec::new() }
    };
    let mut table: Option<Table> = None;
    let mut is_heading = !question.is_quiet;
    for line in text.lines() {
        let is_title = line.starts_with("Top ");
        if is_title || line.trim().is_empty() || is_below(line) {
            answer.tables.extend(table.take());
            table = is_title.then(|| new(line));
            is_heading |= is_title;
            continue;
        }
        if std::mem::take(&mut is_heading) || line == NONE {
            continue;
        }
        let table = table.get_or_insert_with(|| new(""));
        let cells = cells(line);
        if cells.len() != table.columns.len() {
            let (found, expected) = (cells.len(), table.columns.len());
            return Err(format!("expected {expected} cells, found {found}: {line}"));
        }
        table.rows.push(cells);
    }
    answer.tables.extend(table);
    answer.tables.iter_mut().for_each(apart);
    Ok(answer)
}

/// The cells of a line: words, except cells of two words.
fn cells(line: &str) -> Vec<String> {
    let mut cells: Vec<String> = Vec::new();
    let plain = line.replace(['(', ')'], " ");
    let mut is_day = false;
    for word in plain.split_whitespace().filter(|word| !["->", "<->", "|"].contains(word)) {
        let is_unit = ["K", "M", "G", "T"].contains(&word);
        match cells.last_mut() {
            Some(last) if is_day || (is_unit && last.contains('.')) => {
                last.push(' ');
                last.push_str(word);
                is_day = false;
            }
            _ => {
                is_day = is_date(word);
                cells.push(word.to_owned());
            }
        }
    }
    cells
}

/// Whether a word is a date such as `2026-11-24`, which is followed by the time.
fn is_date(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2] && parts.iter().all(|part| part.parse::<u32>().is_ok())
}

/// Columns of an address and a port, and the separate columns.
const WITH_PORT: &[(&str, [&str; 2])] = &[
    ("sap", ["sa", "sp"]),
    ("dap", ["da", "dp"]),
    ("xsap", ["xsa", "xsp"]),
    ("xdap", ["xda", "xdp"]),
];

/// Separates addresses and ports.
fn apart(table: &mut Table) {
    for (name, parts) in WITH_PORT {
        let Some(at) = table.columns.iter().position(|own| own == name) else { continue };
        table.columns.splice(at..=at, parts.map(str::to_owned));
        for row in &mut table.rows {
            let cell = row[at].clone();
            // IPv4 has a colon before the port, IPv6 a dot after its last colon.
            let colon = cell.rfind(':').unwrap_or(cell.len());
            let is_v6 = cell[..colon].contains(':');
            let end = match is_v6 {
                true => cell[colon..].find('.').map_or(cell.len(), |dot| colon + dot),
                false => colon,
            };
            let port = cell.get(end + 1..).unwrap_or_default();
            row.splice(at..=at, [cell[..end].to_owned(), port.to_owned()]);
        }
    }
}

/// Parses the summary, and the whole output of `-I`: `name: value` per line, or several
/// separated by commas.
fn totals(text: &str) -> BTreeMap<String, String> {
    let mut totals = BTreeMap::new();
    for line in text.lines().filter(|line| !EFFORT.iter().any(|begin| line.starts_with(begin))) {
        let line = line.strip_prefix("Summary: ").unwrap_or(line);
        let parts: Vec<&str> = match line.split_once(": ") {
            Some(("Time window", _)) => vec![line],
            // A line of `-o raw`, or a title.
            Some((name, _)) if name.starts_with("Top ") || name == "Flow Record" => continue,
            Some(_) if line.contains(" = ") => continue,
            Some(_) => line.split(", ").collect(),
            None => continue,
        };
        let pairs = parts.iter().filter_map(|part| part.split_once(": "));
        totals.extend(
            pairs.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())),
        );
    }
    totals
}

/// Parses CSV, with a heading for each table unless `-q`.
fn csv(question: &Question, text: &str) -> Result<Answer, String> {
    let mut answer = Answer::default();
    let mut below = text.lines().skip_while(|line| *line != "Summary").skip(1);
    let pairs = below.next().zip(below.next());
    if let Some((names, values)) = pairs {
        let pairs = names.split(',').zip(values.split(','));
        answer.totals.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    if question.is_quiet {
        let columns = owned(STATISTIC_CSV.split(' '));
        answer.tables.push(Table { columns, ..Table::default() });
    }
    let lines = text.lines().take_while(|line| *line != "Summary");
    for line in lines.filter(|line| !line.is_empty() && *line != NONE) {
        let cells = owned(line.split(',').map(str::trim));
        if line.starts_with("ts,") {
            answer.tables.push(Table { columns: cells, ..Table::default() });
            continue;
        }
        let table = answer.tables.last_mut().ok_or("no heading")?;
        if cells.len() != table.columns.len() {
            return Err(format!("not as many cells as columns: {line}"));
        }
        table.rows.push(cells);
    }
    Ok(answer)
}

/// Parses JSON objects, each a row.
fn json(text: &str) -> Result<Answer, String> {
    let objects: Vec<BTreeMap<String, Json>> =
        serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
    let row = |object: &BTreeMap<String, Json>| {
        let pairs = object.iter().map(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (key.clone(), text)
        });
        pairs.collect()
    };
    Ok(keyed(objects.iter().map(row).collect()))
}

/// Parses a block of `name = value` per record.
fn raw(text: &str) -> Answer {
    let mut rows: Vec<BTreeMap<String, String>> = Vec::new();
    for line in text.lines() {
        if line.starts_with("Flow Record:") {
            rows.push(BTreeMap::new());
        } else if let (Some((name, value)), Some(row)) = (line.split_once(" = "), rows.last_mut()) {
            row.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    Answer { totals: totals(text), ..keyed(rows) }
}

/// A table of rows with named cells.
fn keyed(rows: Vec<BTreeMap<String, String>>) -> Answer {
    let mut columns: Vec<String> = rows.iter().flat_map(|row| row.keys().cloned()).collect();
    columns.sort_unstable();
    columns.dedup();
    let cells = |row: &BTreeMap<String, String>| {
        columns.iter().map(|name| row.get(name).cloned().unwrap_or_default()).collect()
    };
    let rows = rows.iter().map(cells).collect();
    Answer { tables: vec![Table { columns, rows, ..Table::default() }], ..Answer::default() }
}
