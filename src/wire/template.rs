//! Templates: the fields of a record, and the plan that loads them (RFC 3954, section 5.2
//! and 6.1; RFC 7011, section 3.4).

use super::bytes::variable_length;
use super::counter_meaning::CounterMeaning;
use super::element::{Aux, LoadTarget, SLOTS, element};
use super::name_element::NameElement;
use super::plan::{LoadPlan, PacketSection, PlanBuilder};
use super::record_view::{LEAD, WINDOW};
use super::registry::{NTOP, NTOP_V9};
use crate::flow::field::Field;

pub use super::bytes::VARIABLE;
pub use super::element::RecordSlots;
pub use super::field_spec::FieldSpec;

/// Maximum number of fields in a template. The longest templates seen in the wild have
/// about 120.
pub const MAX_FIELDS: usize = 512;

/// Maximum number of fields of length 0 in a template. Some exporters have a few. Without
/// this limit a record of one byte could be printed as a list of hundreds of fields.
pub const MAX_EMPTY_FIELDS: usize = 32;

/// A remainder shorter than this is padding, whatever it holds: sets are padded to a multiple of
/// 4 bytes.
const ANY_PADDING: usize = 4;

/// What the records of a template are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateKind {
    /// Data records.
    Data,
    /// Options records.
    Options,
}

/// The meaning of the ids of the scope fields of an options template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// The scope types of NetFlow v9 (RFC 3954, section 6.1).
    Types,
    /// Information elements, like all other fields.
    Elements,
}

/// Memory that is reused from record to record and from set to set.
#[derive(Debug)]
pub struct SetScratch {
    /// Values of the record at hand.
    pub slots: RecordSlots,
    tail: Vec<u8>,
}

impl SetScratch {
    /// A copy of the last records of a set with spare bytes around it, so that loads of
    /// whole words stay within it. The records begin at offset [`LEAD`].
    pub(super) fn tail(&mut self, records: &[u8]) -> &[u8] {
        self.tail.clear();
        self.tail.resize(LEAD, 0);
        self.tail.extend_from_slice(records);
        self.tail.resize(LEAD + records.len() + WINDOW, 0);
        &self.tail
    }
}

impl Default for SetScratch {
    fn default() -> SetScratch {
        SetScratch { slots: [0; SLOTS], tail: Vec::new() }
    }
}

/// A template: its fields, and the plan that loads its records.
#[derive(Clone, Debug)]
pub struct Template {
    kind: TemplateKind,
    scopes: Scopes,
    scope: usize,
    fields: Box<[FieldSpec]>,
    plan: LoadPlan,
    counters: Option<CounterMeaning>,
    /// Whether records name an application or a user.
    names: bool,
    /// Whether nProbe has sent it.
    is_of_nprobe: bool,
}

impl Template {
    /// Compiles a list of fields. In options templates, the first `scope` fields are scope
    /// fields.
    ///
    /// Returns `None` when there are no fields or too many, when a record has no bytes, or
    /// when a record does not fit into a datagram.
    #[must_use]
    pub fn compile(
        kind: TemplateKind,
        fields: &[FieldSpec],
        scope: usize,
        scopes: Scopes,
    ) -> Option<Template> {
        let empty = fields.iter().filter(|field| field.length == 0).count();
        if fields.is_empty() || fields.len() > MAX_FIELDS || empty > MAX_EMPTY_FIELDS {
            return None;
        }
        let targets = || {
            fields.iter().enumerate().map(|(index, field)| {
                (field.length, target(field, index < scope && scopes == Scopes::Types))
            })
        };
        let mut planner = PlanBuilder::default();
        // Fields with an exact meaning come before fields that are used in their place.
        for (length, target) in targets() {
            planner.field(length, target.filter(|t| !matches!(t, LoadTarget::Instead(_))));
        }
        let mut planner = planner.again();
        for (length, target) in targets() {
            planner.field(length, target.filter(|t| matches!(t, LoadTarget::Instead(_))));
        }
        let plan = planner.finish()?;
        let counters = CounterMeaning::of(fields).filter(|_| kind == TemplateKind::Data);
        let names = fields.iter().any(|field| NameElement::of(field.pen, field.id).is_some());
        let is_of_nprobe = fields.iter().any(is_of_nprobe);
        let fields = fields.into();
        Some(Template { kind, scopes, scope, fields, plan, counters, names, is_of_nprobe })
    }

    /// Approximate memory of the template in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Template>() + self.fields.len() * size_of::<FieldSpec>() + self.plan.size()
    }

    /// What the records of the template are.
    #[must_use]
    pub fn kind(&self) -> TemplateKind {
        self.kind
    }

    /// The fields in the order of the record.
    #[must_use]
    pub fn fields(&self) -> &[FieldSpec] {
        &self.fields
    }

    /// The number of scope fields, which come first.
    #[must_use]
    pub fn scope(&self) -> usize {
        self.scope
    }

    /// Whether the field at `index` is a scope type of NetFlow v9.
    #[must_use]
    pub fn is_scope_type(&self, index: usize) -> bool {
        let types = self.scopes == Scopes::Types && index < self.scope;
        types && self.fields.get(index).is_some_and(|field| field.id <= LAST_SCOPE)
    }

    /// Whether `content` can be records of this template followed by padding: by at most 3
    /// bytes of any value (some exporters do not clear them), or by fewer than `padding` zeros.
    #[must_use]
    pub fn fits(&self, content: &[u8], padding: u8) -> bool {
        let rest = self.plan.remainder(content);
        rest.is_some_and(|rest| {
            rest < ANY_PADDING
                || rest < usize::from(padding)
                    && content[content.len() - rest..].iter().all(|byte| *byte == 0)
        })
    }

    /// The meaning of the ids of the scope fields.
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// The plan that loads records of this template.
    #[must_use]
    pub fn plan(&self) -> &LoadPlan {
        &self.plan
    }

    /// How the counters of the records have to be read, unless they are used as they are.
    #[must_use]
    pub fn counters(&self) -> Option<&CounterMeaning> {
        self.counters.as_ref()
    }

    /// Whether the other template describes the same records.
    #[must_use]
    pub fn same_shape(&self, other: &Template) -> bool {
        self.kind == other.kind && self.fields == other.fields
    }

    /// Whether records have the field.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.plan.fills(field as u8)
    }

    /// Whether records have the auxiliary value.
    #[must_use]
    pub fn has_aux(&self, aux: Aux) -> bool {
        self.plan.fills(aux as u8)
    }

    /// Whether records name an application or a user.
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.names
    }

    /// Whether the template has elements of nProbe, so that nProbe has sent it.
    #[must_use]
    pub fn is_of_nprobe(&self) -> bool {
        self.is_of_nprobe
    }

    /// Whether records have the first bytes of a packet.
    #[must_use]
    pub fn has_packet(&self) -> bool {
        self.plan.has_packet()
    }

    /// Loads the record at offset `at`; see [`LoadPlan::load`].
    #[inline]
    pub fn load(
        &self,
        bytes: &[u8],
        at: usize,
        end: usize,
        slots: &mut RecordSlots,
        section: &mut PacketSection,
    ) -> Option<usize> {
        self.plan.load(bytes, at, end, slots, section)
    }

    /// The fields of one record with their bytes, in order. Ends early when `record` is too
    /// short.
    pub fn values<'a>(
        &'a self,
        record: &'a [u8],
    ) -> impl Iterator<Item = (&'a FieldSpec, &'a [u8])> + use<'a> {
        let mut at = 0;
        self.fields.iter().map_while(move |field| {
            let (start, length) = match field.length {
                VARIABLE => variable_length(record, at)?,
                length => (at, usize::from(length)),
            };
            let value = record.get(start..start.checked_add(length)?)?;
            at = start + length;
            Some((field, value))
        })
    }
}

/// Scope types of NetFlow v9 (RFC 3954, 6.1): 1 system, 2 interface, 3 line card, 4 cache,
/// 5 template. Exporters use ids of elements beyond them.
const SCOPE_INTERFACE: u16 = 2;
const LAST_SCOPE: u16 = 5;

/// Upper bound of the number of nProbe's own elements; its guides list numbers up to 700.
const NTOP_COUNT: u16 = 1024;

/// nProbe's own elements: those of enterprise 35632 in IPFIX, which NetFlow v9 has as types from
/// 57472 on (nProbe user's guide, flow templates). Elements of IANA have no numbers above 32767.
fn is_of_nprobe(field: &FieldSpec) -> bool {
    field.pen == NTOP || field.pen == 0 && (NTOP_V9..NTOP_V9 + NTOP_COUNT).contains(&field.id)
}

/// The slot that a field is loaded into, `None` for fields that the decoder does not use.
fn target(field: &FieldSpec, scope_type: bool) -> Option<LoadTarget> {
    match field.id {
        SCOPE_INTERFACE if scope_type => Some(LoadTarget::Field(Field::Input)),
        0..=LAST_SCOPE if scope_type => None,
        id => element(field.pen, id).map(|known| known.target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs(list: &[(u16, u16)]) -> Vec<FieldSpec> {
        list.iter().map(|(id, length)| FieldSpec { pen: 0, id: *id, length: *length }).collect()
    }

    fn data(list: &[(u16, u16)]) -> Option<Template> {
        Template::compile(TemplateKind::Data, &specs(list), 0, Scopes::Elements)
    }

    fn load(template: &Template, record: &[u8]) -> Option<RecordSlots> {
        let mut slots = [0; SLOTS];
        let mut section = PacketSection::default();
        template.load(record, 0, record.len(), &mut slots, &mut section).map(|_| slots)
    }

    #[test]
    fn a_plan_reads_every_length_from_its_place() {
        let template =
            data(&[(4, 1), (1, 3), (999, 5), (2, 8), (10, 2), (27, 16), (58, 0)]).unwrap();
        let record: Vec<u8> = (1..=35).collect();
        let slots = load(&template, &record).unwrap();
        assert_eq!(slots[Field::Proto as usize], 1);
        assert_eq!(slots[Field::Bytes as usize], 0x020304);
        assert_eq!(slots[Field::Packets as usize], 0x0a0b_0c0d_0e0f_1011);
        assert_eq!(slots[Field::Input as usize], 0x1213);
        assert_eq!(slots[Aux::SrcHigh as usize], 0x1415_1617_1819_1a1b);
        assert_eq!(slots[Field::Src as usize], 0x1c1d_1e1f_2021_2223);
        assert!(!template.has(Field::Vlan), "a field of length 0 carries nothing");
        assert!(load(&template, &record[..34]).is_none(), "one byte is missing");
    }

    #[test]
    fn variable_lengths_move_what_follows() {
        let template = data(&[(1, 2), (460, VARIABLE), (2, 4), (96, VARIABLE), (4, 1)]).unwrap();
        let long = vec![b'x'; 300];
        let mut record = vec![0x12, 0x34, 3, b'a', b'b', b'c', 0, 0, 0, 9, 255, 1, 44];
        record.extend(&long);
        record.push(17);
        let slots = load(&template, &record).unwrap();
        assert_eq!(slots[Field::Bytes as usize], 0x1234);
        assert_eq!(slots[Field::Packets as usize], 9);
        assert_eq!(slots[Field::Proto as usize], 17);
        let values: Vec<_> = template.values(&record).map(|(_, value)| value.len()).collect();
        assert_eq!(values, [2, 3, 4, 300, 1]);
        for cut in 0..record.len() {
            assert!(load(&template, &record[..cut]).is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn what_means_a_field_goes_before_what_stands_in_for_it() {
        let template = data(&[(85, 4), (1, 4), (86, 4)]).unwrap();
        let slots = load(&template, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]).unwrap();
        assert_eq!(slots[Field::Bytes as usize], 2);
        assert_eq!(slots[Field::Packets as usize], 3);
    }

    #[test]
    fn templates_without_bytes_or_of_any_absurd_size_are_refused() {
        for list in [vec![], vec![(1, 0); 3], vec![(1, 65534)], vec![(1, 40_000), (2, 40_000)]] {
            assert!(data(&list).is_none(), "{list:?}");
        }
        assert!(data(&vec![(1, 1); MAX_FIELDS + 1]).is_none());
        assert!(data(&vec![(1, 1); MAX_FIELDS]).is_some());
        assert!(data(&[(96, VARIABLE)]).is_some(), "at least its length is there");
    }

    #[test]
    fn scope_types_are_not_elements() {
        // Scope type 1 is "System" (RFC 3954, 6.1), not octetDeltaCount.
        let compile = |scopes| {
            Template::compile(TemplateKind::Options, &specs(&[(1, 4), (34, 4)]), 1, scopes).unwrap()
        };
        let template = compile(Scopes::Types);
        assert!(!template.has(Field::Bytes) && template.has(Field::Sampling));
        assert!(compile(Scopes::Elements).has(Field::Bytes));
    }

    #[test]
    fn addresses_of_an_impossible_length_are_skipped() {
        let template = data(&[(8, 8), (27, 4), (12, 4)]).unwrap();
        assert!(!template.has_aux(Aux::SrcV4) && !template.has_aux(Aux::SrcHigh));
        assert!(template.has_aux(Aux::DstV4));
    }
}
