//! Writes the fixtures of the file formats, as this program writes them.
//!
//! `cargo run --example format_fixtures -- DIR` gives a segment, a journal of two
//! blocks, what is known of an exporter, and what a screen says first when it
//! attaches. Whoever changes a format runs it before, commits what it wrote below
//! `tests/fixtures/formats`, and has the changed program read that.

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
    // The next part of the slot: a journal beside its segment does not count.
    fs::write(folder.join(name::journal(SLOT, false, 2)), journal)?;
    let state = formats::decoder().memory().to_file()?;
    fs::write(folder.join("exporters.json"), state)?;
    fs::write(folder.join("attach-hello"), Hello::ours().bytes())
}
