//! What happens when the disk fails, at every step.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use super::super::{DropReason, RETRY_MS, Recorder, RecorderConfig};
use super::{Failing, Room, SLOT, lines, upto};
use crate::archive::recorder::{RealDisk, encode};

#[test]
fn wherever_encoding_is_cut_off_every_flow_counts_once() {
    let mut steps = 0;
    for left in 0.. {
        let mut room = Room::new(|_| {});
        room.record(1_000, 3);
        room.tick(300_000);
        let part = room.recorder().next_part(SLOT).unwrap();
        room.works();
        room.plan.lock().unwrap().left = Some(left);
        let result = encode(&Failing { plan: room.plan.clone() }, &part, &lines);
        let done = result.is_ok();
        assert_eq!(room.flows(), upto(3), "cut off after {left}: {:?}", room.files());
        let mut room = room.restart();
        assert_eq!(room.flows(), upto(3), "taken up after {left}: {:?}", room.files());
        while room.encode(0) {}
        assert_eq!(room.flows(), upto(3));
        assert_eq!(room.files(), ["flows.202611240340Z.parquet"], "after {left}");
        if done {
            steps = left;
            break;
        }
    }
    // Stale file, create, write, sync, rename, sync the folder, remove.
    assert!((5..10).contains(&steps), "{steps}");
}

#[test]
fn a_full_disk_stops_the_journal_and_nothing_is_lost_but_what_is_counted() {
    let mut room = Room::new(|_| {});
    room.record(1_000, 2);
    room.tick(2_100);
    room.record(2_200, 3);
    room.fails("write", ErrorKind::StorageFull);
    room.tick(3_300);
    let stopped = room.recorder().status().stopped.unwrap();
    assert!(stopped.why.contains("no storage space") && stopped.since == SLOT.plus_ms(3_300));
    assert_eq!(room.flows(), upto(2), "half a block was cut off again");
    room.record(3_400, 5);
    assert_eq!(room.shed(DropReason::NoSpace), 5);
    // It is not tried at every turn, and the alarm keeps its time.
    room.plan.lock().unwrap().done.clear();
    room.tick(3_500);
    assert!(room.plan.lock().unwrap().done.is_empty());
    room.tick(3_300 + RETRY_MS);
    assert_eq!(room.recorder().status().stopped.unwrap().since, SLOT.plus_ms(3_300));
    room.works();
    room.tick(3_300 + 2 * RETRY_MS);
    assert_eq!(room.recorder().status().stopped, None);
    assert_eq!(room.flows(), upto(5), "what had been taken in is there");
    room.record(14_000, 1);
    room.tick(16_000);
    assert_eq!(room.flows(), [0, 1, 2, 3, 4, 10]);
    // Also when the half block cannot be cut off: another part goes on.
    room.record(16_500, 1);
    room.plan.lock().unwrap().left = Some(0);
    room.tick(18_000);
    room.works();
    room.tick(18_000 + RETRY_MS);
    room.recorder().finish(SLOT.plus_ms(24_000));
    while room.encode(24_000) {}
    assert_eq!(room.flows(), [0, 1, 2, 3, 4, 10, 11]);
    assert_eq!(room.files().len(), 2);
}

#[test]
fn one_journal_that_cannot_be_read_holds_up_no_other_and_its_alarm_stays() {
    let mut room = Room::new(|_| {});
    let at = |seconds: i64| SLOT.plus_ms(seconds * 1000);
    let bad = |journal: &std::path::Path| -> crate::archive::ArchiveError {
        crate::archive::ArchiveError::io("read", journal, std::io::Error::other("a bad sector"))
    };
    // A part for each of four slots; the first one is on a bad sector.
    let mut first = None;
    for slot in 0..4 {
        room.record(slot * 300_000 + 1_000, 2);
        room.tick((slot + 1) * 300_000);
        for _ in 0..2 {
            let now = at((slot + 1) * 300 + 10);
            let Some(part) = room.recorder().next_part(now) else { continue };
            let journal = part.journal.clone();
            let is_bad = *first.get_or_insert(journal.clone()) == journal;
            let result = if is_bad { Err(bad(&journal)) } else { encode(&RealDisk, &part, &lines) };
            room.recorder().encoded(now.plus_ms(-2 * RETRY_MS), part, result);
        }
        let status = room.recorder().status();
        let behind = status.behind.expect("the alarm stands while its cause lasts");
        assert_eq!(behind.since, at(300 + 10).plus_ms(-2 * RETRY_MS), "and is one alarm");
        assert_eq!(status.shed.iter().sum::<u64>(), 0, "recording goes on: {slot}");
    }
    assert_eq!(room.recorder().status().segments, 3);
    // Then it turns out to be no journal at all: nothing waits any more.
    let part = room.recorder().next_part(at(2_000)).unwrap();
    assert_eq!(Some(&part.journal), first.as_ref());
    let error = crate::archive::ArchiveError::damaged(&part.journal, "no journal".to_owned());
    room.recorder().encoded(at(2_000), part, Err(error));
    let status = room.recorder().status();
    assert_eq!((status.behind, status.notes.len()), (None, 1), "told once, and no alarm stays");
}

#[test]
fn the_last_bytes_of_a_disk_are_left_to_others() {
    let mut room = Room::new(|settings| settings.low_water = 100);
    room.plan.lock().unwrap().free = Some(99);
    room.record(1_000, 2);
    assert_eq!(room.shed(DropReason::NoSpace), 2);
    assert_eq!(room.files(), [""; 0]);
    // Enough not to stop is not enough to begin again.
    room.plan.lock().unwrap().free = Some(150);
    room.tick(1_000 + RETRY_MS);
    assert!(room.recorder().status().stopped.unwrap().why.contains("less than 200 B are free"));
    room.plan.lock().unwrap().free = Some(200);
    room.tick(1_000 + 2 * RETRY_MS);
    room.plan.lock().unwrap().free = Some(100);
    room.record(12_000, 3);
    room.tick(13_100);
    assert_eq!(room.flows(), [2, 3, 4]);
    room.plan.lock().unwrap().free = Some(10);
    room.record(13_200, 1);
    room.tick(14_200);
    room.record(14_300, 1);
    assert_eq!(room.shed(DropReason::NoSpace), 3);
}

#[test]
fn an_encoder_that_fails_leaves_journals_and_tries_again() {
    for (kind, error) in [
        ("create", ErrorKind::PermissionDenied),
        ("write", ErrorKind::StorageFull),
        ("sync", ErrorKind::StorageFull),
        ("rename", ErrorKind::StorageFull),
        ("sync folder", ErrorKind::Other),
    ] {
        let mut room = Room::new(|settings| settings.part_rows = 2);
        room.record(1_000, 6);
        room.fails(kind, error);
        assert!(room.encode(1_100), "{kind}");
        assert_eq!(room.flows(), upto(4), "{kind}");
        let behind = room.recorder().status().behind.unwrap();
        assert!(behind.why.contains("journals wait"), "{behind:?}");
        assert!(!room.encode(1_200), "not at once");
        room.works();
        room.record(1_300, 4);
        assert_eq!(room.shed(DropReason::Behind), 6, "{kind}");
        while room.encode(1_100 + RETRY_MS) {}
        room.recorder().finish(SLOT.plus_ms(9_000));
        while room.encode(9_000) {}
        assert_eq!(room.recorder().status().behind, None);
        assert_eq!(room.flows(), upto(4), "{kind}: {:?}", room.files());
        assert!(room.files().iter().all(|name| name.ends_with(".parquet")), "{kind}");
    }
}

#[test]
fn an_unusable_journal_is_set_aside_and_others_go_on() {
    let mut room = Room::new(|_| {});
    room.record(1_000, 2);
    room.record(301_000, 2);
    let path = room.folder.path().join("flows.202611240340Z.journal");
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 5;
    fs::write(&path, bytes).unwrap();
    room.tick(600_000);
    while room.encode(600_000) {}
    assert_eq!(room.files(), ["flows.202611240340Z.journal", "flows.202611240345Z.parquet"]);
    let status = room.recorder().status();
    assert!(status.notes[0].contains("another version") && status.behind.is_none(), "{status:?}");
}

#[test]
fn a_damaged_block_is_told_when_the_rest_is_encoded() {
    let mut room = Room::new(|_| {});
    room.record(1_000, 2);
    room.tick(2_100);
    room.record(2_500, 2);
    room.tick(300_000);
    let path = room.folder.path().join("flows.202611240340Z.journal");
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(room.encode(300_000));
    assert_eq!(room.flows(), [2, 3]);
    assert!(room.recorder().status().notes[0].contains("2 flows are lost"));
}

#[test]
fn a_folder_that_goes_stops_recording_until_it_is_back() {
    let mut room = Room::new(|settings| settings.hierarchy = "7".parse().unwrap());
    room.record(1_000, 2);
    room.tick(2_100);
    let folder = room.folder.path().to_owned();
    let away = folder.with_extension("away");
    fs::remove_dir_all(&folder).unwrap();
    // A file in its place: nothing can be made there.
    fs::write(&folder, "").unwrap();
    room.record(2_200, 3);
    room.tick(3_300);
    assert!(room.recorder().status().stopped.is_some());
    room.tick(3_300 + RETRY_MS);
    room.record(8_500, 4);
    assert_eq!((room.shed(DropReason::Failed), room.shed(DropReason::Removed)), (4, 2));
    fs::rename(&folder, &away).unwrap();
    room.tick(3_300 + 2 * RETRY_MS);
    assert!(!folder.exists(), "the folder itself is never made again: a disk may be missing");
    fs::create_dir(&folder).unwrap();
    room.tick(3_300 + 3 * RETRY_MS);
    room.tick(3_300 + 4 * RETRY_MS);
    assert_eq!(room.recorder().status().stopped, None);
    assert_eq!(room.shed(DropReason::Removed), 2);
    assert_eq!(room.flows(), [2, 3, 4]);
    // The lock is taken anew.
    let second = Recorder::open(RecorderConfig::new(folder), Arc::new(super::RealDisk), 8);
    assert!(second.is_err());
    fs::remove_file(away).unwrap();
}

#[test]
fn what_cannot_be_written_at_the_end_is_counted() {
    let mut room = Room::new(|_| {});
    room.record(1_000, 2);
    room.tick(2_100);
    room.record(2_200, 3);
    room.fails("write", ErrorKind::StorageFull);
    room.recorder().finish(SLOT.plus_ms(2_300));
    assert_eq!(room.shed(DropReason::NoSpace), 3);
    assert_eq!(room.flows(), upto(2));
}

#[test]
fn a_journal_that_is_removed_costs_what_was_in_it_and_another_goes_on() {
    let mut room = Room::new(|_| {});
    room.record(1_000, 2);
    room.tick(2_100);
    room.record(2_200, 3);
    fs::remove_file(room.folder.path().join("flows.202611240340Z.journal")).unwrap();
    room.tick(3_300);
    assert_eq!((room.flows(), room.shed(DropReason::Removed)), (vec![2, 3, 4], 2));
    room.record(3_400, 1);
    room.tick(4_500);
    let status = room.recorder().status();
    assert!(status.stopped.is_none() && status.notes[0].contains("2 flows with it"), "{status:?}");
    assert_eq!(room.flows(), [2, 3, 4, 5]);
    // Also at the end of the slot, with a block that is not written yet.
    room.record(5_000, 2);
    fs::remove_file(room.folder.path().join("flows.202611240340Z.journal")).unwrap();
    room.record(300_000, 1);
    room.recorder().finish(SLOT.plus_ms(301_000));
    assert_eq!((room.flows(), room.shed(DropReason::Removed)), (vec![6, 7, 8], 6));
}

#[test]
fn a_folder_that_cannot_be_synced_is_not_littered() {
    let mut room = Room::new(|_| {});
    room.fails("sync folder", ErrorKind::Other);
    for nth in 0..4 {
        room.record(1_000 + nth * RETRY_MS, 1);
        room.tick(1_000 + nth * RETRY_MS);
    }
    assert_eq!(room.files(), [""; 0]);
    room.works();
    room.tick(1_000 + 5 * RETRY_MS);
    room.record(1_000 + 5 * RETRY_MS, 1);
    room.tick(2_100 + 5 * RETRY_MS);
    assert_eq!((room.files(), room.flows()), (vec!["flows.202611240340Z.journal".into()], vec![4]));
}

#[test]
fn slots_without_room_are_told_of_too_and_only_a_full_disk_needs_more_of_it() {
    let mut room = Room::new(|settings| settings.low_water = 100);
    room.plan.lock().unwrap().free = Some(10);
    room.record(1_000, 2);
    room.record(300_000, 3);
    let slot = room.recorder().rotated().unwrap();
    assert_eq!((slot.slot, slot.flows, slot.parts, slot.shed), (SLOT, 0, 0, 2));
    room.plan.lock().unwrap().free = Some(200);
    room.tick(301_000 + RETRY_MS);
    room.record(302_000 + RETRY_MS, 4);
    room.tick(600_000);
    let slot = room.recorder().rotated().unwrap();
    assert_eq!((slot.slot, slot.flows, slot.parts, slot.shed), (SLOT.plus_ms(300_000), 4, 1, 3));
    // What has nothing to do with room begins again with what was enough before.
    room.plan.lock().unwrap().free = Some(150);
    room.record(600_100, 1);
    room.fails("write", ErrorKind::PermissionDenied);
    room.tick(601_200);
    assert!(room.recorder().status().stopped.is_some());
    room.works();
    room.plan.lock().unwrap().free = Some(150);
    room.tick(601_200 + RETRY_MS);
    assert_eq!(room.recorder().status().stopped, None);
    room.recorder().finish(SLOT.plus_ms(610_000));
    assert_eq!(room.flows(), [5, 6, 7, 8, 9]);
}

#[test]
fn a_clock_set_back_does_not_keep_the_encoder_waiting() {
    let mut room = Room::new(|settings| settings.part_rows = 2);
    room.record(3_600_000, 2);
    room.tick(3_601_000);
    room.fails("create", ErrorKind::StorageFull);
    room.record(3_602_000, 1);
    assert!(room.encode(3_602_000));
    room.works();
    assert!(!room.encode(3_603_000));
    assert!(room.encode(2_000), "an hour earlier");
    assert_eq!(room.recorder().status().behind, None);
}
