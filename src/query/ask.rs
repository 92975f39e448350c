//! Answers a question.

use std::ops::ControlFlow;

use super::answer::{AnswerRow, AnswerTable, ProtocolTotals, QueryAnswer};
use super::list::{RecordedOrder, Sorted, hand_over, top};
use super::ordered_output::OrderedOutput;
use super::question::{ArchiveQuestion, QueryMode, StatOrder};
use super::scan::scan;
use super::source::ScanSource;
use super::statistic::{Lists, WantedStatistic};
use super::summary::{RunningTotals, SummarySink};

/// Answers a question over the files of `source`.
///
/// Records without an order ([`QueryMode::Records`]) are passed to `each`, strictly in the
/// order of the files and of the records in them, until `each` breaks or the limit is reached;
/// the totals are then those of the records that were passed. Everything else is returned in
/// the tables of the answer. Errors affect only the part that cannot be read and are listed in
/// [`super::answer::QueryEffort::problems`]. Groups without an order are sorted by their
/// beginning; equal groups are sorted by key.
///
/// If both directions are summed, the one that began first is the row: [`AnswerRow::sums`] has
/// its bytes and packets, but flows, first, last and TCP flags of both. Sorting by bytes and
/// packets uses both directions together.
pub fn ask(
    question: &ArchiveQuestion,
    source: &ScanSource<'_>,
    each: &mut dyn FnMut(&AnswerRow) -> ControlFlow<()>,
) -> QueryAnswer {
    match &question.ask {
        QueryMode::Records { order: None, limit } => in_order(question, source, *limit, each),
        QueryMode::Records { order: Some(order), limit } => {
            sorted(question, source, *order, *limit)
        }
        QueryMode::Groups { by, order, limit } => {
            grouped(question, source, vec![WantedStatistic::Groups(by.clone(), *order)], *limit)
        }
        QueryMode::Statistics { asked, limit } => {
            let wanted = asked.iter().cloned().map(WantedStatistic::Statistic).collect();
            grouped(question, source, wanted, *limit)
        }
        QueryMode::Summary => summary(question, source),
    }
}

fn sinks<T>(source: &ScanSource<'_>, sink: impl Fn() -> T) -> Vec<T> {
    // More workers than files would be idle.
    (0..source.threads.clamp(1, source.files.len().max(1))).map(|_| sink()).collect()
}

fn in_order(
    question: &ArchiveQuestion,
    source: &ScanSource<'_>,
    limit: usize,
    each: &mut dyn FnMut(&AnswerRow) -> ControlFlow<()>,
) -> QueryAnswer {
    let output = OrderedOutput::new(source.files.len());
    let mut tally = RunningTotals::default();
    let sinks = sinks(source, || RecordedOrder::new(question, &output));
    let (_, effort) = scan(question, source, sinks, |over| {
        tally = hand_over(&output, limit, over, each);
    });
    QueryAnswer { totals: tally.totals(), tables: Vec::new(), effort }
}

fn sorted(
    question: &ArchiveQuestion,
    source: &ScanSource<'_>,
    order: StatOrder,
    limit: usize,
) -> QueryAnswer {
    let (back, effort) =
        scan(question, source, sinks(source, || Sorted::new(question, order, limit)), |_| ());
    let mut tally = RunningTotals::default();
    let mut all = top(limit);
    for sink in back {
        tally.add(&sink.tally);
        sink.into_placed().into_iter().for_each(|placed| all.push(placed));
    }
    let rows = all.into_sorted().into_iter().map(|placed| *placed.row).collect();
    let totals = tally.totals();
    let groups = totals.all.map_or(0, |all| all.flows);
    let table = AnswerTable::Rows { by: None, order: Some(order), rows, groups };
    QueryAnswer { totals, tables: vec![table], effort }
}

fn grouped(
    question: &ArchiveQuestion,
    source: &ScanSource<'_>,
    wanted: Vec<WantedStatistic>,
    limit: usize,
) -> QueryAnswer {
    let lists = Lists::new(wanted, limit, question.own_rates);
    let (back, mut effort) = scan(question, source, sinks(source, || lists.sink()), |_| ());
    let (totals, tables) = lists.finish(back, source.threads).unwrap_or_else(|()| {
        effort.problems.push("a thread that merged groups failed".to_owned());
        (ProtocolTotals::default(), Vec::new())
    });
    QueryAnswer { totals, tables, effort }
}

fn summary(question: &ArchiveQuestion, source: &ScanSource<'_>) -> QueryAnswer {
    let (back, effort) = scan(question, source, sinks(source, SummarySink::default), |_| ());
    let mut tally = RunningTotals::default();
    back.iter().for_each(|sink| tally.add(&sink.tally));
    QueryAnswer { totals: tally.totals(), tables: Vec::new(), effort }
}
