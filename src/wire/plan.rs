//! The plan that loads the records of one template.
//!
//! A record is a sequence of runs: fields of fixed length, each loaded from its offset by one
//! unaligned 8-byte read and a shift, then at most one field of variable length. A template
//! without fields of variable length is a single run.

use std::ops::Range;

use super::bytes::{VARIABLE, variable_length};
use super::element::{Aux, LoadTarget, PacketLayer, RecordSlots, SLOTS};
use super::record_view::{LEAD, RecordView, RecordViews, ValueSources, WINDOW};
use crate::flow::field::Field;

/// Loads 8 bytes at `offset` of the run, shifts them right, and stores them in `slot`.
#[derive(Clone, Copy, Debug)]
struct ColumnLoad {
    offset: u16,
    shift: u8,
    slot: u8,
}

/// Fields of fixed length, and the field of variable length after them, if any.
#[derive(Clone, Debug, Default)]
pub(super) struct LoadRun {
    loads: Vec<ColumnLoad>,
    /// Bytes of the fields of fixed length.
    pub(super) length: usize,
    /// Packet sections among the fields of fixed length: layer, offset, length.
    packets: Vec<(PacketLayer, usize, usize)>,
    /// Whether a field of variable length follows, and the layer if it is a packet section.
    pub(super) variable: Option<Option<PacketLayer>>,
}

/// How the records of a template are loaded.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    pub(super) first: LoadRun,
    pub(super) more: Vec<LoadRun>,
    /// Bytes of the shortest record, at least 1.
    least: usize,
    /// Bit set of the slots that are filled.
    filled: u128,
    has_packet: bool,
    /// Where each value is, for templates whose records are read in place: short records of
    /// fixed length without packet sections.
    sources: Option<Box<ValueSources>>,
}

/// The range of a packet section in the bytes that a record was loaded from.
#[derive(Clone, Debug, Default)]
pub struct PacketSection {
    /// Layer of the first header, and range of the bytes.
    pub packet: Option<(PacketLayer, Range<usize>)>,
}

impl LoadPlan {
    /// Bytes of memory on the heap.
    #[must_use]
    pub fn size(&self) -> usize {
        let run = |run: &LoadRun| {
            size_of::<LoadRun>()
                + run.loads.len() * size_of::<ColumnLoad>()
                + run.packets.len() * size_of::<(PacketLayer, usize, usize)>()
        };
        let sources = self.sources.as_ref().map_or(0, |_| size_of::<ValueSources>());
        sources + run(&self.first) + self.more.iter().map(run).sum::<usize>()
    }

    /// Bytes of the shortest record, at least 1.
    #[must_use]
    pub fn least(&self) -> usize {
        self.least
    }

    /// Upper bound of the loads of all records that `bytes` bytes can hold.
    #[must_use]
    pub fn most_steps(&self, bytes: usize) -> usize {
        let loads: usize = std::iter::once(&self.first).chain(&self.more).map(LoadRun::steps).sum();
        bytes / self.least.max(1) * (1 + loads)
    }

    /// Whether all records have the same length, [`least`](Self::least).
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.first.variable.is_none()
    }

    /// Whether records fill a slot.
    #[must_use]
    pub fn fills(&self, slot: u8) -> bool {
        self.filled.checked_shr(u32::from(slot)).is_some_and(|bits| bits & 1 == 1)
    }

    /// Whether records fill any slot of a bit set.
    #[must_use]
    pub fn fills_any(&self, slots: u128) -> bool {
        self.filled & slots != 0
    }

    /// Whether records have a packet section.
    #[must_use]
    pub fn has_packet(&self) -> bool {
        self.has_packet
    }

    /// Whether records can be read in place.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.sources.is_some()
    }

    /// The number of records from offset `at` on with enough bytes around them to be read in place.
    #[must_use]
    pub fn in_place_from(&self, bytes: &[u8], at: usize) -> usize {
        let room = (bytes.len() + LEAD).checked_sub(at + WINDOW);
        room.filter(|_| at >= LEAD).map_or(0, |room| room / self.least + 1)
    }

    /// The record at offset `at`, if it can be read in place and enough bytes are around it.
    #[inline]
    #[must_use]
    pub fn in_place<'a>(&'a self, bytes: &'a [u8], at: usize) -> Option<RecordView<'a>> {
        let sources = self.sources.as_deref()?;
        let window = bytes.get(at.checked_sub(LEAD)?..)?.first_chunk()?;
        Some(RecordView { sources, window })
    }

    /// The records from offset `at` on that can be read in place; `at` is at least [`LEAD`].
    #[inline]
    #[must_use]
    pub fn views<'a>(&'a self, bytes: &'a [u8], at: usize) -> Option<RecordViews<'a>> {
        let sources = self.sources.as_deref()?;
        let rest = bytes.get(at.checked_sub(LEAD)?..)?;
        Some(RecordViews { sources, rest, length: self.least })
    }

    /// Loads the record from offset `at` to `end` at most. Returns its end, `None` if cut off.
    #[inline]
    pub fn load(
        &self,
        bytes: &[u8],
        at: usize,
        end: usize,
        slots: &mut RecordSlots,
        section: &mut PacketSection,
    ) -> Option<usize> {
        let next = at + self.first.length;
        if next > end {
            return None;
        }
        self.first.load(bytes.get(at..)?, slots);
        if self.first.variable.is_none() && !self.has_packet {
            return Some(next);
        }
        self.load_rest(bytes, at, end, slots, section)
    }

    fn load_rest(
        &self,
        bytes: &[u8],
        mut at: usize,
        end: usize,
        slots: &mut RecordSlots,
        section: &mut PacketSection,
    ) -> Option<usize> {
        section.packet = None;
        let bytes = bytes.get(..end)?;
        for (index, run) in std::iter::once(&self.first).chain(&self.more).enumerate() {
            if at + run.length > end {
                return None;
            }
            if index > 0 {
                run.load(bytes.get(at..)?, slots);
            }
            for (layer, offset, length) in &run.packets {
                section.offer(*layer, at + offset..at + offset + length);
            }
            at += run.length;
            if let Some(packet) = run.variable {
                let (start, length) = variable_length(bytes, at)?;
                at = start + length;
                if at > end {
                    return None;
                }
                if let Some(layer) = packet {
                    section.offer(layer, start..at);
                }
            }
        }
        Some(at)
    }
}

impl PacketSection {
    /// Keeps the first section that is not empty.
    fn offer(&mut self, layer: PacketLayer, range: Range<usize>) {
        if self.packet.is_none() && !range.is_empty() {
            self.packet = Some((layer, range));
        }
    }
}

impl LoadRun {
    fn steps(&self) -> usize {
        1 + self.loads.len() + self.packets.len()
    }

    /// Loads the fields of fixed length. `bytes` begins with them and may be longer.
    #[inline]
    fn load(&self, bytes: &[u8], slots: &mut RecordSlots) {
        for load in &self.loads {
            let at = usize::from(load.offset);
            let value = match bytes.get(at..at + 8).and_then(|chunk| chunk.try_into().ok()) {
                Some(chunk) => u64::from_be_bytes(chunk),
                None => last_bytes(bytes, at),
            };
            slots[usize::from(load.slot) % SLOTS] = value >> load.shift;
        }
    }

    /// Where each value is, `None` if an offset does not fit into a byte.
    fn sources(&self) -> Option<Box<ValueSources>> {
        let mut sources = Box::new(ValueSources::EMPTY);
        for load in &self.loads {
            // The 8 bytes loaded end `shift` bits after the value.
            let width = usize::from(8 - load.shift / 8);
            sources.set(usize::from(load.slot), usize::from(load.offset), width)?;
        }
        Some(sources)
    }
}

/// The number of the last bytes, when fewer than 8 are left: they are its upper bytes.
#[cold]
fn last_bytes(bytes: &[u8], at: usize) -> u64 {
    let mut chunk = [0; 8];
    for (to, from) in chunk.iter_mut().zip(bytes.iter().skip(at)) {
        *to = *from;
    }
    u64::from_be_bytes(chunk)
}

/// Builds a plan field by field, in two passes over the same fields.
#[derive(Debug, Default)]
pub struct PlanBuilder {
    runs: Vec<LoadRun>,
    run: usize,
    /// Bytes of the current run so far.
    offset: usize,
    filled: u128,
}

impl PlanBuilder {
    /// Begins the second pass.
    #[must_use]
    pub fn again(self) -> PlanBuilder {
        PlanBuilder { run: 0, offset: 0, ..self }
    }

    /// Adds the next field of the template.
    pub fn field(&mut self, length: u16, target: Option<LoadTarget>) {
        if self.runs.len() <= self.run {
            self.runs.push(LoadRun::default());
        }
        if length == VARIABLE {
            let run = &mut self.runs[self.run];
            let known = run.variable.flatten();
            let packet = match target {
                Some(LoadTarget::Packet(layer)) => Some(layer),
                _ => known,
            };
            run.variable = Some(packet);
            run.length = self.offset;
            self.run += 1;
            self.offset = 0;
            return;
        }
        let length = usize::from(length);
        if let Some(target) = target {
            self.add(target, self.offset, length);
        }
        self.offset += length;
        self.runs[self.run].length = self.offset;
    }

    /// Adds the loads of one field. A field whose length its type cannot have is skipped. Of two
    /// fields for one slot, the first that has bytes counts.
    fn add(&mut self, target: LoadTarget, at: usize, length: usize) {
        match target {
            LoadTarget::Field(field) | LoadTarget::Instead(field) => {
                self.number(field as u8, at, length)
            }
            LoadTarget::Aux(aux) => self.number(aux as u8, at, length),
            LoadTarget::Octets(field, width) if length == usize::from(width) => {
                self.number(field as u8, at, length);
            }
            LoadTarget::V4(aux) if length == 4 => self.number(aux as u8, at, 4),
            LoadTarget::V6(high, low) if length == 16 => self.v6(high, low, at),
            LoadTarget::Octets(..) | LoadTarget::V4(_) | LoadTarget::V6(..) => {}
            LoadTarget::Packet(layer) => self.runs[self.run].packets.push((layer, at, length)),
        }
    }

    fn v6(&mut self, high: Aux, low: Field, at: usize) {
        self.number(high as u8, at, 8);
        self.number(low as u8, at + 8, 8);
    }

    /// Adds the load of a number. Of a number of more than 8 bytes the low-order bytes count,
    /// which come last.
    fn number(&mut self, slot: u8, at: usize, length: usize) {
        let (at, length) = if length > 8 { (at + length - 8, 8) } else { (at, length) };
        let free = self.filled >> slot & 1 == 0;
        if let (true, 1.., Ok(offset)) = (free, length, u16::try_from(at)) {
            self.filled |= 1 << slot;
            self.runs[self.run].loads.push(ColumnLoad {
                offset,
                shift: (64 - 8 * length) as u8,
                slot,
            });
        }
    }

    /// The plan. `None` when records have no bytes, or more than fit into a set.
    #[must_use]
    pub fn finish(self) -> Option<LoadPlan> {
        let least: usize =
            self.runs.iter().map(|run| run.length + usize::from(run.variable.is_some())).sum();
        // A set holds at most 65,531 bytes of records.
        if least == 0 || least > usize::from(u16::MAX) - 4 {
            return None;
        }
        let has_packet = self
            .runs
            .iter()
            .any(|run| !run.packets.is_empty() || matches!(run.variable, Some(Some(_))));
        let mut runs = self.runs.into_iter();
        let first = runs.next()?;
        let sources = (first.variable.is_none() && !has_packet).then(|| first.sources()).flatten();
        let more = runs.collect();
        Some(LoadPlan { first, more, least, filled: self.filled, has_packet, sources })
    }
}
