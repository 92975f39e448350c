//! Views and answers as plain data: a [`View`] is a request, a [`Snapshot`] its answer.
//!
//! They are independent of the source of the answer. Screens, CSV and JSON use the same
//! structure.

mod allowance;
mod complete;
mod condition;
mod counters;
mod coverage;
mod exporter;
mod group;
mod health;
mod label;
mod traffic_path;
mod view;

pub use allowance::{Allowance, STEPS};
pub use condition::{Condition, ConditionLevel};
pub use counters::{ClassTotals, Counters, UpDown};
pub use exporter::{
    ExporterDetail, ExporterHealth, InterfaceHealth, SamplerHealth, SamplingState, Selector,
    TemplateHealth,
};
pub use group::{GroupKey, GroupRow, Grouping};
pub use health::{
    Alarm, Attached, DropCount, Health, Listener, MAX_NO_ROOM, MissingPort, NoRoom, QueueHealth,
    RecordingHealth, Transport, WorkHealth,
};
pub use label::Label;
pub use traffic_path::TrafficPath;
pub use view::{RowOrder, SortKey, Subject, View, Window};

use serde::{Deserialize, Serialize};

use crate::flow::{Host, Network, Time};

/// A table and what it leaves out. Always `total` = sum of `rows` + `others`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranking<R> {
    /// The listed rows.
    pub rows: Vec<R>,
    /// Traffic that is not in the listed rows: other rows, and traffic without a row.
    pub others: UpDown,
    /// All traffic of the table.
    pub total: UpDown,
    /// Number of rows, listed or not.
    pub count: usize,
}

impl<R> Default for Ranking<R> {
    fn default() -> Ranking<R> {
        Ranking { rows: Vec::new(), others: UpDown::default(), total: UpDown::default(), count: 0 }
    }
}

/// Which kinds of hosts a conversation connects.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Reach {
    /// A local and a remote host.
    #[default]
    Line,
    /// Two local hosts.
    Internal,
    /// Two remote hosts.
    Transit,
}

impl Reach {
    /// The name in CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reach::Line => "line",
            Reach::Internal => "internal",
            Reach::Transit => "transit",
        }
    }
}

/// A host and its traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRow {
    /// The host.
    pub host: Host,
    /// Its traffic in the window.
    pub traffic: UpDown,
    /// Bytes that it may have had in the window before it got a row, because another host had that
    /// row. 0 means that the traffic is exact.
    pub missing: u64,
}

impl HostRow {
    /// Whether the missing bytes are worth a mark: more than 1 % of its traffic.
    #[must_use]
    pub fn is_low(&self) -> bool {
        u128::from(self.missing) * 100 > u128::from(self.traffic.sum().bytes)
    }
}

/// Maximum number of bytes of a host or conversation without a row in the window. 0 as long as no
/// limit was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untracked {
    /// For hosts.
    pub host: u64,
    /// For conversations.
    pub conversation: u64,
}

/// A conversation of the requested host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationRow {
    /// The other host.
    pub peer: Host,
    /// IP protocol.
    pub proto: u8,
    /// Service port, 0 for other.
    pub port: u16,
    /// Which kinds of hosts it connects.
    pub reach: Reach,
    /// Its traffic; `up` is sent by the requested host.
    pub traffic: UpDown,
    /// Start of the oldest pane with traffic, within the last hour.
    pub first_pane: Time,
    /// Start of the newest pane with traffic.
    pub last_pane: Time,
    /// Path of most bytes that the host sent in the window; `None` if it sent nothing, or the path
    /// is not known.
    pub via: Option<TrafficPath>,
}

/// Whether the figures of a window are complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Completeness {
    /// They are complete.
    #[default]
    Complete,
    /// Collecting began within the window.
    Filling {
        /// Only the last so many milliseconds are known completely.
        known_ms: i64,
    },
    /// An exporter reports too rarely for the longest lag.
    Incomplete {
        /// The exporter.
        exporter: Host,
        /// Its active timeout in milliseconds.
        active_timeout_ms: i64,
    },
}

/// The time that an answer covers. It ends some lag before now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerSpan {
    /// Start of the window.
    pub start: Time,
    /// End of the window.
    pub end: Time,
    /// Whether its figures are complete.
    pub completeness: Completeness,
}

impl AnswerSpan {
    /// Length in milliseconds, at least 0.
    #[must_use]
    pub fn length_ms(&self) -> i64 {
        self.end.since(self.start).max(0)
    }

    /// Mean rate of `bytes` over this time in bit/s; 0 if it is empty.
    #[must_use]
    pub fn bits_per_second(&self, bytes: u64) -> u64 {
        self.per_second(bytes, 8)
    }

    /// Mean of `count` x `factor` per second over this time.
    #[must_use]
    pub fn per_second(&self, count: u64, factor: u64) -> u64 {
        let length = self.length_ms() as u128;
        if length == 0 {
            return 0;
        }
        let total = u128::from(count) * u128::from(factor) * 1000 + length / 2;
        u64::try_from(total / length).unwrap_or(u64::MAX)
    }
}

/// Rates in bit/s in steps of equal length, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Length of a step in milliseconds.
    pub step_ms: i64,
    /// End of the last step.
    pub end: Time,
    /// Sent.
    pub up: Vec<u64>,
    /// Received.
    pub down: Vec<u64>,
}

/// The link: rates of all traffic between local and remote hosts, and the 95th percentiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// Capacity for sending in bit/s (`--link`).
    pub capacity_up: Option<u64>,
    /// Capacity for receiving in bit/s.
    pub capacity_down: Option<u64>,
    /// The highest ten-second mean of the hour for sending, in bit/s.
    pub peak_up: u64,
    /// The same for receiving.
    pub peak_down: u64,
    /// 95th percentile of 5-minute means for sending, in bit/s; `None` before the first.
    pub p95_up: Option<u64>,
    /// The same for receiving.
    pub p95_down: Option<u64>,
    /// The last ten minutes, for the sparkline.
    pub series: Series,
}

/// The details of one host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostDetail {
    /// The host.
    pub host: Host,
    /// Traffic sent and received in the window, all classes.
    pub traffic: UpDown,
    /// Rates over the last ten seconds of the window.
    pub now: Rates,
    /// Rates over the last minute of the window.
    pub minute: Rates,
    /// Rates over the last 15 minutes of the window.
    pub quarter: Rates,
    /// Rates of the busiest minute of the hour.
    pub peak: Rates,
    /// The last hour.
    pub series: Series,
    /// Path of most bytes that it sent in the window.
    pub via: Option<TrafficPath>,
    /// Its conversations.
    pub conversations: Ranking<ConversationRow>,
}

/// Rates in bit/s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Sent.
    pub up: u64,
    /// Received.
    pub down: u64,
}

/// Severity of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Above the limit.
    Warning,
    /// At least twice the limit of a host, or a full link.
    Critical,
}

/// Direction of traffic over the link, seen from the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Direction {
    /// From local to remote hosts.
    Up,
    /// From remote to local hosts.
    Down,
}

/// The subject of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AlertSubject {
    /// The link.
    Link(Direction),
    /// A host.
    Host(Host, Direction),
}

/// A limit that is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The subject.
    pub subject: AlertSubject,
    /// Its severity.
    pub severity: Severity,
    /// When it was raised.
    pub since: Time,
    /// Mean of the last complete minute in bit/s.
    pub now: u64,
    /// The limit in bit/s.
    pub limit: u64,
    /// The highest mean of a minute since it was raised, in bit/s.
    pub peak: u64,
}

/// The kind of traffic in the tables of [`Subject::Talkers`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Basis {
    /// Local hosts by what they send and receive over the link.
    #[default]
    UpDown,
    /// Hosts by what they send and receive as sources and destinations, because most traffic has no
    /// local host.
    SourceDestination {
        /// The busiest networks, as proposals for `--local`.
        candidates: Vec<Network>,
    },
}

/// An answer to a [`View`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was made, by the wall clock.
    pub captured_at: Time,
    /// The view.
    pub view: View,
    /// The time that it covers.
    pub span: AnswerSpan,
    /// Totals of the window by class; with a filter, of matching traffic.
    pub totals: ClassTotals,
    /// The kind of traffic in the tables.
    pub basis: Basis,
    /// [`Subject::Talkers`]: sorted by `up`.
    pub uploaders: Ranking<HostRow>,
    /// [`Subject::Talkers`]: sorted by `down`.
    pub downloaders: Ranking<HostRow>,
    /// [`Subject::Hosts`].
    pub hosts: Ranking<HostRow>,
    /// [`Subject::Groups`].
    pub groups: Ranking<GroupRow>,
    /// [`Subject::Host`].
    pub detail: Option<HostDetail>,
    /// What rows may leave out after a limit was reached.
    pub untracked: Untracked,
    /// The link.
    pub link: LinkView,
    /// Active alerts, worst first, then oldest first.
    pub alerts: Vec<Alert>,
    /// Why there are no rows: the answer needs more work than allowed, or takes longer than others.
    /// A sentence with the remedy.
    pub unanswered: Option<String>,
    /// Notes for the reader about this answer.
    pub notes: Vec<String>,
    /// Seconds between two answers if more than one, because many screens ask or an answer takes
    /// long; otherwise 0.
    pub every_s: u32,
    /// The state of the collector.
    pub health: Health,
}
