//! LZO1X decompression with a limit on the output size.
//!
//! The format is that of `Documentation/staging/lzo.rst` in the Linux kernel. Every index is
//! checked and the output is bounded, because the input is not trusted.

/// Why the input is not valid LZO1X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LzoError {
    /// The input ends within an instruction.
    Cut,
    /// A copy starts before the beginning of the output.
    Distance,
    /// The output is longer than allowed.
    TooLong,
}

/// The distance that marks the end: instruction 17 with two bytes of 0.
const END: usize = 0;

/// The input, read from the front.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<usize, LzoError> {
        let byte = *self.bytes.get(self.at).ok_or(LzoError::Cut)?;
        self.at += 1;
        Ok(usize::from(byte))
    }

    /// Two bytes, little-endian.
    fn word(&mut self) -> Result<usize, LzoError> {
        Ok(self.byte()? | self.byte()? << 8)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], LzoError> {
        let end = self.at.checked_add(length).ok_or(LzoError::Cut)?;
        let taken = self.bytes.get(self.at..end).ok_or(LzoError::Cut)?;
        self.at = end;
        Ok(taken)
    }

    /// A length whose `bits` in the instruction are 0: 255 for every following byte of 0, plus
    /// the first other byte.
    fn length(&mut self, short: usize, longest_short: usize) -> Result<usize, LzoError> {
        if short != 0 {
            return Ok(short);
        }
        let mut length = longest_short;
        loop {
            match self.byte()? {
                0 => length = length.saturating_add(255),
                last => return Ok(length.saturating_add(last)),
            }
        }
    }
}

/// The output so far.
struct Output<'a> {
    bytes: &'a mut Vec<u8>,
    most: usize,
}

impl Output<'_> {
    fn room(&self, length: usize) -> Result<(), LzoError> {
        let fits = self.bytes.len().checked_add(length).is_some_and(|all| all <= self.most);
        if fits { Ok(()) } else { Err(LzoError::TooLong) }
    }

    fn literals(&mut self, from: &mut Input, length: usize) -> Result<(), LzoError> {
        self.room(length)?;
        self.bytes.extend_from_slice(from.take(length)?);
        Ok(())
    }

    /// Appends `length` bytes from `distance` bytes back; the source may overlap what is
    /// appended.
    fn copy(&mut self, distance: usize, length: usize) -> Result<(), LzoError> {
        self.room(length)?;
        let start = self.bytes.len().checked_sub(distance).ok_or(LzoError::Distance)?;
        if distance >= length {
            self.bytes.extend_from_within(start..start + length);
            return Ok(());
        }
        let mut left = length;
        while left > 0 {
            // The source grows with each step, so a whole multiple of the period can be copied.
            let step = left.min(self.bytes.len() - start);
            self.bytes.extend_from_within(start..start + step);
            left -= step;
        }
        Ok(())
    }
}

/// Decompresses `bytes` into `out`, which is cleared first and gets at most `most` bytes.
pub(super) fn decompress(bytes: &[u8], out: &mut Vec<u8>, most: usize) -> Result<(), LzoError> {
    out.clear();
    let mut input = Input { bytes, at: 0 };
    let mut output = Output { bytes: out, most };
    // The number of literals that the last instruction copied; 4 stands for 4 or more.
    let mut state = 0;
    if let Some(first @ 18..) = bytes.first().copied() {
        input.at = 1;
        let length = usize::from(first) - 17;
        output.literals(&mut input, length)?;
        state = length.min(4);
    }
    loop {
        let instruction = input.byte()?;
        if instruction < 16 && state == 0 {
            let length = input.length(instruction, 15)? + 3;
            output.literals(&mut input, length)?;
            state = 4;
            continue;
        }
        let Some((distance, length, literals)) = block(&mut input, instruction, state)? else {
            return Ok(());
        };
        output.copy(distance, length)?;
        output.literals(&mut input, literals)?;
        state = literals;
    }
}

/// The distance and length of a copy, and the number of literals after it; `None` at the end.
fn block(
    input: &mut Input,
    instruction: usize,
    state: usize,
) -> Result<Option<(usize, usize, usize)>, LzoError> {
    let literals = instruction & 3;
    Ok(Some(match instruction {
        64.. => {
            let distance = (input.byte()? << 3) + (instruction >> 2 & 7) + 1;
            (distance, (instruction >> 5) + 1, literals)
        }
        32..=63 => {
            let length = input.length(instruction & 31, 31)?.saturating_add(2);
            let word = input.word()?;
            ((word >> 2) + 1, length, word & 3)
        }
        16..=31 => {
            let length = input.length(instruction & 7, 7)?.saturating_add(2);
            let word = input.word()?;
            let distance = ((instruction & 8) << 11) + (word >> 2);
            if distance == END {
                return Ok(None);
            }
            (distance + 16_384, length, word & 3)
        }
        _ if state == 4 => ((input.byte()? << 2) + (instruction >> 2) + 2049, 3, literals),
        _ => ((input.byte()? << 2) + (instruction >> 2) + 1, 2, literals),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(bytes: &[u8]) -> Result<Vec<u8>, LzoError> {
        let mut out = Vec::new();
        decompress(bytes, &mut out, 1 << 20).map(|()| out)
    }

    #[test]
    fn every_instruction_is_decoded() {
        // Five literals, the end.
        assert_eq!(plain(b"\x16abcde\x11\0\0").unwrap(), b"abcde");
        // A copy of 3 from 5 back with one literal after it.
        assert_eq!(plain(b"\x16abcde\x51\0x\x11\0\0").unwrap(), b"abcdeabcx");
        // A long copy that runs into itself: 33 + 7 bytes from 1 back.
        assert_eq!(plain(b"\x12a\x20\x07\0\0\x11\0\0").unwrap(), [b'a'; 41]);
        // Two bytes from 1 back after a single literal.
        assert_eq!(plain(b"\x12a\0\0\x11\0\0").unwrap(), b"aaa");
        // Long literals: 3 + 15 + 255 + 1.
        let mut long = vec![0, 0, 1];
        long.extend([7; 274]);
        long.extend([0x11, 0, 0]);
        assert_eq!(plain(&long).unwrap(), [7; 274]);
    }

    #[test]
    fn bad_streams_are_refused() {
        assert_eq!(plain(b""), Err(LzoError::Cut));
        assert_eq!(plain(b"\x16abc"), Err(LzoError::Cut));
        assert_eq!(plain(b"\x16abcde\x51\x01x\x11\0\0"), Err(LzoError::Distance));
        let mut bomb = vec![0x12, b'a', 0x20];
        bomb.extend([0; 10_000]);
        bomb.extend([1, 0, 0, 0x11, 0, 0]);
        assert_eq!(plain(&bomb), Err(LzoError::TooLong));
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let mut out = Vec::new();
            let _ = decompress(&bytes, &mut out, 10_000);
            prop_assert!(out.len() <= 10_000);
        }
    }
}
