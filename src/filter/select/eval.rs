//! Evaluates a step of a plan over the rows of a page.

use super::super::condition::Test;
use super::super::words::ComputedValue;
use super::{ColumnSource, ColumnValues, MatchedRows, Step, is_family, sign};
use crate::flow::field::{Field, FieldValue};

impl Step<'_> {
    /// The approximate cost per row.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Step::Known(_) => 0,
            Step::ById(..) => 1,
            Step::Ranges(_, ranges) => 1 + ranges.len() as u32,
            Step::Family(_) => 4,
            Step::Test(..) | Step::Host(..) => 8,
            Step::Computed(..) => 40,
            Step::Not(part) => 1 + part.cost(),
            Step::All(parts) | Step::One(parts) => {
                parts.iter().map(Step::cost).fold(0, u32::saturating_add)
            }
        }
    }

    /// The rows of `among` that match.
    pub(super) fn of<B: ColumnSource>(
        &self,
        page: &mut B,
        among: MatchedRows,
    ) -> Result<MatchedRows, B::Error> {
        if among.is_empty() {
            return Ok(among);
        }
        match self {
            Step::Known(true) => return Ok(among),
            Step::Known(false) => return Ok(MatchedRows::Some(Vec::new())),
            Step::ById(field, _)
            | Step::Ranges(field, _)
            | Step::Test(field, _)
            | Step::Host(field, _) => page.load(*field)?,
            Step::Family(_) => page.load(Field::Src)?,
            Step::Computed(computed, _) => {
                for field in computed.fields() {
                    page.load(*field)?;
                }
            }
            Step::Not(_) | Step::All(_) | Step::One(_) => {}
        }
        Ok(match self {
            Step::Known(_) => among,
            Step::ById(field, places) => match page.values(*field) {
                ColumnValues::Ids(ids, _) => among.narrow(|row| places[ids[row] as usize]),
                _ => among.narrow(|_| places.first() == Some(&true)),
            },
            Step::Ranges(field, ranges) => in_ranges(page.values(*field), *field, ranges, &among),
            Step::Test(field, test) => {
                let values = page.values(*field);
                among.narrow(|row| test.holds(values.at(*field, row)))
            }
            Step::Host(field, test) => {
                let values = page.values(*field);
                among.narrow(|row| test.holds_host(*field, values.at(*field, row)))
            }
            Step::Family(v4) => {
                let values = page.values(Field::Src);
                among.narrow(|row| is_family(values.at(Field::Src, row), *v4))
            }
            Step::Computed(computed, test) => computed_hits(page, *computed, test, &among),
            Step::Not(part) => {
                let matched = part.of(page, among.clone())?;
                among.without(&matched)
            }
            Step::All(parts) => {
                let mut left = among;
                for part in parts {
                    left = part.of(page, left)?;
                }
                left
            }
            Step::One(parts) => {
                let (mut left, mut found) = (among, MatchedRows::Some(Vec::new()));
                for part in parts {
                    let matched = part.of(page, left.clone())?;
                    left = left.without(&matched);
                    found = found.and(matched);
                }
                found
            }
        })
    }
}

fn in_ranges(
    values: ColumnValues<'_>,
    field: Field,
    ranges: &[(u64, u64)],
    among: &MatchedRows,
) -> MatchedRows {
    let sign = sign(field);
    match (values, ranges) {
        (ColumnValues::Numbers(numbers), [(from, to)]) => {
            let (from, width) = (*from, to - from);
            among.narrow(|row| (numbers[row] ^ sign).wrapping_sub(from) <= width)
        }
        (ColumnValues::Numbers(numbers), _) => among.narrow(|row| {
            let number = numbers[row] ^ sign;
            ranges.iter().any(|(from, to)| (*from..=*to).contains(&number))
        }),
        (values, _) => among.narrow(|row| {
            let bits = values.bits(row) ^ sign;
            ranges.iter().any(|(from, to)| (*from..=*to).contains(&bits))
        }),
    }
}

fn computed_hits<B: ColumnSource>(
    page: &B,
    computed: ComputedValue,
    test: &Test,
    among: &MatchedRows,
) -> MatchedRows {
    let columns = computed.fields().iter().map(|field| (*field, page.values(*field)));
    let columns: Vec<(Field, ColumnValues<'_>)> = columns.collect();
    among.narrow(|row| {
        let get = |field: Field| {
            let (_, values) = columns.iter().find(|(known, _)| *known == field)?;
            match values.at(field, row) {
                FieldValue::Number(number) => Some(i128::from(number)),
                FieldValue::Time(time) => Some(i128::from(time.0)),
                FieldValue::Address(_) | FieldValue::Text(_) => None,
            }
        };
        let applies = match get(Field::Proto) {
            Some(proto) => u8::try_from(proto).is_ok_and(|proto| computed.applies(proto)),
            None => true,
        };
        applies && computed.number(&get).is_some_and(|number| test.has(number))
    })
}
