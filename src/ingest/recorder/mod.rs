//! The threads that record: one writes the journal, another of low priority encodes segments. A
//! queue connects them with the decoding threads, which never wait: when the queue is full, flows
//! are dropped and counted.

mod error;
mod folders;
mod plan;
mod queue;
mod sync;
mod waiting;
mod work;

pub use error::RecordError;
pub use plan::{LeftoverParts, MAX_FOLDERS, RecordFolder, RecordPlan};
pub use queue::{EndedSlot, Finished};

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use self::folders::Folders;
use self::queue::RecorderShared;
use self::sync::SyncingDisk;
use self::work::{EncoderHandle, RecorderWork};
use crate::archive::recorder::{
    Disk, DropReason, Encode, RecorderConfig, RecorderProblem, Recovered,
};
use crate::clock::Clock;
use crate::flow::{Flow, FlowExtras, Host};
use crate::snapshot::{Alarm, DropCount, RecordingHealth as Health};

/// Default for the maximum number of flows that wait for the disk: 160 MB. That covers a stall of
/// three seconds at the highest rates, and of minutes at those of a site.
pub const QUEUE_FLOWS: usize = 1_000_000;

/// Passes flows to the recorder. Clones share one queue.
#[derive(Clone)]
pub struct RecorderHandle(Arc<RecorderShared>);

impl fmt::Debug for RecorderHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecorderHandle").field(&self.0.folder).finish()
    }
}

impl RecorderHandle {
    /// Queues flows with their extra fields. Never waits for a disk.
    pub(super) fn push(&self, flows: &[Flow], more: &[FlowExtras]) {
        let mut queue = self.0.queue();
        let mut batch = queue.spare.pop().unwrap_or_default();
        queue.waiting.admit(flows, |run| batch.flows.extend_from_slice(run));
        if batch.flows.is_empty() {
            queue.spare.push(batch);
            return;
        }
        batch.more.extend_from_slice(more);
        queue.batches.push_back(batch);
        drop(queue);
        self.0.filled.notify_one();
    }

    /// Waits until all flows queued so far are in the journal, where queries read them.
    /// Returns
    /// `false` when that takes longer than `limit`, or when recording has stopped.
    #[must_use]
    pub fn flush(&self, limit: Duration) -> bool {
        let mut queue = self.0.queue();
        queue.flush += 1;
        let asked = queue.flush;
        self.0.filled.notify_one();
        let waited = self.0.written.wait_timeout_while(queue, limit, |queue| queue.flushed < asked);
        let in_time = !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        in_time && self.0.status().stopped.is_none()
    }

    /// The state of recording.
    pub(super) fn recording(&self) -> Health {
        let queue_shed = self.0.queue().waiting.shed();
        let status = self.0.status().clone();
        let alarm = |problem: RecorderProblem| Alarm { why: problem.why, since: problem.since };
        let mut counts = status.shed;
        counts[DropReason::Queue as usize] += queue_shed;
        let shed = DropReason::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0);
        Health {
            folder: self.0.folder.clone(),
            stopped: status.stopped.map(alarm),
            behind: status.behind.map(alarm),
            slot: status.slot,
            flows: status.flows,
            bytes: status.bytes,
            waiting: status.waiting,
            left: status.left,
            segments: status.segments,
            shed: shed
                .map(|(cause, count)| DropCount {
                    cause: cause.name().into(),
                    explanation: cause.explanation().into(),
                    count,
                })
                .collect(),
            notes: status.notes,
        }
    }

    /// The exporters whose flows were dropped because the queue was full, with their
    /// numbers.
    pub(super) fn shed_of(&self) -> Vec<(Host, u64)> {
        self.0.queue().waiting.shed_of()
    }

    /// Slots that have ended since the last call.
    #[must_use]
    pub fn ended_slots(&self) -> Vec<EndedSlot> {
        let mut ended_slots = self.0.ended_slots.lock().unwrap_or_else(PoisonError::into_inner);
        ended_slots.drain(..).collect()
    }

    /// Files that were finished since the last call.
    #[must_use]
    pub fn finished(&self) -> Vec<Finished> {
        let mut finished = self.0.finished.lock().unwrap_or_else(PoisonError::into_inner);
        finished.drain(..).collect()
    }
}

/// The threads that record. Dropping it ends them as [`RecorderThreads::stop`] does.
pub struct RecorderThreads {
    recorder: RecorderHandle,
    thread: Option<JoinHandle<()>>,
}

impl RecorderThreads {
    /// Locks the folder, recovers what an earlier run left, and starts the threads.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process records into it.
    pub fn start(
        settings: RecorderConfig,
        clock: Clock,
        encode: Arc<Encode>,
    ) -> Result<(RecorderThreads, Recovered), RecordError> {
        let plan = RecordPlan::one(settings);
        let (recording, mut recovered) =
            RecorderThreads::start_all(plan, clock, encode, QUEUE_FLOWS)?;
        Ok((recording, recovered.pop().map(|(_, recovered)| recovered).unwrap_or_default()))
    }

    /// Starts recording into all folders of a plan. At most `queue_flows` flows
    /// ([`QUEUE_FLOWS`] by default) may wait for the disk. Returns for each folder what an
    /// earlier run left there.
    ///
    /// # Errors
    /// When a folder cannot be used, or another process records into it.
    pub fn start_all(
        plan: RecordPlan,
        clock: Clock,
        encode: Arc<Encode>,
        queue_flows: usize,
    ) -> Result<(RecorderThreads, LeftoverParts), RecordError> {
        let named: Vec<String> =
            plan.folders().iter().map(|folder| folder.display().to_string()).collect();
        let disk: Arc<dyn Disk> = Arc::new(SyncingDisk::start()?);
        let (folders, recovered) = Folders::open(plan, disk.clone(), std::process::id())?;
        let shared = Arc::new(RecorderShared::new(named.join(", "), queue_flows));
        let encoder = EncoderHandle::start(&shared, disk, encode)?;
        let recorder = RecorderHandle(shared.clone());
        let work = RecorderWork::new(folders, shared, clock, encoder);
        let thread =
            std::thread::Builder::new().name("recorder".to_owned()).spawn(move || work.run())?;
        Ok((RecorderThreads { recorder, thread: Some(thread) }, recovered))
    }

    /// The handle to which flows are passed.
    #[must_use]
    pub fn recorder(&self) -> RecorderHandle {
        self.recorder.clone()
    }

    /// Writes everything that is queued, and encodes segments as far as that takes at most a few
    /// seconds.
    pub fn stop(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        self.recorder.0.queue().closing = true;
        self.recorder.0.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            // The result is in the status.
            let _ = thread.join();
        }
    }
}

impl Drop for RecorderThreads {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Mutex;

    use super::*;
    use crate::archive::recorder::segment_of;

    fn count(flows: &[Flow], out: &mut (dyn Write + Send)) -> io::Result<()> {
        writeln!(out, "{}", flows.len())
    }

    #[test]
    fn queued_flows_are_recorded_and_encoded_by_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let settings = RecorderConfig::new(folder.path().to_owned());
        let encode: Arc<Encode> = Arc::new(|flows, _, _, out| count(flows, out));
        let clock = Clock::start();
        let (recording, recovered) =
            RecorderThreads::start(settings.clone(), clock, encode).unwrap();
        assert_eq!(recovered, Recovered::default());
        let recorder = recording.recorder();
        let flow = Flow { arrival: clock.now(), packets: 2, bytes: 3, ..Flow::EMPTY };
        for _ in 0..3 {
            recorder.push(&[flow; 100], &[]);
        }
        assert!(recorder.flush(Duration::from_secs(60)));
        assert!(recorder.recording().bytes > 0, "it is in the journal");
        recording.stop();
        let health = recorder.recording();
        assert_eq!((health.flows, health.waiting), (300, 0), "{health:?}");
        assert!(health.is_well() && health.shed.is_empty() && health.segments >= 1, "{health:?}");
        let ended_slots = recorder.ended_slots();
        let rotated: Vec<_> = ended_slots.iter().map(|ended| &ended.slot).collect();
        assert_eq!(rotated.iter().map(|slot| slot.flows).sum::<u64>(), 300);
        assert_eq!(rotated.iter().map(|slot| slot.packets).sum::<u64>(), 600);
        let sum: u64 = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "parquet"))
            .inspect(|path| assert_eq!(&segment_of(path), path))
            .map(|path| std::fs::read_to_string(path).unwrap().trim().parse::<u64>().unwrap())
            .sum();
        assert_eq!(sum, 300);
    }

    /// While the encoder is still at the first part of a flood, other exporters lose nothing: their
    /// flows wait.
    #[test]
    fn while_the_encoder_is_behind_only_floods_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = RecorderConfig::new(folder.path().to_owned());
        settings.part_rows = 20_000;
        let plan = RecordPlan::one(settings);
        let (release, released) = std::sync::mpsc::channel::<()>();
        let released = Mutex::new(released);
        let encode: Arc<Encode> = Arc::new(move |flows, _, _, out| {
            let _ = released.lock().map(|released| released.recv());
            count(flows, out)
        });
        let clock = Clock::start();
        let (recording, _) = RecorderThreads::start_all(plan, clock, encode, 100_000).unwrap();
        let recorder = recording.recorder();
        let flow = |exporter| Flow {
            arrival: clock.now(),
            exporter: Host::v4(exporter),
            packets: 1,
            bytes: 1,
            ..Flow::EMPTY
        };
        for _ in 0..100 {
            recorder.push(&[flow(66); 2000], &[]);
            recorder.push(&[flow(200)], &[]);
        }
        // From here on the encoder runs.
        drop(release);
        assert!(recorder.flush(Duration::from_secs(60)));
        recording.stop();
        let health = recorder.recording();
        let shed: u64 = health.shed.iter().map(|drop| drop.count).sum();
        assert!(shed > 0 && health.flows == 200_100 - shed, "{health:?}");
        assert_eq!(recorder.shed_of(), [(Host::v4(66), shed)], "nothing of the other one");
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let recorder = RecorderHandle(Arc::new(RecorderShared::new(String::new(), 1000)));
        assert!(!recorder.flush(Duration::ZERO), "nobody writes");
        // One exporter may have three quarters of the queue.
        for _ in 0..15 {
            recorder.push(&[Flow::EMPTY; 100], &[]);
        }
        let shed = recorder.recording().shed;
        assert_eq!((shed[0].cause.as_ref(), shed[0].count), ("record_queue", 800));
        assert_eq!(recorder.shed_of(), [(Flow::EMPTY.exporter, 800)]);
    }
}
