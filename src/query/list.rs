//! Records one by one, in the order they were recorded or in another.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::answer::Row;
use super::page::Page;
use super::question::Order;
use super::record::rows;
use super::scan::Sink;
use super::sort::rank;
use super::state::{State, gather};
use super::summary::Tally;
use crate::filter::select::Hits;
use crate::flow::field::{FIELDS, Field};
use crate::topn::TopN;

/// Rows that are handed over at once, and how many such pieces of a file may
/// lie ready: what workers are ahead by.
const PIECE: usize = 4096;
const AHEAD: usize = 8;

/// Where each file's rows are handed over.
pub(super) struct Lanes {
    to: Vec<Mutex<Option<SyncSender<Vec<Row>>>>>,
}

/// A lane for each file: the ends of the workers, and those to take rows from
/// one after the other.
pub(super) fn lanes(files: usize) -> (Lanes, Vec<Receiver<Vec<Row>>>) {
    let lanes = (0..files).map(|_| sync_channel(AHEAD));
    let (to, from) = lanes.map(|(to, from)| (Mutex::new(Some(to)), from)).unzip();
    (Lanes { to }, from)
}

/// Hands rows over in the order they were recorded.
pub(super) struct InOrder<'a> {
    lanes: &'a Lanes,
    lane: Option<SyncSender<Vec<Row>>>,
    states: Vec<State>,
}

impl<'a> InOrder<'a> {
    pub(super) fn new(lanes: &'a Lanes) -> InOrder<'a> {
        InOrder { lanes, lane: None, states: Vec::new() }
    }
}

fn all_fields() -> Vec<Field> {
    FIELDS.iter().map(|info| info.field).collect()
}

/// `hits` in pieces of at most [`PIECE`].
fn pieces(hits: &Hits) -> Vec<Hits> {
    match hits {
        Hits::All(rows) if *rows <= PIECE => vec![hits.clone()],
        Hits::All(rows) => {
            let rows: Vec<u32> = (0..*rows as u32).collect();
            rows.chunks(PIECE).map(|rows| Hits::Some(rows.to_vec())).collect()
        }
        Hits::Some(rows) => rows.chunks(PIECE).map(|rows| Hits::Some(rows.to_vec())).collect(),
    }
}

impl Sink for InOrder<'_> {
    fn fields(&self) -> Vec<Field> {
        all_fields()
    }

    fn file(&mut self, number: usize) {
        let lane = self.lanes.to.get(number);
        self.lane = lane.and_then(|to| to.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn take(&mut self, page: &Page<'_>, hits: &Hits) -> ControlFlow<()> {
        for piece in pieces(hits) {
            gather(page, &piece, false, &mut self.states);
            let rows = rows(page, &piece, &self.states);
            let sent = self.lane.as_ref().map(|lane| lane.send(rows));
            if !matches!(sent, Some(Ok(()))) {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self) {
        self.lane = None;
    }

    fn stop(&mut self) {
        // Nobody is to wait for files that are not begun.
        for lane in &self.lanes.to {
            lane.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

/// Gives rows to `each` file by file, `limit` of them unless that is 0, and adds
/// them up. Returns when all is done, or `each` or the limit says enough; then
/// `over` is set for the workers.
pub(super) fn hand_over(
    from: Vec<Receiver<Vec<Row>>>,
    limit: usize,
    over: &AtomicBool,
    each: &mut dyn FnMut(&Row) -> ControlFlow<()>,
) -> Tally {
    let mut tally = Tally::default();
    let mut left = if limit == 0 { usize::MAX } else { limit };
    for lane in from {
        for row in lane.into_iter().flatten() {
            tally.take_row(&row);
            left -= 1;
            if each(&row).is_break() || left == 0 {
                over.store(true, Relaxed);
                return tally;
            }
        }
    }
    tally
}

/// A record, where it stood, and how far up it belongs.
pub(super) struct Placed {
    rank: u128,
    at: (usize, u64),
    pub row: Box<Row>,
}

type Cmp = fn(&Placed, &Placed) -> Ordering;

/// Keeps the first records of another order.
pub(super) struct Sorted {
    order: Order,
    top: TopN<Placed, Cmp>,
    pub tally: Tally,
    at: (usize, u64),
    states: Vec<State>,
}

/// An empty list of the first `limit`, 0 for all.
pub(super) fn top(limit: usize) -> TopN<Placed, Cmp> {
    let limit = if limit == 0 { usize::MAX } else { limit };
    TopN::new(limit, |one, two| two.rank.cmp(&one.rank).then(one.at.cmp(&two.at)))
}

impl Sorted {
    pub(super) fn new(order: Order, limit: usize) -> Sorted {
        let tally = Tally::default();
        Sorted { order, top: top(limit), tally, at: (0, 0), states: Vec::new() }
    }

    pub(super) fn into_placed(self) -> Vec<Placed> {
        self.top.into_sorted()
    }
}

impl Sink for Sorted {
    fn fields(&self) -> Vec<Field> {
        all_fields()
    }

    fn file(&mut self, number: usize) {
        self.at = (number, 0);
    }

    fn take(&mut self, page: &Page<'_>, hits: &Hits) -> ControlFlow<()> {
        for piece in pieces(hits) {
            gather(page, &piece, false, &mut self.states);
            self.tally.take(page, &piece, &self.states);
            for row in rows(page, &piece, &self.states) {
                let rank = rank(self.order, &row.sums, 0, 0);
                self.at.1 += 1;
                self.top.push(Placed { rank, at: self.at, row: Box::new(row) });
            }
        }
        ControlFlow::Continue(())
    }
}
