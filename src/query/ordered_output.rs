//! Passes rows from the workers, which read several files at once, to a consumer that takes
//! them file by file. The number of waiting rows is bounded, however slow the consumer is.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::answer::AnswerRow;

/// The number of rows that are handed over at once: few enough that they are still in the cache
/// when they are printed.
pub(super) const PIECE: usize = 512;

/// The largest number of waiting pieces of the file that is being consumed, in addition to the
/// limit of all files. A piece has 0.2 MB.
const MAX_PIECES_OF_CURRENT: usize = 64;
/// The largest number of waiting pieces of all files.
const MAX_PIECES: usize = 256;

/// The rows that wait to be consumed.
pub(super) struct OrderedOutput {
    files: usize,
    waiting: Mutex<WaitingOutput>,
    changed: Condvar,
}

#[derive(Default)]
struct WaitingOutput {
    /// The file whose rows are being consumed.
    this: usize,
    /// The rows of this file and of those after it.
    queues: VecDeque<PendingOutput>,
    /// The number of pieces of all files.
    pieces: usize,
    /// The number of workers that are still running.
    workers: usize,
    /// Whether no further file will be begun.
    ended: bool,
    /// Whether the consumer has stopped.
    over: bool,
}

#[derive(Default)]
struct PendingOutput {
    pieces: VecDeque<Vec<AnswerRow>>,
    begun: bool,
    done: bool,
}

impl WaitingOutput {
    /// The queue of a file, unless the file is finished.
    fn queue(&mut self, file: usize) -> Option<&mut PendingOutput> {
        let index = file.checked_sub(self.this)?;
        if self.queues.len() <= index {
            self.queues.resize_with(index + 1, PendingOutput::default);
        }
        self.queues.get_mut(index)
    }

    fn has_room(&mut self, file: usize) -> bool {
        let is_this = file == self.this;
        self.pieces < MAX_PIECES
            || (is_this
                && self.queue(file).is_some_and(|queue| queue.pieces.len() < MAX_PIECES_OF_CURRENT))
    }
}

impl OrderedOutput {
    /// Queues for `files` files.
    pub(super) fn new(files: usize) -> OrderedOutput {
        OrderedOutput { files, waiting: Mutex::default(), changed: Condvar::new() }
    }

    fn waiting(&self) -> MutexGuard<'_, WaitingOutput> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, waiting: MutexGuard<'a, WaitingOutput>) -> MutexGuard<'a, WaitingOutput> {
        self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner)
    }

    /// When the returned value is dropped, the consumer has stopped and the workers are told.
    pub(super) fn closing(&self) -> CloseOnDrop<'_> {
        CloseOnDrop(self)
    }

    /// The next rows, in the order of the files; `None` after the last ones.
    pub(super) fn take(&self) -> Option<Vec<AnswerRow>> {
        let mut waiting = self.waiting();
        loop {
            let ended = waiting.ended;
            let front = waiting.queues.front_mut();
            if let Some(piece) = front.and_then(|queue| queue.pieces.pop_front()) {
                waiting.pieces -= 1;
                self.changed.notify_all();
                return Some(piece);
            }
            match waiting.queues.front() {
                Some(queue) if queue.done || (ended && !queue.begun) => {
                    waiting.queues.pop_front();
                    waiting.this += 1;
                    self.changed.notify_all();
                }
                None if ended || waiting.this >= self.files => return None,
                _ => waiting = self.wait(waiting),
            }
        }
    }
}

/// Stops the consumer on drop, also after a panic.
pub(super) struct CloseOnDrop<'a>(&'a OrderedOutput);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.waiting().over = true;
        self.0.changed.notify_all();
    }
}

/// The end at which a worker hands over rows.
pub(super) struct OrderedSender<'a> {
    queues: &'a OrderedOutput,
    file: Option<usize>,
}

impl<'a> OrderedSender<'a> {
    pub(super) fn new(queues: &'a OrderedOutput) -> OrderedSender<'a> {
        queues.waiting().workers += 1;
        OrderedSender { queues, file: None }
    }

    /// Begins a file.
    pub(super) fn begin(&mut self, file: usize) {
        self.file = Some(file);
        if let Some(queue) = self.queues.waiting().queue(file) {
            queue.begun = true;
        }
    }

    /// Hands over rows of the file when there is room; false if the consumer has stopped.
    pub(super) fn give(&self, rows: Vec<AnswerRow>) -> bool {
        let Some(file) = self.file else { return false };
        let mut waiting = self.queues.waiting();
        while !waiting.over && !waiting.has_room(file) {
            waiting = self.queues.wait(waiting);
        }
        if waiting.over {
            return false;
        }
        let Some(queue) = waiting.queue(file) else { return false };
        queue.pieces.push_back(rows);
        waiting.pieces += 1;
        self.queues.changed.notify_all();
        true
    }

    /// Ends the file.
    pub(super) fn end(&mut self) {
        let Some(file) = self.file.take() else { return };
        if let Some(queue) = self.queues.waiting().queue(file) {
            queue.done = true;
        }
        self.queues.changed.notify_all();
    }

    /// Tells the consumer not to wait for files that are not begun.
    pub(super) fn stop(&self) {
        self.queues.waiting().ended = true;
        self.queues.changed.notify_all();
    }
}

impl Drop for OrderedSender<'_> {
    fn drop(&mut self) {
        self.end();
        let mut waiting = self.queues.waiting();
        waiting.workers = waiting.workers.saturating_sub(1);
        // The consumer does not wait for a worker that failed.
        waiting.ended |= waiting.workers == 0;
        drop(waiting);
        self.queues.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::record::row;
    use crate::query::state::GroupSums;

    /// A piece that is identified by its number of flows.
    fn piece(flows: u64) -> Vec<AnswerRow> {
        let mut one = row(GroupSums::NONE.sums());
        one.sums.flows = flows;
        vec![one]
    }

    fn taken(queues: &OrderedOutput) -> Vec<u64> {
        std::iter::from_fn(|| queues.take()).flatten().map(|row| row.sums.flows).collect()
    }

    #[test]
    fn rows_are_in_the_order_of_files_and_few_of_them_wait() {
        const FILES: u64 = 40;
        const PIECES: u64 = 12;
        let queues = OrderedOutput::new(FILES as usize);
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
            for giver in [
                OrderedSender::new(&queues),
                OrderedSender::new(&queues),
                OrderedSender::new(&queues),
            ] {
                scope.spawn(move || work(giver));
            }
            while let Some(rows) = queues.take() {
                most = most.max(queues.waiting().pieces);
                all.push(rows[0].sums.flows);
            }
        });
        assert_eq!(all, (0..FILES * PIECES).collect::<Vec<_>>());
        assert!(most <= MAX_PIECES + MAX_PIECES_OF_CURRENT, "{most} waited");
    }

    #[test]
    fn workers_that_are_ahead_wait_and_the_file_in_turn_has_room() {
        let queues = OrderedOutput::new(3);
        let (mut first, mut second) = (OrderedSender::new(&queues), OrderedSender::new(&queues));
        first.begin(0);
        second.begin(1);
        for number in 0..MAX_PIECES as u64 {
            assert!(second.give(piece(100 + number)));
        }
        assert!(!queues.waiting().has_room(1));
        assert!(queues.waiting().has_room(0), "otherwise nothing could continue");
        assert!(first.give(piece(1)));
        first.end();
        second.end();
        second.stop();
        let want: Vec<u64> = [1].into_iter().chain(100..100 + MAX_PIECES as u64).collect();
        assert_eq!(taken(&queues), want, "the third file was never begun");
    }

    #[test]
    fn a_stopped_consumer_is_noticed_and_a_failed_worker_is_not_waited_for() {
        let queues = OrderedOutput::new(2);
        let mut giver = OrderedSender::new(&queues);
        giver.begin(0);
        assert!(giver.give(piece(7)));
        // As after a panic of its thread.
        drop(giver);
        assert_eq!(taken(&queues), [7]);
        let queues = OrderedOutput::new(2);
        let mut giver = OrderedSender::new(&queues);
        giver.begin(1);
        drop(queues.closing());
        assert!(!giver.give(piece(1)));
    }
}
