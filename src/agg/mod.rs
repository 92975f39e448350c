//! Sliding windows: who used the link, over one of five spans, at any moment of the last
//! hour.
//!
//! `ingest` calls [`Windows::record`] and screens call [`Windows::snapshot`], at the same
//! time
//! and from any thread. Time is always an argument. Two maps hold rows by host and by
//! conversation, each row with its own sparse log of panes. Totals are stored apart from
//! rows, so that traffic without a row is never lost: in every window, total = rows +
//! others.

mod admission;
mod alert;
mod all;
mod answer;
mod basis;
mod batch;
mod detail;
mod entry;
mod filtered;
mod grouped;
mod key;
mod lag;
mod limits_noted;
mod log;
mod matching;
mod pane;
mod path_stats;
mod paths;
mod percentile;
mod ranking;
mod reported;
mod row;
mod rows;
mod spread;
mod tally;
mod timing;
mod totals;

pub use alert::Rules;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use self::alert::Alerts;
use self::batch::PreparedBatch;
use self::key::{CompactHost, ConversationKey, LogLane};
use self::lag::{Lag, Timings};
use self::log::Reader;
use self::pane::{Edges, FINE, KEEP_SPAN, floor, moment, seconds};
use self::paths::Paths;
use self::percentile::Percentile;
use self::reported::ReportedTime;
use self::rows::Rows;
use self::spread::corrected;
use self::totals::SiteTotals;
use crate::flow::{Flow, FlowExtras, LocalNetworks, NetworkGroups, Time};
use crate::snapshot::{Alert, AlertSubject, Allowance, Direction};

pub use self::timing::MAX_LAG_MS;

/// Default for the maximum number of host rows (`--max-hosts`): the local hosts of a
/// provider. A row takes about 0.2 kB, and up to 2 kB for an hour of traffic.
pub const DEFAULT_MAX_HOSTS: usize = 1_000_000;

/// Default for the maximum number of conversation rows (`--max-conversations`). A row of
/// a short conversation takes about 0.2 kB.
pub const DEFAULT_MAX_CONVERSATIONS: usize = 2_000_000;

/// Number of flows that are grouped by shard at once: enough that several fall into each
/// group, and few enough that they and their pieces (about a megabyte) stay in the cache.
const BATCH: usize = 4096;

/// Within this time, all old panes are merged and all empty rows dropped, map by map.
const SWEEP_SECONDS: u32 = 120;

/// How far behind the clock live windows end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LagRule {
    /// As far as the reports of the exporters require, at most [`MAX_LAG_MS`].
    #[default]
    Auto,
    /// This many milliseconds.
    Fixed(i64),
}

/// Number of sweep cycles that may be overdue before [`Windows::record`] sweeps. That
/// happens when [`Windows::watch`] is not called, or when time runs fast.
const OVERDUE_CYCLES: u64 = 1;

/// Configuration of [`Windows`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Networks whose hosts are local.
    pub local: LocalNetworks,
    /// Maximum number of host rows.
    pub max_hosts: usize,
    /// Maximum number of conversation rows.
    pub max_conversations: usize,
    /// Maximum number of bytes for host rows.
    pub host_bytes: usize,
    /// Maximum number of bytes for conversation rows.
    pub conversation_bytes: usize,
    /// How far behind the clock live windows end.
    pub lag: LagRule,
    /// Limits that raise alerts.
    pub rules: Rules,
    /// Use one window that never slides, for listening longer than panes are stored.
    pub keep_all: bool,
    /// Windows end now and wait for no late report (`top --window all`).
    pub to_now: bool,
    /// Also count flows that are marked as duplicates (`--no-dedup`).
    pub no_dedup: bool,
    /// Named networks, for [`Grouping::Group`](crate::snapshot::Grouping).
    pub groups: Arc<NetworkGroups>,
    /// When collecting began. Traffic from before is not known completely.
    pub started: Time,
}

/// The part of [`Config`] that can be changed while windows are in use.
#[derive(Clone, Debug, Default)]
pub struct AdjustableConfig {
    /// Networks whose hosts are local.
    pub local: LocalNetworks,
    /// How far behind the clock live windows end.
    pub lag: LagRule,
    /// Limits that raise alerts.
    pub rules: Rules,
    /// Named networks.
    pub groups: Arc<NetworkGroups>,
}

impl Config {
    fn tuning(&self) -> AdjustableConfig {
        let Config { local, lag, rules, groups, .. } = self;
        AdjustableConfig { local: local.clone(), lag: *lag, rules: *rules, groups: groups.clone() }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            local: LocalNetworks::default(),
            max_hosts: DEFAULT_MAX_HOSTS,
            max_conversations: DEFAULT_MAX_CONVERSATIONS,
            host_bytes: usize::MAX,
            conversation_bytes: usize::MAX,
            lag: LagRule::default(),
            rules: Rules::default(),
            keep_all: false,
            to_now: false,
            no_dedup: false,
            groups: Arc::default(),
            started: Time(0),
        }
    }
}

/// State that all rows share, behind one lock that is held for one batch at a time.
struct SharedState {
    totals: SiteTotals,
    timings: Timings,
    alerts: Alerts,
    percentile: Option<Percentile>,
    edges: Edges,
    lag: Lag,
    /// The second in which the lag was last updated.
    lag_updated: Option<u32>,
    /// Learned for `--window all` of a process that listens for a while.
    reported: ReportedTime,
}

/// The windows of one collector.
pub struct Windows {
    config: Config,
    /// The current settings; those in `config` are the initial ones.
    tuning: RwLock<Arc<AdjustableConfig>>,
    hosts: Rows<CompactHost>,
    conversations: Rows<ConversationKey>,
    paths: Paths,
    /// Position of the edge at the start, in seconds.
    first_edge: u32,
    site: Mutex<SharedState>,
}

impl Windows {
    /// Creates empty windows.
    #[must_use]
    pub fn new(config: Config) -> Windows {
        let edges = if config.keep_all {
            Edges::single()
        } else {
            Edges::at(floor(seconds(config.started), FINE))
        };
        Windows {
            hosts: Rows::new(config.max_hosts, config.host_bytes),
            conversations: Rows::new(config.max_conversations, config.conversation_bytes),
            paths: Paths::default(),
            first_edge: edges.edge,
            site: Mutex::new(SharedState {
                totals: SiteTotals::new(),
                timings: Timings::default(),
                alerts: Alerts::default(),
                percentile: Percentile::new(),
                edges,
                lag: Lag::default(),
                lag_updated: None,
                reported: ReportedTime::default(),
            }),
            tuning: RwLock::new(Arc::new(config.tuning())),
            config,
        }
    }

    /// Replaces the settings that can be changed, from the next flows and the next answer
    /// on. Traffic that was counted before is not moved.
    pub fn tune(&self, tuning: AdjustableConfig) {
        *self.tuning.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tuning);
    }

    /// The current named networks.
    #[must_use]
    pub fn groups(&self) -> Arc<NetworkGroups> {
        self.tuning().groups.clone()
    }

    fn tuning(&self) -> Arc<AdjustableConfig> {
        self.tuning.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Locks the shared state. A panic while the lock was held loses one flow from the
    /// figures at worst, so the lock is taken even if it is poisoned.
    fn site(&self) -> MutexGuard<'_, SharedState> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a flow is counted: duplicates are not, unless `no_dedup` is set.
    fn counts(&self, flow: &Flow) -> bool {
        self.config.no_dedup || !flow.duplicate.is_set()
    }

    /// Adds flows to all windows. Flows that are marked as duplicates are skipped.
    ///
    /// Totals are written before rows and read after them. So a snapshot that is taken
    /// meanwhile may have "others" too large, but never too small.
    pub fn record(&self, flows: &[Flow]) {
        self.record_with(flows, &[]);
    }

    /// [`Windows::record`] with the extra fields of the batch ([`Flow::more`]): hosts and
    /// conversations are those inside a NAT ([`Flow::ends`]).
    pub fn record_with(&self, flows: &[Flow], more: &[FlowExtras]) {
        let tuning = self.tuning();
        for flows in flows.chunks(BATCH) {
            let newest = flows.iter().map(|flow| flow.arrival).max().unwrap_or_default();
            self.advance(newest);
            let (edges, epochs) = {
                let site = self.site();
                (site.edges, (self.conversations.epoch(), self.hosts.epoch()))
            };
            let counts = |flow: &Flow| self.counts(flow);
            let batch = PreparedBatch::new(&edges, &tuning.local, &self.paths, flows, more, counts);
            {
                let mut site = self.site();
                for (class, pieces) in batch.each() {
                    site.totals.add(&edges, class, pieces);
                }
                site.timings.record(flows);
                if self.config.keep_all || self.config.to_now || edges.edge <= self.young_until() {
                    let counted = flows.iter().filter(|flow| self.counts(flow));
                    counted.for_each(|flow| site.reported.take(flow, corrected(flow)));
                }
            }
            self.conversations.add_all(&edges, epochs.0, &batch.conversations, &batch);
            self.hosts.add_all(&edges, epochs.1, &batch.hosts, &batch);
            self.sweep(&edges, OVERDUE_CYCLES);
        }
    }

    /// Until live windows end here, `--window all` may need to know what was reported.
    fn young_until(&self) -> u32 {
        self.first_edge.saturating_add(MINUTE_SECONDS)
    }

    /// Merges old panes and drops empty rows in those maps that are due. Maps are swept only when
    /// more than `overdue` whole cycles are due.
    fn sweep(&self, edges: &Edges, overdue: u64) {
        let passed = edges.edge.saturating_sub(self.first_edge);
        self.hosts.sweep(edges, passed, SWEEP_SECONDS, overdue);
        self.conversations.sweep(edges, passed, SWEEP_SECONDS, overdue);
    }

    /// Moves the edge of live windows to `now` minus the lag, never back. May be called any
    /// number of times per second.
    pub fn advance(&self, now: Time) {
        if self.config.keep_all {
            return;
        }
        let (jumped, edges) = {
            let mut site = self.site();
            let second = seconds(now);
            if second < site.edges.edge || site.lag_updated == Some(second) {
                return;
            }
            site.lag_updated = Some(second);
            let learned = site.timings.lag(now);
            site.lag = match self.tuning().lag {
                LagRule::Auto => learned,
                // A configured lag is used even if exporters would need a longer one.
                LagRule::Fixed(ms) => Lag { ms, ..Lag::default() },
            };
            let wait = if self.config.to_now { 0 } else { site.lag.ms };
            let edge = floor(seconds(now.plus_ms(-wait)), FINE);
            if edge <= site.edges.edge {
                return;
            }
            let jumped = edge - site.edges.edge;
            site.edges = Edges::at(edge);
            self.update_p95(&mut site);
            (jumped, site.edges)
        };
        // After a long pause, slot numbers of old entries would be taken for new ones.
        if jumped > 2 * KEEP_SPAN {
            self.hosts.clear();
            self.conversations.clear();
        } else if jumped > 2 * SWEEP_SECONDS {
            self.sweep(&edges, 0);
        }
    }

    /// Adds finished five-minute intervals to the 95th percentile for billing.
    fn update_p95(&self, site: &mut SharedState) {
        let Some(mut percentile) = site.percentile.take() else { return };
        let since = seconds(self.config.started);
        while let Some((start, end)) = percentile.due(since, site.edges.edge) {
            let totals = site.totals.sum(start, end);
            percentile.record(end, &totals.up, &totals.down);
        }
        site.percentile = Some(percentile);
    }

    /// Bytes that host rows and conversation rows take now.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        (self.hosts.bytes(), self.conversations.bytes())
    }

    /// The active alerts, worst first.
    #[must_use]
    pub fn alerts(&self) -> Vec<Alert> {
        self.site().alerts.list()
    }

    /// Evaluates the limits over the last complete minute. The collector calls it about once a
    /// second.
    pub fn watch(&self, now: Time) {
        self.advance(now);
        let edges = self.site().edges;
        self.sweep(&edges, 0);
        let tuning = self.tuning();
        let rules = &tuning.rules;
        let (edges, blind, active) = {
            let site = self.site();
            (site.edges, site.lag.blind, site.alerts.subjects())
        };
        if self.config.keep_all {
            return;
        }
        let (start, end) = edges.widen(edges.edge.saturating_sub(MINUTE_SECONDS), edges.edge);
        // Just after the start, the beginning of the minute is not known completely. The mean is
        // over the whole minute, so it can only be too low.
        let mean = |bytes: u64| bytes.saturating_mul(8) / u64::from(MINUTE_SECONDS);
        let mut rates = Vec::new();
        let mut take = |subject: AlertSubject, bytes: u64| {
            let rate = mean(bytes);
            if rules.limit(&subject).is_some_and(|limit| rate > limit) || active.contains(&subject)
            {
                rates.push((subject, rate));
            }
        };
        if rules.watch_hosts() {
            let reader = Reader { edges: &edges, paths: &self.paths, start, end };
            self.hosts.each(&mut Allowance::unlimited(), |key, log, _| {
                let (both, _) = reader.pair(log, LogLane::Up, LogLane::Down);
                take(AlertSubject::Host(key.host(), Direction::Up), both.up.bytes);
                take(AlertSubject::Host(key.host(), Direction::Down), both.down.bytes);
            });
        }
        let mut site = self.site();
        let totals = site.totals.sum(start, end);
        take(AlertSubject::Link(Direction::Up), totals.up.bytes);
        take(AlertSubject::Link(Direction::Down), totals.down.bytes);
        site.alerts.evaluate(moment(end), rules, !blind, &rates);
    }
}

/// Length of the mean that is compared with a limit.
const MINUTE_SECONDS: u32 = 60;
