//! Tables of an answer: order, best rows, totals and "others".

use std::cmp::Ordering;

use crate::snapshot::{HostRow, Ranking, SortKey, UpDown};
use crate::topn::TopN;

/// The direction by which a table is ranked.
#[derive(Clone, Copy)]
pub(super) enum TableDirection {
    Up,
    Down,
    Both,
}

/// Compares traffic by a key other than the address. Higher values come first.
pub(super) fn traffic_order(
    key: SortKey,
    direction: TableDirection,
    a: &UpDown,
    b: &UpDown,
) -> Ordering {
    let own = |both: &UpDown| match direction {
        TableDirection::Up => both.up,
        TableDirection::Down => both.down,
        TableDirection::Both => both.sum(),
    };
    let value = |both: &UpDown| match key {
        SortKey::Bytes | SortKey::Address => own(both).bytes,
        SortKey::Up => both.up.bytes,
        SortKey::Down => both.down.bytes,
        SortKey::Packets => own(both).packets,
        SortKey::Flows => own(both).flows,
    };
    value(b).cmp(&value(a))
}

/// A table of the best rows, without total and "others".
pub(super) fn ranking<R, F: Fn(&R, &R) -> Ordering>(top: TopN<R, F>) -> Ranking<R> {
    Ranking { count: top.pushed(), rows: top.into_sorted(), ..Ranking::default() }
}

/// Sets the total of a table, and as "others" what its rows leave of that.
pub(super) fn set_totals<R: Traffic>(ranking: &mut Ranking<R>, total: UpDown) {
    let mut listed = UpDown::default();
    for row in &ranking.rows {
        listed += row.traffic();
    }
    ranking.total = total;
    ranking.others = total.less(&listed);
}

/// Rows that have traffic.
pub(super) trait Traffic {
    fn traffic(&self) -> UpDown;
}

impl Traffic for HostRow {
    fn traffic(&self) -> UpDown {
        self.traffic
    }
}
