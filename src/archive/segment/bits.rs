//! Numbers of a few bits each, the lowest bits first, and runs of them
//! (Parquet's "RLE / bit-packing hybrid").

use super::page::{put_varint, varint};

/// Zeros after every buffer that is read from, so that the last numbers can be
/// read like all others, eight bytes at once.
pub(super) const PADDING: usize = 16;

/// Bits that are needed for a number.
pub(super) fn width(max: u64) -> u32 {
    64 - max.leading_zeros()
}

/// Appends numbers of `width` bits each (at most 64), the last byte filled up.
pub(super) fn pack(numbers: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut held, mut bits) = (0u128, 0);
    for number in numbers {
        held |= u128::from(number) << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&(held as u64).to_le_bytes());
            held >>= 64;
            bits -= 64;
        }
    }
    out.extend_from_slice(&held.to_le_bytes()[..bits.div_ceil(8) as usize]);
}

/// Hands `out` places numbers of `width` bits, which begin `bytes`; after them
/// [`PADDING`] more bytes are there. `None` when they are not.
#[inline]
pub(super) fn unpack<T>(
    bytes: &[u8],
    width: u32,
    out: &mut [T],
    mut make: impl FnMut(u64) -> T,
) -> Option<()> {
    let needed = (out.len() * width as usize).div_ceil(8) + PADDING;
    let bytes = bytes.get(..needed)?;
    let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
    if width <= 56 {
        for (index, place) in out.iter_mut().enumerate() {
            let bit = index * width as usize;
            let word: [u8; 8] = bytes.get(bit >> 3..(bit >> 3) + 8)?.try_into().ok()?;
            *place = make(u64::from_le_bytes(word) >> (bit & 7) & mask);
        }
    } else {
        for (index, place) in out.iter_mut().enumerate() {
            let bit = index * width as usize;
            let word: [u8; 16] = bytes.get(bit >> 3..(bit >> 3) + 16)?.try_into().ok()?;
            *place = make((u128::from_le_bytes(word) >> (bit & 7)) as u64 & mask);
        }
    }
    Some(())
}

/// Appends ids as one run: of one id, or bit-packed.
pub(super) fn put_runs(ids: &[u32], width: u32, out: &mut Vec<u8>) {
    let first = ids.first().copied().unwrap_or(0);
    if ids.iter().all(|id| *id == first) {
        put_varint(out, (ids.len() as u64) << 1);
        out.extend_from_slice(&first.to_le_bytes()[..width.div_ceil(8) as usize]);
        return;
    }
    let groups = ids.len().div_ceil(8);
    put_varint(out, (groups as u64) << 1 | 1);
    let padded = ids.iter().copied().chain(std::iter::repeat_n(0, groups * 8 - ids.len()));
    pack(padded.map(u64::from), width, out);
}

/// Reads `count` ids of `width` bits (at most 32) written in runs. After the runs
/// [`PADDING`] more bytes follow. `None` when they are damaged.
pub(super) fn runs(bytes: &[u8], width: u32, count: usize, out: &mut Vec<u32>) -> Option<()> {
    let end = bytes.len().checked_sub(PADDING)?;
    let value_bytes = width.div_ceil(8) as usize;
    let mut at = 0;
    while out.len() < count {
        let head = varint(bytes.get(..end)?, &mut at)?;
        let left = count - out.len();
        let length = usize::try_from(head >> 1).ok()?;
        if head & 1 == 0 {
            let value = bytes.get(at..at + value_bytes)?;
            at += value_bytes;
            let id = value.iter().rev().fold(0u32, |id, byte| id << 8 | u32::from(*byte));
            if length == 0 {
                return None;
            }
            out.resize(out.len() + length.min(left), id);
        } else {
            let numbers = length.checked_mul(8)?.min(left);
            if numbers == 0 {
                return None;
            }
            let start = out.len();
            out.resize(start + numbers, 0);
            unpack(bytes.get(at..)?, width, out.get_mut(start..)?, |id| id as u32)?;
            at = at.checked_add(length.checked_mul(width as usize)?)?;
        }
        if at > end {
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_every_width_come_back() {
        for width in 1..=32u32 {
            for count in [1, 7, 8, 9, 64, 1000] {
                let mask = u32::MAX >> (32 - width);
                let ids: Vec<u32> =
                    (0..count).map(|i: u32| i.wrapping_mul(0x9e37_79b9) & mask).collect();
                for ids in [ids, vec![mask; count as usize]] {
                    let mut bytes = Vec::new();
                    put_runs(&ids, width, &mut bytes);
                    bytes.extend([0; PADDING]);
                    let mut back = Vec::new();
                    runs(&bytes, width, ids.len(), &mut back).unwrap();
                    assert_eq!(back, ids);
                    for cut in 0..bytes.len() {
                        let _ = runs(&bytes[..cut], width, ids.len(), &mut Vec::new());
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_of_every_width_come_back() {
        for width in 0..=64u32 {
            let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
            let numbers: Vec<u64> =
                (1..=33).map(|i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask).collect();
            let mut bytes = Vec::new();
            pack(numbers.iter().copied(), width, &mut bytes);
            bytes.extend([0; PADDING]);
            let mut back = vec![0; 33];
            unpack(&bytes, width, &mut back, |number| number).unwrap();
            assert_eq!(back, numbers, "{width}");
        }
    }
}
