//! Applies a filter to columns: which rows of a page match.
//!
//! For each chunk, the filter becomes a [`FilterPlan`]. Whatever a dictionary or the bounds of
//! a column can decide is decided there once per distinct value, and a chunk in which nothing
//! can match is left before a page is read. For each page, the plan narrows a list of rows, the
//! cheapest test first, and stops when no row is left.

mod eval;
mod rows;

pub use rows::{ColumnValues, MatchedRows};

use std::sync::Arc;

use super::Filter;
use super::condition::{Comparison, Test};
use super::tree::{FlowEnd, HOSTS, Node, TCP, Term};
use super::words::{ComputedValue, WordSubject};
use crate::flow::column::{Dictionary, number_value};
use crate::flow::field::{Field, FieldKind, FieldValue};

/// A page whose columns are read on demand.
pub trait ColumnSource {
    /// The error if a column cannot be read.
    type Error;

    /// The number of rows.
    fn rows(&self) -> usize;

    /// The dictionary of a column, which is the same for all pages of a chunk.
    ///
    /// # Errors
    /// When it cannot be read.
    fn dictionary(&mut self, field: Field) -> Result<Option<Arc<Dictionary>>, Self::Error>;

    /// The least and the greatest number in all pages of the chunk, if known.
    fn bounds(&self, field: Field) -> Option<(u64, u64)>;

    /// Reads a column.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&mut self, field: Field) -> Result<(), Self::Error>;

    /// The values of a column that was loaded.
    fn values(&self, field: Field) -> ColumnValues<'_>;
}

/// A filter prepared for a chunk.
#[derive(Debug)]
pub struct FilterPlan<'a>(Step<'a>);

#[derive(Debug)]
enum Step<'a> {
    Known(bool),
    /// For each value of the dictionary, whether it matches.
    ById(Field, Vec<bool>),
    /// Numbers in one of these ranges; for times, the sign bit is inverted.
    Ranges(Field, Vec<(u64, u64)>),
    Test(Field, &'a Test),
    Host(Field, &'a Test),
    Family(bool),
    Computed(ComputedValue, &'a Test),
    Not(Box<Step<'a>>),
    All(Vec<Step<'a>>),
    One(Vec<Step<'a>>),
}

impl Filter {
    /// Prepares the filter for the chunk of `page`.
    ///
    /// # Errors
    /// When a dictionary cannot be read.
    pub fn plan<B: ColumnSource>(&self, page: &mut B) -> Result<FilterPlan<'_>, B::Error> {
        step(&self.root, page).map(FilterPlan)
    }
}

impl FilterPlan<'_> {
    /// Whether no row of the chunk matches.
    #[must_use]
    pub fn is_never(&self) -> bool {
        matches!(self.0, Step::Known(false))
    }

    /// The rows of a page that match.
    ///
    /// # Errors
    /// When a column cannot be read.
    pub fn select<B: ColumnSource>(&self, page: &mut B) -> Result<MatchedRows, B::Error> {
        self.0.of(page, MatchedRows::All(page.rows()))
    }
}

fn step<'a, B: ColumnSource>(node: &'a Node, page: &mut B) -> Result<Step<'a>, B::Error> {
    Ok(match node {
        Node::Any => Step::Known(true),
        Node::Term(term) => of_term(term, page)?,
        Node::Not(part) => match step(part, page)? {
            Step::Known(holds) => Step::Known(!holds),
            other => Step::Not(Box::new(other)),
        },
        Node::All(parts) => join(parts.iter().map(|part| step(part, page)), false)?,
        Node::One(parts) => join(parts.iter().map(|part| step(part, page)), true)?,
    })
}

/// Combines the parts: all of them, or one of them if `one`.
fn join<'a, E>(parts: impl Iterator<Item = Result<Step<'a>, E>>, one: bool) -> Result<Step<'a>, E> {
    let mut open = Vec::new();
    for part in parts {
        match part? {
            Step::Known(holds) if holds == one => return Ok(Step::Known(one)),
            Step::Known(_) => {}
            other => open.push(other),
        }
    }
    open.sort_by_key(Step::cost);
    Ok(match open.len() {
        0 => Step::Known(!one),
        1 => open.pop().unwrap_or(Step::Known(!one)),
        _ if one => Step::One(open),
        _ => Step::All(open),
    })
}

fn of_term<'a, B: ColumnSource>(term: &'a Term, page: &mut B) -> Result<Step<'a>, B::Error> {
    let test = &term.test;
    let two = |one: Field, two: Field, page: &mut B| match term.side {
        FlowEnd::Src => of_field(one, test, page),
        FlowEnd::Dst => of_field(two, test, page),
        FlowEnd::Either => {
            join([one, two].into_iter().map(|field| of_field(field, test, page)), true)
        }
        FlowEnd::Both => {
            join([one, two].into_iter().map(|field| of_field(field, test, page)), false)
        }
    };
    match term.reads {
        WordSubject::Everything => Ok(Step::Known(true)),
        WordSubject::Family(v4) => {
            Ok(by_value(Field::Src, page, |value| is_family(value, v4))?
                .unwrap_or(Step::Family(v4)))
        }
        WordSubject::One(field) => of_field(field, test, page),
        WordSubject::Two(Field::Src, Field::Dst) if term.side == FlowEnd::Either => {
            join(HOSTS.into_iter().map(|field| of_host(field, test, page)), true)
        }
        WordSubject::Two(src, dst) => two(src, dst, page),
        WordSubject::Ports => two(Field::SrcPort, Field::DstPort, page),
        // Never used by a term: parsing replaces it by its parts.
        WordSubject::Any(_) => Ok(Step::Known(false)),
        WordSubject::Flags => {
            let tcp = of_field(Field::Proto, &IS_TCP, page)?;
            let flags = of_field(Field::TcpFlags, test, page)?;
            join([Ok(tcp), Ok(flags)].into_iter(), false)
        }
        WordSubject::Computed(computed) => {
            let applies = by_value(Field::Proto, page, |value| match value {
                FieldValue::Number(proto) => computed.applies(proto as u8),
                _ => false,
            })?;
            match applies {
                Some(Step::Known(false)) => Ok(Step::Known(false)),
                _ => Ok(Step::Computed(computed, test)),
            }
        }
    }
}

const IS_TCP: Test = Test::Compare(Comparison::Eq, TCP as i128);

fn is_family(value: FieldValue, v4: bool) -> bool {
    matches!(value, FieldValue::Address(host) if host.as_v4().is_some() == v4)
}

/// Decides a test with the dictionary of a column, if it has one.
fn by_value<'a, B: ColumnSource>(
    field: Field,
    page: &mut B,
    holds: impl Fn(FieldValue) -> bool,
) -> Result<Option<Step<'a>>, B::Error> {
    let Some(known) = page.dictionary(field)? else { return Ok(None) };
    let places: Vec<bool> = match &*known {
        Dictionary::Numbers(numbers) => {
            numbers.iter().map(|bits| holds(number_value(field, *bits))).collect()
        }
        Dictionary::Addresses(hosts) => {
            hosts.iter().map(|host| holds(FieldValue::Address(*host))).collect()
        }
        Dictionary::Texts(texts) => {
            texts.iter().map(|text| holds(FieldValue::Text(*text))).collect()
        }
    };
    Ok(Some(match places.iter().filter(|holds| **holds).count() {
        0 => Step::Known(false),
        all if all == places.len() => Step::Known(true),
        _ => Step::ById(field, places),
    }))
}

/// The test for an address of [`HOSTS`].
fn of_host<'a, B: ColumnSource>(
    field: Field,
    test: &'a Test,
    page: &mut B,
) -> Result<Step<'a>, B::Error> {
    let step = by_value(field, page, |value| test.holds_host(field, value))?;
    Ok(step.unwrap_or(Step::Host(field, test)))
}

fn of_field<'a, B: ColumnSource>(
    field: Field,
    test: &'a Test,
    page: &mut B,
) -> Result<Step<'a>, B::Error> {
    if matches!(test, Test::Nothing) {
        return Ok(Step::Known(true));
    }
    let ranges = ranges(field, test);
    if let (Some(ranges), Some((low, high))) = (&ranges, page.bounds(field)) {
        let (low, high) = (comparable(field, low), comparable(field, high));
        // Bounds in the wrong order are useless: some time was before 1970.
        let known = low <= high;
        if known && ranges.iter().all(|(from, to)| *to < low || high < *from) {
            return Ok(Step::Known(false));
        }
        if known && ranges.iter().any(|(from, to)| *from <= low && high <= *to) {
            return Ok(Step::Known(true));
        }
    }
    if let Some(step) = by_value(field, page, |value| test.holds(value))? {
        return Ok(step);
    }
    Ok(match ranges {
        Some(ranges) if ranges.is_empty() => Step::Known(false),
        Some(ranges) => Step::Ranges(field, ranges),
        None => Step::Test(field, test),
    })
}

/// A number of a column in the form in which it is compared: times are signed.
#[inline]
fn comparable(field: Field, bits: u64) -> u64 {
    bits ^ sign(field)
}

fn sign(field: Field) -> u64 {
    if field.info().kind == FieldKind::Time { 1 << 63 } else { 0 }
}

/// The numbers that satisfy a test; `None` if they are not ranges.
fn ranges(field: Field, test: &Test) -> Option<Vec<(u64, u64)>> {
    let kind = field.info().kind;
    if matches!(kind, FieldKind::Address | FieldKind::Text) {
        return None;
    }
    let asked = match test {
        Test::Among(ranges) => ranges.clone(),
        Test::Compare(comp, limit) => vec![match comp {
            Comparison::Eq => (*limit, *limit),
            Comparison::Gt => (limit.saturating_add(1), i128::MAX),
            Comparison::Ge => (*limit, i128::MAX),
            Comparison::Lt => (i128::MIN, limit.saturating_sub(1)),
            Comparison::Le => (i128::MIN, *limit),
        }],
        Test::Nothing | Test::Nets(_) | Test::Texts(_) | Test::Flags { .. } => return None,
    };
    let shift = if kind == FieldKind::Time { 1i128 << 63 } else { 0 };
    let clipped = asked.into_iter().filter_map(|(from, to)| {
        let (from, to) = (from.saturating_add(shift).max(0), to.saturating_add(shift));
        let to = to.min(i128::from(u64::MAX));
        (from <= to).then_some((u64::try_from(from).ok()?, u64::try_from(to).ok()?))
    });
    Some(clipped.collect())
}
