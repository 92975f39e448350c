//! The recorder when the disk fails, at every step.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use super::super::{DropReason, RETRY_MS, Recorder, RecorderConfig};
use super::{Failing, RecorderFixture, SLOT, lines, upto};
use crate::archive::recorder::{RealDisk, encode};

#[test]
fn wherever_encoding_is_interrupted_every_flow_counts_once() {
    let mut steps = 0;
    for left in 0.. {
        let mut fixture = RecorderFixture::new(|_| {});
        fixture.record(1_000, 3);
        fixture.tick(300_000);
        let part = fixture.recorder().next_part(SLOT).unwrap();
        fixture.works();
        fixture.plan.lock().unwrap().left = Some(left);
        let result = encode(&Failing { plan: fixture.plan.clone() }, &part, &lines);
        let done = result.is_ok();
        assert_eq!(fixture.flows(), upto(3), "cut off after {left}: {:?}", fixture.files());
        let mut fixture = fixture.restart();
        assert_eq!(fixture.flows(), upto(3), "recovered after {left}: {:?}", fixture.files());
        while fixture.encode(0) {}
        assert_eq!(fixture.flows(), upto(3));
        assert_eq!(fixture.files(), ["flows.202611240340Z.parquet"], "after {left}");
        if done {
            steps = left;
            break;
        }
    }
    // Remove a stale file, create, write, sync, rename, sync the folder, remove.
    assert!((5..10).contains(&steps), "{steps}");
}

#[test]
fn a_full_disk_stops_the_journal_and_all_lost_flows_are_counted() {
    let mut fixture = RecorderFixture::new(|_| {});
    fixture.record(1_000, 2);
    fixture.tick(2_100);
    fixture.record(2_200, 3);
    fixture.fails("write", ErrorKind::StorageFull);
    fixture.tick(3_300);
    let stopped = fixture.recorder().status().stopped.unwrap();
    assert!(stopped.why.contains("no storage space") && stopped.since == SLOT.plus_ms(3_300));
    assert_eq!(fixture.flows(), upto(2), "the incomplete block was truncated");
    fixture.record(3_400, 5);
    assert_eq!(fixture.shed(DropReason::NoSpace), 5);
    // It is not tried at every tick, and the alarm keeps its time.
    fixture.plan.lock().unwrap().done.clear();
    fixture.tick(3_500);
    assert!(fixture.plan.lock().unwrap().done.is_empty());
    fixture.tick(3_300 + RETRY_MS);
    assert_eq!(fixture.recorder().status().stopped.unwrap().since, SLOT.plus_ms(3_300));
    fixture.works();
    fixture.tick(3_300 + 2 * RETRY_MS);
    assert_eq!(fixture.recorder().status().stopped, None);
    assert_eq!(fixture.flows(), upto(5), "the pending flows are written");
    fixture.record(14_000, 1);
    fixture.tick(16_000);
    assert_eq!(fixture.flows(), [0, 1, 2, 3, 4, 10]);
    // Also if the incomplete block cannot be truncated: recording continues in another part.
    fixture.record(16_500, 1);
    fixture.plan.lock().unwrap().left = Some(0);
    fixture.tick(18_000);
    fixture.works();
    fixture.tick(18_000 + RETRY_MS);
    fixture.recorder().finish(SLOT.plus_ms(24_000));
    while fixture.encode(24_000) {}
    assert_eq!(fixture.flows(), [0, 1, 2, 3, 4, 10, 11]);
    assert_eq!(fixture.files().len(), 2);
}

#[test]
fn an_unreadable_journal_delays_no_other_and_its_alarm_stays() {
    let mut fixture = RecorderFixture::new(|_| {});
    let at = |seconds: i64| SLOT.plus_ms(seconds * 1000);
    let bad = |journal: &std::path::Path| -> crate::archive::ArchiveError {
        crate::archive::ArchiveError::io("read", journal, std::io::Error::other("a bad sector"))
    };
    // One part for each of four slots; the first one is on a bad sector.
    let mut first = None;
    for slot in 0..4 {
        fixture.record(slot * 300_000 + 1_000, 2);
        fixture.tick((slot + 1) * 300_000);
        for _ in 0..2 {
            let now = at((slot + 1) * 300 + 10);
            let Some(part) = fixture.recorder().next_part(now) else { continue };
            let journal = part.journal.clone();
            let is_bad = *first.get_or_insert(journal.clone()) == journal;
            let result = if is_bad { Err(bad(&journal)) } else { encode(&RealDisk, &part, &lines) };
            fixture.recorder().encoded(now.plus_ms(-2 * RETRY_MS), part, result);
        }
        let status = fixture.recorder().status();
        let behind = status.behind.expect("the alarm stays while its cause lasts");
        assert_eq!(behind.since, at(300 + 10).plus_ms(-2 * RETRY_MS), "it is one alarm");
        assert_eq!(status.shed.iter().sum::<u64>(), 0, "recording continues: {slot}");
    }
    assert_eq!(fixture.recorder().status().segments, 3);
    // Then it turns out not to be a journal: nothing waits any more.
    let part = fixture.recorder().next_part(at(2_000)).unwrap();
    assert_eq!(Some(&part.journal), first.as_ref());
    let error = crate::archive::ArchiveError::damaged(&part.journal, "no journal".to_owned());
    fixture.recorder().encoded(at(2_000), part, Err(error));
    let status = fixture.recorder().status();
    assert_eq!((status.behind, status.notes.len()), (None, 1), "noted once, and no alarm stays");
}

#[test]
fn the_last_bytes_of_a_disk_are_left_to_others() {
    let mut fixture = RecorderFixture::new(|settings| settings.low_water = 100);
    fixture.plan.lock().unwrap().free = Some(99);
    fixture.record(1_000, 2);
    assert_eq!(fixture.shed(DropReason::NoSpace), 2);
    assert_eq!(fixture.files(), [""; 0]);
    // Enough space not to stop is not enough to resume.
    fixture.plan.lock().unwrap().free = Some(150);
    fixture.tick(1_000 + RETRY_MS);
    assert!(fixture.recorder().status().stopped.unwrap().why.contains("less than 200 B are free"));
    fixture.plan.lock().unwrap().free = Some(200);
    fixture.tick(1_000 + 2 * RETRY_MS);
    fixture.plan.lock().unwrap().free = Some(100);
    fixture.record(12_000, 3);
    fixture.tick(13_100);
    assert_eq!(fixture.flows(), [2, 3, 4]);
    fixture.plan.lock().unwrap().free = Some(10);
    fixture.record(13_200, 1);
    fixture.tick(14_200);
    fixture.record(14_300, 1);
    assert_eq!(fixture.shed(DropReason::NoSpace), 3);
}

#[test]
fn a_failing_encoder_leaves_journals_and_tries_again() {
    for (kind, error) in [
        ("create", ErrorKind::PermissionDenied),
        ("write", ErrorKind::StorageFull),
        ("sync", ErrorKind::StorageFull),
        ("rename", ErrorKind::StorageFull),
        ("sync folder", ErrorKind::Other),
    ] {
        let mut fixture = RecorderFixture::new(|settings| settings.part_rows = 2);
        fixture.record(1_000, 6);
        fixture.fails(kind, error);
        assert!(fixture.encode(1_100), "{kind}");
        assert_eq!(fixture.flows(), upto(4), "{kind}");
        let behind = fixture.recorder().status().behind.unwrap();
        assert!(behind.why.contains("cannot convert journals to segments"), "{behind:?}");
        assert!(!fixture.encode(1_200), "not at once");
        fixture.works();
        fixture.record(1_300, 4);
        assert_eq!(fixture.shed(DropReason::Behind), 6, "{kind}");
        while fixture.encode(1_100 + RETRY_MS) {}
        fixture.recorder().finish(SLOT.plus_ms(9_000));
        while fixture.encode(9_000) {}
        assert_eq!(fixture.recorder().status().behind, None);
        assert_eq!(fixture.flows(), upto(4), "{kind}: {:?}", fixture.files());
        assert!(fixture.files().iter().all(|name| name.ends_with(".parquet")), "{kind}");
    }
}

#[test]
fn an_unusable_journal_is_set_aside_and_others_are_encoded() {
    let mut fixture = RecorderFixture::new(|_| {});
    fixture.record(1_000, 2);
    fixture.record(301_000, 2);
    let path = fixture.folder.path().join("flows.202611240340Z.journal");
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 5;
    fs::write(&path, bytes).unwrap();
    fixture.tick(600_000);
    while fixture.encode(600_000) {}
    assert_eq!(fixture.files(), ["flows.202611240340Z.journal", "flows.202611240345Z.parquet"]);
    let status = fixture.recorder().status();
    assert!(status.notes[0].contains("another version") && status.behind.is_none(), "{status:?}");
}

#[test]
fn a_damaged_block_is_reported_when_the_rest_is_encoded() {
    let mut fixture = RecorderFixture::new(|_| {});
    fixture.record(1_000, 2);
    fixture.tick(2_100);
    fixture.record(2_500, 2);
    fixture.tick(300_000);
    let path = fixture.folder.path().join("flows.202611240340Z.journal");
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(fixture.encode(300_000));
    assert_eq!(fixture.flows(), [2, 3]);
    assert!(fixture.recorder().status().notes[0].contains("2 flows are lost"));
}

#[test]
fn a_missing_folder_stops_recording_until_it_is_back() {
    let mut fixture = RecorderFixture::new(|settings| settings.hierarchy = "7".parse().unwrap());
    fixture.record(1_000, 2);
    fixture.tick(2_100);
    let folder = fixture.folder.path().to_owned();
    let away = folder.with_extension("away");
    fs::remove_dir_all(&folder).unwrap();
    // A file in its place: no folder can be created there.
    fs::write(&folder, "").unwrap();
    fixture.record(2_200, 3);
    fixture.tick(3_300);
    assert!(fixture.recorder().status().stopped.is_some());
    fixture.tick(3_300 + RETRY_MS);
    fixture.record(8_500, 4);
    assert_eq!((fixture.shed(DropReason::Failed), fixture.shed(DropReason::Removed)), (4, 2));
    fs::rename(&folder, &away).unwrap();
    fixture.tick(3_300 + 2 * RETRY_MS);
    assert!(!folder.exists(), "the root folder is never created again: a disk may be missing");
    fs::create_dir(&folder).unwrap();
    fixture.tick(3_300 + 3 * RETRY_MS);
    fixture.tick(3_300 + 4 * RETRY_MS);
    assert_eq!(fixture.recorder().status().stopped, None);
    assert_eq!(fixture.shed(DropReason::Removed), 2);
    assert_eq!(fixture.flows(), [2, 3, 4]);
    // The lock is taken again.
    let second = Recorder::open(RecorderConfig::new(folder), Arc::new(super::RealDisk), 8);
    assert!(second.is_err());
    fs::remove_file(away).unwrap();
}

#[test]
fn flows_that_cannot_be_written_at_the_end_are_counted() {
    let mut fixture = RecorderFixture::new(|_| {});
    fixture.record(1_000, 2);
    fixture.tick(2_100);
    fixture.record(2_200, 3);
    fixture.fails("write", ErrorKind::StorageFull);
    fixture.recorder().finish(SLOT.plus_ms(2_300));
    assert_eq!(fixture.shed(DropReason::NoSpace), 3);
    assert_eq!(fixture.flows(), upto(2));
}

#[test]
fn a_removed_journal_loses_its_flows_and_another_is_begun() {
    let mut fixture = RecorderFixture::new(|_| {});
    fixture.record(1_000, 2);
    fixture.tick(2_100);
    fixture.record(2_200, 3);
    fs::remove_file(fixture.folder.path().join("flows.202611240340Z.journal")).unwrap();
    fixture.tick(3_300);
    assert_eq!((fixture.flows(), fixture.shed(DropReason::Removed)), (vec![2, 3, 4], 2));
    fixture.record(3_400, 1);
    fixture.tick(4_500);
    let status = fixture.recorder().status();
    assert!(
        status.stopped.is_none() && status.notes[0].contains("together with 2 flows"),
        "{status:?}"
    );
    assert_eq!(fixture.flows(), [2, 3, 4, 5]);
    // Also at the end of the slot, with a block that is not written yet.
    fixture.record(5_000, 2);
    fs::remove_file(fixture.folder.path().join("flows.202611240340Z.journal")).unwrap();
    fixture.record(300_000, 1);
    fixture.recorder().finish(SLOT.plus_ms(301_000));
    assert_eq!((fixture.flows(), fixture.shed(DropReason::Removed)), (vec![6, 7, 8], 6));
}

#[test]
fn a_folder_that_cannot_be_synced_gets_no_files() {
    let mut fixture = RecorderFixture::new(|_| {});
    fixture.fails("sync folder", ErrorKind::Other);
    for nth in 0..4 {
        fixture.record(1_000 + nth * RETRY_MS, 1);
        fixture.tick(1_000 + nth * RETRY_MS);
    }
    assert_eq!(fixture.files(), [""; 0]);
    fixture.works();
    fixture.tick(1_000 + 5 * RETRY_MS);
    fixture.record(1_000 + 5 * RETRY_MS, 1);
    fixture.tick(2_100 + 5 * RETRY_MS);
    assert_eq!(
        (fixture.files(), fixture.flows()),
        (vec!["flows.202611240340Z.journal".into()], vec![4])
    );
}

#[test]
fn stopped_slots_are_reported_and_only_a_full_disk_needs_more_space_to_resume() {
    let mut fixture = RecorderFixture::new(|settings| settings.low_water = 100);
    fixture.plan.lock().unwrap().free = Some(10);
    fixture.record(1_000, 2);
    fixture.record(300_000, 3);
    let slot = fixture.recorder().rotated().unwrap();
    assert_eq!((slot.slot, slot.flows, slot.parts, slot.shed), (SLOT, 0, 0, 2));
    fixture.plan.lock().unwrap().free = Some(200);
    fixture.tick(301_000 + RETRY_MS);
    fixture.record(302_000 + RETRY_MS, 4);
    fixture.tick(600_000);
    let slot = fixture.recorder().rotated().unwrap();
    assert_eq!((slot.slot, slot.flows, slot.parts, slot.shed), (SLOT.plus_ms(300_000), 4, 1, 3));
    // After other failures the usual free space is enough to resume.
    fixture.plan.lock().unwrap().free = Some(150);
    fixture.record(600_100, 1);
    fixture.fails("write", ErrorKind::PermissionDenied);
    fixture.tick(601_200);
    assert!(fixture.recorder().status().stopped.is_some());
    fixture.works();
    fixture.plan.lock().unwrap().free = Some(150);
    fixture.tick(601_200 + RETRY_MS);
    assert_eq!(fixture.recorder().status().stopped, None);
    fixture.recorder().finish(SLOT.plus_ms(610_000));
    assert_eq!(fixture.flows(), [5, 6, 7, 8, 9]);
}

#[test]
fn a_clock_set_back_does_not_keep_the_encoder_waiting() {
    let mut fixture = RecorderFixture::new(|settings| settings.part_rows = 2);
    fixture.record(3_600_000, 2);
    fixture.tick(3_601_000);
    fixture.fails("create", ErrorKind::StorageFull);
    fixture.record(3_602_000, 1);
    assert!(fixture.encode(3_602_000));
    fixture.works();
    assert!(!fixture.encode(3_603_000));
    assert!(fixture.encode(2_000), "an hour earlier");
    assert_eq!(fixture.recorder().status().behind, None);
}
