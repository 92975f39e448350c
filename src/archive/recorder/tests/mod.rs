//! Slots, parts, full disks and crashes, step by step and without a clock.

mod fails;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::archive::journal::{JournalHeader, read_all};
use crate::archive::name::parse;
use crate::archive::walk;

/// 2026-11-24 03:40:00 UTC, the beginning of a slot of five minutes.
pub(super) const SLOT: Time = Time(1_795_491_600_000);

/// A disk whose operations fail according to a plan.
#[derive(Default)]
pub(super) struct Failing {
    pub(super) plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
pub(super) struct Plan {
    /// The number of operations that still succeed; `None` for all.
    pub(super) left: Option<usize>,
    /// The kind of operation that always fails, and its error.
    pub(super) fails: Option<(&'static str, io::ErrorKind)>,
    pub(super) free: Option<u64>,
    pub(super) done: Vec<&'static str>,
}

impl Plan {
    fn may(&mut self, what: &'static str) -> io::Result<()> {
        if let Some((kind, error)) = self.fails
            && kind == what
        {
            return Err(error.into());
        }
        match &mut self.left {
            Some(0) => return Err(io::Error::other("the power is off")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.done.push(what);
        Ok(())
    }
}

struct FailingOut(Box<dyn DiskFile>, Arc<Mutex<Plan>>);

impl Write for FailingOut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.1.lock().unwrap().may("write") {
            // A full disk takes what still fits.
            let _ = self.0.write(&bytes[..bytes.len() / 2]);
            return Err(error);
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl DiskFile for FailingOut {
    fn sync(&mut self) -> io::Result<()> {
        self.1.lock().unwrap().may("sync")?;
        self.0.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.1.lock().unwrap().may("cut")?;
        self.0.cut(length)
    }

    fn is_gone(&self) -> bool {
        self.0.is_gone()
    }
}

impl Disk for Failing {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.plan.lock().unwrap().may("create")?;
        Ok(Box::new(FailingOut(RealDisk.create(path)?, self.plan.clone())))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.plan.lock().unwrap().may("rename")?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.plan.lock().unwrap().may("remove")?;
        RealDisk.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.plan.lock().unwrap().may("sync folder")?;
        RealDisk.sync_folder(path)
    }

    fn make_folders(&self, root: &Path, below: &Path) -> io::Result<()> {
        RealDisk.make_folders(root, below)
    }

    fn free(&self, folder: &Path) -> io::Result<u64> {
        match self.plan.lock().unwrap().free {
            Some(free) => Ok(free),
            None => RealDisk.free(folder).map(|_| u64::MAX),
        }
    }
}

/// The segments of these tests: the byte counter of each flow in a line.
pub(super) fn lines(
    flows: &[Flow],
    _: &[FlowExtras],
    _: (Time, u32),
    out: &mut (dyn Write + Send),
) -> io::Result<()> {
    flows.iter().try_for_each(|flow| writeln!(out, "{}", flow.bytes))
}

/// A recorder with its folder and its disk.
pub(super) struct RecorderFixture {
    pub(super) folder: tempfile::TempDir,
    pub(super) plan: Arc<Mutex<Plan>>,
    pub(super) recorder: Option<Recorder>,
    pub(super) recovered: Recovered,
    next: u64,
}

impl RecorderFixture {
    pub(super) fn new(change: impl FnOnce(&mut RecorderConfig)) -> RecorderFixture {
        RecorderFixture::in_folder(tempfile::tempdir().unwrap(), change)
    }

    pub(super) fn in_folder(
        folder: tempfile::TempDir,
        change: impl FnOnce(&mut RecorderConfig),
    ) -> RecorderFixture {
        let mut settings =
            RecorderConfig { low_water: 1000, ..RecorderConfig::new(folder.path().to_owned()) };
        change(&mut settings);
        let disk = Failing::default();
        let plan = disk.plan.clone();
        let (recorder, recovered) = Recorder::open(settings, Arc::new(disk), 7).unwrap();
        RecorderFixture { folder, plan, recorder: Some(recorder), recovered, next: 0 }
    }

    pub(super) fn recorder(&mut self) -> &mut Recorder {
        self.recorder.as_mut().unwrap()
    }

    /// Records `count` flows, numbered, `ms` milliseconds after the slot began.
    pub(super) fn record(&mut self, ms: i64, count: u64) {
        let flows: Vec<Flow> = (self.next..self.next + count)
            .map(|n| Flow { bytes: n, packets: 1, ..Flow::EMPTY })
            .collect();
        self.next += count;
        self.recorder().record(SLOT.plus_ms(ms), &flows, &[]);
    }

    pub(super) fn tick(&mut self, ms: i64) {
        self.recorder().tick(SLOT.plus_ms(ms));
    }

    pub(super) fn fails(&self, kind: &'static str, error: io::ErrorKind) {
        self.plan.lock().unwrap().fails = Some((kind, error));
    }

    pub(super) fn works(&self) {
        *self.plan.lock().unwrap() = Plan::default();
    }

    /// Lets the encoder take one step.
    pub(super) fn encode(&mut self, ms: i64) -> bool {
        let disk = Failing { plan: self.plan.clone() };
        let now = SLOT.plus_ms(ms);
        let Some(part) = self.recorder().next_part(now) else { return false };
        let result = encode(&disk, &part, &lines);
        self.recorder().encoded(now, part, result);
        true
    }

    pub(super) fn files(&self) -> Vec<String> {
        let all = walk::own_files(self.folder.path(), &mut Vec::new());
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        all.iter().map(name).filter(|name| name != crate::archive::lock::NAME).collect()
    }

    /// The flows that count, by the rule for readers of the folder.
    pub(super) fn flows(&self) -> Vec<u64> {
        let mut flows = Vec::new();
        for path in walk::own_files(self.folder.path(), &mut Vec::new()) {
            let named = path.file_name().and_then(|name| name.to_str()).and_then(parse);
            match path.extension().and_then(|end| end.to_str()) {
                Some("parquet") => {
                    let text = fs::read_to_string(&path).unwrap();
                    flows.extend(text.lines().map(|line| line.parse::<u64>().unwrap()));
                }
                Some("journal") if !segment_of(&path).exists() => {
                    assert!(named.is_some());
                    let whole = read_all(&path, usize::MAX).unwrap();
                    flows.extend(whole.flows.iter().map(|flow| flow.bytes));
                }
                _ => {}
            }
        }
        flows.sort_unstable();
        flows
    }

    pub(super) fn shed(&mut self, cause: DropReason) -> u64 {
        self.recorder().status().shed[cause as usize]
    }

    /// Ends without shutting down, like a kill, and starts again.
    pub(super) fn restart(mut self) -> RecorderFixture {
        self.recorder = None;
        RecorderFixture::in_folder(self.folder, |_| {})
    }
}

pub(super) fn upto(count: u64) -> Vec<u64> {
    (0..count).collect()
}

#[test]
fn slots_follow_the_clock_and_become_segments() {
    let mut fixture = RecorderFixture::new(|settings| settings.hierarchy = "1".parse().unwrap());
    fixture.record(290_000, 3);
    assert!(fixture.flows().is_empty(), "not written yet");
    fixture.tick(291_000);
    assert_eq!(fixture.flows(), upto(3));
    assert_eq!(fixture.files(), ["flows.202611240340Z.journal"]);
    assert!(!fixture.encode(291_000), "the slot is still open");
    fixture.tick(300_000);
    let rotated = fixture.recorder().rotated().unwrap();
    assert_eq!((rotated.slot, rotated.flows, rotated.packets), (SLOT, 3, 3));
    assert_eq!((rotated.bytes, rotated.parts), (3, 1));
    fixture.record(300_001, 2);
    assert!(fixture.encode(300_001) && !fixture.encode(300_001));
    fixture.tick(302_000);
    assert_eq!(fixture.files(), ["flows.202611240340Z.parquet", "flows.202611240345Z.journal"]);
    assert!(fixture.folder.path().join("2026/11/24/flows.202611240340Z.parquet").exists());
    // A late batch of another thread stays in the slot and counts there.
    fixture.record(299_990, 1);
    fixture.recorder().finish(SLOT.plus_ms(303_000));
    assert_eq!(fixture.recorder().rotated().unwrap().flows, 3);
    while fixture.encode(303_000) {}
    assert_eq!(fixture.flows(), upto(6));
    let status = fixture.recorder().status();
    assert_eq!((status.flows, status.segments, status.waiting), (6, 2, 0));
    assert!(fixture.recorder().is_encoded());
}

#[test]
fn a_slot_without_flows_leaves_no_file() {
    let mut fixture = RecorderFixture::new(|settings| settings.slot_seconds = 10);
    for second in 0..40 {
        fixture.tick(second * 1000);
    }
    fixture.recorder().finish(SLOT.plus_ms(40_000));
    assert_eq!(fixture.files(), [""; 0]);
    fixture.record(5, 1);
    fixture.tick(10_000);
    assert_eq!(fixture.files(), ["flows.20261124034000Z.journal"], "short slots need seconds");
}

#[test]
fn a_full_part_is_closed_and_the_next_one_is_numbered() {
    let mut fixture = RecorderFixture::new(|settings| settings.part_rows = 10);
    fixture.record(1, 25);
    fixture.tick(1_500);
    assert_eq!(fixture.files(), ["flows.202611240340Z-2.journal", "flows.202611240340Z.journal"]);
    // Two parts wait: further flows are dropped until the encoder has taken one.
    assert_eq!(fixture.shed(DropReason::Behind), 5);
    assert!(fixture.encode(1_700));
    fixture.record(1_800, 4);
    assert_eq!(fixture.shed(DropReason::Behind), 5);
    fixture.recorder().finish(SLOT.plus_ms(2_000));
    while fixture.encode(2_000) {}
    let rotated = fixture.recorder().rotated().unwrap();
    assert_eq!((rotated.flows, rotated.parts, rotated.shed), (24, 3, 5));
    assert_eq!(fixture.flows().len(), 24);
    assert!(fixture.files().iter().all(|name| name.ends_with(".parquet")));
}

#[test]
fn a_clock_set_back_takes_the_next_free_part() {
    let mut fixture = RecorderFixture::new(|_| {});
    fixture.record(1_000, 2);
    fixture.record(301_000, 2);
    while fixture.encode(301_000) {}
    // An hour forward, and back into a slot that has its segment.
    fixture.record(3_600_000, 1);
    while fixture.encode(301_000) {}
    fixture.record(2_000, 3);
    while fixture.encode(301_000) {}
    fixture.record(303_000, 1);
    fixture.recorder().finish(SLOT.plus_ms(304_000));
    while fixture.encode(304_000) {}
    let names = fixture.files();
    assert!(names.contains(&"flows.202611240340Z-2.parquet".to_owned()), "{names:?}");
    assert!(names.contains(&"flows.202611240345Z-2.parquet".to_owned()), "{names:?}");
    assert_eq!(fixture.flows(), upto(9));
}

#[test]
fn slightly_late_flows_count_for_the_slot_that_has_begun() {
    let mut fixture = RecorderFixture::new(|_| {});
    fixture.record(299_000, 2);
    // The clock ends the slot before its last flows are handed over.
    fixture.tick(300_010);
    assert_eq!(fixture.recorder().rotated().unwrap().flows, 2);
    fixture.record(299_980, 3);
    fixture.record(300_100, 1);
    assert_eq!(fixture.recorder().rotated(), None);
    fixture.tick(301_500);
    assert_eq!(fixture.files(), ["flows.202611240340Z.journal", "flows.202611240345Z.journal"]);
    fixture.tick(600_000);
    let slot = fixture.recorder().rotated().unwrap();
    assert_eq!((slot.slot, slot.flows, slot.parts), (SLOT.plus_ms(300_000), 4, 1));
    // A slot without flows has no line.
    fixture.tick(900_000);
    assert_eq!(fixture.recorder().rotated(), None);
}

#[test]
fn one_folder_has_one_recorder() {
    let fixture = RecorderFixture::new(|_| {});
    let settings = RecorderConfig::new(fixture.folder.path().to_owned());
    let error = Recorder::open(settings, Arc::new(RealDisk), 8).err().unwrap().to_string();
    assert!(error.contains("process id 7"), "{error}");
    let file = fixture.folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error =
        Recorder::open(RecorderConfig::new(file), Arc::new(RealDisk), 8).err().unwrap().to_string();
    assert!(error.contains("cannot make the folder"), "{error}");
}

#[test]
fn journals_of_a_killed_run_are_recovered_and_other_files_left_alone() {
    let mut fixture = RecorderFixture::new(|_| {});
    fixture.record(1_000, 4);
    fixture.tick(2_000);
    fixture.record(2_500, 3);
    let path = fixture.folder.path().join("flows.202611240340Z.journal");
    let mut half = fs::read(&path).unwrap();
    half.extend_from_slice(&half.clone()[32..100]);
    fs::write(&path, &half).unwrap();
    let folder = fixture.folder.path().to_owned();
    fs::write(folder.join("flows.202611240335Z.parquet.tmp"), "half").unwrap();
    let mut newer = JournalHeader { slot: SLOT, slot_seconds: 300 }.bytes();
    newer[8] = 9;
    fs::write(folder.join("flows.202611240330Z.journal"), newer).unwrap();
    fs::write(folder.join("notes.tmp"), "mine").unwrap();
    let mut fixture = fixture.restart();
    let said = fixture.recovered.clone();
    assert_eq!((said.journals, said.flows, said.cut, said.unfinished), (1, 4, 68, 1), "{said:?}");
    assert!(said.problems[0].contains("version 1 to 3, found 9"), "{said:?}");
    assert!(said.text().unwrap().contains("4 flows"));
    fixture.record(3_000, 0);
    assert!(fixture.encode(3_000) && !fixture.encode(3_000));
    let names = ["flows.202611240330Z.journal", "flows.202611240340Z.parquet", "notes.tmp"];
    assert_eq!(fixture.files(), names);
    let text = fs::read_to_string(folder.join("flows.202611240340Z.parquet")).unwrap();
    assert_eq!(text, "0\n1\n2\n3\n");
}
