//! Replaces totals in the flows of a record by what was not counted before.

use super::counter_meaning::{COUNTERS, CounterMeaning};
use super::element::{Aux, RecordSlots};
use super::exporter::counter_history::{CounterHistory, FlowReport};
use super::exporter::reporting_session::ReportingSession;
use super::record_view::RecordValues;
use super::report::{Cause, DatagramReport, RecordOutcome};
use crate::flow::field::Field;
use crate::flow::{Flow, Host};

/// What tells a flow from the others of its exporter, apart from its start.
#[derive(Hash)]
struct FlowIdentity {
    domain: u32,
    /// The id that the exporter gives it, 0 without one.
    id: u64,
    addresses: (Host, Host),
    ports: (u16, u16),
    proto: u8,
    direction: u8,
    /// The input interface and the VLAN; 0 if the flow has an id.
    inward: (u32, u16),
}

impl FlowIdentity {
    /// The identity of a record's flow. The output interface is not part of it, because it
    /// may change when a route does. Ports are those of the record: a flow of ICMP has its
    /// type and code there, which are not the same in all messages.
    fn of(values: &RecordSlots, flow: &Flow) -> FlowIdentity {
        let id = values.get(Aux::FlowId as usize);
        FlowIdentity {
            domain: flow.domain,
            id,
            addresses: (flow.src, flow.dst),
            ports: (values.get16(Field::SrcPort as usize), values.get16(Field::DstPort as usize)),
            proto: flow.proto,
            direction: flow.direction,
            inward: if id == 0 { (flow.input, flow.vlan) } else { (0, 0) },
        }
    }
}

/// What the counters of a record are read with.
pub(super) struct AccountingContext<'a> {
    pub meaning: &'a CounterMeaning,
    pub sender: ReportingSession<'a>,
    pub history: &'a mut CounterHistory,
}

/// Sets the counters of the flows of one record, which begin at `before` in `out`, to what
/// was not counted before, and lets them begin where the report before ended. Flows of which
/// nothing is left are removed. Returns what the record became.
pub(super) fn count_growth(
    context: AccountingContext<'_>,
    values: &RecordSlots,
    before: usize,
    out: &mut Vec<Flow>,
    report: &mut DatagramReport,
) -> RecordOutcome {
    let AccountingContext { meaning, sender, history } = context;
    let made = out.get_mut(before..).unwrap_or_default();
    let Some(flow) = made.first() else { return RecordOutcome::Flow };
    let counting = meaning.of_record(values);
    let began = counting.start.map(|_| flow.first.plus_ms(flow.clock_offset));
    let back = made.get(1).map_or((0, 0), |back| (back.bytes, back.packets));
    let seen = FlowReport {
        counting,
        values: [flow.bytes, flow.packets, back.0, back.1],
        began,
        end: flow.last,
        arrival: flow.arrival,
    };
    let difference = history.report(&FlowIdentity::of(values, flow), &seen, &sender);
    if difference.is_without_base {
        report.causes.count(Cause::TotalWithoutBase);
    }
    if difference.counted == [0; COUNTERS] && seen.values != [0; COUNTERS] {
        report.flows -= made.len() as u32;
        report.reversed -= (made.len() - 1) as u32;
        report.uncounted += 1;
        out.truncate(before);
        return RecordOutcome::Uncounted;
    }
    let [bytes, packets, back_bytes, back_packets] = difference.counted;
    for (flow, counted) in made.iter_mut().zip([(bytes, packets), (back_bytes, back_packets)]) {
        (flow.bytes, flow.packets) = counted;
        if let Some(since) = difference.since {
            flow.first = flow.first.max(since);
        }
    }
    if made.len() > 1 && (back_bytes, back_packets) == (0, 0) {
        out.truncate(before + 1);
        report.flows -= 1;
        report.reversed -= 1;
    }
    RecordOutcome::Flow
}
