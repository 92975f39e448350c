//! Reads big-endian numbers, never past the end of the bytes.

/// The 16-bit number at offset `at`, `None` when the bytes end before it does.
#[inline]
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let chunk = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([chunk[0], chunk[1]]))
}

/// The 32-bit number at offset `at`, `None` when the bytes end before it does.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let chunk = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]))
}

/// The length in a field specifier that means: each record gives the length of the field
/// (RFC 7011, section 7). NetFlow v9 does not define it, but exporters of H3C use it there,
/// too.
pub const VARIABLE: u16 = 65535;

/// Offset and length of a variable-length value whose length prefix is at `at` (RFC 7011,
/// section 7: one byte of length, or 255 and two bytes of length).
#[inline]
pub(super) fn variable_length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match bytes.get(at)? {
        255 => Some((at + 3, usize::from(u16_at(bytes, at + 1)?))),
        length => Some((at + 1, usize::from(*length))),
    }
}
