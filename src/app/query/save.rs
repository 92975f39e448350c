//! Writes what matches to a file of the archive (`-w`, `-o parquet`).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::archive::catalog::Entry;
use crate::archive::segment::{MAX_ROWS, SlotInfo, encode};
use crate::flow::{Flow, More, Sampling, Time};
use crate::query::Row;

/// Rows that were gathered.
#[derive(Default)]
pub(super) struct Gathered {
    flows: Vec<Flow>,
    more: Vec<More>,
    /// Rows that found no place.
    pub(super) left_out: u64,
}

impl Gathered {
    /// Takes a row; a sum becomes a flow of that many packets and bytes.
    pub(super) fn add(&mut self, row: &Row, is_sum: bool) {
        if self.flows.len() >= MAX_ROWS {
            self.left_out += 1;
            return;
        }
        let mut flow = row.flow;
        flow.more = 0;
        if is_sum {
            flow.bytes = row.sums.bytes;
            flow.packets = row.sums.packets;
            flow.first = row.sums.first;
            flow.last = row.sums.last;
            flow.sampling = Sampling::UNKNOWN;
        }
        if row.more != More::NONE {
            self.more.push(row.more);
            flow.more = u32::try_from(self.more.len()).unwrap_or(0);
        }
        self.flows.push(flow);
    }

    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    /// Writes them as a segment.
    pub(super) fn write(&self, out: impl Write + Send) -> io::Result<()> {
        let start = self.flows.iter().map(|flow| flow.arrival.0).min().unwrap_or(0);
        let end = self.flows.iter().map(|flow| flow.arrival.0).max().unwrap_or(0);
        let length_ms = end.saturating_sub(start).saturating_add(1);
        let info = SlotInfo { start: Time(start), length_ms };
        encode(&self.flows, &self.more, &info, out).map(|_| ())
    }

    /// Writes them to a file, which is there whole or not at all.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let temporary = PathBuf::from(name);
        let written = File::create(&temporary).and_then(|file| {
            let mut out = BufWriter::new(file);
            self.write(&mut out)?;
            out.into_inner()?.sync_all()
        });
        written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })
    }
}

/// Whether a path is one of the files that are read.
pub(super) fn is_input(path: &Path, entries: &[Entry]) -> bool {
    let Ok(path) = fs::canonicalize(path) else { return false };
    entries.iter().any(|entry| fs::canonicalize(&entry.path).is_ok_and(|input| input == path))
}
