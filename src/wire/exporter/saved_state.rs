//! What a decoder saves of its exporters from one run to the next: templates, sampling rates and
//! names, so that a restart loses no flows.

use serde::{Deserialize, Serialize};

use super::saved_sessions::{recall_sessions, remember_sessions};
use super::sessions::WHOLE_ADDRESS;
use super::shared_limits::{DecoderPortion, ExporterClass};
use super::state::ExporterState;
use crate::flow::{Host, Time};
use crate::wire::Decoder;
use crate::wire::template::SetScratch;

pub use super::sampling::SavedSampler;
pub use super::saved_domain::{SavedDomain, SavedSession, SavedTemplate};

/// The version that is written. The previous version, which has no checksum, can be restored,
/// too; others cannot.
const VERSION: u32 = 2;
const WITHOUT_CHECKSUM: u32 = 1;

/// The beginning of a file. Eight hexadecimal digits follow: the CRC-32 of all other bytes.
const HEAD: &[u8] = br#"{"version":2,"checksum":""#;

/// The saved state of a decoder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedState {
    /// Version of the format.
    pub version: u32,
    /// The exporters.
    pub exporters: Vec<SavedExporter>,
}

impl SavedState {
    /// The time by which the age of saved state is judged: `now`, but no later than the moment
    /// at which an exporter was last heard. So nothing becomes too old when the clock is ahead
    /// at start, or when the machine was off for weeks.
    #[must_use]
    pub fn reached(&self, now: Time) -> Time {
        let newest = self.exporters.iter().map(|exporter| exporter.last_seen_ms).max();
        newest.map_or(now, |newest| now.min(Time(newest)))
    }
}

/// The saved state of one exporter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedExporter {
    /// Source address of the exporter's datagrams.
    pub address: String,
    /// Whether it has a history and therefore keeps its place. Files without this key are older:
    /// all their exporters have one.
    #[serde(default = "yes")]
    pub known: bool,
    /// Arrival of its newest datagram, in milliseconds since 1970.
    pub last_seen_ms: i64,
    /// The collector's clock minus the exporter's clock, in milliseconds.
    pub clock_offset_ms: i64,
    /// The observation domains of the address as a whole: what its sessions agree on.
    pub domains: Vec<SavedDomain>,
    /// Its sessions. Files without this key are older: they do not tell sessions apart.
    #[serde(default)]
    pub sessions: Vec<SavedSession>,
    /// Index, name and description.
    pub interfaces: Vec<(u32, String, String)>,
    /// Id and name of each application.
    pub applications: Vec<(u64, String)>,
}

/// The default of `known` in files that do not have the key.
pub(in crate::wire) fn yes() -> bool {
    true
}

/// Why a saved state cannot be restored.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedStateError {
    /// The file is of another version.
    #[error("it is of version {found}, expected {WITHOUT_CHECKSUM} or {VERSION}")]
    Version {
        /// The version of the file.
        found: u32,
    },
    /// The file is not a saved state; it begins with this text.
    #[error("expected what toptalk saves, found {0}")]
    Foreign(String),
    /// The checksum is wrong.
    #[error("its checksum is wrong: it was damaged")]
    Damaged,
}

/// The content behind the checksum.
#[derive(Serialize, Deserialize)]
struct Body<T> {
    exporters: T,
}

/// Reads only the version, since the other keys of other versions are unknown.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

fn sum(parts: [&[u8]; 2]) -> String {
    let mut sum = crc32fast::Hasher::new();
    parts.iter().for_each(|part| sum.update(part));
    format!("{:08x}", sum.finalize())
}

impl SavedState {
    /// The content of the file: JSON, with a checksum.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_file(&self) -> serde_json::Result<Vec<u8>> {
        let body = serde_json::to_vec(&Body { exporters: &self.exporters })?;
        // The head has the opening brace already.
        let rest = [b"\",", body.get(1..).unwrap_or_default()].concat();
        let sum = sum([HEAD, &rest]);
        Ok([HEAD, sum.as_bytes(), &rest].concat())
    }

    /// Reads the content of a file. Of another version, only the version is read.
    ///
    /// # Errors
    /// When it is not a saved state, or is damaged.
    pub fn of_file(bytes: &[u8]) -> Result<SavedState, SavedStateError> {
        let foreign = |error: serde_json::Error| SavedStateError::Foreign(error.to_string());
        if let Some((said, rest)) =
            bytes.strip_prefix(HEAD).and_then(|rest| rest.split_first_chunk::<8>())
        {
            if sum([HEAD, rest]).as_bytes() != said {
                return Err(SavedStateError::Damaged);
            }
            let Body { exporters } = serde_json::from_slice(bytes).map_err(foreign)?;
            return Ok(SavedState { version: VERSION, exporters });
        }
        let Head { version } = serde_json::from_slice(bytes).map_err(foreign)?;
        match version {
            WITHOUT_CHECKSUM => serde_json::from_slice(bytes).map_err(foreign),
            VERSION => Err(SavedStateError::Damaged),
            version => Ok(SavedState { version, exporters: Vec::new() }),
        }
    }
}

impl Decoder {
    /// The state to save.
    #[must_use]
    pub fn memory(&self) -> SavedState {
        let mut exporters: Vec<SavedExporter> =
            self.exporters.iter().map(|(address, exporter)| save(*address, exporter)).collect();
        exporters.sort_by(|a, b| a.address.cmp(&b.address));
        SavedState { version: VERSION, exporters }
    }

    /// Restores what an earlier run saved. Parts that make no sense are left out, and exporters
    /// that are known already are not changed. Returns how many templates were restored.
    ///
    /// # Errors
    /// When the state is of another version.
    pub fn restore(&mut self, now: Time, memory: &SavedState) -> Result<usize, SavedStateError> {
        if ![WITHOUT_CHECKSUM, VERSION].contains(&memory.version) {
            return Err(SavedStateError::Version { found: memory.version });
        }
        let mut templates = 0;
        let now = memory.reached(now);
        // Exporters with a history come first, in case there is not room for all.
        let (known, others): (Vec<_>, Vec<_>) = memory.exporters.iter().partition(|one| one.known);
        for remembered in known.into_iter().chain(others) {
            let Ok(address) = remembered.address.parse::<Host>() else { continue };
            let known = self.exporters.contains_key(&address);
            let pool = &mut self.pool;
            let is_half = |portion: &DecoderPortion| portion.room() < portion.limit() / 2;
            let full = pool.exporters.room_of(ExporterClass::New) == 0
                || is_half(&pool.templates)
                || is_half(&pool.names);
            if known || full || !self.policy.allows(address) {
                continue;
            }
            let mut exporter = recall_exporter(now, remembered);
            exporter.given_rate = self.policy.rate_of(address);
            exporter.is_named = self.policy.names(address);
            let fits = |class| {
                pool.templates.fits(class, exporter.template_bytes)
                    && pool.names.fits(class, exporter.about.names())
            };
            let may_be_known = (remembered.known || exporter.is_named)
                && pool.exporters.room_of(ExporterClass::Known) > 0
                && fits(ExporterClass::Known);
            if !may_be_known && !fits(ExporterClass::New) {
                continue;
            }
            exporter.class = if may_be_known { ExporterClass::Known } else { ExporterClass::New };
            pool.exporters.change(exporter.class, 0, 1);
            pool.templates.change(exporter.class, 0, exporter.template_bytes);
            pool.names.change(exporter.class, 0, exporter.about.names());
            match exporter.class {
                ExporterClass::Known => self.places.admit_known(address),
                ExporterClass::New => self.places.admit(address, exporter.last_seen),
            }
            exporter.note(address, pool);
            templates += exporter.templates;
            self.exporters.insert(address, exporter);
        }
        Ok(templates)
    }
}

impl Decoder {
    /// Repairs the state of an exporter after a panic in one of its datagrams. The exporter
    /// keeps what it would keep after a restart of the collector, and its counts. Other
    /// exporters are not affected. Returns how many pending data sets are lost.
    pub fn reset_exporter(&mut self, now: Time, address: Host) -> usize {
        let mut lost = 0;
        self.scratch = SetScratch::default();
        if let Some(mut damaged) = self.exporters.remove(&address) {
            lost = damaged.held.len();
            let mut healed = recall_exporter(now, &save(address, &damaged));
            for (id, domain) in &mut healed.domains {
                if let Some(damaged) = damaged.domains.get_mut(id) {
                    domain.sequence = std::mem::take(&mut damaged.sequence);
                    domain.sequence.lose_track();
                }
            }
            (healed.past, healed.numberings) = (damaged.past, damaged.numberings);
            healed.numberings.values_mut().for_each(|shared| shared.sequence.lose_track());
            healed.sessions.merged = damaged.sessions.merged;
            healed.given_rate = damaged.given_rate;
            healed.protocol = damaged.protocol;
            healed.datagrams = damaged.datagrams;
            healed.class = damaged.class;
            healed.is_named = damaged.is_named;
            (healed.second, healed.seconds) = (damaged.second, damaged.seconds);
            healed.refusals = damaged.refusals;
            healed.flows = damaged.flows;
            self.exporters.insert(address, healed);
        }
        // The panic may have left the booked amounts wrong, so they are computed again.
        let sum = |of: fn(&ExporterState) -> usize| {
            let of_class = |class| {
                let all = self.exporters.values().filter(move |exporter| exporter.class == class);
                all.map(of).sum::<usize>()
            };
            (of_class(ExporterClass::New), of_class(ExporterClass::Known))
        };
        self.pool.exporters.set(sum(|_| 1));
        self.pool.held.set(sum(|exporter| exporter.held.bytes()));
        self.pool.templates.set(sum(|exporter| exporter.template_bytes));
        self.pool.names.set(sum(|exporter| exporter.about.names()));
        self.pool.counters.set(sum(|exporter| exporter.counters.booked));
        self.pool.templates.forget_notes();
        self.pool.held.forget_notes();
        self.pool.names.forget_notes();
        self.pool.counters.forget_notes();
        for (address, exporter) in &mut self.exporters {
            exporter.noted = Default::default();
            exporter.note(*address, &mut self.pool);
        }
        lost
    }
}

fn save(address: Host, exporter: &ExporterState) -> SavedExporter {
    let (domains, sessions) = remember_sessions(exporter);
    let newest = exporter.sessions.newest();
    let mut interfaces: Vec<_> = exporter
        .about
        .interfaces
        .iter()
        .filter(|(_, interface)| !interface.name.is_empty() || !interface.description.is_empty())
        .map(|(index, interface)| (index, interface.name.clone(), interface.description.clone()))
        .collect();
    interfaces.sort();
    SavedExporter {
        address: address.to_string(),
        known: exporter.has_history(),
        last_seen_ms: exporter.last_seen.0,
        clock_offset_ms: newest.map_or(0, |session| session.clock.offset()),
        domains,
        sessions,
        interfaces,
        applications: exporter.about.application_list(),
    }
}

fn recall_exporter(now: Time, remembered: &SavedExporter) -> ExporterState {
    let mut exporter = ExporterState::remembered(Time(remembered.last_seen_ms));
    let whole = SavedSession {
        port: WHOLE_ADDRESS,
        last_seen_ms: remembered.last_seen_ms,
        clock_offset_ms: remembered.clock_offset_ms,
        domains: remembered.domains.clone(),
    };
    recall_sessions(now, &mut exporter, whole, &remembered.sessions);
    exporter.book_domains();
    for (index, name, description) in &remembered.interfaces {
        exporter.about.interfaces.name(*index, name);
        exporter.about.interfaces.describe(*index, description);
    }
    for (application, name) in &remembered.applications {
        exporter.about.name_application(*application, name);
    }
    exporter
}
