//! What the counters of a template's records mean: traffic since the last report, or totals
//! since the flow began. This is decided once, when the template is compiled.

use super::element::{Aux, EMPTY_SLOT, LoadTarget, element};
use super::field_spec::FieldSpec;
use super::record_view::RecordValues;
use crate::flow::field::Field;

/// Number of counters of a record: bytes and packets, then those of the reverse direction.
pub const COUNTERS: usize = 4;

/// Elements that count since the flow began: octetTotalCount, packetTotalCount,
/// postOctetTotalCount, postPacketTotalCount, layer2OctetTotalCount. Those of the reverse
/// direction have the same numbers (RFC 5103, section 6.1).
const TOTALS: [u16; 5] = [85, 86, 171, 172, 353];

/// firewallEvent, and the number that old releases of Cisco's ASA use for it. natEvent (230)
/// fills the same slot, but NAT logs have no counters of connections.
const FIREWALL_EVENTS: [u16; 2] = [233, 40005];

/// The firewall event that ends a connection (IANA, firewallEvent: flow deleted).
const FLOW_DELETED: u8 = 2;

/// The values of flowEndReason with which a flow is over: idle timeout, end of flow detected,
/// forced end, lack of resources. After an active timeout (2) it goes on.
const FINAL_REASONS: [u8; 4] = [1, 3, 4, 5];

/// What a counter says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// What was counted since the last report of the flow.
    #[default]
    SinceLast,
    /// What was counted since the flow began.
    Total {
        /// Bits of the counter: it wraps at 2 to this power.
        bits: u32,
    },
}

/// How the counters of a template's records have to be read. Only templates with totals and
/// templates of firewall events have one; the counters of others are used as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterMeaning {
    counters: [Counting; COUNTERS],
    /// What the counters say in the event that ends a connection. `None` if the records are
    /// not events of a firewall.
    at_end: Option<[Counting; COUNTERS]>,
    /// The slot of the start of the flow, as reported, and what to multiply it by. Starts are
    /// only compared with each other.
    start: (usize, u64),
}

/// What one record says about its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordCounting {
    /// The meaning of each counter.
    pub counters: [Counting; COUNTERS],
    /// Whether the record is the last one of its flow.
    pub is_last: bool,
    /// Whether the record is an event of a firewall's connection.
    pub is_connection: bool,
    /// When the flow began, as reported, in a unit that the records of an exporter share.
    /// `None` if the record does not say it.
    pub start: Option<u64>,
}

impl CounterMeaning {
    /// The meaning of the counters of a template with these fields.
    #[must_use]
    pub fn of(fields: &[FieldSpec]) -> Option<CounterMeaning> {
        let own = [Field::Bytes as u8, Field::Packets as u8];
        let back = [Aux::ReverseBytes as u8, Aux::ReversePackets as u8];
        let counting = |slot| filling(fields, slot).map_or(Counting::SinceLast, counting);
        let counters = [own[0], own[1], back[0], back[1]].map(counting);
        let at_end = at_end(fields).filter(|at_end| *at_end != counters);
        let is_plain = counters == [Counting::SinceLast; COUNTERS] && at_end.is_none();
        (!is_plain).then(|| CounterMeaning { counters, at_end, start: start(fields) })
    }

    /// What a record with these values says.
    pub fn of_record<V: RecordValues>(&self, values: &V) -> RecordCounting {
        let event = values.get8(Aux::Event as usize);
        let ends = self.at_end.filter(|_| event == FLOW_DELETED);
        let reason = values.get8(Aux::EndReason as usize);
        let (slot, factor) = self.start;
        RecordCounting {
            counters: ends.unwrap_or(self.counters),
            is_last: ends.is_some() || FINAL_REASONS.contains(&reason),
            is_connection: self.at_end.is_some(),
            start: Some(values.get(slot).saturating_mul(factor)).filter(|start| *start > 0),
        }
    }
}

/// The field that fills a slot: the first with this meaning, otherwise the first that is used
/// in its place. This is the rule of [`PlanBuilder`](super::plan::PlanBuilder).
fn filling(fields: &[FieldSpec], slot: u8) -> Option<&FieldSpec> {
    let target = |field: &FieldSpec| element(field.pen, field.id).map(|known| known.target);
    let find = |wanted: &dyn Fn(LoadTarget) -> bool| {
        fields.iter().find(|field| field.length > 0 && target(field).is_some_and(wanted))
    };
    find(&|target| match target {
        LoadTarget::Field(field) => field as u8 == slot,
        LoadTarget::Aux(aux) => aux as u8 == slot,
        _ => false,
    })
    .or_else(|| find(&|target| matches!(target, LoadTarget::Instead(field) if field as u8 == slot)))
}

/// The meaning of a counter by its element.
fn counting(field: &FieldSpec) -> Counting {
    if TOTALS.contains(&field.id) { total(field) } else { Counting::SinceLast }
}

fn total(field: &FieldSpec) -> Counting {
    Counting::Total { bits: 8 * u32::from(field.length.min(8)) }
}

/// The meaning of the counters when a firewall's connection ends. The counters of the side
/// that opened the connection, and of the other one, are then those of the whole connection;
/// in all other events they say what was counted since the last one.
fn at_end(fields: &[FieldSpec]) -> Option<[Counting; COUNTERS]> {
    filling(fields, Aux::Event as u8).filter(|field| FIREWALL_EVENTS.contains(&field.id))?;
    let of = |own: Field, other: Aux| {
        let side = filling(fields, other as u8).filter(|_| filling(fields, own as u8).is_none());
        side.map(total).or_else(|| filling(fields, own as u8).map(counting)).unwrap_or_default()
    };
    Some([
        of(Field::Bytes, Aux::InitiatorBytes),
        of(Field::Packets, Aux::InitiatorPackets),
        of(Field::Bytes, Aux::ResponderBytes),
        of(Field::Packets, Aux::ResponderPackets),
    ])
}

/// The slot of the start, and what makes milliseconds of it. An NTP timestamp is not converted.
fn start(fields: &[FieldSpec]) -> (usize, u64) {
    let slots = [
        (Field::First as u8, 1),
        (Aux::FirstSeconds as u8, 1000),
        (Aux::FirstUptime as u8, 1),
        (Aux::FirstNtp as u8, 1),
    ];
    let found = slots.into_iter().find(|(slot, _)| filling(fields, *slot).is_some());
    found.map_or((EMPTY_SLOT, 0), |(slot, factor)| (usize::from(slot), factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(u32, u16, u16)]) -> Option<CounterMeaning> {
        let spec =
            |(pen, id, length): &(u32, u16, u16)| FieldSpec { pen: *pen, id: *id, length: *length };
        CounterMeaning::of(&fields.iter().map(spec).collect::<Vec<_>>())
    }

    #[test]
    fn totals_are_told_from_counters_since_the_last_report() {
        let total = |bits| Counting::Total { bits };
        let delta = Counting::SinceLast;
        assert_eq!(of(&[(0, 1, 8), (0, 2, 8), (0, 152, 8)]), None);
        assert_eq!(of(&[(0, 85, 8), (0, 1, 8), (0, 2, 8)]), None, "the exact meaning counts");
        let both = of(&[(0, 85, 4), (0, 86, 8), (29305, 85, 8), (29305, 86, 8)]).unwrap();
        assert_eq!(both.counters, [total(32), total(64), total(64), total(64)]);
        assert_eq!(
            of(&[(0, 1, 4), (0, 86, 4)]).unwrap().counters,
            [delta, total(32), delta, delta]
        );
        assert_eq!(of(&[(0, 85, 0), (0, 86, 0)]), None, "fields without bytes say nothing");
        // A connection's counters are totals only when it ends.
        let asa = [(0, 233, 1), (0, 231, 4), (0, 232, 4), (0, 298, 4), (0, 299, 4)];
        let event = of(&asa).unwrap();
        assert_eq!(event.counters, [delta; COUNTERS]);
        assert_eq!(event.at_end, Some([total(32); COUNTERS]));
        assert_eq!(of(&[(0, 231, 4), (0, 232, 4)]), None, "no events of a firewall");
        assert_eq!(of(&[(0, 230, 1), (0, 231, 4)]), None, "an event of NAT");
        assert_eq!(of(&[(0, 233, 1), (0, 1, 4), (0, 2, 4)]), None, "counters since the last");
    }
}
