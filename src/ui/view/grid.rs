//! A table whose columns share the width: columns that do not fit are left out completely, and
//! numbers are never cut.

use super::super::paint::{self, Canvas, elide, elide_end};
use super::super::theme::Tone;

/// The content of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Right-aligned, as wide as the widest cell.
    Number,
    /// Left-aligned, cut at the end; at most this many columns wide.
    Text(u16),
    /// Left-aligned, cut in the middle; at most this many columns wide.
    Address(u16),
    /// Space for a bar, which has no cell; at most this many columns wide.
    Bar(u16),
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct GridColumn {
    pub title: &'static str,
    pub kind: ColumnKind,
    /// The least width, including the space before it.
    pub least: u16,
    /// If the width is too small, the highest rank is left out first; 0 is never left out.
    pub rank: u8,
}

/// A column of numbers.
pub const fn number(title: &'static str, least: u16, rank: u8) -> GridColumn {
    GridColumn { title, kind: ColumnKind::Number, least, rank }
}

/// A column of text.
pub const fn text(title: &'static str, least: u16, most: u16, rank: u8) -> GridColumn {
    GridColumn { title, kind: ColumnKind::Text(most), least, rank }
}

/// The position of a column: its index, its start after the space before it, and its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct GridPlace {
    column: usize,
    x: u16,
    width: u16,
}

/// The positions of all columns.
#[derive(Clone, Debug)]
pub struct Grid<'a> {
    columns: &'a [GridColumn],
    positions: Vec<GridPlace>,
}

impl<'a> Grid<'a> {
    /// Positions the columns for these rows between two columns of the terminal. The first
    /// column has no space before it.
    pub fn fit(
        columns: &'a [GridColumn],
        rows: &[Vec<String>],
        (from, to): (u16, u16),
    ) -> Grid<'a> {
        let room = to.saturating_sub(from);
        let longest = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| paint::columns(cell)).max().unwrap_or(0)
        };
        let mut taken: Vec<(usize, u16)> = columns
            .iter()
            .enumerate()
            .map(|(at, column)| match column.kind {
                ColumnKind::Number => (at, column.least.max(longest(at).saturating_add(1))),
                _ => (at, column.least),
            })
            .collect();
        let sum = |taken: &[(usize, u16)]| {
            taken.iter().fold(0u16, |sum, (_, width)| sum.saturating_add(*width))
        };
        while sum(&taken) > room {
            let Some(rank) = taken.iter().map(|(at, _)| columns[*at].rank).max() else { break };
            let last = taken.iter().rposition(|(at, _)| columns[*at].rank == rank);
            let Some(last) = last.filter(|_| rank > 0) else { break };
            taken.remove(last);
        }
        let mut spare = room.saturating_sub(sum(&taken));
        for (at, width) in &mut taken {
            let wanted = match columns[*at].kind {
                ColumnKind::Text(most) | ColumnKind::Address(most) => {
                    let gap = u16::from(*at > 0);
                    Some(longest(*at).saturating_add(gap).min(most))
                }
                ColumnKind::Bar(most) => Some(most),
                ColumnKind::Number => None,
            };
            if let Some(wanted) = wanted {
                let more = wanted.saturating_sub(*width).min(spare);
                *width += more;
                spare -= more;
            }
        }
        let mut x = from;
        let positions = taken.into_iter().map(|(column, width)| {
            let gap = u16::from(column > 0).min(width);
            let position = GridPlace { column, x: x.saturating_add(gap), width: width - gap };
            x = x.saturating_add(width);
            position
        });
        Grid { columns, positions: positions.collect() }
    }

    /// Draws the titles; the sorted one has its sign.
    pub fn heading(&self, canvas: &mut Canvas, y: u16, sorted: Option<(&str, &str)>) {
        self.heading_of(canvas, y, |title| {
            let sign = sorted.filter(|(sorted, _)| *sorted == title).map_or("", |(_, sign)| sign);
            format!("{title}{sign}")
        });
    }

    /// The end of the first column.
    pub fn first_end(&self) -> u16 {
        self.positions.first().map_or(0, |position| position.x + position.width)
    }

    /// The start and the width of the bars, if there is room for them.
    pub fn bar(&self) -> Option<(u16, u16)> {
        let is_bar = |position: &&GridPlace| {
            matches!(self.columns[position.column].kind, ColumnKind::Bar(_))
        };
        self.positions.iter().find(is_bar).map(|position| (position.x, position.width))
    }

    /// Draws the titles, each as formatted by `title`.
    pub fn heading_of(&self, canvas: &mut Canvas, y: u16, title: impl Fn(&'static str) -> String) {
        for position in &self.positions {
            let column = &self.columns[position.column];
            let title = title(column.title);
            match column.kind {
                ColumnKind::Number => {
                    canvas.right(
                        position.x + position.width,
                        y,
                        position.width,
                        &title,
                        Tone::Strong,
                    );
                }
                _ => drop(canvas.put(position.x, y, position.width, &title, Tone::Strong)),
            }
        }
    }

    /// Draws a row; `tone` gives the tone of a column.
    pub fn row(
        &self,
        canvas: &mut Canvas,
        y: u16,
        cells: &[String],
        tone: impl Fn(&'static str) -> Tone,
    ) {
        for position in &self.positions {
            let Some(cell) = cells.get(position.column) else { continue };
            let GridColumn { title, kind, .. } = self.columns[position.column];
            let text = match kind {
                ColumnKind::Number => {
                    let end = position.x + position.width;
                    // A wide number may use the space before it.
                    canvas.right(end, y, position.width + 1, cell, tone(title));
                    continue;
                }
                ColumnKind::Bar(_) => continue,
                ColumnKind::Text(_) => elide_end(cell, position.width),
                ColumnKind::Address(_) => elide(cell, position.width),
            };
            canvas.put(position.x, y, position.width, &text, tone(title));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [GridColumn; 4] = [
        GridColumn { title: "A", kind: ColumnKind::Address(20), least: 5, rank: 0 },
        number("B", 4, 1),
        text("C", 6, 30, 3),
        number("D", 4, 2),
    ];

    fn shown(width: u16) -> (String, u16) {
        let row = ["0123456789", "12345", "words", "7"].map(str::to_owned).to_vec();
        let grid = Grid::fit(&COLUMNS, &[row], (0, width));
        let titles = grid.positions.iter().map(|position| COLUMNS[position.column].title).collect();
        (titles, grid.positions.last().map_or(0, |position| position.x + position.width))
    }

    #[test]
    fn columns_are_left_out_by_rank_and_numbers_have_enough_room() {
        assert_eq!(shown(80), ("ABCD".to_owned(), 26));
        assert_eq!(shown(21), ("ABCD".to_owned(), 21));
        assert_eq!(shown(20), ("ABD".to_owned(), 20));
        assert_eq!(shown(15), ("ABD".to_owned(), 15));
        assert_eq!(shown(14), ("AB".to_owned(), 14));
        assert_eq!(shown(10), ("A".to_owned(), 10));
        assert_eq!(shown(0).0, "A");
    }
}
