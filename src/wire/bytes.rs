//! Reading big-endian numbers without ever reading past the end.

/// The 16-bit number at `at`, if the bytes are there.
#[inline]
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let chunk = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([chunk[0], chunk[1]]))
}

/// The 32-bit number at `at`, if the bytes are there.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let chunk = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]))
}

/// The length that stands for "each record says how long" (RFC 7011, 7). NetFlow
/// v9 knows no such thing, but H3C's exporters use it there, too.
pub const VARIABLE: u16 = 65535;

/// Where a variable-length value begins and how long it is (RFC 7011, section 7:
/// one byte of length, or 255 and two bytes).
#[inline]
pub(super) fn variable_length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match bytes.get(at)? {
        255 => Some((at + 3, usize::from(u16_at(bytes, at + 1)?))),
        length => Some((at + 1, usize::from(*length))),
    }
}
