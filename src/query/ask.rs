//! Answers a question.

use std::ops::ControlFlow;

use super::answer::{Answer, Row, Table, Totals};
use super::lanes::Lanes;
use super::list::{InOrder, Sorted, hand_over, top};
use super::question::{Ask, Order, Question};
use super::scan::scan;
use super::source::Source;
use super::statistic::{Lists, Wanted};
use super::summary::{Summary, Tally};

/// Answers a question over the files of `source`.
///
/// Records without an order ([`Ask::Records`]) go to `each`, strictly in the
/// order of the files and of the records in them, until it breaks or the limit
/// is reached; then the totals are of the records that were given. All else
/// comes back in the tables of the answer. What cannot be read costs only
/// itself and is named in [`super::answer::Effort::problems`]. Groups without an order come
/// earliest first; of those that stand equal, the lesser key comes first.
///
/// Where both directions are summed, the one that began first is the row:
/// [`Row::sums`] has its bytes and packets, and flows, first, last and TCP flags
/// of both; sorting by bytes and packets is by both together.
pub fn ask(
    question: &Question,
    source: &Source<'_>,
    each: &mut dyn FnMut(&Row) -> ControlFlow<()>,
) -> Answer {
    match &question.ask {
        Ask::Records { order: None, limit } => in_order(question, source, *limit, each),
        Ask::Records { order: Some(order), limit } => sorted(question, source, *order, *limit),
        Ask::Groups { by, order, limit } => {
            grouped(question, source, vec![Wanted::Groups(by.clone(), *order)], *limit)
        }
        Ask::Statistics { asked, limit } => {
            let wanted = asked.iter().cloned().map(Wanted::Statistic).collect();
            grouped(question, source, wanted, *limit)
        }
        Ask::Summary => summary(question, source),
    }
}

fn sinks<T>(source: &Source<'_>, sink: impl Fn() -> T) -> Vec<T> {
    // More workers than files would have nothing to do.
    (0..source.threads.clamp(1, source.files.len().max(1))).map(|_| sink()).collect()
}

fn in_order(
    question: &Question,
    source: &Source<'_>,
    limit: usize,
    each: &mut dyn FnMut(&Row) -> ControlFlow<()>,
) -> Answer {
    let lanes = Lanes::new(source.files.len());
    let mut tally = Tally::default();
    let sinks = sinks(source, || InOrder::new(question, &lanes));
    let (_, effort) = scan(question, source, sinks, |over| {
        tally = hand_over(&lanes, limit, over, each);
    });
    Answer { totals: tally.totals(), tables: Vec::new(), effort }
}

fn sorted(question: &Question, source: &Source<'_>, order: Order, limit: usize) -> Answer {
    let (back, effort) =
        scan(question, source, sinks(source, || Sorted::new(question, order, limit)), |_| ());
    let mut tally = Tally::default();
    let mut all = top(limit);
    for sink in back {
        tally.add(&sink.tally);
        sink.into_placed().into_iter().for_each(|placed| all.push(placed));
    }
    let rows = all.into_sorted().into_iter().map(|placed| *placed.row).collect();
    let totals = tally.totals();
    let groups = totals.all.map_or(0, |all| all.flows);
    let table = Table::Rows { by: None, order: Some(order), rows, groups };
    Answer { totals, tables: vec![table], effort }
}

fn grouped(question: &Question, source: &Source<'_>, wanted: Vec<Wanted>, limit: usize) -> Answer {
    let lists = Lists::new(wanted, limit);
    let (back, mut effort) = scan(question, source, sinks(source, || lists.sink()), |_| ());
    let (totals, tables) = lists.finish(back, source.threads).unwrap_or_else(|()| {
        effort.problems.push("a thread that merged groups failed".to_owned());
        (Totals::default(), Vec::new())
    });
    Answer { totals, tables, effort }
}

fn summary(question: &Question, source: &Source<'_>) -> Answer {
    let (back, effort) = scan(question, source, sinks(source, Summary::default), |_| ());
    let mut tally = Tally::default();
    back.iter().for_each(|sink| tally.add(&sink.tally));
    Answer { totals: tally.totals(), tables: Vec::new(), effort }
}
