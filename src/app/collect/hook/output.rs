//! The output of a hook. It goes to a pipe that is always read, so that no hook waits for a
//! reader of the log or fails because there is none. The first lines are logged.

use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

/// Maximum number of lines that are logged of one run; further ones are read and dropped.
const MAX_LINES: usize = 50;

/// Maximum number of bytes that are logged of a line.
const MAX_LINE: usize = 1_000;

/// Bytes of one read, and maximum number of reads after the hook has ended. A pipe holds
/// 64 kB by default (pipe(7)).
const READ: usize = 4 << 10;
const REST: usize = 64;

/// The reading end of the pipe, and the lines read so far.
pub(super) struct HookOutput<T: FnMut(&str)> {
    pipe: Receiver,
    lines: Lines,
    tell: T,
}

impl<T: FnMut(&str)> HookOutput<T> {
    /// Opens the pipe. The other two results are the standard output and standard error of
    /// the hook. `tell` is called with each line to log.
    ///
    /// # Errors
    /// When there are no file descriptors left.
    pub(super) fn open(tell: T) -> io::Result<(HookOutput<T>, [Stdio; 2])> {
        let (reader, writer) = io::pipe()?;
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let ends = [Stdio::from(writer.try_clone()?), Stdio::from(writer)];
        Ok((HookOutput { pipe, lines: Lines::default(), tell }, ends))
    }

    /// Reads until it is dropped.
    pub(super) async fn read(&mut self) -> Infallible {
        let mut bytes = [0; READ];
        while let Ok(count @ 1..) = self.pipe.read(&mut bytes).await {
            self.lines.push(bytes.get(..count).unwrap_or_default(), &mut self.tell);
        }
        std::future::pending().await
    }

    /// Reads the rest of the output after the hook has ended and returns how many lines were
    /// not logged. Processes that the hook left running have no reader from then on.
    pub(super) fn end(mut self) -> u64 {
        let mut bytes = [0; READ];
        for _ in 0..REST {
            let Ok(count @ 1..) = self.pipe.try_read(&mut bytes) else { break };
            self.lines.push(bytes.get(..count).unwrap_or_default(), &mut self.tell);
        }
        self.lines.end(&mut self.tell);
        self.lines.cut
    }
}

/// Splits bytes into lines and passes on the first of them.
#[derive(Debug, Default)]
struct Lines {
    /// The begin of the incomplete line, at most `MAX_LINE` bytes.
    begun: Vec<u8>,
    told: usize,
    cut: u64,
}

impl Lines {
    fn push(&mut self, bytes: &[u8], tell: &mut impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = MAX_LINE.saturating_sub(self.begun.len());
            self.begun.extend_from_slice(text.get(..room).unwrap_or(text));
            if text.len() < piece.len() {
                self.end(tell);
            }
        }
    }

    /// The line that has begun is over.
    fn end(&mut self, tell: &mut impl FnMut(&str)) {
        let line = std::mem::take(&mut self.begun);
        if line.trim_ascii().is_empty() {
            return;
        }
        if self.told >= MAX_LINES {
            self.cut += 1;
            return;
        }
        self.told += 1;
        tell(String::from_utf8_lossy(&line).trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[&[u8]]) -> (Vec<String>, u64) {
        let (mut lines, mut told) = (Lines::default(), Vec::new());
        let mut tell = |line: &str| told.push(line.to_owned());
        pieces.iter().for_each(|piece| lines.push(piece, &mut tell));
        lines.end(&mut tell);
        let cut = lines.cut;
        (told, cut)
    }

    #[test]
    fn lines_are_told_and_both_their_length_and_number_are_bounded() {
        let (lines, cut) = told(&[b"one\n\ntw", b"o\r\nthr", b"ee"]);
        assert_eq!((lines, cut), (vec!["one".into(), "two".into(), "three".into()], 0));
        let endless = vec![b'x'; 5 * MAX_LINE];
        let (lines, cut) = told(&[&endless, &endless, b"\nnext"]);
        assert_eq!((lines[0].len(), lines[1].as_str(), cut), (MAX_LINE, "next", 0));
        let (lines, cut) = told(&[&b"y\n".repeat(MAX_LINES + 7)]);
        assert_eq!((lines.len(), cut), (MAX_LINES, 7));
        assert_eq!(told(&[b"\xff\n"]).0, ["\u{fffd}"]);
    }
}
