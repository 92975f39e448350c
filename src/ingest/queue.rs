//! Datagrams on their way to a worker: in batches whose memory goes round, and
//! bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::flow::{Host, Time};

/// Bytes that all queues together hold at most: what kernels grant a socket.
pub(super) const QUEUE_BYTES: usize = 64 << 20;

/// A batch that is larger is handed on at once. Small enough to be in the cache
/// of the worker that takes it.
const BATCH_BYTES: usize = 256 << 10;

/// Empty batches that are kept to be filled again.
const SPARE: usize = 4;

/// Streams find this part of a queue free however many datagrams come: what is
/// said once on a stream is not said again.
const RESERVE_PART: usize = 4;

/// What came, and from whom.
#[derive(Clone, Copy, Debug)]
struct Item {
    sender: Host,
    arrival: Time,
    what: ItemKind,
}

#[derive(Clone, Copy, Debug)]
enum ItemKind {
    /// So many of the bytes.
    Datagram(usize),
    /// A connection was opened.
    Reconnected,
}

/// What is taken in, in the order in which it came.
pub(super) trait QueueSender {
    fn datagram(&mut self, arrival: Time, sender: Host, bytes: &[u8]);
    fn reconnected(&mut self, exporter: Host);
}

/// Some datagrams in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct DatagramBatch {
    items: Vec<Item>,
    bytes: Vec<u8>,
}

impl DatagramBatch {
    pub(super) fn datagram(&mut self, arrival: Time, sender: Host, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.items.push(Item { sender, arrival, what: ItemKind::Datagram(bytes.len()) });
    }

    pub(super) fn reconnected(&mut self, arrival: Time, sender: Host) {
        self.items.push(Item { sender, arrival, what: ItemKind::Reconnected });
    }

    /// Hands everything to `taker`, in order.
    pub(super) fn give(&self, taker: &mut impl QueueSender) {
        let mut rest = self.bytes.as_slice();
        for item in &self.items {
            match item.what {
                ItemKind::Datagram(length) => {
                    let (bytes, more) = rest.split_at(length.min(rest.len()));
                    taker.datagram(item.arrival, item.sender, bytes);
                    rest = more;
                }
                ItemKind::Reconnected => taker.reconnected(item.sender),
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether it is time to hand it on.
    pub(super) fn is_full(&self) -> bool {
        self.cost() >= BATCH_BYTES
    }

    fn datagrams(&self) -> usize {
        self.items.iter().filter(|item| matches!(item.what, ItemKind::Datagram(_))).count()
    }

    /// Bytes of memory that it takes, but for room that is free.
    fn cost(&self) -> usize {
        self.bytes.len() + self.items.len() * size_of::<Item>()
    }

    fn append(&mut self, more: &mut DatagramBatch) {
        self.items.append(&mut more.items);
        self.bytes.append(&mut more.bytes);
    }

    fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
        // A wake of the longest datagrams takes many times the usual.
        self.bytes.shrink_to(2 * BATCH_BYTES);
        self.items.shrink_to(2 * BATCH_BYTES / size_of::<Item>());
    }
}

/// How a batch may be handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Dropped when there is no room.
    Datagrams,
    /// The same, but with the reserve.
    Streams,
    /// Waits for room: at the end, when nothing more comes.
    Rest,
}

/// What a worker finds.
#[derive(Debug)]
pub(super) enum NextBatch {
    Batch(DatagramBatch),
    Nothing,
    /// Nothing, and nothing more will come.
    Closed,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<DatagramBatch>,
    spare: Vec<DatagramBatch>,
    /// What the batches cost, also the one that is being worked on.
    held: usize,
    closed: bool,
    /// The worker is gone, and so many datagrams were waiting for it.
    abandoned: bool,
    lost: usize,
    /// Whether someone waits for a batch, or for room.
    hungry: bool,
    blocked: bool,
}

/// A bounded queue with one end for the receiving thread and one for a worker.
/// Its lock is held for moving a batch, never while one is worked on.
#[derive(Debug)]
pub(super) struct DatagramQueue {
    limit: usize,
    state: Mutex<State>,
    filled: Condvar,
    freed: Condvar,
}

impl DatagramQueue {
    pub(super) fn new(limit: usize) -> DatagramQueue {
        let (filled, freed) = (Condvar::new(), Condvar::new());
        DatagramQueue { limit, state: Mutex::default(), filled, freed }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what `batch` has, which is empty then. Returns how many datagrams
    /// were dropped for want of room.
    pub(super) fn push(&self, batch: &mut DatagramBatch, urgency: Urgency) -> usize {
        let cost = batch.cost();
        let limit = match urgency {
            Urgency::Datagrams => self.limit - self.limit / RESERVE_PART,
            Urgency::Streams | Urgency::Rest => self.limit,
        };
        let mut state = self.state();
        // A batch that is larger than the limit passes when there is nothing else.
        while state.abandoned || (state.held > 0 && state.held + cost > limit) {
            if state.abandoned || urgency != Urgency::Rest {
                let dropped = batch.datagrams();
                batch.clear();
                return dropped;
            }
            state.blocked = true;
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.held += cost;
        match state.batches.back_mut() {
            Some(last) if last.cost() + cost <= BATCH_BYTES => last.append(batch),
            _ => {
                let empty = state.spare.pop().unwrap_or_default();
                state.batches.push_back(std::mem::replace(batch, empty));
            }
        }
        if std::mem::take(&mut state.hungry) {
            self.filled.notify_one();
        }
        0
    }

    /// Gives back what was `done` and waits for the next, no longer than `patience`.
    pub(super) fn pop(&self, done: Option<DatagramBatch>, patience: Duration) -> NextBatch {
        let mut state = self.state();
        if let Some(mut done) = done {
            state.held = state.held.saturating_sub(done.cost());
            done.clear();
            if state.spare.len() < SPARE {
                state.spare.push(done);
            }
            if std::mem::take(&mut state.blocked) {
                self.freed.notify_one();
            }
        }
        if state.batches.is_empty() && !state.closed {
            state.hungry = true;
            let waited = self.filled.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.hungry = false;
        }
        match state.batches.pop_front() {
            Some(batch) => NextBatch::Batch(batch),
            None if state.closed => NextBatch::Closed,
            None => NextBatch::Nothing,
        }
    }

    /// Whether streams may be read from: what a read gives will find room.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let state = self.state();
        // Who has gone leaves nothing to wait for.
        state.abandoned || state.held + bytes <= self.limit
    }

    /// Bytes held, and at most.
    pub(super) fn level(&self) -> (usize, usize) {
        (self.state().held, self.limit)
    }

    /// Datagrams that waited for a worker who is gone.
    pub(super) fn lost(&self) -> usize {
        self.state().lost
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_one();
    }

    /// The worker is gone: nobody waits for it.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.abandoned = true;
        state.lost += state.batches.iter().map(DatagramBatch::datagrams).sum::<usize>();
        state.batches.clear();
        state.held = 0;
        self.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen(Vec<String>);

    impl QueueSender for Seen {
        fn datagram(&mut self, arrival: Time, sender: Host, bytes: &[u8]) {
            self.0.push(format!("{} {sender} {}", arrival.0, bytes.len()));
        }

        fn reconnected(&mut self, exporter: Host) {
            self.0.push(format!("{exporter} again"));
        }
    }

    fn batch(lengths: &[usize]) -> DatagramBatch {
        let mut batch = DatagramBatch::default();
        for length in lengths {
            batch.datagram(Time(7), Host::v4(1), &vec![0; *length]);
        }
        batch
    }

    #[test]
    fn everything_comes_out_as_it_went_in() {
        let queue = DatagramQueue::new(1 << 20);
        let mut first = batch(&[5, 0]);
        first.reconnected(Time(8), Host::v4(2));
        assert_eq!(queue.push(&mut first, Urgency::Datagrams), 0);
        assert_eq!(queue.push(&mut batch(&[3]), Urgency::Streams), 0);
        queue.close();
        let NextBatch::Batch(both) = queue.pop(None, Duration::ZERO) else { panic!() };
        let mut seen = Seen::default();
        both.give(&mut seen);
        assert_eq!(seen.0, ["7 0.0.0.1 5", "7 0.0.0.1 0", "0.0.0.2 again", "7 0.0.0.1 3"]);
        assert!(queue.level().0 > 8, "it is still being worked on");
        assert!(matches!(queue.pop(Some(both), Duration::ZERO), NextBatch::Closed));
        assert_eq!(queue.level(), (0, 1 << 20));
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted_and_streams_have_a_reserve() {
        let queue = DatagramQueue::new(10_000);
        let thousand = 1000 - size_of::<Item>();
        let mut dropped = 0;
        for _ in 0..20 {
            dropped += queue.push(&mut batch(&[thousand]), Urgency::Datagrams);
        }
        assert_eq!((dropped, queue.level().0), (13, 7000));
        assert!(queue.has_room(3000) && !queue.has_room(3001));
        assert_eq!(queue.push(&mut batch(&[thousand, thousand]), Urgency::Streams), 0);
        assert_eq!(queue.push(&mut batch(&[thousand, thousand]), Urgency::Streams), 2);
        // One that is larger than all passes when there is nothing else.
        let NextBatch::Batch(all) = queue.pop(None, Duration::ZERO) else { panic!() };
        assert!(matches!(queue.pop(Some(all), Duration::ZERO), NextBatch::Nothing));
        assert_eq!(queue.push(&mut batch(&[60_000]), Urgency::Datagrams), 0);
        assert_eq!(queue.push(&mut batch(&[1]), Urgency::Datagrams), 1);
    }

    #[test]
    fn the_rest_waits_for_room_and_for_nobody_who_is_gone() {
        let queue = DatagramQueue::new(1000);
        let taken = std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let (mut seen, mut done) = (Seen::default(), None);
                loop {
                    match queue.pop(done.take(), Duration::from_secs(60)) {
                        NextBatch::Batch(batch) => {
                            batch.give(&mut seen);
                            done = Some(batch);
                        }
                        NextBatch::Nothing => {}
                        NextBatch::Closed => return seen.0.len(),
                    }
                }
            });
            for _ in 0..500 {
                assert_eq!(queue.push(&mut batch(&[300, 300]), Urgency::Rest), 0);
            }
            queue.close();
            worker.join().unwrap()
        });
        assert_eq!(taken, 1000);
        assert_eq!(queue.push(&mut batch(&[300, 300]), Urgency::Rest), 0);
        queue.abandon();
        assert_eq!(queue.lost(), 2);
        assert_eq!(queue.push(&mut batch(&[300, 300]), Urgency::Rest), 2);
        assert!(queue.has_room(usize::MAX));
    }

    #[test]
    fn memory_goes_round() {
        let queue = DatagramQueue::new(1 << 20);
        let mut pending = batch(&[1000]);
        let mut done = None;
        let mut places = std::collections::HashSet::new();
        for _ in 0..100 {
            assert_eq!(queue.push(&mut pending, Urgency::Datagrams), 0);
            let NextBatch::Batch(batch) = queue.pop(done.take(), Duration::ZERO) else { panic!() };
            places.insert(batch.bytes.as_ptr());
            done = Some(batch);
            pending.datagram(Time(1), Host::v4(1), &[0; 1000]);
        }
        assert!(places.len() <= 3, "{} buffers", places.len());
    }
}
