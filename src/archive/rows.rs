//! Whole records out of the columns of a chunk.

use super::{ArchiveError, Chunk};
use crate::flow::column::{Dictionary, Vector, number_value};
use crate::flow::field::{FIELDS, Field, Value};
use crate::flow::{Flow, More};

/// The records of a page with what came with them ([`Flow::more`]), in the order
/// they were recorded.
///
/// # Errors
/// When the page is damaged or cannot be read.
pub fn rows(chunk: &mut dyn Chunk, page: usize) -> Result<(Vec<Flow>, Vec<More>), ArchiveError> {
    let count = chunk.page_rows(page);
    let mut rows = vec![(Flow::EMPTY, More::NONE); count];
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
        for (place, (flow, more)) in rows.iter_mut().enumerate() {
            let Some(value) = value(info.field, &column, dictionary.as_deref(), place) else {
                let what = format!("page {page} names a {} that is not there", info.name);
                return Err(ArchiveError::damaged(chunk.path(), what));
            };
            info.field.set(value, flow, more);
        }
    }
    let (mut flows, mut all) = (Vec::with_capacity(count), Vec::new());
    for (mut flow, more) in rows {
        if more != More::NONE {
            all.push(more);
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
    place: usize,
) -> Option<Value> {
    match column {
        Vector::Ids(ids) => dictionary?.get(field, *ids.get(place)?),
        Vector::Numbers(numbers) => Some(number_value(field, *numbers.get(place)?)),
        Vector::Addresses(hosts) => Some(Value::Address(*hosts.get(place)?)),
        Vector::Texts(texts) => Some(Value::Text(*texts.get(place)?)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::archive::RowChunk;
    use crate::flow::{Duplicate, Host, Sampling, Text, Time};

    #[test]
    fn every_field_comes_back() {
        let full = More {
            bgp_next_hop: Host(1),
            nat_src: Host(2),
            nat_dst: Host(3),
            in_src_mac: 4,
            out_dst_mac: 5,
            in_dst_mac: 6,
            out_src_mac: 7,
            mpls: [8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
            prev_as: 18,
            next_as: 19,
            in_vrf: 20,
            out_vrf: 21,
            nat_sport: 22,
            nat_dport: 23,
            dst_vlan: 24,
            dst_tos: 25,
            min_ttl: 26,
            max_ttl: 27,
            nat_event: 28,
            forwarding: 29,
            flow_count: 55,
            src_inside: Host(56),
            dst_inside: Host(57),
            app: 58 << 32,
            user: Text::new("anna"),
            tunnel: 59,
            tunnel_key: 60,
        };
        let flow = Flow {
            src: Host(30),
            dst: Host(31),
            next_hop: Host(32),
            exporter: Host(33),
            domain: 34,
            first: Time(-35),
            last: Time(36),
            arrival: Time(37),
            clock_offset: -38,
            bytes: 39,
            packets: 40,
            sampling: Sampling::one_in(41),
            input: 42,
            output: 43,
            src_as: 44,
            dst_as: 45,
            sport: 46,
            dport: 47,
            vlan: 48,
            proto: 49,
            tcp_flags: 50,
            tos: 51,
            src_mask: 52,
            dst_mask: 53,
            direction: 54,
            timed: false,
            packet_sample: false,
            duplicate: Duplicate::OtherExporter,
            more: 1,
        };
        let flows = vec![flow, Flow::EMPTY];
        let path = Path::new("made").into();
        let mut chunk = RowChunk::new(path, flows.clone(), vec![full], 0).unwrap();
        assert_eq!(rows(&mut chunk, 0).unwrap(), (flows, vec![full]));
    }

    #[test]
    fn numbers_without_room_are_the_greatest_that_fit() {
        let (mut flow, mut more) = (Flow::EMPTY, More::NONE);
        for info in FIELDS {
            info.field.set(Value::Number(u64::MAX), &mut flow, &mut more);
        }
        assert_eq!((flow.proto, flow.sport, flow.input), (u8::MAX, u16::MAX, u32::MAX));
        assert_eq!((flow.bytes, flow.clock_offset), (u64::MAX, -1));
        assert_eq!((more.min_ttl, more.dst_vlan, more.mpls), (u8::MAX, u16::MAX, [u32::MAX; 10]));
        assert_eq!((flow.src, more.user.is_empty()), (Host::UNSPECIFIED, true));
        Field::Proto.set(Value::Number(300), &mut flow, &mut more);
        assert_eq!(flow.proto, 255, "not 44");
    }
}
