//! Names that differ between both programs: keys of JSON, of `-o raw` and of CSV.

use super::questions::{Question, Shape};
use super::tables::{Answer, Table};

/// The program that an answer is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Theirs,
    Ours,
}

/// Keys and columns that only one program has.
const ONLY: &[(Shape, Side, &[&str])] = &[
    (
        Shape::Json,
        Side::Theirs,
        // Networks are addresses and masks; the rest belongs to nfcapd's file, or to firewalls.
        &["type", "sampled", "export_sysid", "src_net", "dst_net", "nat_event", "t_event", "label"],
    ),
    (
        Shape::Json,
        Side::Ours,
        // Addresses inside a NAT are those after translation, which nfdump prints too.
        &[
            "type",
            "flows",
            "observation_domain",
            "sampling",
            "min_ttl",
            "max_ttl",
            "dst4_inside",
            "dst6_inside",
        ],
    ),
    (
        Shape::Raw,
        Side::Theirs,
        &[
            "RecordCount",
            "Flags",
            "Elements",
            "size",
            "engine type",
            "engine ID",
            "export sysid",
            "biFlow Dir",
            "end reason",
            "Event time",
            "label",
        ],
    ),
    (
        Shape::Raw,
        Side::Ours,
        &["duration", "flows", "obs domain", "sampling", "min ttl", "max ttl", "dst inside"],
    ),
    (Shape::Csv, Side::Theirs, &["cl", "sl", "al", "eng", "exid"]),
    (Shape::Csv, Side::Ours, &["odid", "fl"]),
];

/// nfdump's names, and toptalk's for the same.
const NAMES: &[(Shape, &str, &str)] = &[
    (Shape::Json, "nat_event_id", "nat_event"),
    (Shape::Raw, "src mask", "src network"),
    (Shape::Raw, "dst mask", "dst network"),
    (Shape::Raw, "bgp next as", "next as"),
    (Shape::Raw, "bgp prev as", "prev as"),
    (Shape::Raw, "ingress VRF", "ingress vrf"),
    (Shape::Raw, "egress VRF", "egress vrf"),
];

/// Values that mean "not reported"; toptalk leaves most of them out.
const NOTHING: &[&str] =
    &["0", "0.0.0.0", "::", "0-0-0", "00:00:00:00:00:00", "........", "0/0", "/0"];

/// Renames the columns of an answer to common names.
pub fn in_same_words(question: &Question, side: Side, answer: &mut Answer) {
    for table in &mut answer.tables {
        let shape = &question.shape;
        if *shape == Shape::Csv && question.is_statistic {
            // In tables ordered by flows, nfdump calls them in-packets and in-bytes.
            for name in &mut table.columns {
                *name = name.trim_start_matches('i').to_owned();
            }
            continue;
        }
        let only = ONLY.iter().find(|(of, who, _)| of == shape && *who == side);
        only.into_iter().flat_map(|(.., names)| *names).for_each(|name| remove(table, name));
        if matches!(shape, Shape::Json | Shape::Raw) {
            keyed(shape, side, table);
        }
    }
}

fn remove(table: &mut Table, name: &str) {
    if let Some(at) = table.columns.iter().position(|own| own == name) {
        table.columns.remove(at);
        table.rows.iter_mut().for_each(|row| {
            row.remove(at);
        });
    }
}

/// Normalises rows that have a name for each cell: toptalk's names instead of nfdump's, and
/// nothing for 0.
fn keyed(shape: &Shape, side: Side, table: &mut Table) {
    let columns = std::mem::take(&mut table.columns);
    let mut pairs: Vec<Vec<(String, String)>> = vec![Vec::new(); table.rows.len()];
    for (name, place) in columns.iter().zip(0..) {
        let ours = NAMES.iter().find(|(of, theirs, _)| of == shape && theirs == name);
        let ours = ours.map_or(name.as_str(), |(.., ours)| ours);
        for (row, pairs) in table.rows.iter().zip(&mut pairs) {
            let value = row[place].as_str();
            match (shape, side) {
                (Shape::Json, _) => {
                    pairs.push((ours.to_owned(), value.trim_end_matches('Z').into()))
                }
                (_, Side::Theirs) if ours == "ICMP" => {
                    let number = value.split_whitespace().next().unwrap_or_default();
                    let (kind, code) = number.split_once('.').unwrap_or_default();
                    pairs.push(("ICMP type".into(), kind.into()));
                    pairs.push(("ICMP code".into(), code.into()));
                }
                (_, Side::Theirs) => pairs.push(raw(ours, value)),
                (_, Side::Ours) if ours == "mpls" => {
                    let labels = value.split_whitespace().zip(1..);
                    pairs
                        .extend(labels.map(|(label, at)| (format!("mpls {at}"), label.to_owned())));
                }
                (_, Side::Ours) => pairs.push((ours.to_owned(), value.to_owned())),
            }
        }
    }
    pairs.iter_mut().for_each(|pairs| {
        pairs.retain(|(_, value)| !value.is_empty() && !NOTHING.contains(&value.as_str()));
    });
    table.columns = pairs.iter().flatten().map(|(name, _)| name.clone()).collect();
    table.columns.sort_unstable();
    table.columns.dedup();
    let cell = |pairs: &[(String, String)], name: &str| {
        pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    };
    let cells = |pairs: &Vec<(String, String)>| {
        table.columns.iter().map(|name| cell(pairs, name).unwrap_or_default()).collect()
    };
    table.rows = pairs.iter().map(cells).collect();
}

/// A line of nfdump's `-o raw`.
fn raw(name: &str, value: &str) -> (String, String) {
    let last = value.split_whitespace().last().unwrap_or_default();
    let value = match name {
        "first" | "last" | "received at" => value.split(['[', ']']).nth(1).unwrap_or_default(),
        "proto" | "tcp flags" | "src network" | "dst network" => last,
        "nat event" => value.split(':').next().unwrap_or_default(),
        _ => value,
    };
    let name = match name.strip_prefix("MPLS Lbl") {
        Some(label) => format!("mpls {}", label.trim()),
        None => name.to_owned(),
    };
    (name, value.to_owned())
}

/// Gives both tables the same columns if rows have a name for each cell.
pub fn align(question: &Question, theirs: &mut Table, ours: &mut Table) {
    if !matches!(question.shape, Shape::Json | Shape::Raw) {
        return;
    }
    let mut all: Vec<String> = theirs.columns.iter().chain(&ours.columns).cloned().collect();
    all.sort_unstable();
    all.dedup();
    for table in [theirs, ours] {
        let places: Vec<Option<usize>> =
            all.iter().map(|name| table.columns.iter().position(|own| own == name)).collect();
        for row in &mut table.rows {
            let cells = places.iter().map(|at| at.map_or_else(String::new, |at| row[at].clone()));
            *row = cells.collect();
        }
        table.columns.clone_from(&all);
    }
}
