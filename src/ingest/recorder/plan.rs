//! Which folder the flows of an exporter are recorded into.

use std::path::PathBuf;

use crate::archive::recorder::{RecorderConfig, Recovered};
use crate::flow::Host;

/// Maximum number of folders into which one process records. Each has open files and some
/// megabytes of flows in memory.
pub const MAX_FOLDERS: usize = 256;

/// What an earlier run left in each folder, with the folder's path.
pub type LeftoverParts = Vec<(PathBuf, Recovered)>;

/// A folder and the name of its archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFolder {
    /// The folder, and how its files are written.
    pub settings: RecorderConfig,
    /// Name of the archive; empty if it has none.
    pub ident: String,
}

/// Into which folder the flows of each exporter are recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordPlan {
    /// Exporters that have a folder configured.
    pub sources: Vec<(Host, RecordFolder)>,
    /// Creates a folder in this one for each other exporter when its first flow arrives.
    pub each: Option<RecorderConfig>,
    /// The folder for all other exporters.
    pub rest: Option<RecordFolder>,
}

impl RecordPlan {
    /// Records everything into one folder.
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

    /// Every configured folder, including the parent folder of `each`.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        let places = self.sources.iter().map(|(_, place)| &place.settings);
        let places = places.chain(&self.each).chain(self.rest.iter().map(|place| &place.settings));
        places.map(|settings| settings.folder.clone()).collect()
    }

    /// The same plan with at most `rows` flows in a part.
    #[must_use]
    pub fn with_parts_of(mut self, rows: usize) -> RecordPlan {
        let places = self.sources.iter_mut().map(|(_, place)| &mut place.settings);
        let rest = self.rest.iter_mut().map(|place| &mut place.settings);
        for settings in places.chain(&mut self.each).chain(rest) {
            settings.part_rows = settings.part_rows.min(rows);
        }
        self
    }

    /// The length of slots in seconds, which is the same in all folders.
    #[must_use]
    pub fn slot_seconds(&self) -> u32 {
        let places = self.sources.iter().map(|(_, place)| &place.settings);
        let mut places = places.chain(&self.each).chain(self.rest.iter().map(|one| &one.settings));
        places.next().map_or(0, |settings| settings.slot_seconds)
    }
}

/// The folder of an exporter without a configured one. Because colons separate folders in the
/// arguments of nfdump, they are replaced by dashes in IPv6 addresses.
pub(super) fn place_of(each: &RecorderConfig, exporter: Host) -> RecordFolder {
    let ident = exporter.to_string().replace(':', "-");
    RecordFolder {
        settings: RecorderConfig { folder: each.folder.join(&ident), ..each.clone() },
        ident,
    }
}
