//! Differences to the previous number (Parquet's `DELTA_BINARY_PACKED`): blocks of 128 numbers
//! in four parts, each with its own bit width.

use super::bits::{PADDING, pack, unpack, width};
use super::page::{put_varint, unzigzag, varint, zigzag};

const BLOCK: usize = 128;
const PART: usize = 32;

/// Appends numbers. All arithmetic wraps, as the format requires.
pub(super) fn encode(numbers: &[u64], out: &mut Vec<u8>) {
    put_varint(out, BLOCK as u64);
    put_varint(out, (BLOCK / PART) as u64);
    put_varint(out, numbers.len() as u64);
    let Some((first, rest)) = numbers.split_first() else {
        put_varint(out, 0);
        return;
    };
    put_varint(out, zigzag(first.cast_signed()));
    let mut before = *first;
    let mut deltas = [0u64; BLOCK];
    for block in rest.chunks(BLOCK) {
        let mut least = i64::MAX;
        for (delta, number) in deltas.iter_mut().zip(block) {
            *delta = number.wrapping_sub(before);
            least = least.min(delta.cast_signed());
            before = *number;
        }
        put_varint(out, zigzag(least));
        let used = deltas.get_mut(..block.len()).unwrap_or_default();
        for delta in &mut *used {
            *delta = delta.wrapping_sub(least.cast_unsigned());
        }
        let widths_at = out.len();
        out.extend([0; BLOCK / PART]);
        for (index, part) in used.chunks(PART).enumerate() {
            let width = width(part.iter().fold(0, |all, delta| all | delta));
            if let Some(slot) = out.get_mut(widths_at + index) {
                *slot = width as u8;
            }
            let padding = std::iter::repeat_n(0, PART - part.len());
            pack(part.iter().copied().chain(padding), width, out);
        }
    }
}

/// Reads exactly `count` numbers, which are followed by [`PADDING`] more bytes. `None` if they
/// are damaged.
pub(super) fn decode(bytes: &[u8], count: usize, out: &mut Vec<u64>) -> Option<()> {
    let end = bytes.len().checked_sub(PADDING)?;
    let mut at = 0;
    let head = bytes.get(..end)?;
    if varint(head, &mut at)? != BLOCK as u64
        || varint(head, &mut at)? != (BLOCK / PART) as u64
        || varint(head, &mut at)? != count as u64
    {
        return None;
    }
    let mut last = unzigzag(varint(head, &mut at)?).cast_unsigned();
    if count == 0 {
        return Some(());
    }
    out.reserve(count);
    out.push(last);
    let mut deltas = [0u64; PART];
    while out.len() < count {
        let least = unzigzag(varint(head, &mut at)?).cast_unsigned();
        let widths: [u8; BLOCK / PART] = head.get(at..at + BLOCK / PART)?.try_into().ok()?;
        at += BLOCK / PART;
        for width in widths {
            let left = count - out.len();
            if left == 0 {
                break;
            }
            if width > 64 {
                return None;
            }
            unpack(bytes.get(at..)?, u32::from(width), &mut deltas, |delta| delta)?;
            at += usize::from(width) * PART / 8;
            out.extend(deltas.iter().take(left).map(|delta| {
                last = last.wrapping_add(least).wrapping_add(*delta);
                last
            }));
        }
    }
    (at <= end).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back() {
        let random = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for count in [0, 1, 2, 32, 33, 128, 129, 130, 1000] {
            for numbers in [
                (0..count).map(random).collect::<Vec<u64>>(),
                (0..count).map(|i| random(i) >> 44).collect(),
                (0..count).map(|i| 1_800_000_000_000 + i).collect(),
                (0..count).map(|i| if i % 2 == 0 { u64::MAX } else { 1 << 63 }).collect(),
                vec![7; count as usize],
            ] {
                let mut bytes = Vec::new();
                encode(&numbers, &mut bytes);
                bytes.extend([0; PADDING]);
                let mut back = Vec::new();
                decode(&bytes, numbers.len(), &mut back).unwrap();
                assert_eq!(back, numbers);
                for cut in 0..bytes.len() {
                    let _ = decode(&bytes[..cut], numbers.len(), &mut Vec::new());
                }
            }
        }
    }
}
