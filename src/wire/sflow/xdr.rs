//! Reading XDR (RFC 4506): big-endian words, opaques padded to four bytes.

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

    /// Reads a header of fixed layout; `None`, and nothing is read, when it is not complete.
    pub(super) fn layout<L: FixedLayout>(&mut self) -> Option<L> {
        let header = L::read(self.0)?;
        self.skip(L::LENGTH);
        Some(header)
    }

    /// Reads a header of fixed layout as far as it is there, and whether it is complete.
    /// Missing fields are zero.
    pub(super) fn layout_prefix<L: FixedLayout>(&mut self) -> (L, bool) {
        if let Some(header) = self.layout() {
            return (header, true);
        }
        let header = L::read_prefix(self.0);
        self.skip(self.len() & !3);
        (header, false)
    }

    /// Steps over `length` bytes and their padding, or over all there are.
    pub(super) fn skip(&mut self, length: usize) {
        let padded = length.saturating_add(3) & !3;
        self.0 = self.0.get(padded..).unwrap_or(&[]);
    }

    /// The next `length` bytes, or as many as there are; padding is stepped over.
    pub(super) fn up_to(&mut self, length: usize) -> &'a [u8] {
        let taken = self.0.get(..length).unwrap_or(self.0);
        self.skip(length);
        taken
    }

    /// A length and as many bytes of it as there are.
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

    /// An address behind its type: 0 none, 1 IPv4, 2 IPv6.
    pub(in crate::wire) fn address(&mut self) -> Option<Host> {
        match self.u32()? {
            0 => Some(Host::UNSPECIFIED),
            1 => self.v4(),
            2 => self.v6(),
            _ => None,
        }
    }
}
