//! What was learned of exporters, kept in a file from one run to the next.
//!
//! Written aside and renamed, by a thread that may wait for a disk. A memory
//! that cannot be read or written costs a note, never the collecting.

use std::fs;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::archive::{atomic_write, regular};
use crate::flow::Time;
use crate::wire::saved_state::SavedState;

/// A larger file is not read, and none is written: a thousand routers with all
/// their interfaces and templates take a few MB.
const MAX_BYTES: u64 = 64 << 20;

/// The file is written this often, for the moments at which exporters were last
/// heard.
const EVERY_MS: i64 = 60_000;

/// What has just been learned is saved after this long: whoever is killed then
/// loses nothing that he had before.
const SOON_MS: i64 = 1_000;

/// Exporters that were not heard for this long are not coming back.
const FORGOTTEN_MS: i64 = 30 * 24 * 3_600_000;

/// Gathering what to save may take one part in this many of the time.
const GATHERING_PART: u64 = 20;

/// The file for a port, of one address when only that is listened on.
pub(super) fn path(folder: &Path, address: Option<IpAddr>, port: u16) -> PathBuf {
    folder.join(match address {
        Some(address) => format!("exporters-{address}-{port}.json"),
        None => format!("exporters-{port}.json"),
    })
}

/// The same files, the one that was written last first, so that it goes before
/// the others where they speak of the same exporter.
pub(super) fn newest_first(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let written = |path: &PathBuf| fs::metadata(path).and_then(|data| data.modified()).ok();
    paths.sort_by_cached_key(|path| std::cmp::Reverse(written(path)));
    paths
}

/// Decides when to save.
#[derive(Debug)]
pub(super) struct StateSaver {
    file: Arc<StateFile>,
    number: u64,
    saved: Time,
    /// Whether something was learned that is not in the file.
    learned: bool,
    /// How long to wait at least, so that gathering never takes much time.
    pause_ms: i64,
    /// What was saved last, but for its times.
    shape: SavedState,
}

/// A memory to be written.
#[derive(Debug)]
pub(super) struct StateWrite {
    file: Arc<StateFile>,
    number: u64,
    memory: SavedState,
}

impl StateSaver {
    pub(super) fn new(now: Time, path: PathBuf) -> StateSaver {
        StateSaver {
            file: Arc::new(StateFile { path, written: Mutex::new(0) }),
            number: 0,
            saved: now,
            learned: false,
            pause_ms: SOON_MS,
            shape: SavedState::default(),
        }
    }

    /// Lets `recall` take over what the file has. Says what is wrong with it.
    pub(super) fn load(
        &mut self,
        now: Time,
        recall: impl FnOnce(&SavedState) -> Result<(), String>,
    ) -> Option<String> {
        let path = &self.file.path;
        let refused = match read(path) {
            Ok(None) => return None,
            Ok(Some(mut memory)) => {
                let reached = memory.reached(now);
                let known = |last_seen_ms| reached.since(Time(last_seen_ms)) < FORGOTTEN_MS;
                memory.exporters.retain(|exporter| known(exporter.last_seen_ms));
                match recall(&memory) {
                    Ok(()) => {
                        self.shape = timeless(memory);
                        return None;
                    }
                    Err(why) => UnusableState { why, keep: true },
                }
            }
            Err(refused) => refused,
        };
        let mut note = format!("{} is not used: {}", path.display(), refused.why);
        let mut aside = path.clone().into_os_string();
        aside.push(".bad");
        if refused.keep && fs::rename(path, &aside).is_ok() {
            note.push_str(&format!("; it is now {}", Path::new(&aside).display()));
        }
        Some(note)
    }

    /// Whether it is time at `now` to gather what to save.
    pub(super) fn wants(&mut self, now: Time, learned: bool) -> bool {
        self.learned |= learned;
        let passed = now.since(self.saved);
        passed >= EVERY_MS || self.learned && passed >= self.pause_ms
    }

    /// What to save of what was gathered, which took so many `micros`.
    pub(super) fn gathered(
        &mut self,
        now: Time,
        memory: SavedState,
        micros: u64,
    ) -> Option<StateWrite> {
        let passed = now.since(self.saved);
        let cost_ms = (micros / 1000).saturating_mul(GATHERING_PART);
        self.pause_ms = i64::try_from(cost_ms).unwrap_or(EVERY_MS).clamp(SOON_MS, EVERY_MS);
        self.learned = false;
        let shape = timeless(memory.clone());
        if passed < EVERY_MS && shape == self.shape {
            return None;
        }
        self.saved = now;
        self.shape = shape;
        (!memory.exporters.is_empty()).then(|| self.job(memory))
    }

    /// What to save at the end.
    pub(super) fn last(&mut self, memory: SavedState) -> Option<StateWrite> {
        (!memory.exporters.is_empty()).then(|| self.job(memory))
    }

    fn job(&mut self, memory: SavedState) -> StateWrite {
        self.number += 1;
        StateWrite { file: self.file.clone(), number: self.number, memory }
    }

    /// Takes note that a job failed; the next one is due in a minute.
    pub(super) fn failed(&mut self) {
        self.pause_ms = EVERY_MS;
        self.shape = SavedState::default();
    }
}

impl StateWrite {
    /// Writes it; to be called where waiting for a disk does no harm. Says why
    /// it could not.
    pub(super) fn run(self) -> Result<(), String> {
        let path = &self.file.path;
        self.file.write(self.number, &self.memory).map_err(|error| {
            format!("what was learned of exporters is not saved in {}: {error}", path.display())
        })
    }
}

/// A memory without what changes all the time.
fn timeless(mut memory: SavedState) -> SavedState {
    for exporter in &mut memory.exporters {
        exporter.last_seen_ms = 0;
        exporter.clock_offset_ms = 0;
        for template in exporter.domains.iter_mut().flat_map(|domain| &mut domain.templates) {
            template.refreshed_ms = 0;
        }
    }
    memory
}

#[derive(Debug)]
struct StateFile {
    path: PathBuf,
    /// The number of the newest job that was written: jobs may overtake each
    /// other at the end.
    written: Mutex<u64>,
}

impl StateFile {
    fn write(&self, number: u64, memory: &SavedState) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if number <= *written {
            return Ok(());
        }
        let bytes = memory.to_file()?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(io::Error::other(format!("it would have more than {MAX_BYTES} bytes")));
        }
        atomic_write::replace(&self.path, &bytes, true)?;
        *written = number;
        Ok(())
    }
}

/// Why a file is not used, and whether it is to be set aside.
struct UnusableState {
    why: String,
    keep: bool,
}

/// What the file has; `None` when there is no file.
fn read(path: &Path) -> Result<Option<SavedState>, UnusableState> {
    let unreadable = |error: io::Error| UnusableState { why: error.to_string(), keep: false };
    let file = match regular::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let why = format!("it is not a regular file: {error}");
            return Err(UnusableState { why, keep: true });
        }
        opened => opened.map_err(unreadable)?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        let why = format!("it has more than {MAX_BYTES} bytes");
        return Err(UnusableState { why, keep: true });
    }
    let read = SavedState::of_file(&bytes);
    read.map(Some).map_err(|error| UnusableState { why: error.to_string(), keep: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Host;
    use crate::wire::Decoder;
    use crate::wire::encode::V9Encoder;

    const START: Time = Time(1_800_000_000_000);

    /// What is saved at a moment, when gathering it takes so many microseconds.
    fn due(
        saver: &mut StateSaver,
        ms: i64,
        micros: u64,
        learned: bool,
        decoder: &Decoder,
    ) -> Option<StateWrite> {
        let now = START.plus_ms(ms);
        saver.wants(now, learned).then(|| saver.gathered(now, decoder.memory(), micros))?
    }

    fn tell(decoder: &mut Decoder, source: u32) {
        let sent = V9Encoder::new(source).encode(START, START, &[], true);
        decoder.decode(START, Host::octets(192, 0, 2, 1), &sent[0], &mut Vec::new());
    }

    #[test]
    fn what_is_new_is_saved_soon_and_the_rest_once_a_minute() {
        let (mut saver, mut decoder) = (StateSaver::new(START, PathBuf::new()), Decoder::new());
        let mut saves = |ms: i64, learned: bool, decoder: &Decoder| {
            due(&mut saver, ms, 0, learned, decoder).is_some()
        };
        assert!(!saves(60_000, false, &decoder), "nobody is known");
        tell(&mut decoder, 1);
        assert!(!saves(60_250, true, &decoder), "not at once");
        assert!(saves(61_000, false, &decoder), "but soon");
        assert!(!saves(63_000, true, &decoder), "the same once more");
        tell(&mut decoder, 2);
        assert!(saves(64_000, true, &decoder));
        assert!(!saves(123_999, false, &decoder));
        assert!(saves(124_000, false, &decoder), "for the times in it");
        tell(&mut decoder, 3);
        saver.failed();
        let mut saves = |ms: i64| due(&mut saver, ms, 0, true, &decoder).is_some();
        assert!(!saves(126_000) && !saves(183_999) && saves(184_000));
    }

    #[test]
    fn gathering_takes_a_part_of_the_time_only() {
        let (mut saver, mut decoder) = (StateSaver::new(START, PathBuf::new()), Decoder::new());
        let mut saved = Vec::new();
        for second in 1..60u32 {
            tell(&mut decoder, second);
            // Each gathering takes half a second.
            let ms = i64::from(second) * 1000;
            if due(&mut saver, ms, 500_000, true, &decoder).is_some() {
                saved.push(second);
            }
        }
        assert_eq!(saved, [1, 11, 21, 31, 41, 51]);
    }

    #[test]
    fn a_clock_that_is_ahead_at_the_start_forgets_nobody() {
        const YEAR: i64 = 365 * 24 * 3_600_000;
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), None, 2055);
        let mut decoder = Decoder::new();
        tell(&mut decoder, 1);
        let last = StateSaver::new(START, path.clone()).last(decoder.memory()).unwrap();
        last.run().unwrap();
        for now in [START.plus_ms(YEAR), START, START.plus_ms(-YEAR)] {
            let mut again = Decoder::new();
            let recall = |memory: &SavedState| {
                again.restore(now, memory).map(|_| ()).map_err(|_| String::new())
            };
            assert_eq!(StateSaver::new(now, path.clone()).load(now, recall), None);
            let memory = again.memory();
            let templates = memory.exporters.iter().flat_map(|exporter| &exporter.domains);
            assert_eq!(templates.map(|domain| domain.templates.len()).sum::<usize>(), 2);
        }
    }

    #[test]
    fn an_older_job_never_overwrites_a_newer_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), None, 2055);
        let (mut saver, mut decoder) = (StateSaver::new(START, path.clone()), Decoder::new());
        tell(&mut decoder, 1);
        let older = saver.last(decoder.memory()).unwrap();
        tell(&mut decoder, 2);
        let newer = saver.last(decoder.memory()).unwrap();
        newer.run().unwrap();
        older.run().unwrap();
        let mut again = Decoder::new();
        let recall = |memory: &SavedState| {
            again.restore(START, memory).map(|_| ()).map_err(|_| String::new())
        };
        assert_eq!(StateSaver::new(START, path).load(START, recall), None);
        assert_eq!(again.memory().exporters[0].domains.len(), 2);
    }
}
