//! Compares two answers field by field.

use std::collections::BTreeMap;

use super::questions::Question;
use super::tables::{Answer, Table};

/// The columns that an order sorts by; the first that exists counts.
const SORTED_BY: &[(&str, &[&str])] = &[
    ("flows", &["fl"]),
    ("packets", &["pkt", "ipkt", "in_packets", "in packets"]),
    ("ipkg", &["ipkt", "pkt"]),
    ("opkg", &["opkt"]),
    ("bytes", &["byt", "ibyt", "in_bytes", "in bytes"]),
    ("ibyte", &["ibyt", "byt"]),
    ("obyte", &["obyt"]),
    ("pps", &["pps"]),
    ("ipps", &["pps"]),
    ("bps", &["bps"]),
    ("ibps", &["bps"]),
    ("bpp", &["bpp"]),
    ("ibpp", &["bpp"]),
    ("tstart", &["ts", "first"]),
    ("tend", &["te", "last"]),
    ("duration", &["td", "duration"]),
];

/// Names in the summary that only one program prints, or that concern the effort.
const EFFORT: &[&str] = &[
    "blocks skipped",
    "bytes read",
    "reported twice",
    "files read",
    "skipped",
    "ident",
    "sequence failures",
];

/// The same for questions about a part of the flows: nfdump's time window is that of the file,
/// and with `-c` nfdump stops where toptalk reads to the end of a page.
const EFFORT_OF_PARTS: &[&str] = &["time window", "total flows processed"];

/// The first difference between nfdump's answer and toptalk's.
pub fn difference(question: &Question, theirs: &Answer, ours: &Answer) -> Option<String> {
    let counts = [theirs, ours].map(|answer| answer.tables.len());
    if counts[0] != counts[1] && counts.iter().any(|count| *count > 1) {
        return Some(format!("tables: theirs {}, ours {}", counts[0], counts[1]));
    }
    let none = Table::default();
    let tables = theirs.tables.len().max(ours.tables.len());
    let pairs = (0..tables)
        .map(|at| (theirs.tables.get(at).unwrap_or(&none), ours.tables.get(at).unwrap_or(&none)));
    let orders = question.orders.iter().chain(std::iter::repeat(&None));
    let of_tables = pairs.zip(orders).find_map(|((theirs, ours), order)| {
        of_tables(question, order.as_deref(), theirs, ours)
            .map(|what| format!("{}{what}", theirs.title))
    });
    of_tables.or_else(|| of_totals(question, theirs, ours))
}

fn of_totals(question: &Question, theirs: &Answer, ours: &Answer) -> Option<String> {
    let counts = |name: &str| {
        let part = question.is_part && EFFORT_OF_PARTS.contains(&name);
        !part && !EFFORT.contains(&name)
    };
    let of = |answer: &Answer| {
        let pairs = answer.totals.iter().filter(|(name, _)| counts(name));
        pairs.map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<_, _>>()
    };
    let (theirs, ours) = (of(theirs), of(ours));
    let names = theirs.keys().chain(ours.keys());
    let different = names.into_iter().find(|name| theirs.get(*name) != ours.get(*name))?;
    Some(format!("{different}: theirs {:?}, ours {:?}", theirs.get(different), ours.get(different)))
}

fn of_tables(
    question: &Question,
    order: Option<&str>,
    theirs: &Table,
    ours: &Table,
) -> Option<String> {
    if theirs.title != ours.title {
        return Some(format!(" theirs, ours {}", ours.title));
    }
    if theirs.rows.len() != ours.rows.len() {
        return Some(format!(" theirs {} rows, ours {}", theirs.rows.len(), ours.rows.len()));
    }
    if theirs.rows.is_empty() {
        return None;
    }
    if theirs.columns != ours.columns {
        return Some(format!(" theirs {:?}, ours {:?}", theirs.columns, ours.columns));
    }
    let Some(order) = order else {
        let rows =
            (sorted(&theirs.rows, question.is_grouped), sorted(&ours.rows, question.is_grouped));
        return of_rows(&theirs.columns, &rows.0, &rows.1);
    };
    let (_, names) = SORTED_BY.iter().find(|(word, _)| *word == order).expect("an order");
    let place = names.iter().find_map(|name| theirs.columns.iter().position(|own| own == name));
    let Some(place) = place else {
        return Some(format!(" what it is ordered by is not printed: {order}"));
    };
    // Both directions count if both are printed.
    let back = ["obyt", "opkt"].iter().zip(["bytes", "packets"]).find(|(_, word)| *word == order);
    let back = back.and_then(|(name, _)| theirs.columns.iter().position(|own| own == name));
    let key = |row: &Vec<String>| match back.map(|back| (row[place].parse(), row[back].parse())) {
        Some((Ok::<u64, _>(there), Ok::<u64, _>(back))) => (there + back).to_string(),
        _ => row[place].clone(),
    };
    for (number, (theirs, ours)) in (1..).zip(theirs.rows.iter().zip(&ours.rows)) {
        if key(theirs) != key(ours) {
            return Some(format!(" row {number}: theirs {theirs:?}, ours {ours:?}"));
        }
    }
    // Which of the rows with the last rank are left out is not defined.
    let is_cut = question.limit > 0 && theirs.rows.len() == question.limit;
    let last = theirs.rows.last().map(key);
    let whole = |rows: &[Vec<String>]| {
        let rows = rows.iter().filter(|row| !is_cut || Some(key(row)) != last);
        sorted(&rows.cloned().collect::<Vec<_>>(), true)
    };
    of_rows(&theirs.columns, &whole(&theirs.rows), &whole(&ours.rows))
}

fn sorted(rows: &[Vec<String>], sort: bool) -> Vec<Vec<String>> {
    let mut rows = rows.to_vec();
    if sort {
        rows.sort_unstable();
    }
    rows
}

/// Names each column that differs, with the first different cells.
fn of_rows(columns: &[String], theirs: &[Vec<String>], ours: &[Vec<String>]) -> Option<String> {
    let mut different: BTreeMap<&str, String> = BTreeMap::new();
    for (theirs, ours) in theirs.iter().zip(ours) {
        for (name, (theirs, ours)) in columns.iter().zip(theirs.iter().zip(ours)) {
            if theirs != ours {
                let example = || format!("{name} theirs `{theirs}`, ours `{ours}`");
                different.entry(name).or_insert_with(example);
            }
        }
    }
    let examples: Vec<String> = different.into_values().collect();
    (!examples.is_empty()).then(|| format!(" {}", examples.join("; ")))
}
