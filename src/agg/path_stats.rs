//! Which way most of a host's traffic took.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::paths::{Path, Paths};
use crate::snapshot::TrafficPath;

/// A path as answers have it; `None` where the exporter is not told apart.
pub(super) fn via(path: Path) -> Option<TrafficPath> {
    let Path { exporter, input, output, .. } = path;
    (!exporter.is_unspecified()).then_some(TrafficPath { exporter, input, output })
}

/// Bytes by the way they took: of one conversation at a time, and of all of them.
pub(super) struct PathStats<'a> {
    paths: &'a Paths,
    /// Of the conversation that is being read, by path; a path may come again.
    current: Vec<(u32, u64)>,
    all: HashMap<Option<TrafficPath>, u64, RandomState>,
}

impl<'a> PathStats<'a> {
    pub(super) fn new(paths: &'a Paths) -> PathStats<'a> {
        PathStats { paths, current: Vec::new(), all: HashMap::default() }
    }

    /// Adds traffic of the conversation that is being read.
    pub(super) fn add(&mut self, path: u32, bytes: u64) {
        match self.current.last_mut() {
            _ if bytes == 0 => {}
            Some((last, sum)) if *last == path => *sum = sum.saturating_add(bytes),
            _ => self.current.push((path, bytes)),
        }
    }

    /// Ends a conversation: the way of most of it.
    pub(super) fn end(&mut self) -> Option<TrafficPath> {
        // Paths that differ in their sampling rate alone are one way.
        let current = self.current.drain(..);
        let mut ways: Vec<_> =
            current.map(|(path, bytes)| (via(self.paths.get(path)), bytes)).collect();
        ways.sort_unstable_by_key(|(way, _)| *way);
        let mut best = None;
        for same in ways.chunk_by(|a, b| a.0 == b.0) {
            let sum = same.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
            let way = same.first().and_then(|(way, _)| *way);
            let all = self.all.entry(way).or_default();
            *all = all.saturating_add(sum);
            best = best.max(Some((sum, Reverse(way))));
        }
        best.and_then(|(_, Reverse(way))| way)
    }

    /// The way of most of all conversations.
    pub(super) fn busiest(&self) -> Option<TrafficPath> {
        let all = self.all.iter().map(|(way, bytes)| (*bytes, Reverse(*way)));
        all.max().and_then(|(_, Reverse(way))| way)
    }
}
