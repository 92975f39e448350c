//! Saves templates and options of exporters in a file from one run to the next.
//!
//! The file is written under a temporary name and renamed, by a thread that may wait for a
//! disk. A file that cannot be read or written produces a note and does not stop
//! collecting.

use std::fs;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::archive::{atomic_write, regular};
use crate::flow::Time;
use crate::wire::saved_state::SavedState;

/// Larger files are neither read nor written. A thousand routers with all their interfaces
/// and templates take a few MB.
const MAX_BYTES: u64 = 64 << 20;

/// Interval in milliseconds at which the file is written, so that it has recent times of the
/// exporters.
const SAVE_INTERVAL_MS: i64 = 60_000;

/// New templates and options are saved after this many milliseconds, so that little is lost
/// when the process is killed.
const LEARNED_DELAY_MS: i64 = 1_000;

/// Exporters that were silent for this long are not restored.
const MAX_SILENCE_MS: i64 = 30 * 24 * 3_600_000;

/// Gathering the state may take one part in this many of the time.
const GATHERING_PART: u64 = 20;

/// The path of the file for a port, and for an address if only that one is listened on.
pub(super) fn path(folder: &Path, address: Option<IpAddr>, port: u16) -> PathBuf {
    folder.join(match address {
        Some(address) => format!("exporters-{address}-{port}.json"),
        None => format!("exporters-{port}.json"),
    })
}

/// Sorts files by modification time, the newest first, because the newest entry of an exporter is
/// used.
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
    /// Minimum interval of saving, chosen so that gathering takes little of the time.
    pause_ms: i64,
    /// The state that was saved last, without its times.
    saved_state: SavedState,
}

/// A state to be written.
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
            pause_ms: LEARNED_DELAY_MS,
            saved_state: SavedState::default(),
        }
    }

    /// Reads the file and passes its state to `restore`. Returns a note if it cannot be
    /// used.
    pub(super) fn load(
        &mut self,
        now: Time,
        restore: impl FnOnce(&SavedState) -> Result<(), String>,
    ) -> Option<String> {
        let path = &self.file.path;
        let refused = match read(path) {
            Ok(None) => return None,
            Ok(Some(mut memory)) => {
                let reached = memory.reached(now);
                let known = |last_seen_ms| reached.since(Time(last_seen_ms)) < MAX_SILENCE_MS;
                memory.exporters.retain(|exporter| known(exporter.last_seen_ms));
                match restore(&memory) {
                    Ok(()) => {
                        self.saved_state = without_times(memory);
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

    /// Whether the state should be gathered at `now`.
    pub(super) fn wants(&mut self, now: Time, learned: bool) -> bool {
        self.learned |= learned;
        let passed = now.since(self.saved);
        passed >= SAVE_INTERVAL_MS || self.learned && passed >= self.pause_ms
    }

    /// Returns what to write of a gathered state, which took `micros` microseconds to
    /// gather.
    pub(super) fn gathered(
        &mut self,
        now: Time,
        memory: SavedState,
        micros: u64,
    ) -> Option<StateWrite> {
        let passed = now.since(self.saved);
        let cost_ms = (micros / 1000).saturating_mul(GATHERING_PART);
        self.pause_ms = i64::try_from(cost_ms)
            .unwrap_or(SAVE_INTERVAL_MS)
            .clamp(LEARNED_DELAY_MS, SAVE_INTERVAL_MS);
        self.learned = false;
        let saved_state = without_times(memory.clone());
        if passed < SAVE_INTERVAL_MS && saved_state == self.saved_state {
            return None;
        }
        self.saved = now;
        self.saved_state = saved_state;
        (!memory.exporters.is_empty()).then(|| self.job(memory))
    }

    /// Returns what to write at the end.
    pub(super) fn last(&mut self, memory: SavedState) -> Option<StateWrite> {
        (!memory.exporters.is_empty()).then(|| self.job(memory))
    }

    fn job(&mut self, memory: SavedState) -> StateWrite {
        self.number += 1;
        StateWrite { file: self.file.clone(), number: self.number, memory }
    }

    /// Called when writing failed. The next attempt is due in a minute.
    pub(super) fn failed(&mut self) {
        self.pause_ms = SAVE_INTERVAL_MS;
        self.saved_state = SavedState::default();
    }
}

impl StateWrite {
    /// Writes the file; may wait for the disk. Returns the reason if that fails.
    pub(super) fn run(self) -> Result<(), String> {
        let path = &self.file.path;
        self.file.write(self.number, &self.memory).map_err(|error| {
            format!("the state of exporters is not saved in {}: {error}", path.display())
        })
    }
}

/// A state without the times, which change all the time.
fn without_times(mut memory: SavedState) -> SavedState {
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
    /// Number of the newest state that was written. At the end, writes may overtake each
    /// other.
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
            return Err(io::Error::other(format!(
                "the file would have more than {MAX_BYTES} bytes"
            )));
        }
        atomic_write::replace(&self.path, &bytes, true)?;
        *written = number;
        Ok(())
    }
}

/// Why a file cannot be used, and whether it should be renamed and kept.
struct UnusableState {
    why: String,
    keep: bool,
}

/// Reads the file. `None` if there is no file.
fn read(path: &Path) -> Result<Option<SavedState>, UnusableState> {
    let unreadable = |error: io::Error| UnusableState { why: error.to_string(), keep: false };
    let file = match regular::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let why = format!("the file is not a regular file: {error}");
            return Err(UnusableState { why, keep: true });
        }
        opened => opened.map_err(unreadable)?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        let why = format!("the file has more than {MAX_BYTES} bytes");
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

    /// What is saved at a moment, when gathering takes `micros` microseconds.
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

    fn send_templates(decoder: &mut Decoder, source: u32) {
        let sent = V9Encoder::new(source).encode(START, START, &[], true);
        decoder.decode(START, Host::octets(192, 0, 2, 1), &sent[0], &mut Vec::new());
    }

    #[test]
    fn new_templates_are_saved_soon_and_times_once_a_minute() {
        let (mut saver, mut decoder) = (StateSaver::new(START, PathBuf::new()), Decoder::new());
        let mut saves = |ms: i64, learned: bool, decoder: &Decoder| {
            due(&mut saver, ms, 0, learned, decoder).is_some()
        };
        assert!(!saves(60_000, false, &decoder), "nobody is known");
        send_templates(&mut decoder, 1);
        assert!(!saves(60_250, true, &decoder), "not at once");
        assert!(saves(61_000, false, &decoder), "but soon");
        assert!(!saves(63_000, true, &decoder), "the same once more");
        send_templates(&mut decoder, 2);
        assert!(saves(64_000, true, &decoder));
        assert!(!saves(123_999, false, &decoder));
        assert!(saves(124_000, false, &decoder), "for the times in it");
        send_templates(&mut decoder, 3);
        saver.failed();
        let mut saves = |ms: i64| due(&mut saver, ms, 0, true, &decoder).is_some();
        assert!(!saves(126_000) && !saves(183_999) && saves(184_000));
    }

    #[test]
    fn gathering_takes_a_limited_part_of_the_time() {
        let (mut saver, mut decoder) = (StateSaver::new(START, PathBuf::new()), Decoder::new());
        let mut saved = Vec::new();
        for second in 1..60u32 {
            send_templates(&mut decoder, second);
            // Each gathering takes half a second.
            let ms = i64::from(second) * 1000;
            if due(&mut saver, ms, 500_000, true, &decoder).is_some() {
                saved.push(second);
            }
        }
        assert_eq!(saved, [1, 11, 21, 31, 41, 51]);
    }

    #[test]
    fn a_wrong_clock_at_the_start_loses_no_exporter() {
        const YEAR: i64 = 365 * 24 * 3_600_000;
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), None, 2055);
        let mut decoder = Decoder::new();
        send_templates(&mut decoder, 1);
        let last = StateSaver::new(START, path.clone()).last(decoder.memory()).unwrap();
        last.run().unwrap();
        for now in [START.plus_ms(YEAR), START, START.plus_ms(-YEAR)] {
            let mut again = Decoder::new();
            let restore = |memory: &SavedState| {
                again.restore(now, memory).map(|_| ()).map_err(|_| String::new())
            };
            assert_eq!(StateSaver::new(now, path.clone()).load(now, restore), None);
            let memory = again.memory();
            let templates = memory.exporters.iter().flat_map(|exporter| &exporter.domains);
            assert_eq!(templates.map(|domain| domain.templates.len()).sum::<usize>(), 2);
        }
    }

    #[test]
    fn an_older_write_never_replaces_a_newer_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), None, 2055);
        let (mut saver, mut decoder) = (StateSaver::new(START, path.clone()), Decoder::new());
        send_templates(&mut decoder, 1);
        let older = saver.last(decoder.memory()).unwrap();
        send_templates(&mut decoder, 2);
        let newer = saver.last(decoder.memory()).unwrap();
        newer.run().unwrap();
        older.run().unwrap();
        let mut again = Decoder::new();
        let restore = |memory: &SavedState| {
            again.restore(START, memory).map(|_| ()).map_err(|_| String::new())
        };
        assert_eq!(StateSaver::new(START, path).load(START, restore), None);
        assert_eq!(again.memory().exporters[0].domains.len(), 2);
    }
}
