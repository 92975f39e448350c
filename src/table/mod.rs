//! A snapshot as text for people, and as JSON and CSV for programs.
//!
//! [`text`] and [`json`] print the answer of `toptalk top`; [`write_csv`] saves a view. Host
//! tables are taken from [`Snapshot::hosts`](crate::snapshot::Snapshot::hosts), so the question must be
//! [`Subject::Hosts`](crate::snapshot::Subject::Hosts). The answer to
//! [`Subject::Host`](crate::snapshot::Subject::Host) becomes the table of that host's
//! conversations in text and CSV, and the answer to
//! [`Subject::Groups`](crate::snapshot::Subject::Groups) the list of groups.

mod csv;
mod gaps;
mod json;
mod text;

#[cfg(test)]
mod tests;

pub use self::csv::{
    CONVERSATION_COLUMNS, CsvColumn, EXPORTER_COLUMNS, GROUP_COLUMNS, HOST_COLUMNS, write_csv,
};
pub use gaps::gaps;
pub use json::{SCHEMA, json};
pub use text::text;

use crate::flow::service::{OTHER, has_ports, protocol_name, service_name};

/// The name of a protocol, or its number.
fn protocol(proto: u8) -> String {
    protocol_name(proto).map_or_else(|| proto.to_string(), str::to_owned)
}

/// The name of a service port; `other` if a conversation has none; otherwise empty.
fn service(proto: u8, port: u16) -> &'static str {
    if port == OTHER && has_ports(proto) { "other" } else { service_name(port).unwrap_or("") }
}
