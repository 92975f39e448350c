//! Tables of an answer: their order, their best rows, what they leave out.

use std::cmp::Ordering;

use crate::snapshot::{HostRow, Ranking, SortKey, UpDown};
use crate::topn::TopN;

/// Which direction a table is about.
#[derive(Clone, Copy)]
pub(super) enum TableDirection {
    Up,
    Down,
    Both,
}

/// The order of two traffics by a key that is not the address; more first.
pub(super) fn traffic_order(
    key: SortKey,
    side: TableDirection,
    a: &UpDown,
    b: &UpDown,
) -> Ordering {
    let own = |both: &UpDown| match side {
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

/// A table of the best rows; totals and others are set later.
pub(super) fn ranking<R, F: Fn(&R, &R) -> Ordering>(top: TopN<R, F>) -> Ranking<R> {
    Ranking { count: top.pushed(), rows: top.into_sorted(), ..Ranking::default() }
}

/// Sets the total of a table and what its rows leave out.
pub(super) fn settle<R: Traffic>(ranking: &mut Ranking<R>, total: UpDown) {
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
