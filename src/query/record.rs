//! Records put together from columns.

use super::answer::{Row, Sums};
use super::page::Page;
use super::state::State;
use crate::filter::select::{Batch, Hits, Values};
use crate::flow::field::{Field, Kind};
use crate::flow::{Duplicate, Flow, Host, More, Sampling, Text, Time};

/// The records of `hits` with these columns, which were loaded.
pub(super) fn rows(page: &Page<'_>, hits: &Hits, states: &[State], fields: &[Field]) -> Vec<Row> {
    // What all of a page have alike is written once, and most columns are that.
    let mut alike = row(State::NONE.sums());
    let mut differing = Vec::new();
    for field in fields {
        match page.values(*field) {
            Values::Number(one) => put(&mut alike, *field, one, Host::UNSPECIFIED),
            Values::Address(one) => put(&mut alike, *field, 0, one),
            Values::Text(one) => put_text(&mut alike, *field, one),
            _ => differing.push(*field),
        }
    }
    let mut rows = vec![alike; hits.len()];
    for field in differing {
        let none = Host::UNSPECIFIED;
        match field.info().kind {
            Kind::Address => page.hosts(field, hits, |at, host| put(&mut rows[at], field, 0, host)),
            Kind::Text => page.texts(field, hits, |at, text| put_text(&mut rows[at], field, text)),
            _ => page.numbers(field, hits, |at, bits| put(&mut rows[at], field, bits, none)),
        }
    }
    for (row, state) in rows.iter_mut().zip(states) {
        row.sums = state.sums();
        row.odd_times = state.is_odd();
    }
    rows
}

/// A row of which only the sums are known.
pub(super) fn row(sums: Sums) -> Row {
    let (flow, more) = (Flow::EMPTY, More::NONE);
    Row { flow, more, sums, odd_times: false, out_packets: 0, out_bytes: 0 }
}

/// Puts a text where it belongs.
fn put_text(row: &mut Row, field: Field, text: Text) {
    if field == Field::User {
        row.more.user = text;
    }
}

/// Puts a field's value where it belongs: `host` of an address, else `bits`.
/// What is too wide for its field, which only damage makes, loses its upper bits.
pub(super) fn put(row: &mut Row, field: Field, bits: u64, host: Host) {
    if field.is_more() {
        return put_more(&mut row.more, field, bits, host);
    }
    let flow = &mut row.flow;
    match field {
        Field::Src => flow.src = host,
        Field::Dst => flow.dst = host,
        Field::NextHop => flow.next_hop = host,
        Field::Exporter => flow.exporter = host,
        Field::Domain => flow.domain = bits as u32,
        Field::First => flow.first = Time(bits.cast_signed()),
        Field::Last => flow.last = Time(bits.cast_signed()),
        Field::Arrival => flow.arrival = Time(bits.cast_signed()),
        Field::Bytes => flow.bytes = bits,
        Field::Packets => flow.packets = bits,
        Field::Input => flow.input = bits as u32,
        Field::Output => flow.output = bits as u32,
        Field::SrcAs => flow.src_as = bits as u32,
        Field::DstAs => flow.dst_as = bits as u32,
        Field::SrcPort => flow.sport = bits as u16,
        Field::DstPort => flow.dport = bits as u16,
        Field::Vlan => flow.vlan = bits as u16,
        Field::Proto => flow.proto = bits as u8,
        Field::TcpFlags => flow.tcp_flags = bits as u8,
        Field::Tos => flow.tos = bits as u8,
        Field::SrcMask => flow.src_mask = bits as u8,
        Field::DstMask => flow.dst_mask = bits as u8,
        Field::Direction => flow.direction = bits as u8,
        Field::Sampling => flow.sampling = Sampling::one_in(bits as u32),
        Field::Duplicate => flow.duplicate = Duplicate::of(bits as u8),
        Field::Timed => flow.timed = bits != 0,
        Field::ClockOffset => flow.clock_offset = bits.cast_signed(),
        _ => {}
    }
}

fn put_more(more: &mut More, field: Field, bits: u64, host: Host) {
    match field {
        Field::BgpNextHop => more.bgp_next_hop = host,
        Field::NatSrc => more.nat_src = host,
        Field::NatDst => more.nat_dst = host,
        Field::SrcInside => more.src_inside = host,
        Field::DstInside => more.dst_inside = host,
        Field::FlowCount => more.flow_count = bits as u32,
        Field::App => more.app = bits,
        Field::Tunnel => more.tunnel = bits as u8,
        Field::TunnelKey => more.tunnel_key = bits as u32,
        Field::NatSrcPort => more.nat_sport = bits as u16,
        Field::NatDstPort => more.nat_dport = bits as u16,
        Field::NatEvent => more.nat_event = bits as u8,
        Field::InSrcMac => more.in_src_mac = bits,
        Field::OutDstMac => more.out_dst_mac = bits,
        Field::InDstMac => more.in_dst_mac = bits,
        Field::OutSrcMac => more.out_src_mac = bits,
        Field::Mpls1 => more.mpls[0] = bits as u32,
        Field::Mpls2 => more.mpls[1] = bits as u32,
        Field::Mpls3 => more.mpls[2] = bits as u32,
        Field::Mpls4 => more.mpls[3] = bits as u32,
        Field::Mpls5 => more.mpls[4] = bits as u32,
        Field::Mpls6 => more.mpls[5] = bits as u32,
        Field::Mpls7 => more.mpls[6] = bits as u32,
        Field::Mpls8 => more.mpls[7] = bits as u32,
        Field::Mpls9 => more.mpls[8] = bits as u32,
        Field::Mpls10 => more.mpls[9] = bits as u32,
        Field::PrevAs => more.prev_as = bits as u32,
        Field::NextAs => more.next_as = bits as u32,
        Field::InVrf => more.in_vrf = bits as u32,
        Field::OutVrf => more.out_vrf = bits as u32,
        Field::DstVlan => more.dst_vlan = bits as u16,
        Field::DstTos => more.dst_tos = bits as u8,
        Field::MinTtl => more.min_ttl = bits as u8,
        Field::MaxTtl => more.max_ttl = bits as u8,
        Field::Forwarding => more.forwarding = bits as u8,
        _ => {}
    }
}
