//! Writes the fixtures of the file formats.
//!
//! `cargo run --example format_fixtures -- DIR` writes a segment, a journal of two blocks,
//! the saved state of an
//! exporter, and the first bytes of an attaching screen. Before changing a format, run it
//! and commit the
//! files below `tests/fixtures/formats`; then the changed program must read them.

#[path = "../tests/common/formats.rs"]
mod formats;

use std::fs::{self, File};
use std::io;
use std::path::Path;

use formats::{SLOT, SLOT_SECONDS};
use toptalk::archive::journal::{Block, JournalHeader};
use toptalk::archive::name;
use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::attach::frame::Hello;

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).ok_or(io::Error::other("expected a folder"))?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let (flows, more) = formats::flows();
    let info = SlotInfo { start: SLOT, length_ms: i64::from(SLOT_SECONDS) * 1000 };
    let segment = folder.join(name::segment(SLOT, false, 1));
    encode(&flows, &more, &info, File::create(segment)?)?;
    let mut journal = JournalHeader { slot: SLOT, slot_seconds: SLOT_SECONDS }.bytes().to_vec();
    let mut block = Block::default();
    let (first, second) = flows.split_at(flows.len() / 2);
    for part in [first, second] {
        block.extend(part, &more);
        journal.extend_from_slice(block.bytes());
        block.clear();
    }
    // A later part of the slot: a journal whose segment exists is ignored.
    fs::write(folder.join(name::journal(SLOT, false, 2)), journal)?;
    let state = formats::decoder().memory().to_file()?;
    fs::write(folder.join("exporters.json"), state)?;
    fs::write(folder.join("attach-hello"), Hello::ours().bytes())
}
