//! Whole records out of the columns of a chunk.

use super::{ArchiveError, Chunk};
use crate::flow::column::{Dictionary, Vector, number_value};
use crate::flow::field::{FIELDS, Field, Value};
use crate::flow::{Duplicate, Flow, Host, MPLS_LABELS, More, Sampling};

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
            set(info.field, value, flow, more);
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

/// Puts a value where [`Field::info`] reads it.
fn set(field: Field, value: Value, flow: &mut Flow, more: &mut More) {
    match value {
        Value::Address(host) => {
            if let Some(at) = address(field, flow, more) {
                *at = host;
            }
        }
        Value::Text(text) => {
            if field == Field::User {
                more.user = text;
            }
        }
        Value::Time(time) => match field {
            Field::First => flow.first = time,
            Field::Last => flow.last = time,
            Field::Arrival => flow.arrival = time,
            _ => {}
        },
        Value::Number(number) if field.is_more() => set_more(field, number, more),
        Value::Number(number) => set_number(field, number, flow),
    }
}

fn address<'a>(field: Field, flow: &'a mut Flow, more: &'a mut More) -> Option<&'a mut Host> {
    Some(match field {
        Field::Src => &mut flow.src,
        Field::Dst => &mut flow.dst,
        Field::NextHop => &mut flow.next_hop,
        Field::Exporter => &mut flow.exporter,
        Field::BgpNextHop => &mut more.bgp_next_hop,
        Field::NatSrc => &mut more.nat_src,
        Field::NatDst => &mut more.nat_dst,
        Field::SrcInside => &mut more.src_inside,
        Field::DstInside => &mut more.dst_inside,
        _ => return None,
    })
}

/// A number in the width of its field: what does not fit was never read off a
/// flow, and becomes the highest there is.
fn fit<T: TryFrom<u64>>(number: u64, highest: T) -> T {
    T::try_from(number).unwrap_or(highest)
}

fn set_number(field: Field, number: u64, flow: &mut Flow) {
    let (long, short) = (|| fit(number, u32::MAX), || fit(number, u16::MAX));
    let byte = || fit(number, u8::MAX);
    match field {
        Field::Domain => flow.domain = long(),
        Field::Bytes => flow.bytes = number,
        Field::Packets => flow.packets = number,
        Field::Sampling => flow.sampling = Sampling::one_in(long()),
        Field::Input => flow.input = long(),
        Field::Output => flow.output = long(),
        Field::SrcAs => flow.src_as = long(),
        Field::DstAs => flow.dst_as = long(),
        Field::SrcPort => flow.sport = short(),
        Field::DstPort => flow.dport = short(),
        Field::Vlan => flow.vlan = short(),
        Field::Proto => flow.proto = byte(),
        Field::TcpFlags => flow.tcp_flags = byte(),
        Field::Tos => flow.tos = byte(),
        Field::SrcMask => flow.src_mask = byte(),
        Field::DstMask => flow.dst_mask = byte(),
        Field::Direction => flow.direction = byte(),
        Field::Duplicate => flow.duplicate = Duplicate::of(byte()),
        Field::Timed => flow.timed = number != 0,
        Field::ClockOffset => flow.clock_offset = number.cast_signed(),
        _ => {}
    }
}

fn set_more(field: Field, number: u64, more: &mut More) {
    let (long, short) = (|| fit(number, u32::MAX), || fit(number, u16::MAX));
    let byte = || fit(number, u8::MAX);
    match field {
        Field::NatSrcPort => more.nat_sport = short(),
        Field::NatDstPort => more.nat_dport = short(),
        Field::NatEvent => more.nat_event = byte(),
        Field::InSrcMac => more.in_src_mac = number,
        Field::OutDstMac => more.out_dst_mac = number,
        Field::InDstMac => more.in_dst_mac = number,
        Field::OutSrcMac => more.out_src_mac = number,
        Field::PrevAs => more.prev_as = long(),
        Field::NextAs => more.next_as = long(),
        Field::InVrf => more.in_vrf = long(),
        Field::OutVrf => more.out_vrf = long(),
        Field::DstVlan => more.dst_vlan = short(),
        Field::DstTos => more.dst_tos = byte(),
        Field::MinTtl => more.min_ttl = byte(),
        Field::MaxTtl => more.max_ttl = byte(),
        Field::Forwarding => more.forwarding = byte(),
        Field::FlowCount => more.flow_count = long(),
        Field::App => more.app = number,
        Field::Tunnel => more.tunnel = byte(),
        Field::TunnelKey => more.tunnel_key = long(),
        _ => {
            let label = (field as usize).checked_sub(Field::Mpls1 as usize);
            let label = label.filter(|label| *label < MPLS_LABELS);
            if let Some(at) = label.and_then(|label| more.mpls.get_mut(label)) {
                *at = long();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::archive::RowChunk;
    use crate::flow::{Text, Time};

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
}
