//! Requests for answers: which traffic, over which time, in which order.

use serde::{Deserialize, Serialize};

use super::Grouping;
use crate::filter::Filter;
use crate::flow::{Host, Time};

/// Length of a sliding window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Window {
    /// 10 seconds.
    TenSeconds,
    /// One minute.
    #[default]
    Minute,
    /// 5 minutes.
    FiveMinutes,
    /// 15 minutes.
    Quarter,
    /// One hour.
    Hour,
    /// Everything received since the start, without lag (`top --window all`).
    All,
}

impl Window {
    /// The windows of a screen, shortest first.
    pub const SLIDING: [Window; 5] =
        [Window::TenSeconds, Window::Minute, Window::FiveMinutes, Window::Quarter, Window::Hour];

    /// Length in milliseconds; `None` for [`Window::All`].
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

    /// The name on the command line and in the header.
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

    /// The next longer or shorter sliding window; after the last comes the first.
    #[must_use]
    pub fn step(self, longer: bool) -> Window {
        let all = Window::SLIDING;
        let at = all.iter().position(|window| *window == self).unwrap_or(1);
        all[if longer { (at + 1) % all.len() } else { (at + all.len() - 1) % all.len() }]
    }
}

/// The subject of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// Two tables: top uploaders and top downloaders.
    #[default]
    Talkers,
    /// One table with the hosts of both tables of [`Subject::Talkers`].
    Hosts,
    /// One table of local hosts by link traffic, even if most traffic is transit.
    Line,
    /// One host and its conversations.
    Host(Host),
    /// Traffic by a [`Grouping`], in [`Snapshot::groups`](super::Snapshot::groups).
    Groups(Grouping),
    /// The exporters in [`Health`](super::Health), without traffic by host.
    Exporters,
}

/// The key by which rows are sorted. Equal rows are sorted by address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SortKey {
    /// Bytes in the table's direction: up for uploaders, down for downloaders, otherwise
    /// both.
    #[default]
    Bytes,
    /// Bytes sent by the host.
    Up,
    /// Bytes received by the host.
    Down,
    /// Packets, in the table's direction as for `Bytes`.
    Packets,
    /// Flows, in the table's direction as for `Bytes`.
    Flows,
    /// The address (for conversations, of the peer), lowest first.
    Address,
}

/// Sort key and direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RowOrder {
    /// The key.
    pub key: SortKey,
    /// Whether the key's natural order is reversed.
    pub reverse: bool,
}

/// A request for an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// The end of the window; `None` for the newest.
    pub at: Option<Time>,
    /// Length of the window.
    pub window: Window,
    /// Only traffic that matches this filter counts.
    pub filter: Filter,
    /// The subject.
    pub subject: Subject,
    /// The order of rows.
    pub order: RowOrder,
    /// Maximum number of rows per table; the rest is in `others`.
    pub limit: usize,
}
