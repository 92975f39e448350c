//! Where a record has the counters of the reverse direction of a biflow.

use super::element::{Aux, EMPTY_SLOT};
use super::template::Template;
use crate::flow::field::Field;

/// Slots of the reverse direction's counters.
#[derive(Clone, Copy)]
pub(super) struct ReverseSlots {
    pub bytes: usize,
    pub packets: usize,
}

impl ReverseSlots {
    /// The slots of a template, `None` when its records count one direction. The responder's
    /// counter is used only when the record has no total of the same kind: initiator and
    /// responder add up to the total.
    pub(super) fn of(t: &Template) -> Option<ReverseSlots> {
        let slot = |reverse: Aux, responder: Aux, own: Field| {
            let instead = Some(responder).filter(|aux| t.has_aux(*aux) && !t.has(own));
            let slot = if t.has_aux(reverse) { Some(reverse) } else { instead };
            slot.map(|aux| aux as usize)
        };
        let bytes = slot(Aux::ReverseBytes, Aux::ResponderBytes, Field::Bytes);
        let packets = slot(Aux::ReversePackets, Aux::ResponderPackets, Field::Packets);
        let there = bytes.is_some() || packets.is_some();
        there.then_some(ReverseSlots {
            bytes: bytes.unwrap_or(EMPTY_SLOT),
            packets: packets.unwrap_or(EMPTY_SLOT),
        })
    }
}
