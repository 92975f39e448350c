//! Which line of the terminal holds what.

use std::ops::Range;

/// A part of a screen, one line high unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
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
pub struct Want {
    pub part: Part,
    pub lines: u16,
    pub from: u16,
}

/// A one-line part.
pub const fn one(part: Part, from: u16) -> Want {
    Want { part, lines: 1, from }
}

/// Where every part is.
#[derive(Clone, Debug, Default)]
pub struct Layout(Vec<(Part, Range<u16>)>);

impl Layout {
    /// Stacks parts from the top; [`Part::Rows`] takes what the others leave.
    pub fn stack(height: u16, wants: &[Want]) -> Layout {
        let shown = || wants.iter().filter(|want| height >= want.from);
        let fixed: u16 =
            shown().filter(|want| want.part != Part::Rows).map(|want| want.lines).sum();
        let mut y = 0u16;
        let mut parts = Vec::new();
        for want in shown() {
            let lines =
                if want.part == Part::Rows { height.saturating_sub(fixed) } else { want.lines };
            let end = y.saturating_add(lines).min(height);
            if end > y {
                parts.push((want.part, y..end));
            }
            y = end;
        }
        Layout(parts)
    }

    /// The lines of a part, empty when it is not shown.
    pub fn lines(&self, part: Part) -> Range<u16> {
        self.0.iter().find(|(known, _)| *known == part).map_or(0..0, |(_, lines)| lines.clone())
    }

    /// The line of a one-line part.
    pub fn line(&self, part: Part) -> Option<u16> {
        self.lines(part).next()
    }

    /// How many rows of a table there is room for.
    pub fn page(&self) -> usize {
        self.lines(Part::Rows).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_take_what_is_left_and_nothing_leaves_the_screen() {
        let wants =
            [one(Part::Header, 3), one(Part::In, 1), one(Part::Rows, 1), one(Part::Footer, 4)];
        let layout = |height| Layout::stack(height, &wants);
        assert_eq!(layout(10).lines(Part::Rows), 2..9);
        assert_eq!(layout(10).line(Part::Footer), Some(9));
        assert_eq!(layout(3).page(), 1);
        assert_eq!(layout(1).line(Part::In), Some(0));
        assert_eq!(layout(1).line(Part::Header), None);
        assert_eq!(layout(0).page(), 0);
    }
}
