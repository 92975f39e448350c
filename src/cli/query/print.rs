//! The arguments of `toptalk query` that say how an answer is printed.

use clap::{Args, ValueEnum};

use crate::query::format::{QueryFormat, QueryOutput};

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum RateSpan {
    /// Over the time that the answer covers.
    Window,
    /// Over the time from the first to the last packet of each row, as in nfdump.
    #[value(alias = "own")]
    Flows,
}

#[derive(Args)]
pub(super) struct PrintArgs {
    /// Output format: line, long, extended, biline, bilong, raw, json, ndjson, csv, null, parquet, fmt:... or csv:...
    #[arg(short, value_name = "FORMAT", value_parser = QueryFormat::parse)]
    pub(super) output: Option<(QueryFormat, bool)>,
    /// Print IPv6 addresses in full
    #[arg(short = '6')]
    full6: bool,
    /// Print numbers in full
    #[arg(short = 'N')]
    plain: bool,
    /// Print no header and no summary
    #[arg(short)]
    quiet: bool,
    /// Divide bytes and packets of summed rows by the time asked for (window; without -t, --from and --to: from the first to the last flow), or by the time from the first to the last packet of each row, as nfdump does (flows), to get bps and pps and to sort by them [default: window]
    #[arg(long, value_name = "OVER", hide_possible_values = true)]
    pub(super) rates: Option<RateSpan>,
}

impl PrintArgs {
    pub(super) fn check(self) -> QueryOutput {
        let (shape, full6) = self.output.unwrap_or((QueryFormat::Usual, false));
        QueryOutput {
            shape,
            quiet: self.quiet,
            plain: self.plain,
            full6: full6 || self.full6,
            own_rates: matches!(self.rates, Some(RateSpan::Flows)),
        }
    }
}
