//! What the list of exporters is sorted by.

/// What the list of exporters is sorted by. Ties go to the lower address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExporterKey {
    /// Flow records or datagrams a second, most first.
    #[default]
    Flows,
    Datagrams,
    /// Most first.
    Lost,
    /// The worst first.
    State,
    /// Silent for longest first.
    Last,
    /// The clock that is off by most first.
    Clock,
    Address,
}

/// In the order of the sort key.
const KEYS: [ExporterKey; 7] = [
    ExporterKey::Flows,
    ExporterKey::Datagrams,
    ExporterKey::Lost,
    ExporterKey::State,
    ExporterKey::Last,
    ExporterKey::Clock,
    ExporterKey::Address,
];

/// Sort key and direction of the list of exporters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExporterOrder {
    pub key: ExporterKey,
    pub reverse: bool,
}

impl ExporterOrder {
    /// By the next key, or by the one before.
    pub fn step(self, forward: bool) -> ExporterOrder {
        let by = if forward { 1 } else { KEYS.len() - 1 };
        let at = KEYS.iter().position(|key| *key == self.key).unwrap_or(0);
        ExporterOrder { key: KEYS[(at + by) % KEYS.len()], reverse: false }
    }
}
