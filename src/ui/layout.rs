//! Assigns the lines of the terminal to the parts of a screen.

use std::ops::Range;

/// A part of a screen; one line high unless stated otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenPart {
    Header,
    /// Totals: into the site, out of it, and traffic that does not cross the line.
    In,
    Out,
    Mix,
    /// Alerts and notes.
    Strip,
    /// The sentence that explains tables by source and destination.
    Basis,
    /// The condition of the selected exporter, and the state of the collector.
    Condition,
    Collecting,
    /// The tabs of an exporter.
    Tabs,
    /// The rates of a host over time.
    UpSeries,
    DownSeries,
    Axis,
    Heading,
    /// All remaining lines.
    Rows,
    Others,
    Total,
    Demo,
    Status,
    Footer,
}

/// A part that is shown on terminals with at least `from` lines.
#[derive(Clone, Copy, Debug)]
pub struct WantedPart {
    pub part: ScreenPart,
    pub lines: u16,
    pub from: u16,
}

/// A part of one line.
pub const fn one(part: ScreenPart, from: u16) -> WantedPart {
    WantedPart { part, lines: 1, from }
}

/// The position of every part.
#[derive(Clone, Debug, Default)]
pub struct ScreenLayout(Vec<(ScreenPart, Range<u16>)>);

impl ScreenLayout {
    /// Stacks the parts from the top; [`ScreenPart::Rows`] gets the remaining lines.
    pub fn stack(height: u16, wants: &[WantedPart]) -> ScreenLayout {
        let shown = || wants.iter().filter(|want| height >= want.from);
        let fixed: u16 =
            shown().filter(|want| want.part != ScreenPart::Rows).map(|want| want.lines).sum();
        let mut y = 0u16;
        let mut parts = Vec::new();
        for want in shown() {
            let lines = if want.part == ScreenPart::Rows {
                height.saturating_sub(fixed)
            } else {
                want.lines
            };
            let end = y.saturating_add(lines).min(height);
            if end > y {
                parts.push((want.part, y..end));
            }
            y = end;
        }
        ScreenLayout(parts)
    }

    /// The lines of a part; empty if it is not shown.
    pub fn lines(&self, part: ScreenPart) -> Range<u16> {
        self.0.iter().find(|(known, _)| *known == part).map_or(0..0, |(_, lines)| lines.clone())
    }

    /// The line of a one-line part.
    pub fn line(&self, part: ScreenPart) -> Option<u16> {
        self.lines(part).next()
    }

    /// The number of table rows that fit.
    pub fn page(&self) -> usize {
        self.lines(ScreenPart::Rows).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_take_the_remaining_lines_and_nothing_leaves_the_screen() {
        let wants = [
            one(ScreenPart::Header, 3),
            one(ScreenPart::In, 1),
            one(ScreenPart::Rows, 1),
            one(ScreenPart::Footer, 4),
        ];
        let layout = |height| ScreenLayout::stack(height, &wants);
        assert_eq!(layout(10).lines(ScreenPart::Rows), 2..9);
        assert_eq!(layout(10).line(ScreenPart::Footer), Some(9));
        assert_eq!(layout(3).page(), 1);
        assert_eq!(layout(1).line(ScreenPart::In), Some(0));
        assert_eq!(layout(1).line(ScreenPart::Header), None);
        assert_eq!(layout(0).page(), 0);
    }
}
