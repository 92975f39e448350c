//! The table of traffic by other keys than hosts.

use std::collections::HashMap;

use crate::snapshot::{
    GroupKey, GroupRow, Grouping, Ranking, RowOrder, Snapshot, SortKey, Subject, UpDown, View,
};
use crate::units;

use super::super::layout::{ScreenLayout, ScreenPart};
use super::super::model::{GroupsScreen, Model};
use super::super::paint::{self, Canvas, bar, elide_end};
use super::super::theme::Tone;
use super::grid::{ColumnKind, Grid, GridColumn, number, text};

/// The columns of `>` and of the rank; narrow terminals show no rank.
const CURSOR: u16 = 2;
const RANK: u16 = 4;
const WITH_RANK: u16 = 60;

const UP: &str = "UP/s";
const DOWN: &str = "DOWN/s";
const PACKETS: &str = "PKT/s";
const FLOWS: &str = "FLOWS";
const SHARE: &str = "SHARE";

/// The columns. The name and the sorted column are never left out. Numbers have room for a sign
/// in the heading.
fn columns(grouping: Grouping, view: &View) -> [GridColumn; 8] {
    let members = if grouping == Grouping::Group { "HOSTS" } else { "CONVS" };
    let mut columns = [
        text("", 11, 48, 0),
        number(UP, 7, 1),
        number(DOWN, 8, 2),
        number(PACKETS, 7, 5),
        number(FLOWS, 7, 4),
        number(members, 7, 6),
        GridColumn { title: "", kind: ColumnKind::Bar(33), least: 8, rank: 7 },
        number(SHARE, 6, 3),
    ];
    for column in &mut columns {
        column.rank = if is_sorted_by(column.title, view.order) { 0 } else { column.rank };
    }
    columns
}

/// Whether the rows are sorted by this column alone.
fn is_sorted_by(title: &str, order: RowOrder) -> bool {
    match order.key {
        SortKey::Up => title == UP,
        SortKey::Down => title == DOWN,
        SortKey::Packets => title == PACKETS,
        SortKey::Flows => title == FLOWS,
        SortKey::Bytes | SortKey::Address => false,
    }
}

struct GroupsTable<'a> {
    model: &'a Model,
    snapshot: &'a Snapshot,
    grouping: Grouping,
    ranking: &'a Ranking<GroupRow>,
}

/// Draws the table with its heading, the sum of the other rows, and the total.
pub fn draw(
    canvas: &mut Canvas,
    model: &Model,
    screen: &GroupsScreen,
    snapshot: &Snapshot,
    layout: &ScreenLayout,
) {
    let lines = layout.lines(ScreenPart::Rows);
    if snapshot.view.subject != Subject::Groups(screen.grouping) {
        let room = (CURSOR, canvas.width());
        return super::common::empty(canvas, snapshot, "asking…", room, lines);
    }
    let grouping = screen.grouping;
    let table = GroupsTable { model, snapshot, grouping, ranking: &snapshot.groups };
    table.draw(canvas, screen, layout);
}

impl GroupsTable<'_> {
    fn draw(&self, canvas: &mut Canvas, screen: &GroupsScreen, layout: &ScreenLayout) {
        let width = canvas.width();
        let lines = layout.lines(ScreenPart::Rows);
        let by_key: HashMap<&GroupKey, &GroupRow> =
            self.ranking.rows.iter().map(|row| (&row.key, row)).collect();
        let list = &screen.list;
        let start = list.start(lines.len());
        // All rows determine the widths, so that scrolling changes nothing.
        let rows = list.keys().iter().filter_map(|key| by_key.get(key).copied());
        let cells: Vec<Vec<String>> = rows.clone().map(|row| self.row_cells(row)).collect();
        let total = self.sum_cells("total", self.ranking.count, &self.ranking.total);
        let widths: Vec<Vec<String>> = cells.iter().cloned().chain([total.clone()]).collect();
        let columns = columns(self.grouping, &self.snapshot.view);
        let before = if width >= WITH_RANK { RANK + 2 } else { CURSOR };
        let grid = Grid::fit(&columns, &widths, (before, width));
        if let Some(y) = layout.line(ScreenPart::Heading) {
            self.heading(canvas, &grid, y);
        }
        let selected = list.selected();
        let mut shown = UpDown::default();
        let mut count = 0;
        for ((y, row), (at, cells)) in
            lines.clone().zip(rows.skip(start)).zip(cells.iter().enumerate().skip(start))
        {
            let selected = selected.as_ref() == Some(&row.key);
            canvas.put(0, y, 1, if selected { ">" } else { " " }, Tone::Strong);
            if before > RANK {
                canvas.right(RANK, y, RANK - 1, &(at + 1).to_string(), Tone::Plain);
            }
            grid.row(canvas, y, cells, |_| Tone::Plain);
            self.bar(canvas, &grid, y, &row.traffic);
            if selected {
                canvas.tint(0, y, width, Tone::Selected);
            }
            shown += row.traffic;
            count += 1;
        }
        if count == 0 {
            let room = (CURSOR, width);
            super::common::empty(canvas, self.snapshot, "no traffic in this window", room, lines);
        }
        let left = self.ranking.count.saturating_sub(count);
        if let Some(y) = layout.line(ScreenPart::Others) {
            let rest = self.ranking.total.less(&shown);
            // `~` is left of the names, so that the names line up.
            canvas.put(before - 1, y, 1, "~", Tone::Plain);
            grid.row(canvas, y, &self.sum_cells("others", left, &rest), |_| Tone::Plain);
        }
        if let Some(y) = layout.line(ScreenPart::Total) {
            grid.row(canvas, y, &total, |_| Tone::Plain);
        }
    }

    fn heading(&self, canvas: &mut Canvas, grid: &Grid, y: u16) {
        let order = self.snapshot.view.order;
        let sign = |sorted: bool| if sorted { super::common::sort_sign(order.reverse) } else { "" };
        let unit = self.model.options.unit;
        let rates = |key| super::common::sorts_rates(order.key, unit, &[SortKey::Bytes, key]);
        grid.heading_of(canvas, y, |title| {
            let sorted = match title {
                UP => rates(SortKey::Up),
                DOWN => rates(SortKey::Down),
                title => is_sorted_by(title, order),
            };
            format!("{title}{}", sign(sorted))
        });
        let (_, title) = self.grouping.headings();
        let by_name = sign(order.key == SortKey::Address);
        let count = format!(" {}{by_name}", self.ranking.count);
        // The heading starts at the edge, like that of hosts; its text is cut in favour of the
        // count.
        let room = grid.first_end();
        let title = elide_end(title, room.saturating_sub(paint::columns(&count)).max(1));
        canvas.put(0, y, room, &format!("{title}{count}"), Tone::Strong);
    }

    fn row_cells(&self, row: &GroupRow) -> Vec<String> {
        let label = row.key.label(&self.snapshot.health);
        self.cells(label, units::short(row.members), &row.traffic)
    }

    fn sum_cells(&self, name: &str, count: usize, traffic: &UpDown) -> Vec<String> {
        self.cells(format!("{name} {count}"), String::new(), traffic)
    }

    /// The cells of [`columns`].
    fn cells(&self, name: String, members: String, traffic: &UpDown) -> Vec<String> {
        let (span, unit) = (&self.snapshot.span, self.model.options.unit);
        let sum = traffic.sum();
        let share = super::common::share(
            super::common::amount(&sum, unit),
            super::common::amount(&self.ranking.total.sum(), unit),
        );
        vec![
            name,
            units::short(super::common::rate(span, &traffic.up, unit)),
            units::short(super::common::rate(span, &traffic.down, unit)),
            units::short(span.per_second(sum.packets, 1)),
            units::short(sum.flows),
            members,
            String::new(),
            share,
        ]
    }

    /// Draws the share of a row as a bar, if there is room.
    fn bar(&self, canvas: &mut Canvas, grid: &Grid, y: u16, traffic: &UpDown) {
        let Some((x, width)) = grid.bar() else { return };
        let unit = self.model.options.unit;
        let part = super::common::amount(&traffic.sum(), unit);
        let whole = super::common::amount(&self.ranking.total.sum(), unit);
        let (full, empty) = bar(units::percent(part, whole), width);
        let middle = canvas.put(x, y, width, &full, Tone::Plain);
        canvas.put(middle, y, width, &empty, Tone::Faint);
    }
}
