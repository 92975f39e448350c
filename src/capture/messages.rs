//! Reads files without packet headers: IPFIX files, whose messages follow one another (RFC 5655,
//! section 4), and files with one raw datagram.

use std::io::{self, Cursor, Read};

use super::item::{
    CaptureIssue, CaptureProblem, CapturedDatagram, Consumer, Item, MAX_RAW, Unreadable,
};
use crate::wire::{IPFIX_HEADER, message_length};

/// What to expect in a file whose bytes could be one datagram with leftover bytes behind it, or
/// IPFIX messages one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpectedContent {
    /// IPFIX messages, one after the other.
    #[default]
    Messages,
    /// One datagram.
    OneDatagram,
}

impl ExpectedContent {
    /// Decides by the end of the file's name.
    #[must_use]
    pub fn by(name: &str) -> ExpectedContent {
        let raw = [".dat", ".bin", ".raw"];
        if raw.iter().any(|end| name.ends_with(end)) {
            ExpectedContent::OneDatagram
        } else {
            ExpectedContent::Messages
        }
    }
}

/// Reads the file that consists of `head` and `rest`. `head` is longer than [`MAX_RAW`] if the
/// file is.
pub(super) fn read<R: Read>(
    head: Vec<u8>,
    rest: R,
    expected: ExpectedContent,
    take: &mut Consumer<'_>,
) -> Result<(), Unreadable> {
    let fits = head.len() <= MAX_RAW;
    match message_length(&head) {
        Some(first)
            if is_file(&head, first) && !(fits && expected == ExpectedContent::OneDatagram) =>
        {
            chain(Cursor::new(head).chain(rest), take)
        }
        _ if fits => {
            let _ = take(Item::Datagram(CapturedDatagram {
                payload: head,
                ..CapturedDatagram::default()
            }));
            Ok(())
        }
        _ => Err(Unreadable::Unknown),
    }
}

/// Whether these are messages one after the other, and not one datagram, complete or with bytes
/// behind it.
fn is_file(head: &[u8], first: usize) -> bool {
    match head.get(first..) {
        None => false,
        Some([]) => true,
        Some([0, 10, ..]) => true,
        Some(_) => head.len() > MAX_RAW,
    }
}

/// Hands out message after message, as long as each has a header.
fn chain(mut file: impl Read, take: &mut Consumer<'_>) -> Result<(), Unreadable> {
    let mut at = 0;
    loop {
        let mut message = Vec::new();
        fill(&mut file, &mut message, IPFIX_HEADER)?;
        if message.is_empty() {
            return Ok(());
        }
        let length = message_length(&message);
        if let Some(length) = length {
            fill(&mut file, &mut message, length)?;
        }
        if length != Some(message.len()) {
            let problem = CaptureProblem { issue: CaptureIssue::Damaged, count: 1, at: Some(at) };
            let _ = take(Item::Problem(problem));
            return Ok(());
        }
        at += message.len() as u64;
        let datagram = CapturedDatagram { payload: message, ..CapturedDatagram::default() };
        if take(Item::Datagram(datagram)).is_break() {
            return Ok(());
        }
    }
}

/// Reads until `head` has `length` bytes, or to the end of the file.
pub(super) fn fill(file: &mut impl Read, head: &mut Vec<u8>, length: usize) -> io::Result<()> {
    let missing = length.saturating_sub(head.len());
    file.take(missing as u64).read_to_end(head).map(|_| ())
}
