//! The two threads: the recorder's, and the encoder's beside it.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{Batch, Queue, Shared};
use crate::archive::ArchiveError;
use crate::archive::expire::{Expired, expire};
use crate::archive::recorder::{self, Disk, Encode, Encoded, Part, Problem, Recorder, Settings};
use crate::clock::Clock;
use crate::flow::Time;
use crate::ingest::guard::guarded;

/// How long the recorder waits for flows before it looks at the time.
const PAUSE: Duration = Duration::from_millis(250);

/// At the end segments are made for so long; what is left stays in journals.
const STOP_MICROS: u64 = 8_000_000;

/// How often it is looked whether something is to expire.
const EXPIRE_MS: i64 = 60_000;

/// Slots told of that nobody asked for yet, at most.
const MAX_ROTATED: usize = 64;

/// How much the encoder's thread stands back, as nice(1) has it. On Linux a
/// priority belongs to a thread, whatever POSIX says of processes.
const NICE: i32 = 10;

/// Empty batches that are kept to be filled again.
const SPARE: usize = 16;

/// What the encoder is to do.
enum Job {
    Encode(Part),
    Expire(Settings, Time, Time),
}

enum Done {
    Encoded(Part, Result<Encoded, ArchiveError>),
    Expired(Expired),
}

/// The way to the encoder's thread. It is not waited for: where it takes long,
/// the journal it works on is simply left.
pub(super) struct Encoder {
    jobs: Sender<Job>,
    done: Receiver<Done>,
}

impl Encoder {
    pub(super) fn start(
        shared: &Arc<Shared>,
        disk: Arc<dyn Disk>,
        encode: Arc<Encode>,
    ) -> io::Result<Encoder> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (tell, done) = mpsc::channel();
        let shared = shared.clone();
        std::thread::Builder::new().name("encoder".to_owned()).spawn(move || {
            // Where it is refused, recording works all the same.
            let _ = rustix::process::setpriority_process(None, NICE);
            for job in todo {
                let said = match job {
                    Job::Encode(part) => {
                        let result = guarded(|| recorder::encode(disk.as_ref(), &part, &*encode));
                        let result = result.unwrap_or_else(|panic| {
                            Err(ArchiveError::damaged(&part.journal, format!("defect: {panic}")))
                        });
                        Done::Encoded(part, result)
                    }
                    Job::Expire(settings, now, current) => {
                        Done::Expired(expire(&settings.folder, settings.limits, now, current))
                    }
                };
                if tell.send(said).is_err() {
                    return;
                }
                shared.queue().told = true;
                shared.filled.notify_one();
            }
        })?;
        Ok(Encoder { jobs, done })
    }
}

/// The recorder's thread.
pub(super) struct Work {
    recorder: Recorder,
    shared: Arc<Shared>,
    clock: Clock,
    encoder: Encoder,
    expire_at: Option<Time>,
    /// What was wrong while expiring, the last time.
    notes: Vec<String>,
}

impl Work {
    pub(super) fn new(
        recorder: Recorder,
        shared: Arc<Shared>,
        clock: Clock,
        encoder: Encoder,
    ) -> Work {
        Work { recorder, shared, clock, encoder, expire_at: None, notes: Vec::new() }
    }

    pub(super) fn run(mut self) {
        let leaving = Leaving(self.shared.clone());
        loop {
            let (batches, closing, flush) = self.wait();
            let shift = self.clock.shift_ms();
            for batch in batches {
                self.record(batch, shift);
            }
            let now = self.now();
            self.recorder.tick(now);
            if flush.is_some() {
                self.recorder.flush(now);
            }
            self.encode(now);
            self.publish();
            if let Some(flush) = flush {
                self.shared.queue().flushed = flush;
                self.shared.written.notify_all();
            }
            if closing && self.shared.queue().batches.is_empty() {
                break;
            }
        }
        self.end();
        mem::forget(leaving);
    }

    /// What the wall clock says: recorded times are for people and other programs.
    fn now(&self) -> Time {
        self.clock.now().plus_ms(self.clock.shift_ms())
    }

    /// Waits for flows, the encoder, the end, or a while. Flows, whether it is the
    /// end, and which wish to have all written came until now.
    fn wait(&self) -> (VecDeque<Batch>, bool, Option<u64>) {
        let idle = |queue: &mut Queue| {
            let is_still = queue.batches.is_empty() && queue.flush == queue.flushed;
            is_still && !queue.closing && !mem::take(&mut queue.told)
        };
        let waited = self.shared.filled.wait_timeout_while(self.shared.queue(), PAUSE, idle);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let flush = (queue.flush > queue.flushed).then_some(queue.flush);
        (mem::take(&mut queue.batches), queue.closing, flush)
    }

    /// Records a batch and gives its memory back.
    fn record(&mut self, mut batch: Batch, shift: i64) {
        if shift != 0 {
            // Running time stays, the wall clock was set: so far away is it now.
            for flow in &mut batch.flows {
                flow.arrival = flow.arrival.plus_ms(shift);
                flow.clock_offset = flow.clock_offset.saturating_add(shift);
            }
        }
        let arrival = batch.flows.last().map(|flow| flow.arrival);
        self.recorder.record(arrival.unwrap_or_else(|| self.now()), &batch.flows, &batch.more);
        self.tell_rotated();
        let count = batch.flows.len();
        batch.flows.clear();
        batch.more.clear();
        let mut queue = self.shared.queue();
        queue.held = queue.held.saturating_sub(count);
        if queue.spare.len() < SPARE {
            queue.spare.push(batch);
        }
    }

    /// Hears what the encoder has done, and gives it something to do.
    fn encode(&mut self, now: Time) {
        while let Ok(done) = self.encoder.done.try_recv() {
            match done {
                Done::Encoded(part, result) => {
                    self.recorder.encoded(now, part, result);
                    self.expire_at = None;
                }
                Done::Expired(expired) => self.notes = expired.problems,
            }
        }
        if let Some(part) = self.recorder.next_part(now) {
            // It ends with this thread only.
            let _ = self.encoder.jobs.send(Job::Encode(part));
        }
        let settings = self.recorder.settings();
        if settings.limits.is_any() && self.expire_at.is_none_or(|at| now >= at) {
            self.expire_at = Some(now.plus_ms(EXPIRE_MS));
            let current = self.recorder.current_slot(now);
            let _ = self.encoder.jobs.send(Job::Expire(settings.clone(), now, current));
        }
    }

    fn tell_rotated(&mut self) {
        if let Some(ended) = self.recorder.rotated() {
            let mut rotated = self.shared.rotated.lock().unwrap_or_else(PoisonError::into_inner);
            if rotated.len() >= MAX_ROTATED {
                rotated.pop_front();
            }
            rotated.push_back(ended);
        }
    }

    fn publish(&mut self) {
        self.tell_rotated();
        let mut status = self.recorder.status();
        status.notes.extend(self.notes.iter().take(1).cloned());
        *self.shared.status() = status;
    }

    /// Closes what is open; encodes while there is time.
    fn end(&mut self) {
        let began = self.clock.micros();
        self.recorder.finish(self.now());
        loop {
            let now = self.now();
            self.encode(now);
            self.publish();
            let spent = self.clock.micros().saturating_sub(began);
            // A failure is not waited for: the next start tries again.
            let is_failing = self.recorder.status().behind.is_some();
            if self.recorder.is_encoded() || is_failing || spent >= STOP_MICROS {
                return;
            }
            let idle = |queue: &mut Queue| !mem::take(&mut queue.told);
            drop(self.shared.filled.wait_timeout_while(self.shared.queue(), PAUSE, idle));
        }
    }
}

/// Says that nobody records any more when it is dropped: by a panic.
struct Leaving(Arc<Shared>);

impl Drop for Leaving {
    fn drop(&mut self) {
        let why = "recording ended by a defect of toptalk: please report it".to_owned();
        self.0.status().stopped = Some(Problem { why, since: Time::default() });
    }
}
