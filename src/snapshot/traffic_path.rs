//! The path of traffic.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::flow::Host;

use super::Health;

/// The exporter that reported traffic, and the interfaces through which it entered and left (SNMP
/// indexes, 0 if not reported).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct TrafficPath {
    /// The exporter.
    pub exporter: Host,
    /// Index of the input interface.
    pub input: u32,
    /// Index of the output interface.
    pub output: u32,
}

impl TrafficPath {
    /// Exporter and output interface: `192.0.2.1 Te1/0/1`, `192.0.2.1 if 7`. Names of
    /// interfaces are taken
    /// from `health`; they are not cleaned.
    #[must_use]
    pub fn exit(&self, health: &Health) -> String {
        let mut text = self.exporter.to_string();
        if self.output != 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, " {}", self.interface(self.output, health));
        }
        text
    }

    /// The whole path: `192.0.2.1 if 3>if 7`, with `?` for interfaces that were not
    /// reported.
    #[must_use]
    pub fn label(&self, health: &Health) -> String {
        let name = |index| self.interface(index, health);
        match (self.input, self.output) {
            (0, 0) => self.exporter.to_string(),
            (input, output) => format!("{} {}>{}", self.exporter, name(input), name(output)),
        }
    }

    fn interface(&self, index: u32, health: &Health) -> String {
        match health.interface_name(self.exporter, index) {
            _ if index == 0 => "?".to_owned(),
            Some(name) => name.to_owned(),
            None => format!("if {index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::snapshot::{ExporterDetail, ExporterHealth, InterfaceHealth};

    #[test]
    fn a_path_shows_interface_names_if_there_are_any() {
        let exporter = Host::octets(192, 0, 2, 1);
        let interface =
            InterfaceHealth { index: 7, name: "Te1/0/1".to_owned(), ..InterfaceHealth::default() };
        let detail = ExporterDetail { interfaces: vec![interface], ..ExporterDetail::default() };
        let known = ExporterHealth {
            address: exporter,
            detail: Arc::new(detail),
            ..ExporterHealth::default()
        };
        let health = Health { exporters: vec![known], ..Health::default() };
        for (input, output, exit, label) in [
            (3, 7, "192.0.2.1 Te1/0/1", "192.0.2.1 if 3>Te1/0/1"),
            (7, 8, "192.0.2.1 if 8", "192.0.2.1 Te1/0/1>if 8"),
            (7, 0, "192.0.2.1", "192.0.2.1 Te1/0/1>?"),
            (0, 7, "192.0.2.1 Te1/0/1", "192.0.2.1 ?>Te1/0/1"),
            (0, 0, "192.0.2.1", "192.0.2.1"),
        ] {
            let via = TrafficPath { exporter, input, output };
            assert_eq!((via.exit(&health).as_str(), via.label(&health).as_str()), (exit, label));
        }
    }
}
