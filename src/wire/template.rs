//! Templates compiled once into load plans (RFC 3954, section 5.2 and 6.1).

use super::element::{Aux, SLOTS, Target, element};
use crate::flow::field::Field;

/// Fields in one template: the longest seen in the wild have about 120.
pub const MAX_FIELDS: usize = 512;

/// A field as the template lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    pub id: u16,
    /// Length in bytes.
    pub length: u16,
}

/// What its records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Data,
    Options,
}

/// Loads 8 bytes at `offset`, shifts right, stores in `slot`.
#[derive(Clone, Copy, Debug)]
struct Load {
    offset: u16,
    shift: u8,
    slot: u8,
}

/// The values of one record, by slot.
pub type Slots = [u64; SLOTS];

/// Memory that is reused from record to record and from set to set.
#[derive(Debug)]
pub struct SetScratch {
    pub slots: Slots,
    /// The padded copy of the last record of a datagram.
    pub tail: Vec<u8>,
}

impl Default for SetScratch {
    fn default() -> SetScratch {
        SetScratch { slots: [0; SLOTS], tail: Vec::new() }
    }
}

/// A template: its shape, and the plan that loads a record of that shape.
#[derive(Clone, Debug)]
pub struct Template {
    kind: Kind,
    fields: Box<[FieldSpec]>,
    loads: Box<[Load]>,
    record_length: usize,
    /// Bit set of the slots that the plan fills.
    filled: u64,
}

impl Template {
    /// Compiles a list of fields. `scope` of them, at the start, are scope
    /// fields (v9 options only).
    ///
    /// Returns `None` for no fields, too many, a record without bytes, or one
    /// that fits no datagram.
    #[must_use]
    pub fn compile(kind: Kind, fields: &[FieldSpec], scope: usize) -> Option<Template> {
        if fields.is_empty() || fields.len() > MAX_FIELDS {
            return None;
        }
        let mut loads = Vec::with_capacity(fields.len() + 4);
        let mut filled = 0u64;
        let mut offset = 0usize;
        for (index, field) in fields.iter().enumerate() {
            if let Some(target) = target(field.id, index < scope) {
                add_loads(target, offset, usize::from(field.length), &mut filled, &mut loads);
            }
            offset += usize::from(field.length);
        }
        // A set holds at most 65,531 bytes of records.
        if offset == 0 || offset > usize::from(u16::MAX) - 4 {
            return None;
        }
        Some(Template {
            kind,
            fields: fields.into(),
            loads: loads.into(),
            record_length: offset,
            filled,
        })
    }

    /// What its records are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Bytes per record, at least 1.
    #[must_use]
    pub fn record_length(&self) -> usize {
        self.record_length
    }

    /// Whether the other one describes the same records.
    #[must_use]
    pub fn same_shape(&self, other: &Template) -> bool {
        self.kind == other.kind && self.fields == other.fields
    }

    /// Whether records carry a field.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.filled >> (field as u8) & 1 == 1
    }

    /// Whether records carry an auxiliary value.
    #[must_use]
    pub fn has_aux(&self, aux: Aux) -> bool {
        self.filled >> (aux as u8) & 1 == 1
    }

    /// Loads one record. `bytes` begins with it and goes on for at least 8
    /// bytes after it ([`padded`] makes such a slice at the end of a datagram);
    /// what lies outside reads as 0.
    #[inline]
    pub fn load(&self, bytes: &[u8], slots: &mut Slots) {
        for load in &self.loads {
            let at = usize::from(load.offset);
            let value = match bytes.get(at..at + 8).and_then(|chunk| chunk.try_into().ok()) {
                Some(chunk) => u64::from_be_bytes(chunk),
                None => 0,
            };
            slots[usize::from(load.slot) % SLOTS] = value >> load.shift;
        }
    }
}

/// Scope types of v9 (RFC 3954, 6.1): system, interface, line card, cache,
/// template. Beyond them exporters use the numbers of elements.
const SCOPE_INTERFACE: u16 = 2;
const LAST_SCOPE: u16 = 5;

/// Where a field goes, if anywhere.
fn target(id: u16, scope: bool) -> Option<Target> {
    match id {
        SCOPE_INTERFACE if scope => Some(Target::Field(Field::Input)),
        0..=LAST_SCOPE if scope => None,
        _ => element(id).map(|known| known.target),
    }
}

/// A copy of a record with room for the last load behind it.
pub fn padded<'a>(record: &[u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
    buffer.clear();
    buffer.extend_from_slice(record);
    buffer.extend_from_slice(&[0; 8]);
    buffer
}

/// Adds the loads of one field. A length that its type cannot have skips the
/// field: of two fields for one slot the first that carries bytes counts.
fn add_loads(target: Target, at: usize, length: usize, filled: &mut u64, loads: &mut Vec<Load>) {
    let mut add = |slot: u8, at: usize, length: usize| {
        let free = *filled >> slot & 1 == 0;
        if let (true, Ok(offset)) = (free && (1..=8).contains(&length), u16::try_from(at)) {
            *filled |= 1 << slot;
            loads.push(Load { offset, shift: (64 - 8 * length) as u8, slot });
        }
    };
    match target {
        // Wider numbers than ours: the low-order bytes are at the end.
        Target::Field(field) if length > 8 => add(field as u8, at + length - 8, 8),
        Target::Field(field) => add(field as u8, at, length),
        Target::Aux(aux) if length > 8 => add(aux as u8, at + length - 8, 8),
        Target::Aux(aux) => add(aux as u8, at, length),
        Target::V4(aux) if length == 4 => add(aux as u8, at, 4),
        Target::V6(high, low) if length == 16 => {
            add(high as u8, at, 8);
            add(low as u8, at + 8, 8);
        }
        Target::V4(_) | Target::V6(..) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs(list: &[(u16, u16)]) -> Vec<FieldSpec> {
        list.iter().map(|(id, length)| FieldSpec { id: *id, length: *length }).collect()
    }

    #[test]
    fn a_plan_reads_every_length_from_its_place() {
        let fields = specs(&[(4, 1), (1, 3), (999, 5), (2, 8), (10, 2), (27, 16), (58, 0)]);
        let template = Template::compile(Kind::Data, &fields, 0).unwrap();
        assert_eq!(template.record_length(), 35);
        let record: Vec<u8> = (1..=35).collect();
        let mut buffer = Vec::new();
        let mut slots = [0; SLOTS];
        template.load(padded(&record, &mut buffer), &mut slots);
        assert_eq!(slots[Field::Proto as usize], 1);
        assert_eq!(slots[Field::Bytes as usize], 0x020304);
        assert_eq!(slots[Field::Packets as usize], 0x0a0b_0c0d_0e0f_1011);
        assert_eq!(slots[Field::Input as usize], 0x1213);
        assert_eq!(slots[Aux::SrcHigh as usize], 0x1415_1617_1819_1a1b);
        assert_eq!(slots[Field::Src as usize], 0x1c1d_1e1f_2021_2223);
        assert!(!template.has(Field::Vlan), "a field of length 0 carries nothing");
    }

    #[test]
    fn templates_without_bytes_or_of_any_absurd_size_are_refused() {
        for list in [vec![], vec![(1, 0); 3], vec![(1, 65535)], vec![(1, 40_000), (2, 40_000)]] {
            assert!(Template::compile(Kind::Data, &specs(&list), 0).is_none(), "{list:?}");
        }
        assert!(Template::compile(Kind::Data, &specs(&vec![(1, 1); MAX_FIELDS + 1]), 0).is_none());
        assert!(Template::compile(Kind::Data, &specs(&vec![(1, 1); MAX_FIELDS]), 0).is_some());
    }

    #[test]
    fn scope_fields_are_not_elements() {
        // Scope type 1 is "System" (RFC 3954, 6.1), not octetDeltaCount.
        let template = Template::compile(Kind::Options, &specs(&[(1, 4), (34, 4)]), 1).unwrap();
        assert!(!template.has(Field::Bytes) && template.has(Field::Sampling));
    }

    #[test]
    fn addresses_of_an_impossible_length_are_skipped() {
        let template =
            Template::compile(Kind::Data, &specs(&[(8, 8), (27, 4), (12, 4)]), 0).unwrap();
        assert!(!template.has_aux(Aux::SrcV4) && !template.has_aux(Aux::SrcHigh));
        assert!(template.has_aux(Aux::DstV4));
    }
}
