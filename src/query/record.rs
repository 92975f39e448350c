//! Builds records from columns.

use super::answer::{AnswerRow, AnswerSums};
use super::page::Page;
use super::state::GroupSums;
use crate::filter::select::{ColumnSource, ColumnValues, MatchedRows};
use crate::flow::field::{Field, FieldKind};
use crate::flow::{Flow, FlowExtras, Host};

/// The records of `hits` with these columns, which are loaded.
pub(super) fn rows(
    page: &Page<'_>,
    hits: &MatchedRows,
    states: &[GroupSums],
    fields: &[Field],
) -> Vec<AnswerRow> {
    // Values that all rows of the page share, as most columns have, are set once.
    let mut alike = row(GroupSums::NONE.sums());
    let mut differing = Vec::new();
    for field in fields {
        match page.values(*field) {
            ColumnValues::Number(one) => field.set_number(one, &mut alike.flow, &mut alike.extras),
            ColumnValues::Address(one) => {
                field.set_address(one, &mut alike.flow, &mut alike.extras)
            }
            ColumnValues::Text(one) => field.set_text(one, &mut alike.flow, &mut alike.extras),
            _ => differing.push(*field),
        }
    }
    let mut rows = vec![alike; hits.len()];
    for field in differing {
        match field.info().kind {
            FieldKind::Address => page.hosts(field, hits, |at, host| {
                let row = &mut rows[at];
                field.set_address(host, &mut row.flow, &mut row.extras);
            }),
            FieldKind::Text => page.texts(field, hits, |at, text| {
                let row = &mut rows[at];
                field.set_text(text, &mut row.flow, &mut row.extras);
            }),
            _ => page.numbers(field, hits, |at, bits| {
                let row = &mut rows[at];
                field.set_number(bits, &mut row.flow, &mut row.extras);
            }),
        }
    }
    for (row, state) in rows.iter_mut().zip(states) {
        row.sums = state.sums();
        row.odd_times = state.is_odd();
    }
    rows
}

/// A row of which only the sums are known.
pub(super) fn row(sums: AnswerSums) -> AnswerRow {
    let (flow, extras) = (Flow::EMPTY, FlowExtras::NONE);
    AnswerRow { flow, extras, sums, odd_times: false, out_packets: 0, out_bytes: 0 }
}

/// Sets the value of a field: `host` for an address, otherwise `bits`.
#[inline]
pub(super) fn put(row: &mut AnswerRow, field: Field, bits: u64, host: Host) {
    match field.info().kind {
        FieldKind::Address => field.set_address(host, &mut row.flow, &mut row.extras),
        _ => field.set_number(bits, &mut row.flow, &mut row.extras),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_does_not_fit_becomes_the_greatest_that_fits() {
        let mut row = row(GroupSums::NONE.sums());
        put(&mut row, Field::Proto, 300, Host::UNSPECIFIED);
        put(&mut row, Field::SrcPort, 0x1_0001, Host::UNSPECIFIED);
        put(&mut row, Field::InVrf, 1 << 32, Host::UNSPECIFIED);
        assert_eq!((row.flow.proto, row.flow.sport, row.extras.in_vrf), (255, 65_535, u32::MAX));
    }
}
