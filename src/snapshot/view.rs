//! Questions: which traffic, over which span, in which order.

use serde::{Deserialize, Serialize};

use super::Grouping;
use crate::filter::Filter;
use crate::flow::{Host, Time};

/// How long a sliding window is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Window {
    TenSeconds,
    #[default]
    Minute,
    FiveMinutes,
    Quarter,
    Hour,
    /// Everything received since the start, with no lag (`top --window all`).
    All,
}

impl Window {
    /// The windows a screen can show, shortest first.
    pub const SLIDING: [Window; 5] =
        [Window::TenSeconds, Window::Minute, Window::FiveMinutes, Window::Quarter, Window::Hour];

    /// Milliseconds, `None` for [`Window::All`].
    #[must_use]
    pub fn length_ms(self) -> Option<i64> {
        match self {
            Window::TenSeconds => Some(10_000),
            Window::Minute => Some(60_000),
            Window::FiveMinutes => Some(300_000),
            Window::Quarter => Some(900_000),
            Window::Hour => Some(3_600_000),
            Window::All => None,
        }
    }

    /// The word on the command line and in the header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Window::TenSeconds => "10s",
            Window::Minute => "1m",
            Window::FiveMinutes => "5m",
            Window::Quarter => "15m",
            Window::Hour => "1h",
            Window::All => "all",
        }
    }

    /// The next sliding window, longer or shorter, going round at the ends.
    #[must_use]
    pub fn step(self, longer: bool) -> Window {
        let all = Window::SLIDING;
        let at = all.iter().position(|window| *window == self).unwrap_or(1);
        all[if longer { (at + 1) % all.len() } else { (at + all.len() - 1) % all.len() }]
    }
}

/// What the answer is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// Top uploaders beside top downloaders.
    #[default]
    Talkers,
    /// The hosts of both tables of [`Subject::Talkers`] in one.
    Hosts,
    /// One table of local hosts by what crosses the line, also where most of the
    /// traffic is transit.
    Line,
    /// One host and its conversations.
    Host(Host),
    /// Traffic by something else than host, in [`Snapshot::groups`](super::Snapshot::groups).
    Groups(Grouping),
    /// The exporters of [`Health`](super::Health); no traffic by host.
    Exporters,
}

/// What rows are sorted by. Ties go to the lower address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SortKey {
    /// Bytes in the table's own direction: up for uploaders, down for
    /// downloaders, both for tables that show both.
    #[default]
    Bytes,
    /// Bytes sent by the host, received by it, or both.
    Up,
    Down,
    /// Packets and flows, in the table's own direction as with `Bytes`.
    Packets,
    Flows,
    /// The address (of the peer, in a drill-down), lowest first.
    Address,
}

/// Sort key and direction; `reverse` turns the key's natural order round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RowOrder {
    pub key: SortKey,
    pub reverse: bool,
}

/// A question to the windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// The moment the window ends; `None` is the live edge.
    pub at: Option<Time>,
    pub window: Window,
    pub filter: Filter,
    pub subject: Subject,
    pub order: RowOrder,
    /// Rows per table; the rest is in `others`.
    pub limit: usize,
}
