//! Sends a new screen to the terminal in few bytes.
//!
//! A frame contains the cells that changed, as one text with control sequences (ECMA-48), so
//! that it can be sent with one write. It is marked as a synchronised update, which supporting
//! terminals show at once.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";
const RESET: &str = "\x1b[m";
const CLEAR: &str = "\x1b[m\x1b[2J";

/// The number of unchanged cells that are cheaper to write again than to skip.
const GAP: u16 = 3;

/// Keeps the last screen and turns the next one into a frame.
#[derive(Debug, Default)]
pub struct Painter {
    /// The content of the terminal; `None` if it is unknown.
    last: Option<Buffer>,
}

/// The style of a cell: colour and modifier.
type CellStyle = (Color, Modifier);

impl Painter {
    /// Forgets the content of the terminal, so that the next frame draws everything.
    pub fn reset(&mut self) {
        self.last = None;
    }

    /// The bytes that make the terminal show `next`; `None` if it already does.
    pub fn frame(&mut self, next: Buffer) -> Option<Vec<u8>> {
        let known = self.last.take().filter(|last| last.area == next.area);
        let mut text = String::from(BEGIN);
        let last = known.unwrap_or_else(|| {
            text.push_str(CLEAR);
            Buffer::empty(next.area)
        });
        let before = text.len();
        draw(&mut text, &last, &next);
        let same = text.len() == before && before == BEGIN.len();
        self.last = Some(next);
        text.push_str(END);
        (!same).then(|| text.into_bytes())
    }
}

fn draw(text: &mut String, last: &Buffer, next: &Buffer) {
    let mut style: CellStyle = (Color::Reset, Modifier::empty());
    // The cursor's position: the cell after the last one written.
    let mut cursor: Option<(u16, u16)> = None;
    for (x, y, cell) in last.diff(next) {
        match cursor {
            Some((at, line)) if line == y && at <= x => {
                let gap = (at..x).map(|x| &next[(x, y)]);
                if x - at <= GAP && gap.clone().all(|cell| plain(cell) && style_of(cell) == style) {
                    gap.for_each(|cell| text.push_str(cell.symbol()));
                } else {
                    text.push_str(&format!("\x1b[{}C", x - at));
                }
            }
            _ => text.push_str(&format!("\x1b[{};{}H", y + 1, x + 1)),
        }
        if style_of(cell) != style {
            style = style_of(cell);
            push_style(text, style);
        }
        text.push_str(cell.symbol());
        let width = super::paint::columns(cell.symbol()).max(1);
        // At the right edge, terminals differ in the position of the cursor.
        cursor = (x + width < right(next.area)).then_some((x + width, y));
    }
    if style != (Color::Reset, Modifier::empty()) {
        text.push_str(RESET);
    }
}

fn right(area: Rect) -> u16 {
    area.x.saturating_add(area.width)
}

fn style_of(cell: &Cell) -> CellStyle {
    (cell.fg, cell.modifier)
}

/// Whether the cell is certainly one column wide.
fn plain(cell: &Cell) -> bool {
    cell.symbol().len() == 1
}

/// Selects a style from the default, which is shorter than the difference to the last one.
fn push_style(text: &mut String, (colour, modifier): CellStyle) {
    text.push_str("\x1b[");
    let mut codes: Vec<u8> = Vec::new();
    for (flag, code) in [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::UNDERLINED, 4),
        (Modifier::REVERSED, 7),
    ] {
        if modifier.contains(flag) {
            codes.push(code);
        }
    }
    match colour {
        Color::Red => codes.push(31),
        Color::Yellow => codes.push(33),
        _ => {}
    }
    for code in codes {
        // The empty first parameter means reset.
        text.push_str(&format!(";{code}"));
    }
    text.push('m');
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    fn screen(lines: &[&str]) -> Buffer {
        Buffer::with_lines(lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    fn shown(parser: &vt100::Parser) -> String {
        let rows = parser.screen().rows(0, 12);
        rows.map(|row| row.trim_end().to_owned() + "\n").collect()
    }

    #[test]
    fn nothing_is_sent_if_nothing_changed() {
        let mut painter = Painter::default();
        assert!(painter.frame(screen(&["abc"])).is_some());
        assert!(painter.frame(screen(&["abc"])).is_none());
        painter.reset();
        assert!(painter.frame(screen(&["abc"])).is_some());
    }

    #[test]
    fn a_terminal_shows_what_the_buffer_holds() {
        let size = |cells| std::num::NonZero::new(cells).unwrap();
        let mut painter = Painter::default();
        let mut parser = vt100::Parser::new(size(3), size(12), 0);
        for lines in [
            ["hello world ", "漢字 and    ", "            "],
            ["hellO w0rld ", "漢字 bnd    ", "          xy"],
            ["      w0rld ", "a字 bnd     ", "x         x "],
        ] {
            let mut next = screen(&lines);
            next.set_style(Rect::new(2, 0, 3, 1), Style::new().fg(Color::Red));
            let frame = painter.frame(next).unwrap_or_default();
            parser.process(&frame);
            let want: String = lines.iter().map(|l| l.trim_end().to_owned() + "\n").collect();
            assert_eq!(shown(&parser), want);
        }
        let cell = parser.screen().cell(0, 7).map(|cell| cell.fgcolor());
        assert_eq!(cell, Some(vt100::Color::Default));
    }

    #[test]
    fn a_changed_digit_needs_few_bytes() {
        let mut painter = Painter::default();
        painter.frame(screen(&["time 14:31:02  rate  94.2M"]));
        let frame = painter.frame(screen(&["time 14:31:03  rate  94.3M"])).unwrap_or_default();
        assert!(frame.len() < 40, "{}", String::from_utf8_lossy(&frame));
    }

    #[test]
    fn a_resized_screen_is_drawn_completely() {
        let mut painter = Painter::default();
        painter.frame(screen(&["abc"]));
        let frame = painter.frame(screen(&["abcd"])).unwrap_or_default();
        assert!(String::from_utf8_lossy(&frame).contains(CLEAR));
    }
}
