//! Rows of a page, and the values of its columns.

use crate::flow::column::{Dictionary, number_value};
use crate::flow::field::{Field, FieldValue};
use crate::flow::{FlowText, Host};

/// Values of a column in a page.
#[derive(Clone, Copy)]
pub enum ColumnValues<'a> {
    /// One for all rows.
    Number(u64),
    Address(Host),
    Text(FlowText),
    /// Places in a dictionary, none beyond its end.
    Ids(&'a [u32], &'a Dictionary),
    Numbers(&'a [u64]),
    Addresses(&'a [Host]),
    Texts(&'a [FlowText]),
}

/// Rows of a page that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchedRows {
    /// All of so many.
    All(usize),
    /// From one on to before another.
    Span(usize, usize),
    /// These, ascending.
    Some(Vec<u32>),
}

impl MatchedRows {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            MatchedRows::All(rows) => *rows,
            MatchedRows::Span(start, end) => end.saturating_sub(*start),
            MatchedRows::Some(rows) => rows.len(),
        }
    }

    /// Whether none matched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `take` with the place of each among them and its row.
    #[inline]
    pub fn each(&self, mut take: impl FnMut(usize, usize)) {
        match self {
            MatchedRows::All(rows) => (0..*rows).for_each(|row| take(row, row)),
            MatchedRows::Span(start, end) => (*start..*end).for_each(|row| take(row - start, row)),
            MatchedRows::Some(rows) => {
                for (place, row) in rows.iter().enumerate() {
                    take(place, *row as usize);
                }
            }
        }
    }

    /// At most `size` of them at a time, in order.
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

    /// Those of which `holds`; it gets their rows.
    #[inline]
    pub fn narrow(&self, mut holds: impl FnMut(usize) -> bool) -> MatchedRows {
        let mut rows = vec![0u32; self.len()];
        let mut count = 0;
        // Written always and kept by moving on: a branch would be mispredicted.
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

    /// Those that are not among `others`, a part of them.
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

    /// These and `others`, which have no row in common.
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

    /// Their rows one by one.
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
