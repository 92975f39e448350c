//! The plan that loads the records of one template.
//!
//! A record is a sequence of runs: fields of fixed length, each loaded from its offset by one
//! unaligned 8-byte read and a shift, then at most one field of variable length. A template
//! without fields of variable length is a single run.

use std::ops::Range;

use super::bytes::{VARIABLE, variable_length};
use super::element::{Aux, LoadTarget, PacketLayer, RecordSlots, SLOTS};
use crate::flow::field::Field;

/// Loads 8 bytes at `offset` of the run, shifts them right, and stores them in `slot`.
#[derive(Clone, Copy, Debug)]
struct ColumnLoad {
    offset: u16,
    shift: u8,
    slot: u8,
}

/// Where a value is in a window, which begins [`LEAD`] bytes before the record.
#[derive(Clone, Copy, Debug, Default)]
struct LoadSource {
    /// Offset of the 8 bytes that end with the value.
    at: u8,
    /// Bytes of the value; 0 when there is none.
    width: u8,
}

/// Bytes before a record in its window: the 8 bytes that end with the first value are read.
pub const LEAD: usize = 8;

/// Bytes of the window that a record is read from in place.
pub const WINDOW: usize = 256 + 8;

/// Masks for the lower bytes of a value, by its width in bytes.
const MASKS: [u64; 16] = {
    let mut masks = [u64::MAX; 16];
    let mut width = 0;
    while width < 8 {
        masks[width] = (1 << (8 * width)) - 1;
        width += 1;
    }
    masks
};

/// The values of a record, by slot: 0 for a slot without a value.
pub trait RecordValues {
    /// The value.
    fn get(&self, slot: usize) -> u64;
    /// The lower 32 bits of the value.
    fn get32(&self, slot: usize) -> u32;
    /// The lower 16 bits of the value.
    fn get16(&self, slot: usize) -> u16;
    /// The lower 8 bits of the value.
    fn get8(&self, slot: usize) -> u8;
}

impl RecordValues for RecordSlots {
    #[inline]
    fn get(&self, slot: usize) -> u64 {
        self[slot % SLOTS]
    }

    #[inline]
    fn get32(&self, slot: usize) -> u32 {
        self.get(slot) as u32
    }

    #[inline]
    fn get16(&self, slot: usize) -> u16 {
        self.get(slot) as u16
    }

    #[inline]
    fn get8(&self, slot: usize) -> u8 {
        self.get(slot) as u8
    }
}

/// A record that is read in place: each value is loaded when it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    sources: &'a [LoadSource; SLOTS],
    window: &'a [u8; WINDOW],
}

impl RecordView<'_> {
    /// The last `N` of the 8 bytes that end with a value, and the mask for the value.
    #[inline]
    fn last<const N: usize>(&self, slot: usize) -> ([u8; N], u64) {
        let source = self.sources[slot % SLOTS];
        let at = usize::from(source.at) + 8 - N;
        // Never out of bounds: the window is larger than any offset of one byte plus 8.
        let chunk = self.window[at..at + N].first_chunk().copied().unwrap_or([0; N]);
        (chunk, MASKS[usize::from(source.width & 15)])
    }
}

impl RecordValues for RecordView<'_> {
    #[inline]
    fn get(&self, slot: usize) -> u64 {
        let (bytes, mask) = self.last(slot);
        u64::from_be_bytes(bytes) & mask
    }

    #[inline]
    fn get32(&self, slot: usize) -> u32 {
        let (bytes, mask) = self.last(slot);
        u32::from_be_bytes(bytes) & mask as u32
    }

    #[inline]
    fn get16(&self, slot: usize) -> u16 {
        let (bytes, mask) = self.last(slot);
        u16::from_be_bytes(bytes) & mask as u16
    }

    #[inline]
    fn get8(&self, slot: usize) -> u8 {
        let ([byte], mask) = self.last(slot);
        byte & mask as u8
    }
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
    sources: Option<Box<[LoadSource; SLOTS]>>,
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
        let sources = self.sources.as_ref().map_or(0, |_| SLOTS * size_of::<LoadSource>());
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
    fn sources(&self) -> Option<Box<[LoadSource; SLOTS]>> {
        let mut sources = Box::new([LoadSource::default(); SLOTS]);
        for load in &self.loads {
            // The 8 bytes loaded end `shift` bits after the value.
            let width = 8 - load.shift / 8;
            let end = LEAD + usize::from(load.offset) + usize::from(width);
            let at = u8::try_from(end - 8).ok()?;
            *sources.get_mut(usize::from(load.slot))? = LoadSource { at, width };
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
