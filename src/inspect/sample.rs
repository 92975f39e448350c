//! Makes the line of an sFlow sample.

use super::line::{InspectLine, NamedFields, OptionsLine, RecordLine, SampleLine};
use super::record;
use super::value::PrintedValue;
use crate::flow::{Flow, Host, Time};
use crate::wire::Sample;
use crate::wire::frame::Packet;
use crate::wire::interfaces::InterfaceCounters;
use crate::wire::sflow::SampleKind;

/// The line of a sample: a flow if the packet has addresses, an event if the packet has none or
/// was dropped, options for counters. `None` for samples of other formats.
pub(super) fn line(
    sample: &Sample,
    flow: Option<&Flow>,
    exporter: Option<Host>,
    time: Option<Time>,
) -> Option<InspectLine<'static>> {
    let about = about(sample)?;
    if sample.kind == SampleKind::Counter {
        return Some(InspectLine::Options(OptionsLine {
            exporter,
            domain: sample.sub_agent,
            template: None,
            sample: Some(about),
            fields: counters(sample),
        }));
    }
    let line = match flow {
        Some(flow) => record::of_flow(flow, exporter),
        None => without_flow(sample, exporter),
    };
    let (start_ms, end_ms) = (time.map(|time| time.0), time.map(|time| time.0));
    let mut line = RecordLine { start_ms, end_ms, sample: Some(about), ..line };
    line.fields.0.retain(|(name, _)| !matches!(*name, "first" | "last" | "arrival"));
    line.fields.0.extend(headers(sample));
    Some(if flow.is_some() { InspectLine::Flow(line) } else { InspectLine::Event(line) })
}

fn about(sample: &Sample) -> Option<SampleLine> {
    let flow = sample.kind == SampleKind::Flow;
    let discard = sample.kind == SampleKind::Discard;
    Some(SampleLine {
        sample: match sample.kind {
            SampleKind::Flow => "flow",
            SampleKind::Counter => "counter",
            SampleKind::Discard => "discard",
            SampleKind::Other => return None,
        },
        agent: sample.agent,
        sub_agent: sample.sub_agent,
        sample_sequence: sample.sequence,
        source_class: sample.source_class,
        source_id: sample.source_index,
        rate: flow.then_some(sample.rate),
        pool: flow.then_some(sample.pool),
        drops: (flow || discard).then_some(sample.drops),
        reason: discard.then_some(sample.reason),
    })
}

/// The line of a packet that makes no flow: it was dropped, or has no IP.
fn without_flow(sample: &Sample, exporter: Option<Host>) -> RecordLine<'static> {
    let packet = sample.packet.as_ref();
    let of = |get: fn(&Packet) -> u16| packet.map(get);
    RecordLine {
        src: packet.map(|packet| packet.src),
        dst: packet.map(|packet| packet.dst),
        sport: of(|packet| packet.sport),
        dport: of(|packet| packet.dport),
        proto: packet.map(|packet| packet.proto),
        bytes: (sample.frame_length > 0).then_some(u64::from(sample.frame_length)),
        packets: Some(1),
        input: (sample.input_format == 0).then_some(sample.input),
        output: (sample.output_format == 0).then_some(sample.output),
        sampling: (sample.rate > 0).then_some(sample.rate),
        exporter,
        domain: sample.sub_agent,
        ..RecordLine::default()
    }
}

/// Fields of the sample's packet that have no key of their own in the line.
fn headers(sample: &Sample) -> Vec<(&'static str, PrintedValue)> {
    let number = |name, number: u32| (name, PrintedValue::Number(u64::from(number)));
    let mut list = vec![
        number("header_protocol", sample.header_protocol),
        number("frame_length", sample.frame_length),
        number("src_vlan", u32::from(sample.src_vlan)),
        number("dst_vlan", u32::from(sample.dst_vlan)),
        number("prev_as", sample.prev_as),
        number("next_as", sample.next_as),
    ];
    // 0 means that the sample does not have the field.
    list.retain(|(_, value)| *value != PrintedValue::Number(0));
    if !sample.bgp_next_hop.is_unspecified() {
        list.push(("bgp_next_hop", PrintedValue::Text(sample.bgp_next_hop.to_string())));
    }
    let mac = |octets: &[u8; 6]| {
        let digits: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        PrintedValue::Text(digits.join(":"))
    };
    if let Some(packet) = sample.packet.as_ref() {
        list.push(number("ip_length", packet.ip_length));
        list.push(number("ttl", u32::from(packet.ttl)));
        if packet.src_mac != [0; 6] || packet.dst_mac != [0; 6] {
            list.push(("src_mac", mac(&packet.src_mac)));
            list.push(("dst_mac", mac(&packet.dst_mac)));
        }
    }
    list.push(("record_formats", formats(sample)));
    list
}

/// Formats of the records, as `enterprise:format`.
fn formats(sample: &Sample) -> PrintedValue {
    let list: Vec<String> =
        sample.formats.iter().map(|f| format!("{}:{}", f >> 12, f & 0xfff)).collect();
    PrintedValue::Text(list.join(" "))
}

fn counters(sample: &Sample) -> NamedFields<'static> {
    let mut list = Vec::new();
    if let Some((index, counters)) = &sample.counters {
        list.push(("ifIndex", PrintedValue::Number(u64::from(*index))));
        list.extend(interface(counters));
    }
    if let Some(name) = &sample.port_name {
        list.push(("portName", PrintedValue::Text(name.clone())));
    }
    list.push(("record_formats", formats(sample)));
    NamedFields(list)
}

/// Generic interface counters, with the names in `if_counters`.
fn interface(c: &InterfaceCounters) -> impl Iterator<Item = (&'static str, PrintedValue)> {
    let some = |count: Option<u32>| count.map(u64::from);
    let list = [
        ("ifType", Some(u64::from(c.kind))),
        ("ifSpeed", Some(c.speed)),
        ("ifDirection", Some(u64::from(c.direction))),
        ("ifStatus", Some(u64::from(c.status))),
        ("ifInOctets", c.in_octets),
        ("ifInUcastPkts", some(c.in_unicast)),
        ("ifInMulticastPkts", some(c.in_multicast)),
        ("ifInBroadcastPkts", some(c.in_broadcast)),
        ("ifInDiscards", some(c.in_discards)),
        ("ifInErrors", some(c.in_errors)),
        ("ifInUnknownProtos", some(c.in_unknown)),
        ("ifOutOctets", c.out_octets),
        ("ifOutUcastPkts", some(c.out_unicast)),
        ("ifOutMulticastPkts", some(c.out_multicast)),
        ("ifOutBroadcastPkts", some(c.out_broadcast)),
        ("ifOutDiscards", some(c.out_discards)),
        ("ifOutErrors", some(c.out_errors)),
        ("ifPromiscuousMode", Some(u64::from(c.promiscuous))),
    ];
    list.into_iter()
        .map(|(name, count)| (name, count.map_or(PrintedValue::Nothing, PrintedValue::Number)))
}
