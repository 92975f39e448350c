//! Rows on their way from workers, who read several files at once, to whoever
//! takes them file by file. However slowly that goes, and however far workers
//! could be ahead, only so many rows wait.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::answer::AnswerRow;

/// Rows that are handed over at once: few enough to be in the cache still when they
/// are printed.
pub(super) const PIECE: usize = 512;

/// Pieces that wait at most: of the file that is being taken, and besides of all
/// files together. A piece is 0.2 MB.
const OF_THIS: usize = 64;
const OF_ALL: usize = 256;

/// What waits to be taken.
pub(super) struct OrderedOutput {
    files: usize,
    waiting: Mutex<WaitingOutput>,
    changed: Condvar,
}

#[derive(Default)]
struct WaitingOutput {
    /// The file whose rows are being taken.
    this: usize,
    /// Of it and of those behind it.
    lanes: VecDeque<PendingOutput>,
    /// Pieces in all of them.
    pieces: usize,
    /// Workers that have not gone.
    workers: usize,
    /// Whether no further file will be begun.
    ended: bool,
    /// Whether nothing is taken any more.
    over: bool,
}

#[derive(Default)]
struct PendingOutput {
    pieces: VecDeque<Vec<AnswerRow>>,
    begun: bool,
    done: bool,
}

impl WaitingOutput {
    /// The lane of a file, unless it has been passed.
    fn lane(&mut self, file: usize) -> Option<&mut PendingOutput> {
        let place = file.checked_sub(self.this)?;
        if self.lanes.len() <= place {
            self.lanes.resize_with(place + 1, PendingOutput::default);
        }
        self.lanes.get_mut(place)
    }

    fn has_room(&mut self, file: usize) -> bool {
        let is_this = file == self.this;
        self.pieces < OF_ALL
            || (is_this && self.lane(file).is_some_and(|lane| lane.pieces.len() < OF_THIS))
    }
}

impl OrderedOutput {
    /// Lanes for so many files.
    pub(super) fn new(files: usize) -> OrderedOutput {
        OrderedOutput { files, waiting: Mutex::default(), changed: Condvar::new() }
    }

    fn waiting(&self) -> MutexGuard<'_, WaitingOutput> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, waiting: MutexGuard<'a, WaitingOutput>) -> MutexGuard<'a, WaitingOutput> {
        self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner)
    }

    /// Once this is dropped nothing is taken any more, and whoever hands over learns it.
    pub(super) fn closing(&self) -> CloseOnDrop<'_> {
        CloseOnDrop(self)
    }

    /// The next rows, in the order of the files; `None` after the last ones.
    pub(super) fn take(&self) -> Option<Vec<AnswerRow>> {
        let mut waiting = self.waiting();
        loop {
            let ended = waiting.ended;
            let front = waiting.lanes.front_mut();
            if let Some(piece) = front.and_then(|lane| lane.pieces.pop_front()) {
                waiting.pieces -= 1;
                self.changed.notify_all();
                return Some(piece);
            }
            match waiting.lanes.front() {
                Some(lane) if lane.done || (ended && !lane.begun) => {
                    waiting.lanes.pop_front();
                    waiting.this += 1;
                    self.changed.notify_all();
                }
                None if ended || waiting.this >= self.files => return None,
                _ => waiting = self.wait(waiting),
            }
        }
    }
}

/// Closes lanes when it is dropped, also by a panic.
pub(super) struct CloseOnDrop<'a>(&'a OrderedOutput);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.waiting().over = true;
        self.0.changed.notify_all();
    }
}

/// Where a worker hands over.
pub(super) struct OrderedSender<'a> {
    lanes: &'a OrderedOutput,
    file: Option<usize>,
}

impl<'a> OrderedSender<'a> {
    pub(super) fn new(lanes: &'a OrderedOutput) -> OrderedSender<'a> {
        lanes.waiting().workers += 1;
        OrderedSender { lanes, file: None }
    }

    /// Begins a file.
    pub(super) fn begin(&mut self, file: usize) {
        self.file = Some(file);
        if let Some(lane) = self.lanes.waiting().lane(file) {
            lane.begun = true;
        }
    }

    /// Hands rows of the file over, when there is room; false when nobody wants them.
    pub(super) fn give(&self, rows: Vec<AnswerRow>) -> bool {
        let Some(file) = self.file else { return false };
        let mut waiting = self.lanes.waiting();
        while !waiting.over && !waiting.has_room(file) {
            waiting = self.lanes.wait(waiting);
        }
        if waiting.over {
            return false;
        }
        let Some(lane) = waiting.lane(file) else { return false };
        lane.pieces.push_back(rows);
        waiting.pieces += 1;
        self.lanes.changed.notify_all();
        true
    }

    /// Ends the file.
    pub(super) fn end(&mut self) {
        let Some(file) = self.file.take() else { return };
        if let Some(lane) = self.lanes.waiting().lane(file) {
            lane.done = true;
        }
        self.lanes.changed.notify_all();
    }

    /// Nobody is to wait for files that are not begun.
    pub(super) fn stop(&self) {
        self.lanes.waiting().ended = true;
        self.lanes.changed.notify_all();
    }
}

impl Drop for OrderedSender<'_> {
    fn drop(&mut self) {
        self.end();
        let mut waiting = self.lanes.waiting();
        waiting.workers = waiting.workers.saturating_sub(1);
        // A worker that failed is not waited for.
        waiting.ended |= waiting.workers == 0;
        drop(waiting);
        self.lanes.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::record::row;
    use crate::query::state::GroupSums;

    /// A piece that is known by its flows.
    fn piece(flows: u64) -> Vec<AnswerRow> {
        let mut one = row(GroupSums::NONE.sums());
        one.sums.flows = flows;
        vec![one]
    }

    fn taken(lanes: &OrderedOutput) -> Vec<u64> {
        std::iter::from_fn(|| lanes.take()).flatten().map(|row| row.sums.flows).collect()
    }

    #[test]
    fn rows_come_in_the_order_of_files_and_few_of_them_wait() {
        const FILES: u64 = 40;
        const PIECES: u64 = 12;
        let lanes = OrderedOutput::new(FILES as usize);
        let next = std::sync::atomic::AtomicU64::new(0);
        let mut most = 0;
        let mut all = Vec::new();
        let work = |mut giver: OrderedSender| {
            loop {
                let file = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if file >= FILES {
                    return;
                }
                giver.begin(file as usize);
                for number in 0..PIECES {
                    assert!(giver.give(piece(file * PIECES + number)));
                }
                giver.end();
            }
        };
        std::thread::scope(|scope| {
            for giver in
                [OrderedSender::new(&lanes), OrderedSender::new(&lanes), OrderedSender::new(&lanes)]
            {
                scope.spawn(move || work(giver));
            }
            while let Some(rows) = lanes.take() {
                most = most.max(lanes.waiting().pieces);
                all.push(rows[0].sums.flows);
            }
        });
        assert_eq!(all, (0..FILES * PIECES).collect::<Vec<_>>());
        assert!(most <= OF_ALL + OF_THIS, "{most} waited");
    }

    #[test]
    fn workers_that_are_ahead_wait_and_the_file_in_turn_has_room() {
        let lanes = OrderedOutput::new(3);
        let (mut first, mut second) = (OrderedSender::new(&lanes), OrderedSender::new(&lanes));
        first.begin(0);
        second.begin(1);
        for number in 0..OF_ALL as u64 {
            assert!(second.give(piece(100 + number)));
        }
        assert!(!lanes.waiting().has_room(1));
        assert!(lanes.waiting().has_room(0), "or nothing would ever go on");
        assert!(first.give(piece(1)));
        first.end();
        second.end();
        second.stop();
        let want: Vec<u64> = [1].into_iter().chain(100..100 + OF_ALL as u64).collect();
        assert_eq!(taken(&lanes), want, "the third file was never begun");
    }

    #[test]
    fn whoever_gives_learns_that_nobody_takes_and_who_fails_is_not_waited_for() {
        let lanes = OrderedOutput::new(2);
        let mut giver = OrderedSender::new(&lanes);
        giver.begin(0);
        assert!(giver.give(piece(7)));
        // As when its thread panics.
        drop(giver);
        assert_eq!(taken(&lanes), [7]);
        let lanes = OrderedOutput::new(2);
        let mut giver = OrderedSender::new(&lanes);
        giver.begin(1);
        drop(lanes.closing());
        assert!(!giver.give(piece(1)));
    }
}
