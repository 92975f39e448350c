//! The path of most of a host's traffic.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::paths::{Path, Paths};
use crate::snapshot::TrafficPath;

/// A path as it is shown in answers; `None` where the exporter is not distinguished.
pub(super) fn via(path: Path) -> Option<TrafficPath> {
    let Path { exporter, input, output, .. } = path;
    (!exporter.is_unspecified()).then_some(TrafficPath { exporter, input, output })
}

/// Bytes by path: for the current conversation, and for all conversations.
pub(super) struct PathStats<'a> {
    paths: &'a Paths,
    /// Bytes of the current conversation by path number. A number may occur several times.
    current: Vec<(u32, u64)>,
    all: HashMap<Option<TrafficPath>, u64, RandomState>,
}

impl<'a> PathStats<'a> {
    pub(super) fn new(paths: &'a Paths) -> PathStats<'a> {
        PathStats { paths, current: Vec::new(), all: HashMap::default() }
    }

    /// Adds traffic of the current conversation.
    pub(super) fn add(&mut self, path: u32, bytes: u64) {
        match self.current.last_mut() {
            _ if bytes == 0 => {}
            Some((last, sum)) if *last == path => *sum = sum.saturating_add(bytes),
            _ => self.current.push((path, bytes)),
        }
    }

    /// Ends the current conversation. Returns the path with most of its bytes.
    pub(super) fn end(&mut self) -> Option<TrafficPath> {
        // Paths that differ only in their sampling rate count as one.
        let current = self.current.drain(..);
        let mut by_path: Vec<_> =
            current.map(|(path, bytes)| (via(self.paths.get(path)), bytes)).collect();
        by_path.sort_unstable_by_key(|(path, _)| *path);
        let mut best = None;
        for same in by_path.chunk_by(|a, b| a.0 == b.0) {
            let sum = same.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
            let path = same.first().and_then(|(path, _)| *path);
            let all = self.all.entry(path).or_default();
            *all = all.saturating_add(sum);
            best = best.max(Some((sum, Reverse(path))));
        }
        best.and_then(|(_, Reverse(path))| path)
    }

    /// The path with most bytes of all conversations.
    pub(super) fn busiest(&self) -> Option<TrafficPath> {
        let all = self.all.iter().map(|(path, bytes)| (*bytes, Reverse(*path)));
        all.max().and_then(|(_, Reverse(path))| path)
    }
}
