//! The saved state of sessions and their observation domains.

use serde::{Deserialize, Serialize};

use super::sampling::SavedSampler;

/// The saved state of one transport session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSession {
    /// Its source port; 0 for the address as a whole.
    pub port: u16,
    /// Arrival of its newest datagram, in milliseconds since 1970.
    pub last_seen_ms: i64,
    /// The collector's clock minus the session's clock, in milliseconds.
    pub clock_offset_ms: i64,
    /// Its observation domains. Empty for an only session, whose domains are those of the
    /// address.
    pub domains: Vec<SavedDomain>,
}

/// The saved state of one observation domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDomain {
    /// Observation domain id.
    pub id: u32,
    /// Start of the exporter in milliseconds since 1970, if options said it.
    pub init_ms: Option<i64>,
    /// Its templates.
    pub templates: Vec<SavedTemplate>,
    /// Its sampling rates.
    pub samplers: Vec<SavedSampler>,
}

/// The saved fields of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTemplate {
    /// Template id.
    pub id: u16,
    /// Whether it is an options template.
    pub options: bool,
    /// Number of scope fields.
    pub scope: usize,
    /// Whether the scope fields are scope types of NetFlow v9.
    pub scope_types: bool,
    /// When it was last sent, in milliseconds since 1970.
    pub refreshed_ms: i64,
    /// Enterprise number, element id and length of each field.
    pub fields: Vec<(u32, u16, u16)>,
}
