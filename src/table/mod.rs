//! A snapshot as text for people, as JSON and as CSV for programs.
//!
//! [`text`] and [`json`] print what `toptalk top` answers; [`write_csv`] saves
//! a view. Host tables are read from [`Snapshot::hosts`], so ask with
//! [`Subject::Hosts`](crate::snapshot::Subject::Hosts); a
//! [`Subject::Host`](crate::snapshot::Subject::Host) answer becomes the table
//! of that host's conversations in text and CSV, a
//! [`Subject::Groups`](crate::snapshot::Subject::Groups) answer the list of groups.

mod csv;
mod json;
mod text;

#[cfg(test)]
mod tests;

pub use self::csv::{
    CONVERSATION_COLUMNS, CsvColumn, EXPORTER_COLUMNS, GROUP_COLUMNS, HOST_COLUMNS, write_csv,
};
pub use json::{SCHEMA, json};
pub use text::text;

use crate::flow::service::{OTHER, has_ports, protocol_name, service_name};
use crate::snapshot::{Completeness, Snapshot};

/// The name of a protocol, else its number.
fn protocol(proto: u8) -> String {
    protocol_name(proto).map_or_else(|| proto.to_string(), str::to_owned)
}

/// The name of a service port, `other` when a conversation has none, else empty.
fn service(proto: u8, port: u16) -> &'static str {
    if port == OTHER && has_ports(proto) { "other" } else { service_name(port).unwrap_or("") }
}

/// Whether the figures of the window are final.
fn is_complete(snapshot: &Snapshot) -> bool {
    snapshot.span.completeness == Completeness::Complete
}
