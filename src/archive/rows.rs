//! Reads whole flow records from the columns of a chunk.

use super::{ArchiveError, ColumnChunk};
use crate::flow::column::{Dictionary, Vector, number_value};
use crate::flow::field::{FIELDS, Field, FieldValue};
use crate::flow::{Flow, FlowExtras};

/// The records of page number `page` (from 0) in the order in which they were recorded, with
/// their extras ([`Flow::more`] refers to them).
///
/// # Errors
/// When the page is damaged or cannot be read.
pub fn rows(
    chunk: &mut dyn ColumnChunk,
    page: usize,
) -> Result<(Vec<Flow>, Vec<FlowExtras>), ArchiveError> {
    let count = chunk.page_rows(page);
    let mut rows = vec![(Flow::EMPTY, FlowExtras::NONE); count];
    let mut column = Vector::default();
    for info in FIELDS {
        chunk.read(info.field, page, &mut column)?;
        if column.len() != count {
            let what = format!(
                "page {page} has {} values of {}, expected {count}",
                column.len(),
                info.name
            );
            return Err(ArchiveError::damaged(chunk.path(), what));
        }
        let dictionary = match column {
            Vector::Ids(_) => chunk.dictionary(info.field)?,
            _ => None,
        };
        for (row, (flow, extras)) in rows.iter_mut().enumerate() {
            let Some(value) = value(info.field, &column, dictionary.as_deref(), row) else {
                let what =
                    format!("page {page} has an id of {} that is not in its dictionary", info.name);
                return Err(ArchiveError::damaged(chunk.path(), what));
            };
            info.field.set(value, flow, extras);
        }
    }
    let (mut flows, mut all) = (Vec::with_capacity(count), Vec::new());
    for (mut flow, extras) in rows {
        if extras != FlowExtras::NONE {
            all.push(extras);
            flow.more = u32::try_from(all.len()).unwrap_or(0);
        }
        flows.push(flow);
    }
    Ok((flows, all))
}

fn value(
    field: Field,
    column: &Vector,
    dictionary: Option<&Dictionary>,
    row: usize,
) -> Option<FieldValue> {
    match column {
        Vector::Ids(ids) => dictionary?.get(field, *ids.get(row)?),
        Vector::Numbers(numbers) => Some(number_value(field, *numbers.get(row)?)),
        Vector::Addresses(hosts) => Some(FieldValue::Address(*hosts.get(row)?)),
        Vector::Texts(texts) => Some(FieldValue::Text(*texts.get(row)?)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::archive::RowChunk;
    use crate::flow::field::{FieldInfo, FieldKind, StoredType};
    use crate::flow::{FlowText, Host, Time};

    #[test]
    fn every_field_is_read_back() {
        let (mut flow, mut extras) = (Flow::EMPTY, FlowExtras::NONE);
        let value = |n: u64, info: &FieldInfo| match (info.kind, info.store) {
            (FieldKind::Address, _) => FieldValue::Address(Host(n.into())),
            (FieldKind::Text, _) => FieldValue::Text(FlowText::new("anna")),
            (FieldKind::Time, _) => FieldValue::Time(Time(-35 - n.cast_signed())),
            (_, StoredType::Flag) => FieldValue::Number(0),
            (_, StoredType::Signed) => FieldValue::Number((-38_i64).cast_unsigned()),
            (_, StoredType::Unsigned(64)) => FieldValue::Number(n << 32),
            _ if info.field == Field::Duplicate => FieldValue::Number(2),
            _ => FieldValue::Number(n),
        };
        // Each field has a different value, so that a value set in the wrong field is noticed.
        for (n, info) in (1..).zip(FIELDS) {
            info.field.set(value(n, info), &mut flow, &mut extras);
        }
        for (n, info) in (1..).zip(FIELDS) {
            assert_eq!(info.field.value(&flow, &extras), value(n, info), "{}", info.name);
            assert!(info.field.is_reported(&flow, &extras), "{}", info.name);
        }
        flow.more = 1;
        let flows = vec![flow, Flow::EMPTY];
        let path = Path::new("made").into();
        let mut chunk = RowChunk::new(path, flows.clone(), vec![extras], 0).unwrap();
        assert_eq!(rows(&mut chunk, 0).unwrap(), (flows, vec![extras]));
    }

    #[test]
    fn numbers_that_do_not_fit_become_the_greatest_that_fits() {
        let (mut flow, mut extras) = (Flow::EMPTY, FlowExtras::NONE);
        for info in FIELDS {
            info.field.set(FieldValue::Number(u64::MAX), &mut flow, &mut extras);
        }
        assert_eq!((flow.proto, flow.sport, flow.input), (u8::MAX, u16::MAX, u32::MAX));
        assert_eq!((flow.bytes, flow.clock_offset), (u64::MAX, -1));
        assert_eq!(
            (extras.min_ttl, extras.dst_vlan, extras.mpls),
            (u8::MAX, u16::MAX, [u32::MAX; 10])
        );
        assert_eq!((flow.src, extras.user.is_empty()), (Host::UNSPECIFIED, true));
        Field::Proto.set(FieldValue::Number(300), &mut flow, &mut extras);
        assert_eq!(flow.proto, 255, "not 44");
    }
}
