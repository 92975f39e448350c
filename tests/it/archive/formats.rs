//! Files of earlier versions can be read, and an upgrade in the middle of a slot loses nothing.
//! `tests/fixtures/formats/README.md` describes the origin of the files.

use crate::common;
use crate::common::formats;

use std::path::{Path, PathBuf};

use crate::common::archive::{files, sums};
use crate::common::process::{Running, free_port, toptalk};

use toptalk::archive::catalog::{CatalogEntry, FileKind};
use toptalk::archive::verify::verify;
use toptalk::archive::{self, rows};
use toptalk::attach::frame::{FrameDecoder as Frames, FrameError, Hello, PROTOCOL};
use toptalk::flow::{Flow, FlowExtras, extras_of};
use toptalk::wire::Decoder;
use toptalk::wire::encode::V9Encoder;
use toptalk::wire::saved_state::SavedState;

/// A file of a format version.
fn fixture(version: u32, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats");
    folder.join(version.to_string()).join(name)
}

const SEGMENT: &str = "flows.202611240340Z.parquet";
const JOURNAL: &str = "flows.202611240340Z-2.journal";

fn entry(path: PathBuf) -> CatalogEntry {
    let is_journal = path.extension().is_some_and(|end| end == "journal");
    let kind = if is_journal { FileKind::Journal } else { FileKind::Segment };
    CatalogEntry { path, kind, slot: None, part: 1 }
}

/// The flows of a file, each with its extras.
fn read(path: PathBuf) -> Vec<(Flow, FlowExtras)> {
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

/// A flow and its extras, independent of their index in the batch.
fn apart(flow: &Flow, batch: &[FlowExtras]) -> (Flow, FlowExtras) {
    (Flow { more: 0, ..*flow }, *extras_of(flow, batch))
}

#[test]
fn flows_of_every_version_are_read_as_they_were_written() {
    let (flows, batch) = formats::flows();
    let want: Vec<_> = flows.iter().map(|flow| apart(flow, &batch)).collect();
    for (version, name) in [(1, SEGMENT), (1, JOURNAL), (2, SEGMENT), (2, JOURNAL)] {
        assert!(read(fixture(version, name)) == want, "{name} of version {version}");
        let path = fixture(version, name);
        let verified = verify(&path, archive::open(&entry(path.clone())).unwrap());
        assert_eq!((verified.rows, verified.problems), (formats::FLOWS, Vec::new()), "{name}");
    }
}

#[test]
fn the_saved_state_of_exporters_is_restored() {
    let text = std::fs::read(fixture(1, "exporters.json")).unwrap();
    let memory: SavedState = SavedState::of_file(&text).unwrap();
    let mut decoder = Decoder::new();
    assert_eq!(decoder.restore(formats::SLOT, &memory), Ok(3), "two templates and one of options");
    // Version 1 did not record which exporters have a history: all in such a file have one.
    let mut expected = formats::decoder().memory().exporters;
    expected.iter_mut().for_each(|exporter| exporter.known = true);
    assert_eq!(decoder.memory().exporters, expected);
    assert_eq!(memory.version, 1);
}

#[test]
fn the_hello_of_an_earlier_screen_is_accepted_or_refused_by_its_version() {
    let mut frames = Frames::default();
    frames.push(&std::fs::read(fixture(1, "attach-hello")).unwrap());
    let hello = frames.hello().unwrap().expect("it is whole");
    assert_eq!(hello, Hello { protocol: 1, version: "0.1.0".to_owned() });
    match hello.check() {
        Ok(()) => assert_eq!(PROTOCOL, 1),
        Err(error) => assert_eq!(
            error,
            FrameError::Version { found: 1, theirs: "0.1.0".to_owned() },
            "the version of this program is {PROTOCOL}"
        ),
    }
}

/// A collector of version 1 was killed in the middle of a slot, and the new one takes over its
/// folders: the journal, and the saved state of the exporter.
#[test]
fn an_upgrade_in_the_middle_of_a_slot_loses_no_flow_and_no_template() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, state) = (folder.path().join("archive"), folder.path().join("state"));
    for folder in [&archive, &state] {
        std::fs::create_dir(folder).unwrap();
    }
    let clock = toptalk::clock::Clock::start();
    let now = clock.now().plus_ms(-clock.now().0.rem_euclid(1000));
    let slot = now.plus_ms(-now.0.rem_euclid(i64::from(formats::SLOT_SECONDS) * 1000));
    let journal = archive.join(toptalk::archive::name::journal(slot, false, 1));
    // In the current slot: its header must agree with its name.
    let mut bytes = std::fs::read(fixture(1, JOURNAL)).unwrap();
    bytes[16..24].copy_from_slice(&slot.0.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..28]);
    bytes[28..32].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(&journal, bytes).unwrap();
    let port = free_port();
    // As old as when the collector ended: just now.
    let text = std::fs::read_to_string(fixture(1, "exporters.json")).unwrap();
    let text = text.replace(&formats::SLOT.0.to_string(), &now.0.to_string());
    let known = state.join(format!("exporters-127.0.0.1-{port}.json"));
    std::fs::write(&known, text).unwrap();

    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "-w"]).arg(&archive);
    command.arg("--state").arg(&state).env_remove("TOPTALK_NO_STATE");
    let messages = format!("{} flows of an earlier run", formats::FLOWS);
    let running = Running::start(&mut command, &messages);
    // Data without a template, which only the old collector has seen.
    let flows = formats::flows().0;
    let mut router = V9Encoder::new(formats::SOURCE).announcing(formats::RATE);
    let sent = router.encode(now, now.plus_ms(-3_600_000), &flows, false);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in &sent {
        socket.send_to(datagram, ("127.0.0.1", port)).unwrap();
    }
    let want = formats::FLOWS + flows.len() as u64;
    common::wait_until("all flows", || sums(&archive).0 == want);
    let output = running.end(nix::sys::signal::Signal::SIGTERM);
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{messages}");
    for path in files(&archive) {
        let footer = toptalk::archive::segment::footer(&path).unwrap();
        assert_eq!(footer.version.number(), 3, "{}", path.display());
        let verified = verify(&path, archive::open(&entry(path.clone())).unwrap());
        assert_eq!(verified.problems, Vec::<String>::new());
    }
    assert_eq!(sums(&archive).0, want);
    // The state is saved in the new format.
    let memory = SavedState::of_file(&std::fs::read(known).unwrap()).unwrap();
    assert_eq!((memory.version, memory.exporters[0].domains[0].templates.len()), (2, 3));
}
