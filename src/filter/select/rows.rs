//! Rows of a page, and the values of its columns.

use crate::flow::column::{Dictionary, number_value};
use crate::flow::field::{Field, Value};
use crate::flow::{Host, Text};

/// Values of a column in a page.
#[derive(Clone, Copy)]
pub enum Values<'a> {
    /// One for all rows.
    Number(u64),
    Address(Host),
    Text(Text),
    /// Places in a dictionary, none beyond its end.
    Ids(&'a [u32], &'a Dictionary),
    Numbers(&'a [u64]),
    Addresses(&'a [Host]),
    Texts(&'a [Text]),
}

/// Rows of a page that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hits {
    /// All of so many.
    All(usize),
    /// From one on to before another.
    Span(usize, usize),
    /// These, ascending.
    Some(Vec<u32>),
}

impl Hits {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Hits::All(rows) => *rows,
            Hits::Span(start, end) => end.saturating_sub(*start),
            Hits::Some(rows) => rows.len(),
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
            Hits::All(rows) => (0..*rows).for_each(|row| take(row, row)),
            Hits::Span(start, end) => (*start..*end).for_each(|row| take(row - start, row)),
            Hits::Some(rows) => {
                for (place, row) in rows.iter().enumerate() {
                    take(place, *row as usize);
                }
            }
        }
    }

    /// At most `size` of them at a time, in order.
    pub fn pieces(&self, size: usize) -> impl Iterator<Item = Hits> + '_ {
        let all = self.len();
        let size = size.max(1);
        (0..all).step_by(size).map(move |start| {
            let end = all.min(start + size);
            match self {
                Hits::All(rows) if *rows <= size => Hits::All(*rows),
                Hits::All(_) => Hits::Span(start, end),
                Hits::Span(first, _) => Hits::Span(first + start, first + end),
                Hits::Some(rows) => Hits::Some(rows[start..end].to_vec()),
            }
        })
    }

    /// Those of which `holds`; it gets their rows.
    #[inline]
    pub fn narrow(&self, mut holds: impl FnMut(usize) -> bool) -> Hits {
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
        Hits::Some(rows)
    }

    /// Those that are not among `others`, a part of them.
    pub(super) fn without(&self, others: &Hits) -> Hits {
        match others {
            Hits::All(_) => Hits::Some(Vec::new()),
            Hits::Span(start, end) => self.narrow(|row| !(*start..*end).contains(&row)),
            Hits::Some(others) => {
                let mut others = others.iter().copied().peekable();
                self.narrow(|row| others.next_if_eq(&(row as u32)).is_none())
            }
        }
    }

    /// These and `others`, which have no row in common.
    pub(super) fn and(self, others: Hits) -> Hits {
        if let Hits::All(rows) = self {
            return Hits::All(rows);
        }
        if let Hits::All(rows) = others {
            return Hits::All(rows);
        }
        let (mut rows, others) = (self.into_rows(), others.into_rows());
        if rows.is_empty() {
            return Hits::Some(others);
        }
        rows.extend_from_slice(&others);
        rows.sort();
        Hits::Some(rows)
    }

    /// Their rows one by one.
    fn into_rows(self) -> Vec<u32> {
        match self {
            Hits::All(rows) => (0..rows as u32).collect(),
            Hits::Span(start, end) => (start as u32..end as u32).collect(),
            Hits::Some(rows) => rows,
        }
    }
}

impl Values<'_> {
    /// The bits of the number of a row.
    pub(super) fn bits(&self, row: usize) -> u64 {
        match self {
            Values::Number(one) => *one,
            Values::Ids(ids, Dictionary::Numbers(known)) => known[ids[row] as usize],
            Values::Numbers(numbers) => numbers[row],
            _ => 0,
        }
    }

    /// The value of a row.
    pub(super) fn at(&self, field: Field, row: usize) -> Value {
        match self {
            Values::Address(one) => Value::Address(*one),
            Values::Ids(ids, Dictionary::Addresses(known)) => {
                Value::Address(known[ids[row] as usize])
            }
            Values::Addresses(hosts) => Value::Address(hosts[row]),
            Values::Text(one) => Value::Text(*one),
            Values::Ids(ids, Dictionary::Texts(known)) => Value::Text(known[ids[row] as usize]),
            Values::Texts(texts) => Value::Text(texts[row]),
            _ => number_value(field, self.bits(row)),
        }
    }
}
