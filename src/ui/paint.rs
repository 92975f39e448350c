//! Draws text, bars and sparklines on a buffer, cut to fit and without control characters.

use super::theme::{Theme, Tone};
use crate::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A buffer with the theme it is drawn in.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: Theme,
}

impl<'a> Canvas<'a> {
    pub fn new(buffer: &'a mut Buffer, theme: Theme) -> Canvas<'a> {
        Canvas { buffer, theme }
    }

    pub fn width(&self) -> u16 {
        self.buffer.area.width
    }

    pub fn height(&self) -> u16 {
        self.buffer.area.height
    }

    /// Draws text in at most `room` columns; returns the column after it.
    pub fn put(&mut self, x: u16, y: u16, room: u16, text: &str, tone: Tone) -> u16 {
        if y >= self.height() || x >= self.width() {
            return x;
        }
        let room = room.min(self.width() - x);
        let text: String = text::clean(text).chars().map(|c| self.theme.glyph(c)).collect();
        let area = self.buffer.area;
        let style = self.theme.style(tone);
        let (end, _) =
            self.buffer.set_stringn(area.x + x, area.y + y, text, usize::from(room), style);
        end - area.x
    }

    /// Draws a number that ends at column `end`. It is left out rather than cut if it does not
    /// fit into `room` or on the terminal.
    pub fn right(&mut self, end: u16, y: u16, room: u16, text: &str, tone: Tone) {
        let width = columns(text);
        if width <= room && width <= end && end <= self.width() {
            self.put(end - width, y, width, text, tone);
        }
    }

    /// Changes the tone of a part of a line, keeping the text.
    pub fn tint(&mut self, x: u16, y: u16, room: u16, tone: Tone) {
        let area = self.buffer.area;
        let stretch = Rect::new(area.x.saturating_add(x), area.y.saturating_add(y), room, 1);
        self.buffer.set_style(stretch.intersection(area), self.theme.style(tone));
    }
}

/// The width of a text in columns.
pub fn columns(text: &str) -> u16 {
    u16::try_from(text::columns(text)).unwrap_or(u16::MAX)
}

/// The text in at most `room` columns, with `…` in the middle if it is cut.
pub fn elide(text: &str, room: u16) -> String {
    let keep = usize::from(room).saturating_sub(1);
    elided(text, room, keep.div_ceil(2), keep / 2)
}

/// The end of the text in at most `room` columns, with `…` before it if it is cut.
pub fn elide_start(text: &str, room: u16) -> String {
    elided(text, room, 0, usize::from(room).saturating_sub(1))
}

/// The start of the text in at most `room` columns, with `…` after it if it is cut.
pub fn elide_end(text: &str, room: u16) -> String {
    elided(text, room, usize::from(room).saturating_sub(1), 0)
}

fn elided(text: &str, room: u16, head: usize, tail: usize) -> String {
    let text = text::clean(text);
    if columns(&text) <= room || room == 0 {
        return text;
    }
    let (start, end) = (text::head(&text, head), text::tail(&text, tail));
    format!("{start}…{end}")
}

const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// A bar of `width` columns, full at 100 percent, in steps of one percent: the filled part and
/// the empty part.
pub fn bar(percent: u64, width: u16) -> (String, String) {
    let width = usize::from(width);
    let eighths = (percent.min(100) as usize * width * 8 + 50) / 100;
    let mut full = "█".repeat(eighths / 8);
    if let Some(rest) = (eighths % 8).checked_sub(1) {
        full.push(EIGHTHS[rest]);
    }
    let empty = "·".repeat(width.saturating_sub(eighths.div_ceil(8)));
    (full, empty)
}

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A sparkline of exactly `width` columns, with the newest value at the right end.
///
/// `last_step` is the number of the last value's step since the epoch. If several values share
/// a column, they are grouped by step number, so that a column does not change after its steps
/// have passed. If there are few values, each is drawn wider.
pub fn spark(values: &[u64], last_step: i64, width: u16, full: u64) -> String {
    let width = usize::from(width);
    if values.is_empty() || width == 0 {
        return " ".repeat(width);
    }
    let shared = values.len().div_ceil(width) as i64;
    let wide = (width / values.len()).max(1);
    let mut groups: Vec<(i64, u128, u128)> = Vec::new();
    for (back, value) in values.iter().rev().enumerate() {
        let group = last_step.saturating_sub(back as i64).div_euclid(shared);
        match groups.last_mut() {
            Some((known, sum, count)) if *known == group => {
                *sum += u128::from(*value);
                *count += 1;
            }
            _ => groups.push((group, u128::from(*value), 1)),
        }
    }
    let full = u128::from(full.max(1));
    let mut line: Vec<char> = groups
        .iter()
        .flat_map(|(_, sum, count)| {
            let level = (sum * 7 + full * count / 2) / (full * count);
            std::iter::repeat_n(LEVELS[level.min(7) as usize], wide)
        })
        .take(width)
        .collect();
    line.resize(width, ' ');
    line.iter().rev().collect()
}

/// A piece of a line. If the line is too short, the pieces with the highest rank are left out
/// first.
#[derive(Clone, Debug)]
pub struct LinePiece {
    pub text: String,
    pub tone: Tone,
    pub rank: u8,
}

impl LinePiece {
    pub fn new(rank: u8, tone: Tone, text: impl Into<String>) -> LinePiece {
        LinePiece { text: text.into(), tone, rank }
    }
}

/// The space between two pieces.
const GAP: u16 = 2;

/// Draws pieces from both ends of a line, leaving out those that do not fit.
pub fn pieces(canvas: &mut Canvas, y: u16, mut left: Vec<LinePiece>, mut right: Vec<LinePiece>) {
    let taken = |pieces: &[LinePiece]| -> u16 {
        pieces.iter().fold(0, |sum, piece| sum.saturating_add(columns(&piece.text) + GAP))
    };
    left.retain(|piece| !piece.text.is_empty());
    right.retain(|piece| !piece.text.is_empty());
    let width = canvas.width();
    while left.len() + right.len() > 1
        && taken(&left).saturating_add(taken(&right)).saturating_sub(GAP) > width
    {
        let highest = left.iter().chain(&right).map(|piece| piece.rank).max().unwrap_or(0);
        let before = left.len() + right.len();
        drop_last(&mut right, highest);
        if before == left.len() + right.len() {
            drop_last(&mut left, highest);
        }
    }
    let mut x = 0;
    for piece in &left {
        x = canvas.put(x, y, width, &piece.text, piece.tone) + GAP;
    }
    let mut x = width.saturating_sub(taken(&right).saturating_sub(GAP));
    for piece in &right {
        x = canvas.put(x, y, width, &piece.text, piece.tone) + GAP;
    }
}

fn drop_last(pieces: &mut Vec<LinePiece>, rank: u8) {
    if let Some(at) = pieces.iter().rposition(|piece| piece.rank == rank) {
        pieces.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_the_requested_width() {
        for percent in [0, 1, 33, 50, 99, 100, 1000] {
            let (full, empty) = bar(percent, 7);
            assert_eq!(full.chars().count() + empty.chars().count(), 7, "{percent}");
        }
        assert_eq!(bar(50, 4), ("██".to_owned(), "··".to_owned()));
        assert_eq!(bar(50, 0), (String::new(), String::new()));
    }

    #[test]
    fn sparklines_move_by_whole_groups() {
        let values: Vec<u64> = (0..8).collect();
        assert_eq!(spark(&values, 8, 8, 7), "▁▂▃▄▅▆▇█");
        assert_eq!(spark(&values, 8, 16, 7), "▁▁▂▂▃▃▄▄▅▅▆▆▇▇██");
        assert_eq!(spark(&[], 0, 3, 7), "   ");
        assert_eq!(spark(&[u64::MAX; 3], i64::MIN, 1, 0), "█");
        let early = spark(&[1, 1, 1, 1, 7, 7, 1, 1], 101, 5, 7);
        let later = spark(&[1, 1, 1, 7, 7, 1, 1, 3], 102, 5, 7);
        assert_eq!(early.trim_start(), "▂▂█▂");
        assert_eq!(later.trim_start(), "▂▂█▂▄");
    }

    #[test]
    fn text_that_does_not_fit_is_cut_and_control_characters_are_removed() {
        assert_eq!(elide("2001:db8:1:2:3:4:5:6", 11), "2001:…4:5:6");
        assert_eq!(elide_start("/var/lib/toptalk/x.csv", 7), "…/x.csv");
        assert_eq!(elide_end("abcdef", 4), "abc…");
        assert_eq!(elide("a\u{1b}[31mb\u{202e}c\u{e0041}\n", 9), "a[31mbc");
        // By columns: a Chinese character takes two.
        for (text, room, middle, start, end) in [
            ("界面の名前", 6, "界…前", "界面…", "…名前"),
            ("界面の名前", 5, "界…前", "界面…", "…名前"),
            ("eth界面の名前", 7, "eth…前", "eth界…", "…の名前"),
        ] {
            let elided = [elide(text, room), elide_end(text, room), elide_start(text, room)];
            assert!(elided.iter().all(|text| columns(text) <= room), "{elided:?}");
            assert_eq!(elided, [middle, start, end], "{text} in {room}");
        }
    }
}
