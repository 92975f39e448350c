//! Lists records, in the order in which they were recorded or in another order.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::answer::AnswerRow;
use super::ordered_output::{OrderedOutput, OrderedSender, PIECE};
use super::page::Page;
use super::question::{ArchiveQuestion, StatOrder};
use super::record::rows;
use super::scan::ScanSink;
use super::sort::rank;
use super::state::{COUNTED, GroupSums, gather};
use super::summary::RunningTotals;
use crate::filter::select::MatchedRows;
use crate::flow::field::{FIELDS, Field};
use crate::topn::TopN;

/// Hands over rows in the order in which they were recorded.
pub(super) struct RecordedOrder<'a> {
    to: OrderedSender<'a>,
    fields: Vec<Field>,
    states: Vec<GroupSums>,
}

impl<'a> RecordedOrder<'a> {
    pub(super) fn new(question: &ArchiveQuestion, output: &'a OrderedOutput) -> RecordedOrder<'a> {
        RecordedOrder {
            to: OrderedSender::new(output),
            fields: columns(question),
            states: Vec::new(),
        }
    }
}

/// The columns that the records of a question need.
fn columns(question: &ArchiveQuestion) -> Vec<Field> {
    let Some(columns) = &question.columns else {
        return FIELDS.iter().map(|info| info.field).collect();
    };
    let mut columns: Vec<Field> = columns.iter().copied().chain(COUNTED).collect();
    columns.push(Field::Proto); // the totals are separated by protocol
    columns.sort_unstable();
    columns.dedup();
    columns
}

impl ScanSink for RecordedOrder<'_> {
    fn fields(&self) -> Vec<Field> {
        self.fields.clone()
    }

    fn file(&mut self, number: usize) {
        self.to.begin(number);
    }

    fn take(&mut self, page: &Page<'_>, hits: &MatchedRows) -> ControlFlow<()> {
        for piece in hits.pieces(PIECE) {
            gather(page, &piece, false, &mut self.states);
            if !self.to.give(rows(page, &piece, &self.states, &self.fields)) {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self) {
        self.to.end();
    }

    fn stop(&mut self) {
        self.to.stop();
    }
}

/// Passes rows to `each` file by file, at most `limit` unless that is 0, and sums them. Returns
/// when all rows are passed, or `each` breaks or the limit is reached; then `over` is set for
/// the workers.
pub(super) fn hand_over(
    output: &OrderedOutput,
    limit: usize,
    over: &AtomicBool,
    each: &mut dyn FnMut(&AnswerRow) -> ControlFlow<()>,
) -> RunningTotals {
    let _closing = output.closing();
    let mut tally = RunningTotals::default();
    let mut left = if limit == 0 { usize::MAX } else { limit };
    while let Some(rows) = output.take() {
        for row in &rows {
            tally.take_row(row);
            left -= 1;
            if each(row).is_break() || left == 0 {
                over.store(true, Relaxed);
                return tally;
            }
        }
    }
    tally
}

/// A record with its rank and its position in the archive.
pub(super) struct RankedRecord {
    rank: u128,
    at: (usize, u64),
    pub row: Box<AnswerRow>,
}

type Cmp = fn(&RankedRecord, &RankedRecord) -> Ordering;

/// Keeps the first records of another order.
pub(super) struct Sorted {
    order: StatOrder,
    top: TopN<RankedRecord, Cmp>,
    pub tally: RunningTotals,
    at: (usize, u64),
    fields: Vec<Field>,
    states: Vec<GroupSums>,
}

/// An empty list of the first `limit` records, 0 for all.
pub(super) fn top(limit: usize) -> TopN<RankedRecord, Cmp> {
    let limit = if limit == 0 { usize::MAX } else { limit };
    TopN::new(limit, |one, two| two.rank.cmp(&one.rank).then(one.at.cmp(&two.at)))
}

impl Sorted {
    pub(super) fn new(question: &ArchiveQuestion, order: StatOrder, limit: usize) -> Sorted {
        let (tally, fields) = (RunningTotals::default(), columns(question));
        Sorted { order, top: top(limit), tally, at: (0, 0), fields, states: Vec::new() }
    }

    pub(super) fn into_placed(self) -> Vec<RankedRecord> {
        self.top.into_sorted()
    }
}

impl ScanSink for Sorted {
    fn fields(&self) -> Vec<Field> {
        self.fields.clone()
    }

    fn file(&mut self, number: usize) {
        self.at = (number, 0);
    }

    fn take(&mut self, page: &Page<'_>, hits: &MatchedRows) -> ControlFlow<()> {
        for piece in hits.pieces(PIECE) {
            gather(page, &piece, false, &mut self.states);
            self.tally.take(page, &piece, &self.states);
            for row in rows(page, &piece, &self.states, &self.fields) {
                let rank = rank(self.order, &row.sums, 0, 0);
                self.at.1 += 1;
                self.top.push(RankedRecord { rank, at: self.at, row: Box::new(row) });
            }
        }
        ControlFlow::Continue(())
    }
}
