//! The arguments of `toptalk query`: the options of nfdump 1.7.

mod print;
mod unsupported;

use std::path::PathBuf;

use clap::Args;

use self::print::{PrintArgs, RateSpan};
use self::unsupported::UnsupportedFlag;
use super::attach::{Attach, AttachArgs};
use super::filters::refused as caret;
use super::unsupported::wrong;
use crate::archive::macros::Dialect;
use crate::filter::Filter;
use crate::query::element::{self, ELEMENTS, MAX_STATISTICS, PARTS};
use crate::query::format::layout::PREDEFINED;
use crate::query::format::{QueryFormat, QueryOutput, SHAPES};
use crate::query::order::{self, ORDERS};
use crate::query::question::{CountedSides, FlowDirection};
use crate::query::when::{self, TimeWindow, WrittenTime};
use crate::query::{Aggregation, QueryMode, StatOrder, Statistic};

/// Maximum number of files that are read at the same time.
const MAX_THREADS: usize = 64;

/// Default number of rows of a statistic, as in nfdump.
const TOP: usize = 10;

/// A query of recorded flows.
#[derive(Clone, Debug)]
pub struct Query {
    /// The files to read.
    pub files: Files,
    /// Which flows are used.
    pub filter: FilterFrom,
    /// What is asked: a list, sums, statistics or totals.
    pub ask: QueryMode,
    /// Whether duplicate flows are counted each time.
    pub no_dedup: bool,
    /// The begin of the time window.
    pub from: Option<WrittenTime>,
    /// The end of the time window.
    pub to: Option<WrittenTime>,
    /// Whether `from` and `to` come from `-t`.
    pub in_window: bool,
    /// Whether flows are shared out over time (`--prorate`).
    pub prorate: bool,
    /// `-t` with a number of seconds from the begin or the end of the recorded flows.
    pub window: Option<TimeWindow>,
    /// The output format.
    pub output: QueryOutput,
    /// The file to write matching flows to.
    pub write: Option<PathBuf>,
    /// The time zone of times that are read and printed; `None` for that of this machine.
    pub zone: Option<String>,
    /// How many files are read at the same time; `None` for one for each core.
    pub threads: Option<usize>,
    /// The collector that is asked to write its current slot to disk first.
    pub attach: Attach,
    /// What the command does.
    pub action: QueryAction,
    /// Warnings about arguments that have no effect.
    pub notes: Vec<String>,
}

/// The files to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// `-r`: a file or a folder.
    pub one: Option<PathBuf>,
    /// `-R`: a range of files.
    pub range: Option<String>,
    /// `-M`: several folders.
    pub folders: Option<String>,
}

/// Where the filter comes from.
#[derive(Clone, Debug)]
pub enum FilterFrom {
    /// The command line.
    Words(Filter),
    /// A file, which is still to be read.
    File(PathBuf),
}

/// What the command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryAction {
    /// Answer the query.
    Ask,
    /// Print the normal form of the filter; the text if it is on the command line.
    CheckFilter(Option<String>),
    /// Read a file from end to end.
    Verify(PathBuf),
    /// Print macros for a database.
    Macros(Dialect),
}

#[derive(Args)]
pub(super) struct QueryArgs {
    #[command(flatten)]
    attach: AttachArgs,
    /// Files to read: DIR, DIR/FIRST:LAST, DIR/SUB/FIRST:SUB/LAST, or DIR/FIRST for this file and all later ones; FIRST and LAST are file names of toptalk or nfcapd and need not exist [default: /var/lib/toptalk, otherwise toptalk in the user's data folder]
    #[arg(short = 'R', value_name = "FILES", conflicts_with = "one")]
    range: Option<String>,
    /// Several folders, /a/b:c:d for /a/b, /a/c and /a/d; -r and -R are then names within each of them
    #[arg(short = 'M', value_name = "DIRS")]
    folders: Option<String>,
    /// File or folder to read
    #[arg(short = 'r', value_name = "FILE")]
    one: Option<PathBuf>,
    /// Statistic: ELEMENT[:p][/ORDER], as in dstip/bytes; :p makes one row per protocol; up to 8 statistics; the elements and orders are listed below
    #[arg(short, value_name = "STATISTIC")]
    statistic: Vec<String>,
    /// Sort order of rows, and of -s without /ORDER
    #[arg(short = 'O', value_name = "ORDER")]
    order: Option<String>,
    /// Maximum number of rows of a statistic or list; 0 for all [default: 10 for statistics, otherwise all]
    #[arg(short = 'n', value_name = "N")]
    limit: Option<usize>,
    /// Sum flows with the same protocol, addresses and ports
    #[arg(short = 'a')]
    aggregate: bool,
    /// Sum flows by these fields: srcip,dstip4/24,dstport
    #[arg(short = 'A', value_name = "FIELDS")]
    by: Option<String>,
    /// Sum both directions of a conversation into one row
    #[arg(short = 'b')]
    both: bool,
    /// As -b, with the client first; the ports tell which side is the client
    #[arg(short = 'B')]
    guess: bool,
    /// Stop after this many matching flows
    #[arg(short = 'c', value_name = "N")]
    count: Option<usize>,
    /// Only flows that began and ended within this time, as in nfdump: YYYY/MM/dd.hh:mm:ss[-YYYY/MM/dd.hh:mm:ss], +N for the first N seconds of all flows, -N for their last N seconds; --from and --to also count those that reach across the ends
    #[arg(short = 't', value_name = "WINDOW", allow_hyphen_values = true, conflicts_with_all = ["from", "to"])]
    window: Option<String>,
    /// Flows of the time from then on, each flow whole that has a part in it: 14:20 (the last time it was that time), 'yesterday 14:00', 2026-04-10, 2026-04-10T12:30, or 2h for two hours ago; yesterday without --to is that whole day
    #[arg(long, value_name = "TIME", value_parser = WrittenTime::parse)]
    from: Option<WrittenTime>,
    /// Flows of the time until then, in the same forms; 2026-04-10 includes the whole day, 2026-04 the whole month
    #[arg(long, value_name = "TIME", value_parser = WrittenTime::parse)]
    to: Option<WrittenTime>,
    /// Share flows out over time: count of each the bytes and packets that passed between --from and --to, and the flow itself if it ended there
    #[arg(long, conflicts_with_all = ["window", "write"])]
    prorate: bool,
    #[command(flatten)]
    print: PrintArgs,
    /// Write the matching flows to a Parquet file, as the archive has them
    #[arg(short, value_name = "FILE.parquet")]
    write: Option<PathBuf>,
    /// Read the filter from a file; a filter on the command line takes precedence
    #[arg(short, value_name = "FILE")]
    filter_file: Option<PathBuf>,
    /// Print only the totals, also by protocol (-o null prints the summary line only)
    #[arg(short = 'I', conflicts_with_all = ["statistic", "aggregate", "by", "both", "guess"])]
    summary: bool,
    /// Check the filter and print how it was understood
    #[arg(short = 'Z')]
    check: bool,
    /// Verify a whole file of flows and report every error in it
    #[arg(short = 'v', value_name = "FILE", conflicts_with_all = ASKING)]
    verify: Option<PathBuf>,
    /// Print SQL macros for DuckDB or ClickHouse that turn stored addresses into text
    #[arg(long, value_name = "duckdb|clickhouse", value_parser = dialect, conflicts_with_all = ASKING)]
    macros: Option<Dialect>,
    /// Time zone of times that are read and printed, and of nfcapd's file names, as in Europe/Berlin [default: that of this machine]
    #[arg(long, value_name = "ZONE", env = "TOPTALK_TZ")]
    tz: Option<String>,
    /// Count every report of a flow; without this, a flow that an exporter reported at two interfaces is counted once
    #[arg(long, env = "TOPTALK_NO_DEDUP")]
    no_dedup: bool,
    /// Number of files that are read at the same time, 1 to 64 [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    refused: UnsupportedFlag,
    /// Use only flows that match, as in `dst net 192.168.1.0/24 and not port 22`
    filter: Vec<String>,
}

/// The arguments of a query, by their ids in clap. With an action that is no query they
/// would have no effect, so that they are an error.
const ASKING: [&str; 22] = [
    "range",
    "folders",
    "one",
    "statistic",
    "order",
    "limit",
    "aggregate",
    "by",
    "both",
    "guess",
    "count",
    "window",
    "from",
    "to",
    "prorate",
    "rates",
    "output",
    "write",
    "filter_file",
    "summary",
    "check",
    "filter",
];

impl QueryArgs {
    pub(super) fn check(mut self) -> Result<Query, clap::Error> {
        self.refused.check().map_err(wrong)?;
        if self.threads.is_some_and(|threads| !(1..=MAX_THREADS).contains(&threads)) {
            return Err(wrong(format!("expected --threads 1 to {MAX_THREADS}")));
        }
        let text = self.filter.join(" ");
        let is_given = !text.is_empty();
        let action = match (self.verify.take(), self.macros) {
            (Some(path), _) => QueryAction::Verify(path),
            (_, Some(dialect)) => QueryAction::Macros(dialect),
            _ if self.check => {
                let file = !is_given && self.filter_file.is_some();
                QueryAction::CheckFilter((!file).then(|| text.clone()))
            }
            _ => QueryAction::Ask,
        };
        let unread = self.filter_file.as_deref().filter(|_| is_given).map(|path| {
            let path = path.display();
            format!("-f {path} is not read: the filter on the command line takes precedence")
        });
        let notes = unread.into_iter().collect();
        let filter_from = match self.filter_file.take() {
            Some(path) if !is_given => FilterFrom::File(path),
            // What is checked may be wrong.
            _ if self.check => FilterFrom::Words(Filter::default()),
            _ => FilterFrom::Words(filter(&text).map_err(wrong)?),
        };
        let window = self.window.as_deref().map(when::window).transpose();
        let window = window.map_err(|error| wrong(format!("-t: {error}")))?;
        let (from, to) = match window {
            Some(TimeWindow::Between(from, to)) => (Some(from), to),
            _ => (self.from, self.to),
        };
        let ask = self.ask()?;
        self.check_obeyed(&ask, from, to).map_err(wrong)?;
        Ok(Query {
            files: Files { one: self.one, range: self.range, folders: self.folders },
            filter: filter_from,
            ask,
            no_dedup: self.no_dedup,
            from,
            to,
            in_window: window.is_some(),
            prorate: self.prorate,
            window: window.filter(|window| !matches!(window, TimeWindow::Between(..))),
            output: self.print.check(),
            write: self.write,
            zone: self.tz,
            threads: self.threads,
            attach: self.attach.alone(),
            action,
            notes,
        })
    }

    /// Refuses arguments that this question cannot obey.
    fn check_obeyed(
        &self,
        ask: &QueryMode,
        from: Option<WrittenTime>,
        to: Option<WrittenTime>,
    ) -> Result<(), String> {
        let is_list = matches!(ask, QueryMode::Records { .. });
        let text = if is_list && matches!(self.print.rates, Some(RateSpan::Window)) {
            "--rates window is for sums (-s, -a, -A, -b, -I): the rates of a single flow are over \
             its own time"
        } else if self.prorate && from.is_none() && to.is_none() {
            "--prorate shares flows out over the time of --from and --to: add one of them"
        } else if *ask == QueryMode::Summary && self.order.is_some() {
            "-O sorts rows, and -I and -o null print none: leave it out"
        } else if *ask == QueryMode::Summary && self.limit.is_some() {
            "-n limits rows, and -I and -o null print none: leave it out"
        } else if self.order.is_some()
            && !self.statistic.is_empty()
            && self.statistic.iter().all(|text| has_order(text))
        {
            "every -s has an order of its own (-s ELEMENT/ORDER): leave out -O"
        } else {
            return Ok(());
        };
        Err(text.to_owned())
    }

    fn ask(&self) -> Result<QueryMode, clap::Error> {
        let order = self.order.as_deref().map(order::parse).transpose();
        let order = order.map_err(|error| wrong(format!("-O: {error}")))?;
        let by = self.aggregation()?;
        let shape = self.print.output.as_ref().map(|(shape, _)| shape);
        if self.write.is_some() && shape.is_some_and(|shape| !matches!(shape, QueryFormat::Parquet))
        {
            let text = "-w writes flows to a file and prints none: remove -o, or write -o parquet";
            return Err(wrong(text.to_owned()));
        }
        let null = matches!(shape, Some(QueryFormat::Null));
        if self.summary || (null && self.statistic.is_empty()) {
            if self.count.is_some() {
                return Err(wrong(
                    "-c stops a list; totals are always of all matching flows".to_owned(),
                ));
            }
            return Ok(QueryMode::Summary);
        }
        if !self.statistic.is_empty() {
            if self.count.is_some() {
                return Err(wrong("-c stops a list; -n limits the rows of a statistic".to_owned()));
            }
            let asked = self.statistics(order, by)?;
            return Ok(QueryMode::Statistics { asked, limit: self.limit.unwrap_or(TOP) });
        }
        if let Some(by) = by {
            if self.count.is_some() {
                return Err(wrong("-c stops a list; -n limits the rows of sums".to_owned()));
            }
            return Ok(QueryMode::Groups { by, order, limit: self.limit.unwrap_or(0) });
        }
        let limits = [self.limit, self.count].into_iter().flatten().filter(|limit| *limit > 0);
        Ok(QueryMode::Records { order, limit: limits.min().unwrap_or(0) })
    }

    /// What `-a`, `-A`, `-b` and `-B` sum by.
    fn aggregation(&self) -> Result<Option<Aggregation>, clap::Error> {
        let ways = match (self.both, self.guess) {
            (_, true) => FlowDirection::ToServer,
            (true, false) => FlowDirection::Both,
            (false, false) => FlowDirection::Apart,
        };
        let both = ways != FlowDirection::Apart;
        let by = match self.by.as_deref().map(element::aggregation).transpose() {
            Ok(Some(_)) if both => {
                let text = "-b sums by protocol, addresses and ports; leave out -A";
                return Err(wrong(text.to_owned()));
            }
            Ok(by) => by,
            Err(error) => return Err(wrong(format!("-A: {error}"))),
        };
        let whole = || Aggregation { direction: ways, ..element::five_tuple() };
        Ok(by.or_else(|| (self.aggregate || both).then(whole)))
    }

    fn statistics(
        &self,
        order: Option<StatOrder>,
        by: Option<Aggregation>,
    ) -> Result<Vec<Statistic>, clap::Error> {
        if self.statistic.len() > MAX_STATISTICS {
            let found = self.statistic.len();
            return Err(wrong(format!("expected at most {MAX_STATISTICS} -s, found {found}")));
        }
        let mut asked = Vec::new();
        for text in &self.statistic {
            let mut one =
                element::statistic(text).map_err(|error| wrong(format!("-s: {error}")))?;
            if one.orders.is_empty() {
                one.orders.push(order.unwrap_or(StatOrder::Flows));
            }
            if one.element.keys == CountedSides::Record {
                one.by = by.clone().or(one.by);
            } else if by.is_some() && !self.statistic.iter().any(|text| text.starts_with("record"))
            {
                let text = format!("-a, -A and -b sum rows; with -s {text} leave them out");
                return Err(wrong(text));
            }
            asked.push(one);
        }
        Ok(asked)
    }
}

/// Whether a statistic has an order of its own.
fn has_order(text: &str) -> bool {
    let last = text.rsplit_once('/').map(|(_, order)| order);
    last.is_some_and(|word| order::parse(word).is_ok())
}

/// Reads a filter.
///
/// # Errors
/// The message, with the line that is wrong and carets under the part.
pub fn filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|mut error| {
        let at = error.at.start.min(text.len());
        let before = text.get(..at).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
        error.at = at - start..error.at.end.saturating_sub(start).min(line.len()).max(at - start);
        match before.matches('\n').count() {
            0 => caret(line, &error),
            lines => format!("line {}: {}", lines + 1, caret(line, &error)),
        }
    })
}

fn dialect(text: &str) -> Result<Dialect, String> {
    match text.to_ascii_lowercase().as_str() {
        "duckdb" => Ok(Dialect::DuckDb),
        "clickhouse" => Ok(Dialect::ClickHouse),
        _ => Err(format!("expected duckdb or clickhouse, found `{text}`")),
    }
}

/// The help text that lists elements, orders, fields and formats.
pub(super) fn help() -> String {
    let list = |names: Vec<&str>| names.join(" ");
    let formats: Vec<String> = (PREDEFINED.iter().map(|(name, _, help)| (*name, *help)))
        .chain(SHAPES.iter().copied())
        .map(|(name, help)| format!("  {name:<10} {help}"))
        .collect();
    format!(
        "Elements of -s:\n  {}\n  srcip4/N srcip6/N dstip4/N dstip6/N srcnet/N dstnet/N net/N\n\
         Orders of -O, and after the slash of -s:\n  {}\n\
         Fields of -A:\n  {}\n  srcip4/N srcip6/N dstip4/N dstip6/N srcnet dstnet\n\
         Formats of -o:\n{}\n\
         docs/QUERY.md has the tags of fmt: and examples, docs/FILTER.md lists the filter words \
         (a package installs docs/ in /usr/share/doc/toptalk).",
        list(ELEMENTS.iter().map(|element| element.name).collect()),
        list(ORDERS.iter().map(|word| word.name).collect()),
        list(PARTS.iter().map(|word| word.name).collect()),
        formats.join("\n"),
    )
}

#[cfg(test)]
mod tests;
