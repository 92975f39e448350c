//! Makes the line of a record of a data template.

use super::line::{CountedLine, NamedFields, RecordLine, Reverse};
use super::names::{self, FieldName};
use super::value::{self, PrintedValue};
use crate::flow::field::{FIELDS, Field};
use crate::flow::{Flow, FlowExtras, Host};
use crate::wire::RecordOutcome;
use crate::wire::element::{Aux, REVERSE_PEN};
use crate::wire::observer::RecordSeen;

/// Old releases of Cisco's ASA use this number for element 233.
const OLD_FIREWALL_EVENT: u16 = 40005;

/// Values of a record that have their own keys in a line. If an element occurs twice, the first
/// one counts.
#[derive(Clone, Copy, Debug, Default)]
struct RecordNumbers {
    delta: (Option<u64>, Option<u64>),
    total: (Option<u64>, Option<u64>),
    initiator: (Option<u64>, Option<u64>),
    responder: (Option<u64>, Option<u64>),
    out: (Option<u64>, Option<u64>),
    back: (Option<u64>, Option<u64>),
    ports: (Option<u64>, Option<u64>),
    interfaces: (Option<u64>, Option<u64>),
    start: Option<u64>,
    end: Option<u64>,
    proto: Option<u64>,
    firewall: Option<u64>,
    nat: Option<u64>,
}

impl RecordNumbers {
    fn of(seen: &RecordSeen<'_>) -> RecordNumbers {
        let mut numbers = RecordNumbers::default();
        for (field, bytes) in seen.template.values(seen.bytes) {
            let Some(number) = value::number(bytes) else { continue };
            if let Some(slot) = numbers.slot(field.pen, field.id) {
                let seconds = field.pen == 0 && matches!(field.id, 150 | 151);
                let number = if seconds { number.saturating_mul(1000) } else { number };
                slot.get_or_insert(number);
            }
        }
        numbers
    }

    fn slot(&mut self, pen: u32, id: u16) -> Option<&mut Option<u64>> {
        Some(match (pen, id) {
            (0, 1) => &mut self.delta.0,
            (0, 2) => &mut self.delta.1,
            (0, 85) => &mut self.total.0,
            (0, 86) => &mut self.total.1,
            (0, 231) => &mut self.initiator.0,
            (0, 298) => &mut self.initiator.1,
            (0, 232) => &mut self.responder.0,
            (0, 299) => &mut self.responder.1,
            (0, 23) => &mut self.out.0,
            (0, 24) => &mut self.out.1,
            (0, 7) => &mut self.ports.0,
            (0, 11) => &mut self.ports.1,
            (0, 10) => &mut self.interfaces.0,
            (0, 14) => &mut self.interfaces.1,
            (0, 150 | 152) => &mut self.start,
            (0, 151 | 153) => &mut self.end,
            (0, 4) => &mut self.proto,
            (0, 233 | OLD_FIREWALL_EVENT) => &mut self.firewall,
            (0, 230) => &mut self.nat,
            (REVERSE_PEN, 1 | 85) => &mut self.back.0,
            (REVERSE_PEN, 2 | 86) => &mut self.back.1,
            _ => return None,
        })
    }

    /// Bytes and packets of the forward direction.
    fn forward(&self) -> (Option<u64>, Option<u64>) {
        (
            self.delta.0.or(self.total.0).or(self.initiator.0),
            self.delta.1.or(self.total.1).or(self.initiator.1),
        )
    }

    /// Counters of the reverse direction. The responder's counters are reverse counters only
    /// when the record has no total: otherwise the total includes them. Those of elements 23 and
    /// 24 are counters of the reverse direction for nProbe only.
    fn reverse(&self, is_of_nprobe: bool) -> Option<Reverse> {
        let apart = |own: [Option<u64>; 2], there: Option<u64>| {
            there.filter(|_| own.iter().all(Option::is_none))
        };
        let bytes = apart([self.delta.0, self.total.0], self.responder.0);
        let packets = apart([self.delta.1, self.total.1], self.responder.1);
        let beside = |own: [Option<u64>; 2], out: Option<u64>| {
            out.filter(|_| is_of_nprobe && own.iter().any(Option::is_some))
        };
        let out_bytes = beside([self.delta.0, self.total.0], self.out.0);
        let out_packets = beside([self.delta.1, self.total.1], self.out.1);
        let reverse = Reverse {
            bytes: self.back.0.or(bytes).or(out_bytes),
            packets: self.back.1.or(packets).or(out_packets),
        };
        (reverse != Reverse::default()).then_some(reverse)
    }
}

/// The line of a record of a data template.
pub(super) fn of_template<'a>(
    seen: &RecordSeen<'_>,
    exporter: Option<Host>,
    names: &'a [FieldName],
) -> RecordLine<'a> {
    let numbers = RecordNumbers::of(seen);
    let (bytes, packets) = numbers.forward();
    let line = RecordLine {
        bytes,
        packets,
        exporter,
        domain: seen.domain,
        template: Some(seen.id),
        out_bytes: numbers.out.0,
        out_packets: numbers.out.1,
        reverse: numbers.reverse(seen.template.is_of_nprobe()),
        event: numbers.firewall.or(numbers.nat),
        event_name: numbers
            .firewall
            .map(|number| names::event(true, number))
            .or(numbers.nat.map(|number| names::event(false, number)))
            .flatten(),
        fields: fields(seen, names),
        ..RecordLine::default()
    };
    match &seen.flow {
        Some(flow) => with_flow(line, seen, &flow.flow, flow.times.map(|(a, b)| (a.0, b.0))),
        None => RecordLine {
            sport: narrow(numbers.ports.0),
            dport: narrow(numbers.ports.1),
            proto: narrow(numbers.proto),
            input: narrow(numbers.interfaces.0),
            output: narrow(numbers.interfaces.1),
            start_ms: narrow(numbers.start),
            end_ms: narrow(numbers.end),
            ..line
        },
    }
}

/// The number in fewer bits, if it fits.
fn narrow<T: TryFrom<u64>>(number: Option<u64>) -> Option<T> {
    number.and_then(|number| T::try_from(number).ok())
}

fn with_flow<'a>(
    line: RecordLine<'a>,
    seen: &RecordSeen<'_>,
    flow: &Flow,
    times: Option<(i64, i64)>,
) -> RecordLine<'a> {
    let t = seen.template;
    let any = |list: &[Aux]| list.iter().any(|aux| t.has_aux(*aux));
    let src = any(&[Aux::SrcV4, Aux::SrcHigh]);
    let dst = any(&[Aux::DstV4, Aux::DstHigh]);
    // Without addresses in the record, the packet in it has all of them.
    let packet = !src && !dst;
    let icmp = any(&[Aux::Icmp, Aux::IcmpType]);
    let has = |field| packet || t.has(field);
    let counted = line.bytes.is_some() || line.packets.is_some();
    let from_packet = |count| (packet && !counted).then_some(count);
    RecordLine {
        src: (packet || src).then_some(flow.src),
        dst: (packet || dst).then_some(flow.dst),
        sport: has(Field::SrcPort).then_some(flow.sport),
        dport: (has(Field::DstPort) || icmp).then_some(flow.dport),
        proto: has(Field::Proto).then_some(flow.proto),
        bytes: line.bytes.or(from_packet(flow.bytes)),
        packets: line.packets.or(from_packet(flow.packets)),
        start_ms: times.map(|times| times.0),
        end_ms: times.map(|times| times.1),
        input: t.has(Field::Input).then_some(flow.input),
        output: t.has(Field::Output).then_some(flow.output),
        sampling: flow.sampling.rate(),
        counted: count_of(seen, flow, line.reverse),
        ..line
    }
}

/// What is counted of a record, if that is not what it reports.
fn count_of(seen: &RecordSeen<'_>, flow: &Flow, reverse: Option<Reverse>) -> Option<CountedLine> {
    if seen.standing == RecordOutcome::Uncounted {
        return Some(CountedLine::default());
    }
    let made = seen.made.first().filter(|_| seen.template.counters().is_some())?;
    let back = seen.made.get(1).map_or((0, 0), |back| (back.bytes, back.packets));
    let reported = reverse.unwrap_or_default();
    let reported = (reported.bytes.unwrap_or(0), reported.packets.unwrap_or(0));
    let same = (made.bytes, made.packets) == (flow.bytes, flow.packets) && back == reported;
    let reverse = Reverse { bytes: Some(back.0), packets: Some(back.1) };
    let counted = CountedLine {
        bytes: made.bytes,
        packets: made.packets,
        reverse: (back != (0, 0)).then_some(reverse),
    };
    (!same).then_some(counted)
}

/// Every field of a record with its value.
pub(super) fn fields<'a>(seen: &RecordSeen<'_>, names: &'a [FieldName]) -> NamedFields<'a> {
    let values = seen.template.values(seen.bytes).zip(names);
    NamedFields(
        values
            .map(|((_, bytes), named)| (named.name.as_str(), PrintedValue::read(named.kind, bytes)))
            .collect(),
    )
}

/// The line of a flow whose record has fixed layout, or of a sample.
pub(super) fn of_flow(flow: &Flow, exporter: Option<Host>) -> RecordLine<'static> {
    RecordLine {
        src: Some(flow.src),
        dst: Some(flow.dst),
        sport: Some(flow.sport),
        dport: Some(flow.dport),
        proto: Some(flow.proto),
        bytes: Some(flow.bytes),
        packets: Some(flow.packets),
        start_ms: flow.timed.then_some(flow.first.0),
        end_ms: flow.timed.then_some(flow.last.0),
        input: Some(flow.input),
        output: Some(flow.output),
        sampling: flow.sampling.rate(),
        exporter,
        domain: flow.domain,
        fields: NamedFields(
            FIELDS
                .iter()
                .filter(|info| match info.field {
                    Field::Exporter | Field::Domain => false,
                    // Fields that the decoder computes; the record does not have them.
                    Field::Duplicate | Field::Timed | Field::ClockOffset => false,
                    // Records of fixed layout have no extra fields; samples list theirs
                    // themselves.
                    field if field.is_extra() => false,
                    Field::Direction => flow.direction != Flow::NO_DIRECTION,
                    _ => true,
                })
                .map(|info| (info.name, PrintedValue::from((info.get)(flow, &FlowExtras::NONE))))
                .collect(),
        ),
        ..RecordLine::default()
    }
}
