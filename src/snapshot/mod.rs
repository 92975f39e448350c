//! Questions and answers as plain data: a [`View`] asks, a [`Snapshot`] answers.
//!
//! Nothing here knows where the answer came from; the screen, the CSV file and
//! the JSON output all read the same structure.

mod allowance;
mod condition;
mod counters;
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
    ExporterDetail, ExporterHealth, InterfaceHealth, SamplingState, TemplateHealth,
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

/// A table with what it leaves out. Law: `total` = sum of `rows` + `others`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranking<R> {
    pub rows: Vec<R>,
    /// What the listed rows do not hold: unlisted rows and untracked traffic.
    pub others: UpDown,
    pub total: UpDown,
    /// How many rows there are, listed or not.
    pub count: usize,
}

impl<R> Default for Ranking<R> {
    fn default() -> Ranking<R> {
        Ranking { rows: Vec::new(), others: UpDown::default(), total: UpDown::default(), count: 0 }
    }
}

/// How far a conversation reaches.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Reach {
    /// Across the line: one end local, one remote.
    #[default]
    Line,
    /// Both ends local.
    Internal,
    /// Both ends remote.
    Transit,
}

impl Reach {
    /// The word in CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reach::Line => "line",
            Reach::Internal => "internal",
            Reach::Transit => "transit",
        }
    }
}

/// One host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRow {
    pub host: Host,
    pub traffic: UpDown,
    /// Bytes that it may have had in the window before it got its row: it was let
    /// in late, for another host that had less. 0 is exact.
    pub missing: u64,
}

impl HostRow {
    /// Whether what may be missing is worth a mark: more than 1 % of its traffic.
    #[must_use]
    pub fn is_low(&self) -> bool {
        u128::from(self.missing) * 100 > u128::from(self.traffic.sum().bytes)
    }
}

/// The most bytes that anything without a row can have had in the window: 0 as
/// long as no limit was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untracked {
    pub host: u64,
    pub conversation: u64,
}

/// One conversation of the host that was asked for: with a peer, by a
/// protocol, at a service port (0 = other).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationRow {
    pub peer: Host,
    pub proto: u8,
    pub port: u16,
    pub reach: Reach,
    /// `up` is sent by the host that was asked for.
    pub traffic: UpDown,
    /// Start of the oldest and of the newest pane with traffic, within the hour.
    pub first_pane: Time,
    pub last_pane: Time,
    /// The way of most of what the host sent in the window; `None` when it sent
    /// nothing, or the way is not known.
    pub via: Option<TrafficPath>,
}

/// Why the figures of a window are not final.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Completeness {
    #[default]
    Complete,
    /// Collecting began within the window: only its last `known_ms` are known
    /// completely, before that only what was still open then.
    Filling { known_ms: i64 },
    /// An exporter reports too seldom for the lag that is allowed.
    Incomplete { exporter: Host, active_timeout_ms: i64 },
}

/// The span that an answer covers; `end` lies `lag` before now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerSpan {
    pub start: Time,
    pub end: Time,
    pub completeness: Completeness,
}

impl AnswerSpan {
    /// Length in milliseconds, at least 0.
    #[must_use]
    pub fn length_ms(&self) -> i64 {
        self.end.since(self.start).max(0)
    }

    /// The mean rate in bit/s of `bytes` over this span, 0 for an empty span.
    #[must_use]
    pub fn bits_per_second(&self, bytes: u64) -> u64 {
        self.per_second(bytes, 8)
    }

    /// The mean of `count` x `factor` per second over this span.
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

/// Rates over time in equal steps, oldest first, in bit/s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    pub step_ms: i64,
    /// End of the last step.
    pub end: Time,
    pub up: Vec<u64>,
    pub down: Vec<u64>,
}

/// The line: rates of everything that crosses it, and its 95th percentiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// Capacity in bit/s as given by `--link`.
    pub capacity_up: Option<u64>,
    pub capacity_down: Option<u64>,
    /// The highest mean of any ten seconds of the hour, bit/s.
    pub peak_up: u64,
    pub peak_down: u64,
    /// 95th percentile of the 5-minute means, bit/s; `None` before the first.
    pub p95_up: Option<u64>,
    pub p95_down: Option<u64>,
    /// The last ten minutes for the sparkline.
    pub series: Series,
}

/// Everything about one host in one answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostDetail {
    pub host: Host,
    /// Sent and received in the window, all classes.
    pub traffic: UpDown,
    /// Rates in bit/s over the last ten seconds, minute and quarter before the
    /// end of the window, and the highest minute of the hour.
    pub now: Rates,
    pub minute: Rates,
    pub quarter: Rates,
    pub peak: Rates,
    /// The last hour.
    pub series: Series,
    /// The way of most of what it sent in the window.
    pub via: Option<TrafficPath>,
    pub conversations: Ranking<ConversationRow>,
}

/// A pair of rates in bit/s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    pub up: u64,
    pub down: u64,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    Warning,
    /// At least twice the limit, or a full line.
    Critical,
}

/// A direction across the line, seen from the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Direction {
    Up,
    Down,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AlertSubject {
    Link(Direction),
    Host(Host, Direction),
}

/// A limit that is being broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub subject: AlertSubject,
    pub severity: Severity,
    pub since: Time,
    /// The mean of the last complete minute, the limit, and the highest such
    /// mean since the alert was raised; bit/s.
    pub now: u64,
    pub limit: u64,
    pub peak: u64,
}

/// Which tables [`Subject::Talkers`] holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Basis {
    /// Local hosts by what they send and receive across the line.
    #[default]
    UpDown,
    /// No local network matches most of the traffic: hosts by source and by
    /// destination, with the busiest networks as candidates for `--local`.
    SourceDestination { candidates: Vec<Network> },
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When this was computed, by the wall clock.
    pub captured_at: Time,
    pub view: View,
    pub span: AnswerSpan,
    /// Totals of the window by class; with a filter, of what matches.
    pub totals: ClassTotals,
    pub basis: Basis,
    /// [`Subject::Talkers`]: sorted by `up` and by `down`.
    pub uploaders: Ranking<HostRow>,
    pub downloaders: Ranking<HostRow>,
    /// [`Subject::Hosts`].
    pub hosts: Ranking<HostRow>,
    /// [`Subject::Groups`].
    pub groups: Ranking<GroupRow>,
    /// [`Subject::Host`].
    pub detail: Option<HostDetail>,
    /// What rows may leave out where limits were reached.
    pub untracked: Untracked,
    pub link: LinkView,
    /// Worst first, then oldest first.
    pub alerts: Vec<Alert>,
    /// Why there are no rows: making them would have cost more than an answer may, or
    /// takes longer than others. A sentence that says what to do instead.
    pub unanswered: Option<String>,
    /// What the reader should know about this answer, ready to print.
    pub notes: Vec<String>,
    /// Seconds from one answer to the next where that is more than one: many
    /// screens ask, or much.
    pub every_s: u32,
    pub health: Health,
}
