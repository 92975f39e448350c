//! Which line of the terminal holds what.

use std::ops::Range;

/// A part of a screen, one line high unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenPart {
    Header,
    /// Totals: into the site, out of it, and what does not cross the line.
    In,
    Out,
    Mix,
    /// Alerts and notes.
    Strip,
    /// The sentence on what the tables stand for.
    Basis,
    /// How the selected exporter is doing, and how the collecting goes.
    Condition,
    Collecting,
    /// What can be listed of an exporter.
    Tabs,
    /// One host's rates over time.
    UpSeries,
    DownSeries,
    Axis,
    Heading,
    /// Everything that is left.
    Rows,
    Others,
    Total,
    Demo,
    Status,
    Footer,
}

/// A part that is wanted on terminals of at least so many lines.
#[derive(Clone, Copy, Debug)]
pub struct WantedPart {
    pub part: ScreenPart,
    pub lines: u16,
    pub from: u16,
}

/// A one-line part.
pub const fn one(part: ScreenPart, from: u16) -> WantedPart {
    WantedPart { part, lines: 1, from }
}

/// Where every part is.
#[derive(Clone, Debug, Default)]
pub struct ScreenLayout(Vec<(ScreenPart, Range<u16>)>);

impl ScreenLayout {
    /// Stacks parts from the top; [`Part::Rows`] takes what the others leave.
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

    /// The lines of a part, empty when it is not shown.
    pub fn lines(&self, part: ScreenPart) -> Range<u16> {
        self.0.iter().find(|(known, _)| *known == part).map_or(0..0, |(_, lines)| lines.clone())
    }

    /// The line of a one-line part.
    pub fn line(&self, part: ScreenPart) -> Option<u16> {
        self.lines(part).next()
    }

    /// How many rows of a table there is room for.
    pub fn page(&self) -> usize {
        self.lines(ScreenPart::Rows).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_take_what_is_left_and_nothing_leaves_the_screen() {
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
