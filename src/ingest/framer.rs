//! Cuts a stream of bytes into IPFIX messages (RFC 7011, section 10.4.3).

use crate::wire::message_length;

/// Number of header bytes that give the length of a message: version and length.
const PREFIX: usize = 4;

/// The bytes are not an IPFIX message: the version is wrong, or the length is shorter than the
/// header. The rest of the stream cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FramingError;

/// Assembles messages from pieces of any size. It stores less than one message, 64 kB at
/// most, and nothing between messages.
#[derive(Debug, Default)]
pub(super) struct Framer {
    /// The beginning of a message.
    partial: Vec<u8>,
}

impl Framer {
    /// Calls `take` for each message that is complete with these bytes, in order. Returns
    /// their number.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<usize, FramingError> {
        let mut messages = 0;
        while !bytes.is_empty() {
            if self.partial.is_empty() {
                // Whole messages are not copied.
                let Some(length) = length(bytes)? else {
                    self.partial.extend_from_slice(bytes);
                    break;
                };
                let Some((message, rest)) = bytes.split_at_checked(length) else {
                    self.partial.extend_from_slice(bytes);
                    break;
                };
                take(message);
                bytes = rest;
            } else {
                let wanted = length(&self.partial)?.unwrap_or(PREFIX);
                let missing = wanted.saturating_sub(self.partial.len());
                let (more, rest) = bytes.split_at(missing.min(bytes.len()));
                self.partial.extend_from_slice(more);
                bytes = rest;
                if length(&self.partial)? != Some(self.partial.len()) {
                    continue;
                }
                take(&self.partial);
                self.partial = Vec::new();
            }
            messages += 1;
        }
        Ok(messages)
    }

    /// Whether a message has begun that is not complete.
    pub(super) fn is_midway(&self) -> bool {
        !self.partial.is_empty()
    }
}

/// The length of the message at the start of `bytes`, or `None` if too few bytes are there.
fn length(bytes: &[u8]) -> Result<Option<usize>, FramingError> {
    if bytes.len() < PREFIX {
        return Ok(None);
    }
    message_length(bytes).map(Some).ok_or(FramingError)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(length: u16, fill: u8) -> Vec<u8> {
        let mut message = vec![fill; usize::from(length)];
        message[..2].copy_from_slice(&10u16.to_be_bytes());
        message[2..4].copy_from_slice(&length.to_be_bytes());
        message
    }

    fn cut(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), FramingError>, bool) {
        let (mut framer, mut got) = (Framer::default(), Vec::new());
        for piece in pieces {
            if let Err(bad) = framer.push(piece, |message| got.push(message.to_vec())) {
                return (got, Err(bad), framer.is_midway());
            }
        }
        (got, Ok(()), framer.is_midway())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_messages(
            lengths in proptest::collection::vec(16u16..300, 0..20),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
            tail in 0usize..16,
        ) {
            let messages: Vec<Vec<u8>> =
                lengths.iter().enumerate().map(|(n, l)| message(*l, n as u8)).collect();
            let mut stream = messages.concat();
            stream.extend_from_slice(&message(16, 0)[..tail]);
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            at.extend([0, stream.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            prop_assert_eq!(cut(&pieces), (messages, Ok(()), tail > 0));
        }

        #[test]
        fn arbitrary_bytes_are_cut_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000), step in 1usize..99,
        ) {
            let pieces: Vec<&[u8]> = bytes.chunks(step).collect();
            let (got, result, _) = cut(&pieces);
            prop_assert!(got.iter().all(|message| message_length(message) == Some(message.len())));
            prop_assert_eq!(result, cut(&[&bytes]).1);
        }
    }

    #[test]
    fn the_shortest_and_longest_messages_pass_and_other_bytes_fail() {
        let (short, long) = (message(16, 1), message(u16::MAX, 2));
        let stream = [short.clone(), long.clone(), short.clone()].concat();
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(cut(&bytes).0, [short.clone(), long, short.clone()]);
        for wrong in [&[0, 10, 0, 0][..], &[0, 10, 0, 15], &[0, 9, 0, 20], b"GET / HTTP/1.1"] {
            let (got, result, _) = cut(&[&[&short[..], wrong].concat()]);
            assert_eq!((got.len(), result), (1, Err(FramingError)), "{wrong:?}");
        }
    }
}
