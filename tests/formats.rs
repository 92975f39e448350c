//! Files of earlier versions are read, and what is upgraded in the middle of a slot
//! loses nothing. `tests/fixtures/formats/README.md` says where the files are from.

mod common;
#[path = "common/formats.rs"]
mod formats;

use std::path::{Path, PathBuf};

use toptalk::archive::catalog::{Entry, FileKind};
use toptalk::archive::verify::verify;
use toptalk::archive::{self, rows};
use toptalk::attach::frame::{Decoder as Frames, FrameError, Hello, PROTOCOL};
use toptalk::flow::{Flow, More, more_of};
use toptalk::wire::Decoder;
use toptalk::wire::memory::Memory;

/// A file of a version.
fn fixture(version: u32, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats");
    folder.join(version.to_string()).join(name)
}

const SEGMENT: &str = "flows.202611240340Z.parquet";
const JOURNAL: &str = "flows.202611240345Z.journal";

fn entry(path: PathBuf) -> Entry {
    let is_journal = path.extension().is_some_and(|end| end == "journal");
    let kind = if is_journal { FileKind::Journal } else { FileKind::Segment };
    Entry { path, kind, slot: None, part: 1 }
}

/// The flows of a file, each with what came with it.
fn read(path: PathBuf) -> Vec<(Flow, More)> {
    let mut all = Vec::new();
    for chunk in archive::open(&entry(path)).unwrap() {
        let mut chunk = chunk.unwrap();
        for page in 0..chunk.pages() {
            let (flows, batch) = rows(chunk.as_mut(), page).unwrap();
            all.extend(flows.iter().map(|flow| apart(flow, &batch)));
        }
    }
    all
}

/// A flow and what came with it, wherever that stood.
fn apart(flow: &Flow, batch: &[More]) -> (Flow, More) {
    (Flow { more: 0, ..*flow }, *more_of(flow, batch))
}

#[test]
fn flows_of_every_version_are_read_as_they_were_written() {
    let (flows, batch) = formats::flows();
    let want: Vec<_> = flows.iter().map(|flow| apart(flow, &batch)).collect();
    for name in [SEGMENT, JOURNAL] {
        assert!(read(fixture(1, name)) == want, "{name} of version 1");
        let path = fixture(1, name);
        let verified = verify(&path, archive::open(&entry(path.clone())).unwrap());
        assert_eq!((verified.rows, verified.problems), (formats::FLOWS, Vec::new()), "{name}");
    }
}

#[test]
fn what_was_known_of_exporters_is_known_again() {
    let text = std::fs::read(fixture(1, "exporters.json")).unwrap();
    let memory: Memory = Memory::of_file(&text).unwrap();
    let mut decoder = Decoder::new();
    assert_eq!(decoder.recall(formats::SLOT, &memory), Ok(3), "two templates and one of options");
    assert_eq!(decoder.memory().exporters, formats::decoder().memory().exporters);
}

#[test]
fn the_hello_of_an_earlier_screen_is_understood_or_refused_by_its_version() {
    let mut frames = Frames::default();
    frames.push(&std::fs::read(fixture(1, "attach-hello")).unwrap());
    let hello = frames.hello().unwrap().expect("it is whole");
    assert_eq!(hello, Hello { protocol: 1, version: "0.1.0".to_owned() });
    match hello.check() {
        Ok(()) => assert_eq!(PROTOCOL, 1),
        Err(error) => assert_eq!(
            error,
            FrameError::Version { found: 1, theirs: "0.1.0".to_owned() },
            "a version of ours is {PROTOCOL}"
        ),
    }
}
