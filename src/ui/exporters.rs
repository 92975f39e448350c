//! The state of the exporter screens: the list, and one exporter.

use crate::flow::{Host, Time};
use crate::snapshot::{ExporterHealth, Snapshot};

use super::exporter_order::{ExporterKey, ExporterOrder};
use super::list::ScreenList;

/// The list of exporters, and the state of the collector.
#[derive(Clone, Debug, Default)]
pub struct ExportersScreen {
    /// The exporters.
    pub list: ScreenList<Host>,
    /// The order of the list.
    pub order: ExporterOrder,
    /// The number of lines scrolled down in the collector's state, while that fills the screen.
    pub collecting: Option<usize>,
}

impl ExportersScreen {
    /// The screen for the exporters of a snapshot.
    pub fn of(snapshot: &Snapshot) -> ExportersScreen {
        let mut screen = ExportersScreen::default();
        screen.arrive(snapshot);
        screen
    }

    /// Switches between the list and the collector's state.
    pub fn toggle_collecting(&mut self) {
        self.collecting = if self.collecting.is_some() { None } else { Some(0) };
    }

    /// Takes the exporters of a snapshot.
    pub fn arrive(&mut self, snapshot: &Snapshot) {
        let now = snapshot.captured_at;
        let value =
            |exporter: &ExporterHealth| (exporter.address, value(exporter, self.order, now));
        let mut rows: Vec<_> = snapshot.health.exporters.iter().map(value).collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        if self.order.reverse {
            rows.reverse();
        }
        self.list.arrive(&rows, self.order, now);
    }
}

/// The value that an exporter is sorted by, rounded where it changes all the time.
fn value(exporter: &ExporterHealth, order: ExporterOrder, now: Time) -> u64 {
    let milli = |rate: f64| (rate * 1000.0) as u64;
    match order.key {
        ExporterKey::Flows => milli(exporter.flows_per_s),
        ExporterKey::Datagrams => milli(exporter.datagrams_per_s),
        ExporterKey::Lost => exporter.lost,
        ExporterKey::State => exporter.condition(now).mark as u64,
        ExporterKey::Last => u64::try_from(now.since(exporter.last_seen) / 10_000).unwrap_or(0),
        ExporterKey::Clock => exporter.clock_offset_ms.unsigned_abs() / 100,
        ExporterKey::Address => 0,
    }
}

/// A tab of an exporter's screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    /// Its templates.
    Templates,
    /// Its interfaces.
    Interfaces,
    /// Its statistics.
    Statistics,
}

impl Tab {
    /// All tabs, in their order on the screen.
    pub const ALL: [Tab; 3] = [Tab::Templates, Tab::Interfaces, Tab::Statistics];

    /// The next or previous tab, cyclically.
    pub fn step(self, forward: bool) -> Tab {
        let by = if forward { 1 } else { Tab::ALL.len() - 1 };
        let at = Tab::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        Tab::ALL[(at + by) % Tab::ALL.len()]
    }
}

/// The screen of one exporter.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExporterScreen {
    /// The exporter's address.
    pub host: Host,
    /// The tab shown.
    pub tab: Tab,
    /// The number of rows scrolled down.
    pub top: usize,
}

impl ExporterScreen {
    /// Shows a tab from its first row.
    pub fn select(&mut self, tab: Tab) {
        if self.tab != tab {
            (self.tab, self.top) = (tab, 0);
        }
    }
}
