//! A queue of datagrams for a worker: in batches whose memory is reused, limited in
//! bytes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::flow::{SenderAddress, Time};

/// Maximum number of bytes in all queues together, about what kernels grant a socket.
pub(super) const QUEUE_BYTES: usize = 64 << 20;

/// A batch of this size is pushed at once. It fits into the cache of the worker that
/// takes it.
const BATCH_BYTES: usize = 256 << 10;

/// Number of empty batches that are kept for reuse.
const SPARE: usize = 4;

/// One part in this many of a queue is reserved for streams, whatever datagrams arrive,
/// because a message on a stream is not sent again.
const RESERVE_PART: usize = 4;

/// A datagram or event, and its sender.
#[derive(Clone, Copy, Debug)]
struct Item {
    sender: SenderAddress,
    arrival: Time,
    kind: ItemKind,
}

#[derive(Clone, Copy, Debug)]
enum ItemKind {
    /// A datagram of this many bytes.
    Datagram(usize),
    /// A new connection was opened.
    Reconnected,
    /// A connection was closed.
    Disconnected,
}

/// Receives datagrams and events in the order in which they arrived.
pub(super) trait QueueSender {
    fn datagram(&mut self, arrival: Time, sender: SenderAddress, bytes: &[u8]);
    fn reconnected(&mut self, exporter: SenderAddress);
    fn disconnected(&mut self, exporter: SenderAddress);
}

/// Datagrams in the order in which they arrived.
#[derive(Debug, Default)]
pub(super) struct DatagramBatch {
    items: Vec<Item>,
    bytes: Vec<u8>,
}

impl DatagramBatch {
    pub(super) fn datagram(&mut self, arrival: Time, sender: SenderAddress, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.items.push(Item { sender, arrival, kind: ItemKind::Datagram(bytes.len()) });
    }

    pub(super) fn reconnected(&mut self, arrival: Time, sender: SenderAddress) {
        self.items.push(Item { sender, arrival, kind: ItemKind::Reconnected });
    }

    pub(super) fn disconnected(&mut self, arrival: Time, sender: SenderAddress) {
        self.items.push(Item { sender, arrival, kind: ItemKind::Disconnected });
    }

    /// Delivers everything to `target`, in order.
    pub(super) fn deliver(&self, target: &mut impl QueueSender) {
        let mut rest = self.bytes.as_slice();
        for item in &self.items {
            match item.kind {
                ItemKind::Datagram(length) => {
                    let (bytes, more) = rest.split_at(length.min(rest.len()));
                    target.datagram(item.arrival, item.sender, bytes);
                    rest = more;
                }
                ItemKind::Reconnected => target.reconnected(item.sender),
                ItemKind::Disconnected => target.disconnected(item.sender),
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the batch should be pushed now.
    pub(super) fn is_full(&self) -> bool {
        self.cost() >= BATCH_BYTES
    }

    fn datagrams(&self) -> usize {
        self.items.iter().filter(|item| matches!(item.kind, ItemKind::Datagram(_))).count()
    }

    /// Bytes of memory in use, without spare capacity.
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
        // A round of reading the longest datagrams takes many times the usual size.
        self.bytes.shrink_to(2 * BATCH_BYTES);
        self.items.shrink_to(2 * BATCH_BYTES / size_of::<Item>());
    }
}

/// How a batch is pushed when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Dropped.
    Datagrams,
    /// Dropped, but may use the reserve.
    Streams,
    /// Waits for room. Used during shutdown, when nothing more is received.
    Shutdown,
}

/// The result of [`DatagramQueue::pop`].
#[derive(Debug)]
pub(super) enum NextBatch {
    /// A batch of datagrams.
    Batch(DatagramBatch),
    /// Nothing arrived in time.
    Nothing,
    /// The queue is empty and closed.
    Closed,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<DatagramBatch>,
    spare: Vec<DatagramBatch>,
    /// Bytes of the batches, including the one that is being worked on.
    held: usize,
    closed: bool,
    /// Whether the worker has died.
    abandoned: bool,
    /// Number of datagrams that were waiting when it died.
    lost: usize,
    /// Whether the worker waits for a batch.
    worker_waits: bool,
    /// Whether the receiving thread waits for room.
    sender_waits: bool,
}

/// A limited queue between the receiving thread and one worker. Its lock is held while a batch is
/// moved, never while one is worked on.
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

    /// Moves the contents of `batch` to the queue; the batch is empty afterwards. Returns how many
    /// datagrams were dropped because the queue was full.
    pub(super) fn push(&self, batch: &mut DatagramBatch, urgency: Urgency) -> usize {
        let cost = batch.cost();
        let limit = match urgency {
            Urgency::Datagrams => self.limit - self.limit / RESERVE_PART,
            Urgency::Streams | Urgency::Shutdown => self.limit,
        };
        let mut state = self.state();
        // A batch larger than the limit is accepted when the queue is empty.
        while state.abandoned || (state.held > 0 && state.held + cost > limit) {
            if state.abandoned || urgency != Urgency::Shutdown {
                let dropped = batch.datagrams();
                batch.clear();
                return dropped;
            }
            state.sender_waits = true;
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
        if std::mem::take(&mut state.worker_waits) {
            self.filled.notify_one();
        }
        0
    }

    /// Returns the finished batch `done` to the queue and waits for the next one, at most
    /// for
    /// `limit_of_wait`.
    pub(super) fn pop(&self, done: Option<DatagramBatch>, limit_of_wait: Duration) -> NextBatch {
        let mut state = self.state();
        if let Some(mut done) = done {
            state.held = state.held.saturating_sub(done.cost());
            done.clear();
            if state.spare.len() < SPARE {
                state.spare.push(done);
            }
            if std::mem::take(&mut state.sender_waits) {
                self.freed.notify_one();
            }
        }
        if state.batches.is_empty() && !state.closed {
            state.worker_waits = true;
            let waited = self.filled.wait_timeout(state, limit_of_wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.worker_waits = false;
        }
        match state.batches.pop_front() {
            Some(batch) => NextBatch::Batch(batch),
            None if state.closed => NextBatch::Closed,
            None => NextBatch::Nothing,
        }
    }

    /// Whether the queue has room for `bytes` more bytes of a stream.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let state = self.state();
        // Without a worker there is no need to wait.
        state.abandoned || state.held + bytes <= self.limit
    }

    /// Bytes in the queue, and the limit.
    pub(super) fn level(&self) -> (usize, usize) {
        (self.state().held, self.limit)
    }

    /// Number of datagrams that were waiting when the worker died.
    pub(super) fn lost(&self) -> usize {
        self.state().lost
    }

    /// Closes the queue: nothing more is pushed.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_one();
    }

    /// Marks the worker as dead, so that nothing waits for it.
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
    use crate::flow::Host;

    #[derive(Default)]
    struct Seen(Vec<String>);

    impl QueueSender for Seen {
        fn datagram(&mut self, arrival: Time, sender: SenderAddress, bytes: &[u8]) {
            self.0.push(format!("{} {} {}", arrival.0, sender.host, bytes.len()));
        }

        fn reconnected(&mut self, exporter: SenderAddress) {
            self.0.push(format!("{} again", exporter.host));
        }

        fn disconnected(&mut self, exporter: SenderAddress) {
            self.0.push(format!("{} gone", exporter.host));
        }
    }

    fn batch(lengths: &[usize]) -> DatagramBatch {
        let mut batch = DatagramBatch::default();
        for length in lengths {
            batch.datagram(Time(7), Host::v4(1).into(), &vec![0; *length]);
        }
        batch
    }

    #[test]
    fn items_come_out_in_order() {
        let queue = DatagramQueue::new(1 << 20);
        let mut first = batch(&[5, 0]);
        first.reconnected(Time(8), Host::v4(2).into());
        assert_eq!(queue.push(&mut first, Urgency::Datagrams), 0);
        assert_eq!(queue.push(&mut batch(&[3]), Urgency::Streams), 0);
        queue.close();
        let NextBatch::Batch(both) = queue.pop(None, Duration::ZERO) else { panic!() };
        let mut seen = Seen::default();
        both.deliver(&mut seen);
        assert_eq!(seen.0, ["7 0.0.0.1 5", "7 0.0.0.1 0", "0.0.0.2 again", "7 0.0.0.1 3"]);
        assert!(queue.level().0 > 8, "it is still being worked on");
        assert!(matches!(queue.pop(Some(both), Duration::ZERO), NextBatch::Closed));
        assert_eq!(queue.level(), (0, 1 << 20));
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_streams_have_a_reserve() {
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
        // A batch larger than the limit is accepted when the queue is empty.
        let NextBatch::Batch(all) = queue.pop(None, Duration::ZERO) else { panic!() };
        assert!(matches!(queue.pop(Some(all), Duration::ZERO), NextBatch::Nothing));
        assert_eq!(queue.push(&mut batch(&[60_000]), Urgency::Datagrams), 0);
        assert_eq!(queue.push(&mut batch(&[1]), Urgency::Datagrams), 1);
    }

    #[test]
    fn shutdown_waits_for_room_but_not_for_a_dead_worker() {
        let queue = DatagramQueue::new(1000);
        let taken = std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let (mut seen, mut done) = (Seen::default(), None);
                loop {
                    match queue.pop(done.take(), Duration::from_secs(60)) {
                        NextBatch::Batch(batch) => {
                            batch.deliver(&mut seen);
                            done = Some(batch);
                        }
                        NextBatch::Nothing => {}
                        NextBatch::Closed => return seen.0.len(),
                    }
                }
            });
            for _ in 0..500 {
                assert_eq!(queue.push(&mut batch(&[300, 300]), Urgency::Shutdown), 0);
            }
            queue.close();
            worker.join().unwrap()
        });
        assert_eq!(taken, 1000);
        assert_eq!(queue.push(&mut batch(&[300, 300]), Urgency::Shutdown), 0);
        queue.abandon();
        assert_eq!(queue.lost(), 2);
        assert_eq!(queue.push(&mut batch(&[300, 300]), Urgency::Shutdown), 2);
        assert!(queue.has_room(usize::MAX));
    }

    #[test]
    fn memory_of_batches_is_reused() {
        let queue = DatagramQueue::new(1 << 20);
        let mut pending = batch(&[1000]);
        let mut done = None;
        let mut places = std::collections::HashSet::new();
        for _ in 0..100 {
            assert_eq!(queue.push(&mut pending, Urgency::Datagrams), 0);
            let NextBatch::Batch(batch) = queue.pop(done.take(), Duration::ZERO) else { panic!() };
            places.insert(batch.bytes.as_ptr());
            done = Some(batch);
            pending.datagram(Time(1), Host::v4(1).into(), &[0; 1000]);
        }
        assert!(places.len() <= 3, "{} buffers", places.len());
    }
}
