//! The sort keys of the list of exporters.

/// A sort key of the list of exporters. Equal rows are sorted by address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExporterKey {
    /// Flow records per second, largest first.
    #[default]
    /// Datagrams per second, largest first.
    Flows,
    Datagrams,
    /// Lost data, largest first.
    Lost,
    /// The state, worst first.
    State,
    /// The time since the last datagram, longest first.
    Last,
    /// The clock offset, largest first.
    Clock,
    /// The address.
    Address,
}

/// In the order in which the keys are stepped through.
const KEYS: [ExporterKey; 7] = [
    ExporterKey::Flows,
    ExporterKey::Datagrams,
    ExporterKey::Lost,
    ExporterKey::State,
    ExporterKey::Last,
    ExporterKey::Clock,
    ExporterKey::Address,
];

/// The sort key and the direction of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExporterOrder {
    /// The key.
    pub key: ExporterKey,
    /// Whether the order is reversed.
    pub reverse: bool,
}

impl ExporterOrder {
    /// The order with the next key, or with the previous one.
    pub fn step(self, forward: bool) -> ExporterOrder {
        let by = if forward { 1 } else { KEYS.len() - 1 };
        let at = KEYS.iter().position(|key| *key == self.key).unwrap_or(0);
        ExporterOrder { key: KEYS[(at + by) % KEYS.len()], reverse: false }
    }
}
