//! The queue of lines that wait to be written, as plain data.
//!
//! The queue is bounded. When it is full, the oldest of the least important lines is
//! dropped; the newest warning and the newest alarm always stay.

use std::collections::VecDeque;

/// Maximum number of waiting lines: some minutes of a busy log.
pub(super) const MAX_LINES: usize = 1_000;

/// Maximum size of all waiting lines in bytes, many times that of ordinary lines.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// Maximum length of a line in bytes. The longest message lists all errors of a settings
/// file.
pub(super) const MAX_LINE: usize = 64 << 10;

/// The end of a line that was cut.
const CUT: &str = " [cut]\n";

/// The importance of a line, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogPriority {
    Information,
    Warning,
    Alarm,
}

impl LogPriority {
    const ALL: [LogPriority; 3] =
        [LogPriority::Information, LogPriority::Warning, LogPriority::Alarm];
}

/// Lines in the order of arrival. Each ends with a line feed.
#[derive(Debug, Default)]
pub(super) struct LogQueue {
    lines: VecDeque<(LogPriority, String)>,
    bytes: usize,
}

impl LogQueue {
    /// Appends a line and returns how many lines were dropped.
    pub(super) fn push(&mut self, weight: LogPriority, mut line: String) -> u64 {
        if line.len() > MAX_LINE {
            let mut at = MAX_LINE - CUT.len();
            while !line.is_char_boundary(at) {
                at -= 1;
            }
            line.truncate(at);
            line.push_str(CUT);
        }
        self.bytes += line.len();
        self.lines.push_back((weight, line));
        let mut dropped = 0;
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            let Some((_, line)) = self.least().and_then(|at| self.lines.remove(at)) else { break };
            self.bytes -= line.len();
            dropped += 1;
        }
        dropped
    }

    /// The line to drop: the oldest of the least important ones, but neither the newest
    /// warning nor the newest alarm.
    fn least(&self) -> Option<usize> {
        LogPriority::ALL.into_iter().find_map(|weight| {
            let mut of_weight = (0..self.lines.len()).filter(|at| self.lines[*at].0 == weight);
            let oldest = of_weight.next()?;
            (weight == LogPriority::Information || of_weight.next().is_some()).then_some(oldest)
        })
    }

    /// The next line to write.
    pub(super) fn pop(&mut self) -> Option<(LogPriority, String)> {
        let (weight, line) = self.lines.pop_front()?;
        self.bytes -= line.len();
        Some((weight, line))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left after these lines came and none was written.
    fn left(came: &[(LogPriority, usize)]) -> (Vec<String>, u64) {
        let mut queue = LogQueue::default();
        let mut dropped = 0;
        for (weight, count) in came {
            for nth in 0..*count {
                dropped += queue.push(*weight, format!("{weight:?} {nth}\n"));
            }
        }
        let lines: Vec<String> = std::iter::from_fn(|| queue.pop()).map(|(_, line)| line).collect();
        assert!(queue.is_empty() && queue.bytes == 0);
        (lines, dropped)
    }

    #[test]
    fn a_full_queue_drops_the_oldest_information_first() {
        use LogPriority::{Alarm, Information, Warning};
        let (lines, dropped) =
            left(&[(Alarm, 1), (Information, 2), (Warning, 1), (Information, MAX_LINES)]);
        assert_eq!((lines.len(), dropped), (MAX_LINES, 4));
        assert_eq!(lines[..3], ["Alarm 0\n", "Warning 0\n", "Information 2\n"]);
        // Then the oldest warning, and what comes as information does not stay.
        let (lines, dropped) = left(&[(Alarm, 2), (Warning, MAX_LINES), (Information, 1)]);
        assert_eq!((lines.len(), dropped), (MAX_LINES, 3));
        assert_eq!(lines[..3], ["Alarm 0\n", "Alarm 1\n", "Warning 2\n"]);
    }

    #[test]
    fn the_last_warning_and_the_last_alarm_are_never_dropped() {
        use LogPriority::{Alarm, Information, Warning};
        let (lines, _) = left(&[(Warning, 2), (Alarm, 3 * MAX_LINES), (Information, 9)]);
        assert_eq!(lines.len(), MAX_LINES);
        assert_eq!(lines[0], "Warning 1\n");
        assert_eq!(lines[MAX_LINES - 1], format!("Alarm {}\n", 3 * MAX_LINES - 1));
        let (lines, _) = left(&[(Alarm, 2), (Warning, 3 * MAX_LINES)]);
        assert_eq!(lines[..2], ["Alarm 0\n", "Alarm 1\n"]);
    }

    #[test]
    fn long_lines_are_cut_and_bytes_are_bounded() {
        let mut queue = LogQueue::default();
        let long = format!("{}\n", "é".repeat(MAX_LINE));
        let pushed: u64 = (0..40).map(|_| queue.push(LogPriority::Warning, long.clone())).sum();
        assert!(queue.bytes <= MAX_BYTES && pushed > 20, "{} bytes", queue.bytes);
        let (_, line) = queue.pop().unwrap();
        assert!(line.len() <= MAX_LINE && line.ends_with("é [cut]\n"), "{}", line.len());
    }
}
