//! The values of a record: loaded into slots before, or read where they are in the record.

use super::element::{RecordSlots, SLOTS};

/// Bytes before a record in its window: the 8 bytes that end with the first value are read.
pub const LEAD: usize = 8;

/// Bytes of the window that a record is read from in place.
pub const WINDOW: usize = 256 + 8;

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

/// Where the value of each slot is in a window, which begins [`LEAD`] bytes before the record.
#[derive(Clone, Debug)]
pub struct ValueSources {
    /// Offset of the 8 bytes that end with the value.
    at: [u8; SLOTS],
    /// The bits of these bytes that are the value; none for a slot without a value.
    mask: [u64; SLOTS],
}

impl ValueSources {
    /// No slot has a value.
    pub const EMPTY: ValueSources = ValueSources { at: [0; SLOTS], mask: [0; SLOTS] };

    /// Sets that the value of `slot` is the `width` bytes at `offset` in the record, from 1 to 8
    /// bytes. `None` if it is too far from the start of the record.
    pub fn set(&mut self, slot: usize, offset: usize, width: usize) -> Option<()> {
        let at = u8::try_from((LEAD + offset + width).checked_sub(8)?).ok()?;
        *self.at.get_mut(slot)? = at;
        *self.mask.get_mut(slot)? = u64::MAX >> (64 - 8 * width.clamp(1, 8));
        Some(())
    }
}

/// A record that is read in place: each value is loaded when it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    pub(super) sources: &'a ValueSources,
    pub(super) window: &'a [u8; WINDOW],
}

impl RecordView<'_> {
    /// The last `N` of the 8 bytes that end with a value, and the mask for the value.
    #[inline]
    fn last<const N: usize>(&self, slot: usize) -> ([u8; N], u64) {
        let at = usize::from(self.sources.at[slot % SLOTS]) + 8 - N;
        // Never out of bounds: the window is larger than any offset of one byte plus 8.
        let chunk = self.window[at..at + N].first_chunk().copied().unwrap_or([0; N]);
        (chunk, self.sources.mask[slot % SLOTS])
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

/// Records of one length in a buffer, read in place one after the other.
#[derive(Clone, Debug)]
pub struct RecordViews<'a> {
    pub(super) sources: &'a ValueSources,
    /// The buffer from [`LEAD`] bytes before the next record.
    pub(super) rest: &'a [u8],
    /// Bytes of a record.
    pub(super) length: usize,
}

impl<'a> Iterator for RecordViews<'a> {
    type Item = RecordView<'a>;

    /// The next record, `None` when there are not enough bytes around it.
    #[inline]
    fn next(&mut self) -> Option<RecordView<'a>> {
        let window = self.rest.first_chunk()?;
        self.rest = self.rest.get(self.length..).unwrap_or_default();
        Some(RecordView { sources: self.sources, window })
    }
}
