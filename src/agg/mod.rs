//! Sliding windows: who used the line, over any of five spans, at any moment of
//! the last hour.
//!
//! Ingest calls [`Windows::record`], screens call [`Windows::snapshot`]; both at
//! once, from any thread. Time is always an argument. Two maps hold rows by
//! host and by conversation, each with its own sparse log of panes; the totals
//! are kept apart from the rows, so that traffic for which there is no row is
//! never lost: total = rows + others, in every window.

mod admission;
mod alert;
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
use self::rows::Rows;
use self::totals::SiteTotals;
use crate::flow::{Flow, LocalNetworks, NetworkGroups, Time};
use crate::snapshot::{Alert, AlertSubject, Allowance, Direction};

pub use self::timing::MAX_LAG_MS;

/// Rows by host that are kept unless said otherwise (`--max-hosts`): the local
/// hosts of a provider. About 0.2 kB each, and up to 2 kB for an hour of traffic.
pub const DEFAULT_MAX_HOSTS: usize = 1_000_000;

/// Rows by conversation that are kept unless said otherwise
/// (`--max-conversations`). About 0.2 kB each, as long as they are short.
pub const DEFAULT_MAX_CONVERSATIONS: usize = 2_000_000;

/// Flows grouped by shard at once: enough that several fall into each group, few
/// enough that they and their pieces (about a megabyte) stay in the cache.
const BATCH: usize = 4096;

/// In this time all old panes are merged and empty rows dropped, map by map.
const SWEEP_SECONDS: u32 = 120;

/// How far behind now live windows end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LagRule {
    /// As far as the exporters' reports need, at most [`MAX_LAG_MS`].
    #[default]
    Auto,
    /// This many milliseconds.
    Fixed(i64),
}

/// Rounds that may be overdue before recording sweeps by itself: nobody calls
/// [`Windows::watch`] then, or time runs fast.
const PATIENCE: u64 = 1;

/// What [`Windows`] are made with.
#[derive(Clone, Debug)]
pub struct Config {
    pub local: LocalNetworks,
    pub max_hosts: usize,
    pub max_conversations: usize,
    /// Bytes that rows of hosts, and those of conversations, take at most.
    pub host_bytes: usize,
    pub conversation_bytes: usize,
    pub lag: LagRule,
    pub rules: Rules,
    /// Keep everything in one window that never slides (`top --window all`).
    pub keep_all: bool,
    /// Count flows as often as exporters report them, also those marked as
    /// reported before.
    pub no_dedup: bool,
    /// Names of local networks, for [`Grouping::Group`](crate::snapshot::Grouping).
    pub groups: Arc<NetworkGroups>,
    /// When collecting begins: nothing before it is known completely.
    pub started: Time,
}

/// What of it can be changed while windows are in use.
#[derive(Clone, Debug, Default)]
pub struct AdjustableConfig {
    pub local: LocalNetworks,
    pub lag: LagRule,
    pub rules: Rules,
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
            no_dedup: false,
            groups: Arc::default(),
            started: Time(0),
        }
    }
}

/// What all rows share, behind one lock that is held for a batch at a time.
struct SharedState {
    totals: SiteTotals,
    timings: Timings,
    alerts: Alerts,
    percentile: Option<Percentile>,
    edges: Edges,
    lag: Lag,
    /// The second in which the lag was last looked at.
    looked: Option<u32>,
}

/// The windows of one collector.
pub struct Windows {
    config: Config,
    /// The newest; the one in the configuration is that of the beginning.
    tuning: RwLock<Arc<AdjustableConfig>>,
    hosts: Rows<CompactHost>,
    conversations: Rows<ConversationKey>,
    paths: Paths,
    /// Where the edge stood at the start.
    begun: u32,
    site: Mutex<SharedState>,
}

impl Windows {
    /// Empty windows.
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
            begun: edges.edge,
            site: Mutex::new(SharedState {
                totals: SiteTotals::new(),
                timings: Timings::default(),
                alerts: Alerts::default(),
                percentile: Percentile::new(),
                edges,
                lag: Lag::default(),
                looked: None,
            }),
            tuning: RwLock::new(Arc::new(config.tuning())),
            config,
        }
    }

    /// Has other networks be ours, other limits hold and other names count, from
    /// the next flows and the next answer on. What has been counted stays where it
    /// was counted.
    pub fn tune(&self, tuning: AdjustableConfig) {
        *self.tuning.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tuning);
    }

    /// The networks that have names now.
    #[must_use]
    pub fn groups(&self) -> Arc<NetworkGroups> {
        self.tuning().groups.clone()
    }

    fn tuning(&self) -> Arc<AdjustableConfig> {
        self.tuning.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A panic while the lock was held leaves figures that are at worst one
    /// flow short: going on is better than stopping.
    fn site(&self) -> MutexGuard<'_, SharedState> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a flow counts: once, unless every report is to count.
    fn counts(&self, flow: &Flow) -> bool {
        self.config.no_dedup || !flow.duplicate.is_set()
    }

    /// Adds flows to all windows, but those that are marked as duplicates.
    ///
    /// Totals are written before the rows and read after them, so that a
    /// snapshot taken meanwhile has others too large, never too small.
    pub fn record(&self, flows: &[Flow]) {
        let tuning = self.tuning();
        for flows in flows.chunks(BATCH) {
            let newest = flows.iter().map(|flow| flow.arrival).max().unwrap_or_default();
            self.advance(newest);
            let (edges, epochs) = {
                let site = self.site();
                (site.edges, (self.conversations.epoch(), self.hosts.epoch()))
            };
            let counts = |flow: &Flow| self.counts(flow);
            let batch = PreparedBatch::new(&edges, &tuning.local, &self.paths, flows, counts);
            {
                let mut site = self.site();
                for (class, pieces) in batch.each() {
                    site.totals.add(&edges, class, pieces);
                }
                site.timings.record(flows);
            }
            self.conversations.add_all(&edges, epochs.0, &batch.conversations, &batch);
            self.hosts.add_all(&edges, epochs.1, &batch.hosts, &batch);
            self.sweep(&edges, PATIENCE);
        }
    }

    /// Merges old panes and drops empty rows in the part of all rows whose turn it
    /// is; with patience only when nobody else has done so for long.
    fn sweep(&self, edges: &Edges, patience: u64) {
        let passed = edges.edge.saturating_sub(self.begun);
        self.hosts.sweep(edges, passed, SWEEP_SECONDS, patience);
        self.conversations.sweep(edges, passed, SWEEP_SECONDS, patience);
    }

    /// Moves the edge of live windows to `now` less the lag; never back. Calls
    /// may be as frequent as one likes.
    pub fn advance(&self, now: Time) {
        if self.config.keep_all {
            return;
        }
        let (jumped, edges) = {
            let mut site = self.site();
            let second = seconds(now);
            if second < site.edges.edge || site.looked == Some(second) {
                return;
            }
            site.looked = Some(second);
            let learned = site.timings.lag(now);
            site.lag = match self.tuning().lag {
                LagRule::Auto => learned,
                // Who says how long to wait is taken at his word.
                LagRule::Fixed(ms) => Lag { ms, ..Lag::default() },
            };
            let edge = floor(seconds(now.plus_ms(-site.lag.ms)), FINE);
            if edge <= site.edges.edge {
                return;
            }
            let jumped = edge - site.edges.edge;
            site.edges = Edges::at(edge);
            self.update_p95(&mut site);
            (jumped, site.edges)
        };
        // After a long sleep nothing of before may be taken for something new.
        if jumped > 2 * KEEP_SPAN {
            self.hosts.clear();
            self.conversations.clear();
        } else if jumped > 2 * SWEEP_SECONDS {
            self.sweep(&edges, 0);
        }
    }

    /// Takes finished five-minute intervals into the billing percentile.
    fn update_p95(&self, site: &mut SharedState) {
        let Some(mut percentile) = site.percentile.take() else { return };
        let since = seconds(self.config.started);
        while let Some((start, end)) = percentile.due(since, site.edges.edge) {
            let totals = site.totals.sum(start, end);
            percentile.record(end, &totals.up, &totals.down);
        }
        site.percentile = Some(percentile);
    }

    /// Bytes that rows of hosts, and those of conversations, take now.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        (self.hosts.bytes(), self.conversations.bytes())
    }

    /// The limits that are being broken, worst first.
    #[must_use]
    pub fn alerts(&self) -> Vec<Alert> {
        self.site().alerts.list()
    }

    /// Evaluates the limits over the last complete minute. To be called about
    /// once a second by whoever runs the collector.
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
        // Just after the start the beginning of the minute is not known
        // completely; the mean is over all of it and can only be too low.
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

/// Limits are means over this long.
const MINUTE_SECONDS: u32 = 60;
