//! The state of the exporters' screens: the list and one exporter.

use crate::flow::{Host, Time};
use crate::snapshot::{ExporterHealth, Snapshot};

use super::exporter_order::{ExporterKey, ExporterOrder};
use super::list::ScreenList;

/// All exporters and how the collecting goes.
#[derive(Clone, Debug, Default)]
pub struct ExportersScreen {
    pub list: ScreenList<Host>,
    pub order: ExporterOrder,
    /// Lines scrolled down in what is known of the collecting, while that takes
    /// the whole screen.
    pub collecting: Option<usize>,
}

impl ExportersScreen {
    /// The exporters of a snapshot.
    pub fn of(snapshot: &Snapshot) -> ExportersScreen {
        let mut screen = ExportersScreen::default();
        screen.arrive(snapshot);
        screen
    }

    /// From the list to what is known of the collecting, and back.
    pub fn turn(&mut self) {
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

/// What an exporter is sorted by, coarse where it never stands still.
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

/// What is listed of one exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    Templates,
    Interfaces,
    Statistics,
}

impl Tab {
    pub const ALL: [Tab; 3] = [Tab::Templates, Tab::Interfaces, Tab::Statistics];

    /// The next one, or the one before, going round.
    pub fn step(self, forward: bool) -> Tab {
        let by = if forward { 1 } else { Tab::ALL.len() - 1 };
        let at = Tab::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        Tab::ALL[(at + by) % Tab::ALL.len()]
    }
}

/// One exporter.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExporterScreen {
    pub host: Host,
    pub tab: Tab,
    /// Rows scrolled down.
    pub top: usize,
}

impl ExporterScreen {
    pub fn turn(&mut self, tab: Tab) {
        if self.tab != tab {
            (self.tab, self.top) = (tab, 0);
        }
    }
}
