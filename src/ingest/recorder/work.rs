//! The recorder's thread and the encoder's thread.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::folders::Folders;
use super::plan::MAX_FOLDERS;
use super::queue::{EndedSlot, Finished, RecordBatch, RecordQueue, RecorderShared};
use crate::archive::ArchiveError;
use crate::archive::expire::{Clocks, Expired, Expirer};
use crate::archive::recorder::{
    self, ClosedPart, Disk, Encode, Encoded, RecorderConfig, RecorderProblem, segment_of,
};
use crate::clock::Clock;
use crate::flow::Time;
use crate::ingest::catch_panic::guarded;

/// How long the recorder waits for flows before it checks the time.
const PAUSE: Duration = Duration::from_millis(250);

/// How long segments are encoded at the end, in microseconds, so that SIGTERM takes effect within a
/// second. The rest stays in journals, which queries read, and the next start encodes them.
const STOP_MICROS: u64 = 600_000;

/// Interval in milliseconds at which expiry is checked.
const EXPIRE_MS: i64 = 60_000;

/// A step of the wall clock by more than this many milliseconds checks expiry at once.
const STEP_MS: u64 = 30_000;

/// Maximum number of ended slots and of finished files that wait to be read. Slots of all
/// folders end at the same time.
const MAX_EVENTS: usize = 4 * MAX_FOLDERS;

/// The nice(1) value of the encoder's thread. On Linux, a priority belongs to a thread, although
/// POSIX says process.
const NICE: i32 = 10;

/// Number of empty batches that are kept for reuse.
const SPARE: usize = 16;

/// A job for the encoder, with the index of the folder.
enum Job {
    Encode(usize, ClosedPart),
    Expire(usize, Expiry),
}

/// Arguments of expiry: the settings, the time, the slot that stays, and the journals.
struct Expiry {
    settings: RecorderConfig,
    now: Clocks,
    current: Time,
    journals: Vec<PathBuf>,
}

enum EncoderResult {
    Encoded(usize, ClosedPart, Result<Encoded, ArchiveError>),
    Expired(usize, Expired),
}

/// The channel to the encoder's thread. The recorder never waits for that thread; if it takes too
/// long at the end, its journal is left.
pub(super) struct EncoderHandle {
    jobs: Sender<Job>,
    done: Receiver<EncoderResult>,
}

impl EncoderHandle {
    pub(super) fn start(
        shared: &Arc<RecorderShared>,
        disk: Arc<dyn Disk>,
        encode: Arc<Encode>,
    ) -> io::Result<EncoderHandle> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (tell, done) = mpsc::channel();
        let shared = shared.clone();
        std::thread::Builder::new().name("encoder".to_owned()).spawn(move || {
            // If this is refused, recording works all the same.
            let _ = rustix::process::setpriority_process(None, NICE);
            let mut expirers = HashMap::new();
            for job in todo {
                let result_of_job = match job {
                    Job::Encode(nth, part) => {
                        let result = guarded(|| recorder::encode(disk.as_ref(), &part, &*encode));
                        let result = result.unwrap_or_else(|panic| {
                            Err(ArchiveError::damaged(&part.journal, format!("defect: {panic}")))
                        });
                        if let (Ok(_), Some(expirer)) = (&result, expirers.get_mut(&nth)) {
                            Expirer::add_segment_of(expirer, &part.journal);
                        }
                        EncoderResult::Encoded(nth, part, result)
                    }
                    Job::Expire(nth, Expiry { settings, now, current, journals }) => {
                        let limits = settings.limits;
                        let expirer = expirers
                            .entry(nth)
                            .or_insert_with(|| Expirer::new(settings.folder, limits));
                        let expired = guarded(|| expirer.run(now, current, &journals));
                        let expired = expired.unwrap_or_else(|panic| Expired {
                            problems: vec![format!("nothing expires: a defect: {panic}")],
                            ..Expired::default()
                        });
                        EncoderResult::Expired(nth, expired)
                    }
                };
                if tell.send(result_of_job).is_err() {
                    return;
                }
                shared.queue().encoder_done = true;
                shared.filled.notify_one();
            }
        })?;
        Ok(EncoderHandle { jobs, done })
    }
}

/// The state of the recorder's thread.
pub(super) struct RecorderWork {
    folders: Folders,
    shared: Arc<RecorderShared>,
    clock: Clock,
    encoder: EncoderHandle,
    /// Batches taken from the queue and not recorded yet. Their flows still count as waiting, so
    /// that while the encoder is behind, the queue drops the flows of floods only.
    backlog: VecDeque<RecordBatch>,
    /// A requested flush, and how many batches of the backlog must be recorded before it.
    flush: Option<(u64, usize)>,
    /// Difference between the wall clock and running time at the last check.
    shift: i64,
}

impl RecorderWork {
    pub(super) fn new(
        folders: Folders,
        shared: Arc<RecorderShared>,
        clock: Clock,
        encoder: EncoderHandle,
    ) -> RecorderWork {
        let backlog = VecDeque::new();
        RecorderWork { folders, shared, clock, encoder, backlog, flush: None, shift: 0 }
    }

    pub(super) fn run(mut self) {
        let leaving = RecorderGoneOnDrop(self.shared.clone());
        loop {
            let (batches, closing, flush) = self.wait();
            self.backlog.extend(batches);
            if let Some(flush) = flush {
                self.flush = Some((flush, self.backlog.len()));
            }
            self.drain(closing);
            // A slot ends after all flows that arrived in it are recorded.
            let oldest = self.backlog.front().and_then(|batch| batch.flows.last());
            let now = oldest.map_or_else(|| self.now(), |flow| flow.arrival);
            let flushed = self.flush.take_if(|(_, before)| *before == 0);
            for folder_recorder in self.folders.each() {
                folder_recorder.recorder.tick(now);
                if flushed.is_some() {
                    folder_recorder.recorder.flush(now);
                }
            }
            self.encode(self.now());
            self.publish();
            if let Some((flush, _)) = flushed {
                self.shared.queue().flushed = flush;
                self.shared.written.notify_all();
            }
            if closing && self.backlog.is_empty() && self.shared.queue().batches.is_empty() {
                break;
            }
        }
        self.end();
        mem::forget(leaving);
    }

    /// Records waiting batches, as far as the encoder has kept up. At the end it records all of
    /// them, in as many journals as needed.
    fn drain(&mut self, closing: bool) {
        if closing {
            self.folders.each().for_each(|folder_recorder| folder_recorder.recorder.take_all());
        }
        let shift = self.clock.shift_ms();
        while let Some(mut batch) = self.backlog.pop_front() {
            if !mem::replace(&mut batch.is_shifted, true) {
                shift_by(&mut batch, shift);
            }
            let arrival = batch.flows.last().map_or_else(|| self.now(), |flow| flow.arrival);
            if self.folders.is_behind(arrival, &batch.flows) {
                self.backlog.push_front(batch);
                return;
            }
            self.record(arrival, batch);
            if let Some((_, before)) = &mut self.flush {
                *before = before.saturating_sub(1);
            }
        }
    }

    /// The wall clock, because recorded times are for people and other programs.
    fn now(&self) -> Time {
        self.clock.now().plus_ms(self.clock.shift_ms())
    }

    /// Waits for flows, the encoder, the end, or a timeout. Returns the batches, whether recording
    /// ends, and the newest requested flush.
    fn wait(&self) -> (VecDeque<RecordBatch>, bool, Option<u64>) {
        let idle = |queue: &mut RecordQueue| {
            let is_still = queue.batches.is_empty() && queue.flush == queue.flushed;
            is_still && !queue.closing && !mem::take(&mut queue.encoder_done)
        };
        let waited = self.shared.filled.wait_timeout_while(self.shared.queue(), PAUSE, idle);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let flush = (queue.flush > queue.flushed).then_some(queue.flush);
        (mem::take(&mut queue.batches), queue.closing, flush)
    }

    /// Records a batch and returns its memory to the queue.
    fn record(&mut self, arrival: Time, mut batch: RecordBatch) {
        self.folders.record(arrival, &batch.flows, &batch.more);
        self.report_ended_slots();
        let mut queue = self.shared.queue();
        queue.waiting.done(&batch.flows);
        drop(queue);
        batch.clear();
        let mut queue = self.shared.queue();
        if queue.spare.len() < SPARE {
            queue.spare.push(batch);
        }
    }

    /// Handles results of the encoder, and sends it new jobs.
    fn encode(&mut self, now: Time) {
        while let Ok(done) = self.encoder.done.try_recv() {
            match done {
                EncoderResult::Encoded(nth, part, result) => self.encoded(now, nth, part, result),
                EncoderResult::Expired(nth, expired) => {
                    if let Some(folder_recorder) = self.folders.folder_recorder(nth) {
                        folder_recorder.notes = expired.problems;
                    }
                }
            }
        }
        // This also works when the wall clock was set back: a step of it is noticed at
        // once.
        let running = self.clock.now();
        let shift = now.since(running);
        let is_step = shift.abs_diff(self.shift) > STEP_MS;
        self.shift = shift;
        for (nth, folder_recorder) in self.folders.each().enumerate() {
            if let Some(part) = folder_recorder.recorder.next_part(now) {
                // The encoder ends only with this thread.
                let _ = self.encoder.jobs.send(Job::Encode(nth, part));
            }
            let settings = folder_recorder.recorder.settings();
            if settings.limits.is_any()
                && (is_step || folder_recorder.expire_at.is_none_or(|at| running >= at))
            {
                folder_recorder.expire_at = Some(running.plus_ms(EXPIRE_MS));
                let expiry = Expiry {
                    settings: settings.clone(),
                    now: Clocks { running, wall: now },
                    current: folder_recorder.recorder.current_slot(now),
                    journals: folder_recorder.recorder.journals(),
                };
                let _ = self.encoder.jobs.send(Job::Expire(nth, expiry));
            }
        }
    }

    fn encoded(
        &mut self,
        now: Time,
        nth: usize,
        part: ClosedPart,
        result: Result<Encoded, ArchiveError>,
    ) {
        let Some(folder_recorder) = self.folders.folder_recorder(nth) else { return };
        if let Ok(encoded) = &result
            && encoded.flows > 0
        {
            let finished = Finished {
                ident: folder_recorder.ident.clone(),
                folder: folder_recorder.recorder.settings().folder.clone(),
                file: segment_of(&part.journal),
                slot: part.slot,
                flows: encoded.flows,
            };
            push_event(&self.shared.finished, finished);
        }
        folder_recorder.recorder.encoded(now, part, result);
        folder_recorder.expire_at = None;
    }

    fn report_ended_slots(&mut self) {
        for folder_recorder in self.folders.each() {
            if let Some(rotated) = folder_recorder.recorder.rotated() {
                push_event(
                    &self.shared.ended_slots,
                    EndedSlot { ident: folder_recorder.ident.clone(), slot: rotated },
                );
            }
        }
    }

    fn publish(&mut self) {
        self.report_ended_slots();
        *self.shared.status() = self.folders.status();
    }

    /// Closes open parts, and encodes while there is time.
    fn end(&mut self) {
        let began = self.clock.micros();
        let now = self.now();
        self.folders.each().for_each(|folder_recorder| folder_recorder.recorder.finish(now));
        loop {
            let now = self.now();
            self.encode(now);
            self.publish();
            let spent = self.clock.micros().saturating_sub(began);
            // A failed part is left to the next start.
            let is_done = |folder_recorder: &mut super::folders::FolderRecorder| {
                folder_recorder.recorder.is_encoded()
                    || folder_recorder.recorder.status().behind.is_some()
            };
            if self.folders.each().all(is_done) || spent >= STOP_MICROS {
                return;
            }
            let idle = |queue: &mut RecordQueue| !mem::take(&mut queue.encoder_done);
            drop(self.shared.filled.wait_timeout_while(self.shared.queue(), PAUSE, idle));
        }
    }
}

/// Converts times of a batch from running time to the wall clock.
fn shift_by(batch: &mut RecordBatch, shift: i64) {
    if shift == 0 {
        return;
    }
    for flow in &mut batch.flows {
        flow.arrival = flow.arrival.plus_ms(shift);
        flow.clock_offset = flow.clock_offset.saturating_add(shift);
    }
}

/// Adds an event to a list that another thread reads; drops the oldest if it is full.
fn push_event<T>(events: &Mutex<VecDeque<T>>, event: T) {
    let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
    if events.len() >= MAX_EVENTS {
        events.pop_front();
    }
    events.push_back(event);
}

/// Sets the status to stopped when it is dropped by a panic.
struct RecorderGoneOnDrop(Arc<RecorderShared>);

impl Drop for RecorderGoneOnDrop {
    fn drop(&mut self) {
        let why = "recording ended because of a defect in toptalk: please report it".to_owned();
        self.0.status().stopped = Some(RecorderProblem { why, since: Time::default() });
    }
}
