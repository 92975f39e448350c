//! Reads XDR (RFC 4506): big-endian 32-bit words, and opaque data padded to four bytes.

use crate::flow::Host;
use crate::wire::bytes::u32_at;
use crate::wire::layout::fixed::FixedLayout;

/// The bytes that are still to be read.
#[derive(Clone, Copy)]
pub(in crate::wire) struct Xdr<'a>(pub &'a [u8]);

impl<'a> Xdr<'a> {
    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        let word = u32_at(self.0, 0)?;
        self.skip(4);
        Some(word)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from(self.u32()?) << 32 | u64::from(self.u32()?))
    }

    /// Reads a header of fixed layout. Reads nothing and returns `None` when it is not complete.
    #[inline]
    pub(super) fn layout<L: FixedLayout>(&mut self) -> Option<L> {
        let header = L::read(self.0)?;
        self.skip(L::LENGTH);
        Some(header)
    }

    /// Reads as much of a header of fixed layout as there is. Returns it, and whether it is
    /// complete; missing fields are zero.
    #[inline]
    pub(super) fn layout_prefix<L: FixedLayout>(&mut self) -> (L, bool) {
        if let Some(header) = self.layout() {
            return (header, true);
        }
        let header = L::read_prefix(self.0);
        self.skip(self.len() & !3);
        (header, false)
    }

    /// Skips `length` bytes and their padding, or all bytes that are left.
    #[inline]
    pub(super) fn skip(&mut self, length: usize) {
        let padded = length.saturating_add(3) & !3;
        self.0 = self.0.get(padded..).unwrap_or(&[]);
    }

    /// Reads `length` bytes, or as many as there are, and skips their padding.
    #[inline]
    pub(super) fn up_to(&mut self, length: usize) -> &'a [u8] {
        let taken = self.0.get(..length).unwrap_or(self.0);
        self.skip(length);
        taken
    }

    /// Reads opaque data: a length, and this many bytes or as many as there are.
    pub(super) fn opaque(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        Some(self.up_to(length as usize))
    }

    pub(super) fn v4(&mut self) -> Option<Host> {
        self.u32().map(Host::v4)
    }

    pub(super) fn v6(&mut self) -> Option<Host> {
        Some(Host(u128::from(self.u64()?) << 64 | u128::from(self.u64()?)))
    }

    /// Reads an address after its type: 0 unknown, 1 IPv4, 2 IPv6.
    pub(in crate::wire) fn address(&mut self) -> Option<Host> {
        match self.u32()? {
            0 => Some(Host::UNSPECIFIED),
            1 => self.v4(),
            2 => self.v6(),
            _ => None,
        }
    }
}
