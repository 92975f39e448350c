//! The arguments of `toptalk top`.

use clap::{Args, ValueEnum};

use super::attach::{Attach, AttachArgs, NO_NAMES};
use super::collector::{CollectArgs, CollectConfig};
use super::config::FileArgs;
use super::filters::refused;
use super::given_flags::GivenFlags;
use super::groups;
use super::record::RecordArgs;
use super::unsupported::wrong;
use super::values::window;
use crate::archive::recorder::RecorderConfig;
use crate::filter::Filter;
use crate::snapshot::{Grouping, SortKey, Subject, Window};
use crate::units::parse_duration;

/// How long `top` collects unless told otherwise.
const DEFAULT_FOR_MS: i64 = 10_000;

/// Longer than this, `--window all` keeps sums of all time instead of panes, which are stored
/// for an hour.
const PANES_MS: i64 = 50 * 60_000;

/// Collecting for a while and printing one answer.
#[derive(Clone, Debug)]
pub struct Top {
    /// How to collect, if no collector is asked.
    pub collect: CollectConfig,
    /// How long to collect, in milliseconds.
    pub for_ms: i64,
    /// The time window of the answer; `None` for all that is received here, and for the
    /// screen's window if a collector is asked.
    pub window: Option<Window>,
    /// What is listed: hosts or a grouping.
    pub subject: Subject,
    /// The maximum number of rows.
    pub limit: usize,
    /// The order of the rows.
    pub sort: SortKey,
    /// The output format.
    pub output: TopOutput,
    /// Which traffic is shown.
    pub filter: Filter,
    /// How to record; `None` to record nothing.
    pub record: Option<RecorderConfig>,
    /// Which collector to ask.
    pub attach: Attach,
}

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TopOutput {
    /// A table for people.
    Table,
    /// Comma-separated values.
    Csv,
    /// One JSON object.
    Json,
}

#[derive(Args)]
pub(super) struct TopArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    collect: CollectArgs,
    /// Collect for this long (10s, 5m), even if a collector runs, instead of asking it [default, if none runs: 10s]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    for_ms: Option<i64>,
    /// Time window: the last 10s, 1m, 5m, 15m or 1h, or all that is in memory; rates are means of it [default: 1m if a collector is asked, otherwise all]
    #[arg(long, value_name = "WINDOW", value_parser = window)]
    window: Option<Window>,
    /// What a row is: host, port, proto (protocol), peer-net (remote network), interface or group
    #[arg(long, value_name = "WHAT", default_value = groups::HOSTS, value_parser = groups::by)]
    by: Subject,
    /// Maximum number of rows; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Sort by bytes sent (up), bytes received (down) or both (sum)
    #[arg(short, long, value_name = "KEY", default_value = "sum")]
    sort: Sort,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: TopOutput,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    attach: AttachArgs,
    /// Show only traffic that matches, as in `net 10.0.0.0/8 and not port 22`
    filter: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sort {
    Up,
    Down,
    Sum,
}

impl TopArgs {
    pub(super) fn check(self, said: &GivenFlags) -> Result<Top, clap::Error> {
        let text = self.filter.join(" ");
        let filter = Filter::parse(&text)
            .and_then(|filter| filter.check_live().map(|()| filter))
            .map_err(|error| wrong(refused(&text, &error)))?;
        let attach = self.attach.check(said);
        let mut collect = self.collect.check()?;
        let for_ms = self.for_ms.unwrap_or(DEFAULT_FOR_MS);
        let is_all = self.window.is_none_or(|window| window == Window::All);
        collect.config.keep_all = is_all && for_ms > PANES_MS;
        collect.config.to_now = is_all && for_ms <= PANES_MS;
        // A running collector may have networks with names of its own.
        if self.by == Subject::Groups(Grouping::Group)
            && collect.groups.is_empty()
            && !attach.allowed
        {
            return Err(wrong(NO_NAMES.to_owned()));
        }
        Ok(Top {
            collect,
            for_ms,
            window: self.window,
            subject: self.by,
            limit: if self.limit == 0 { usize::MAX } else { self.limit },
            sort: match self.sort {
                Sort::Up => SortKey::Up,
                Sort::Down => SortKey::Down,
                Sort::Sum => SortKey::Bytes,
            },
            output: self.output,
            filter,
            record: self.record.check(said)?,
            attach,
        })
    }
}
