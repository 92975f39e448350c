//! Which folder the flows of an exporter are recorded into.

use std::path::PathBuf;

use crate::archive::recorder::{RecorderConfig, Recovered};
use crate::flow::Host;

/// Folders that one process records into at most. Each has files that are open
/// and some megabytes of flows that are on their way.
pub const MAX_FOLDERS: usize = 256;

/// What an earlier run left in each folder.
pub type LeftoverParts = Vec<(PathBuf, Recovered)>;

/// A folder, and what its archive is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFolder {
    pub settings: RecorderConfig,
    /// Empty for none.
    pub ident: String,
}

/// Where what is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordPlan {
    /// Exporters that have a folder of their own.
    pub sources: Vec<(Host, RecordFolder)>,
    /// Each other exporter gets one in this folder when it is first heard of.
    pub each: Option<RecorderConfig>,
    /// Where everything else goes.
    pub rest: Option<RecordFolder>,
}

impl RecordPlan {
    /// Everything into one folder.
    #[must_use]
    pub fn one(settings: RecorderConfig) -> RecordPlan {
        let rest = Some(RecordFolder { settings, ident: String::new() });
        RecordPlan { rest, ..RecordPlan::default() }
    }

    /// Whether nothing is recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.each.is_none() && self.rest.is_none()
    }

    /// Every folder that is known from the start, or in which others will be.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        let places = self.sources.iter().map(|(_, place)| &place.settings);
        let places = places.chain(&self.each).chain(self.rest.iter().map(|place| &place.settings));
        places.map(|settings| settings.folder.clone()).collect()
    }

    /// The same with parts of so many flows at most.
    #[must_use]
    pub fn with_parts_of(mut self, rows: usize) -> RecordPlan {
        let places = self.sources.iter_mut().map(|(_, place)| &mut place.settings);
        let rest = self.rest.iter_mut().map(|place| &mut place.settings);
        for settings in places.chain(&mut self.each).chain(rest) {
            settings.part_rows = settings.part_rows.min(rows);
        }
        self
    }

    /// How files are cut, which is the same everywhere.
    #[must_use]
    pub fn slot_seconds(&self) -> u32 {
        let places = self.sources.iter().map(|(_, place)| &place.settings);
        let mut places = places.chain(&self.each).chain(self.rest.iter().map(|one| &one.settings));
        places.next().map_or(0, |settings| settings.slot_seconds)
    }
}

/// The place of an exporter that gets one of its own. Colons separate folders in
/// nfdump's words, so that an IPv6 address has dashes instead.
pub(super) fn place_of(each: &RecorderConfig, exporter: Host) -> RecordFolder {
    let ident = exporter.to_string().replace(':', "-");
    RecordFolder {
        settings: RecorderConfig { folder: each.folder.join(&ident), ..each.clone() },
        ident,
    }
}
