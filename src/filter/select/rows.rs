//! The rows of a page, and the values of its columns.

use crate::flow::column::{Dictionary, number_value};
use crate::flow::field::{Field, FieldValue};
use crate::flow::{FlowText, Host};

/// The values of a column in a page.
#[derive(Clone, Copy)]
pub enum ColumnValues<'a> {
    /// The same number for all rows.
    Number(u64),
    /// The same address for all rows.
    Address(Host),
    /// The same text for all rows.
    Text(FlowText),
    /// Ids in a dictionary, all of them valid.
    Ids(&'a [u32], &'a Dictionary),
    /// A number per row.
    Numbers(&'a [u64]),
    /// An address per row.
    Addresses(&'a [Host]),
    /// A text per row.
    Texts(&'a [FlowText]),
}

/// The rows of a page that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchedRows {
    /// All rows; their number.
    All(usize),
    /// The rows from the first number up to, but not including, the second.
    Span(usize, usize),
    /// These rows, in ascending order.
    Some(Vec<u32>),
}

impl MatchedRows {
    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            MatchedRows::All(rows) => *rows,
            MatchedRows::Span(start, end) => end.saturating_sub(*start),
            MatchedRows::Some(rows) => rows.len(),
        }
    }

    /// Whether no row matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `take` with the index in this list and the row, for each row.
    #[inline]
    pub fn each(&self, mut take: impl FnMut(usize, usize)) {
        match self {
            MatchedRows::All(rows) => (0..*rows).for_each(|row| take(row, row)),
            MatchedRows::Span(start, end) => (*start..*end).for_each(|row| take(row - start, row)),
            MatchedRows::Some(rows) => {
                for (index, row) in rows.iter().enumerate() {
                    take(index, *row as usize);
                }
            }
        }
    }

    /// The rows in order, in pieces of at most `size`.
    pub fn pieces(&self, size: usize) -> impl Iterator<Item = MatchedRows> + '_ {
        let all = self.len();
        let size = size.max(1);
        (0..all).step_by(size).map(move |start| {
            let end = all.min(start + size);
            match self {
                MatchedRows::All(rows) if *rows <= size => MatchedRows::All(*rows),
                MatchedRows::All(_) => MatchedRows::Span(start, end),
                MatchedRows::Span(first, _) => MatchedRows::Span(first + start, first + end),
                MatchedRows::Some(rows) => MatchedRows::Some(rows[start..end].to_vec()),
            }
        })
    }

    /// The rows for which `holds` is true.
    #[inline]
    pub fn narrow(&self, mut holds: impl FnMut(usize) -> bool) -> MatchedRows {
        let mut rows = vec![0u32; self.len()];
        let mut count = 0;
        // Every row is written, and kept by advancing the count: a branch would be
        // mispredicted.
        self.each(|_, row| {
            if let Some(next) = rows.get_mut(count) {
                *next = row as u32;
            }
            count += usize::from(holds(row));
        });
        if count == self.len() {
            return self.clone();
        }
        rows.truncate(count);
        MatchedRows::Some(rows)
    }

    /// The rows that are not among `others`, which is a subset.
    pub(super) fn without(&self, others: &MatchedRows) -> MatchedRows {
        match others {
            MatchedRows::All(_) => MatchedRows::Some(Vec::new()),
            MatchedRows::Span(start, end) => self.narrow(|row| !(*start..*end).contains(&row)),
            MatchedRows::Some(others) => {
                let mut others = others.iter().copied().peekable();
                self.narrow(|row| others.next_if_eq(&(row as u32)).is_none())
            }
        }
    }

    /// These rows and `others`, which have no row in common.
    pub(super) fn and(self, others: MatchedRows) -> MatchedRows {
        if let MatchedRows::All(rows) = self {
            return MatchedRows::All(rows);
        }
        if let MatchedRows::All(rows) = others {
            return MatchedRows::All(rows);
        }
        let (mut rows, others) = (self.into_rows(), others.into_rows());
        if rows.is_empty() {
            return MatchedRows::Some(others);
        }
        rows.extend_from_slice(&others);
        rows.sort();
        MatchedRows::Some(rows)
    }

    /// The rows as a list.
    fn into_rows(self) -> Vec<u32> {
        match self {
            MatchedRows::All(rows) => (0..rows as u32).collect(),
            MatchedRows::Span(start, end) => (start as u32..end as u32).collect(),
            MatchedRows::Some(rows) => rows,
        }
    }
}

impl ColumnValues<'_> {
    /// The bits of the number of a row.
    pub(super) fn bits(&self, row: usize) -> u64 {
        match self {
            ColumnValues::Number(one) => *one,
            ColumnValues::Ids(ids, Dictionary::Numbers(known)) => known[ids[row] as usize],
            ColumnValues::Numbers(numbers) => numbers[row],
            _ => 0,
        }
    }

    /// The value of a row.
    pub(super) fn at(&self, field: Field, row: usize) -> FieldValue {
        match self {
            ColumnValues::Address(one) => FieldValue::Address(*one),
            ColumnValues::Ids(ids, Dictionary::Addresses(known)) => {
                FieldValue::Address(known[ids[row] as usize])
            }
            ColumnValues::Addresses(hosts) => FieldValue::Address(hosts[row]),
            ColumnValues::Text(one) => FieldValue::Text(*one),
            ColumnValues::Ids(ids, Dictionary::Texts(known)) => {
                FieldValue::Text(known[ids[row] as usize])
            }
            ColumnValues::Texts(texts) => FieldValue::Text(texts[row]),
            _ => number_value(field, self.bits(row)),
        }
    }
}
