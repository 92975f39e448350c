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
