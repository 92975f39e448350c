//! The words of `toptalk top`.

use clap::{Args, ValueEnum};

use super::attach::{Attach, AttachArgs, NO_NAMES};
use super::collector::{Collect, CollectArgs};
use super::config::FileArgs;
use super::exporters::StateFolder;
use super::filters::refused;
use super::given_flags::GivenFlags;
use super::groups::{self, GroupArg};
use super::record::RecordArgs;
use super::unsupported::wrong;
use super::values::window;
use crate::agg::Config;
use crate::archive::recorder::RecorderConfig;
use crate::filter::Filter;
use crate::ingest::{Listen, Workers};
use crate::snapshot::{Grouping, SortKey, Subject, Window};
use crate::units::parse_duration;
use crate::wire::Policy;

/// How long `top` collects unless told otherwise.
const DEFAULT_FOR_MS: i64 = 10_000;

/// Collecting for a while and printing one answer.
#[derive(Clone, Debug)]
pub struct Top {
    pub listen: Listen,
    pub workers: Workers,
    /// Without groups: their files are still to be read.
    pub config: Config,
    pub groups: Vec<GroupArg>,
    pub policy: Policy,
    pub state: StateFolder,
    /// Bytes that collecting may take, if that is said.
    pub memory: Option<u64>,
    pub for_ms: i64,
    pub window: Window,
    /// What is listed: hosts or a grouping.
    pub subject: Subject,
    pub limit: usize,
    pub sort: SortKey,
    pub output: TopOutput,
    pub filter: Filter,
    pub record: Option<RecorderConfig>,
    pub attach: Attach,
}

/// The shape of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TopOutput {
    Table,
    Csv,
    Json,
}

#[derive(Args)]
pub(super) struct TopArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    collect: CollectArgs,
    /// Collect for so long instead of asking the collector that runs [default where none runs: 10s]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    for_ms: Option<i64>,
    /// The window of the answer: 10s, 1m, 5m, 15m, 1h or all
    #[arg(long, value_name = "WINDOW", default_value = "all", value_parser = window)]
    window: Window,
    /// What to list: host, port, proto, peer-net, interface or group
    #[arg(long, value_name = "WHAT", default_value = groups::HOSTS, value_parser = groups::by)]
    by: Subject,
    /// Rows; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Sort by bytes sent, received, or both
    #[arg(short, long, value_name = "KEY", default_value = "sum")]
    sort: Sort,
    /// Shape of the answer
    #[arg(short, long, value_name = "SHAPE", default_value = "table")]
    output: TopOutput,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    attach: AttachArgs,
    /// Only what matches, as in `net 10.0.0.0/8 and not port 22`
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
        let Collect { listen, workers, config, groups, policy, state, memory } =
            self.collect.check()?;
        // The collector that runs may have names.
        if self.by == Subject::Groups(Grouping::Group) && groups.is_empty() && !attach.allowed {
            return Err(wrong(NO_NAMES.to_owned()));
        }
        Ok(Top {
            listen,
            workers,
            config: Config { keep_all: self.window == Window::All, ..config },
            groups,
            policy,
            state,
            memory,
            for_ms: self.for_ms.unwrap_or(DEFAULT_FOR_MS),
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
