//! Answers of the query engine against a simple model that goes row by row.

mod model;
mod random;
mod store;

use std::ops::ControlFlow;
use std::sync::atomic::Ordering::Relaxed;

use proptest::prelude::*;
use toptalk::filter::Filter;
use toptalk::flow::{Duplicate, Flow, Host};
use toptalk::query::question::{Aggregation, ArchiveQuestion, QueryMode, StatOrder, Statistic};
use toptalk::query::{AnswerRow, AnswerTable, Progress, QueryAnswer, ScanSource, ask};

use model::ReferenceModel;
use random::{ELEMENTS, Site, orders, parts, sites, ways};

/// The answer of the engine, and the rows that it passed on.
fn answer(
    site: &Site,
    question: &ArchiveQuestion,
    threads: usize,
) -> (QueryAnswer, Vec<AnswerRow>) {
    let (progress, entries) = (Progress::default(), site.entries());
    let open = |entry: &_| Ok(site.open(entry));
    let source = ScanSource { files: &entries, open: &open, progress: &progress, threads };
    let mut rows = Vec::new();
    let answer = ask(question, &source, &mut |row| {
        rows.push(*row);
        ControlFlow::Continue(())
    });
    assert!(answer.effort.problems.is_empty(), "{:?}", answer.effort.problems);
    (answer, rows)
}

fn check(site: &Site, ask: QueryMode) -> Result<(), TestCaseError> {
    let question = ArchiveQuestion {
        filter: site.filter.clone(),
        from: site.from,
        to: site.to,
        times: Default::default(),
        own_rates: true,
        no_dedup: site.no_dedup,
        columns: None,
        ask,
    };
    let model = ReferenceModel::new(site, &question);
    for threads in [1, 2] {
        let (answer, rows) = answer(site, &question, threads);
        if let QueryMode::Records { order: None, limit } = question.ask {
            prop_assert_eq!(&rows, &model.records(None, limit));
            if limit != 0 {
                continue;
            }
        }
        prop_assert_eq!(answer.totals, model.totals());
        prop_assert_eq!(answer.effort.duplicates, model.duplicates);
        for table in &answer.tables {
            compare(&model, &question.ask, table)?;
        }
    }
    Ok(())
}

fn compare(
    model: &ReferenceModel,
    ask: &QueryMode,
    table: &AnswerTable,
) -> Result<(), TestCaseError> {
    let limit = match ask {
        QueryMode::Records { limit, .. }
        | QueryMode::Groups { limit, .. }
        | QueryMode::Statistics { limit, .. } => *limit,
        QueryMode::Summary => 0,
    };
    match table {
        AnswerTable::Rows { by: None, order, rows, .. } => {
            prop_assert_eq!(rows, &model.records(*order, limit));
        }
        AnswerTable::Rows { by: Some(by), order, rows, groups } => {
            let expected = model.groups(by, order.unwrap_or(StatOrder::First));
            prop_assert_eq!(*groups, expected.len() as u64);
            let many = if limit == 0 { usize::MAX } else { limit };
            let expected: Vec<AnswerRow> = expected.into_iter().take(many).collect();
            prop_assert_eq!(rows, &expected);
        }
        AnswerTable::Statistic { asked, order, rows, groups } => {
            let expected = model.statistic(asked, *order);
            prop_assert_eq!(*groups, expected.len() as u64);
            let many = if limit == 0 { usize::MAX } else { limit };
            let expected: Vec<_> = expected.into_iter().take(many).collect();
            prop_assert_eq!(rows, &expected);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn records_are_listed_in_the_order_they_were_recorded(site in sites(), limit in 0usize..30) {
        check(&site, QueryMode::Records { order: None, limit })?;
    }

    #[test]
    fn records_are_listed_in_another_order(site in sites(), order in orders(), limit in 0usize..30) {
        check(&site, QueryMode::Records { order: Some(order), limit })?;
    }

    #[test]
    fn groups_are_summed(
        site in sites(), parts in parts(), ways in ways(),
        order in prop::option::of(orders()), limit in 0usize..10,
    ) {
        let by = Aggregation { parts, direction: ways };
        check(&site, QueryMode::Groups { by, order, limit })?;
    }

    #[test]
    fn statistics_are_computed_in_one_pass(
        site in sites(), limit in 0usize..10,
        asked in prop::collection::vec(
            (0..ELEMENTS.len(), any::<bool>(), prop::collection::vec(orders(), 1..4)), 1..5),
    ) {
        let asked = asked.into_iter().map(|(at, by_protocol, orders)| {
            Statistic { element: &ELEMENTS[at], by_protocol, orders, by: None }
        }).collect();
        check(&site, QueryMode::Statistics { asked, limit })?;
    }

    #[test]
    fn totals_are_by_class_of_protocol(site in sites()) {
        check(&site, QueryMode::Summary)?;
    }
}

/// A site of one file with more rows than a page.
fn large(one_in: usize, filter: &str) -> Site {
    let flow = |n: u32| Flow {
        src: Host::v4(n % 1000),
        dst: Host::v4(n % 7),
        sport: (n % 500) as u16,
        proto: if n.is_multiple_of(3) { 6 } else { 17 },
        bytes: u64::from(n),
        packets: 1,
        duplicate: Duplicate::of(n.is_multiple_of(11).into()),
        ..Flow::EMPTY
    };
    let flows = (0..70_000).map(flow).collect();
    Site {
        files: vec![vec![(one_in, flows)]],
        extras: Vec::new(),
        filter: Filter::parse(filter).unwrap(),
        from: None,
        to: None,
        no_dedup: false,
    }
}

#[test]
fn chunks_of_several_pages_are_read_to_the_end() {
    for one_in in [0, 1] {
        for filter in ["", "src port 7 and tcp"] {
            let site = large(one_in, filter);
            check(&site, QueryMode::Summary).unwrap();
            check(&site, QueryMode::Records { order: None, limit: 9000 }).unwrap();
            let asked = [0, 1, 2, 3].map(|at| Statistic {
                element: &ELEMENTS[at],
                by_protocol: false,
                orders: vec![StatOrder::Bytes],
                by: None,
            });
            check(&site, QueryMode::Statistics { asked: asked.to_vec(), limit: 10 }).unwrap();
        }
    }
}

#[test]
fn a_scan_that_is_stopped_ends_and_reports_it() {
    let mut site = large(0, "");
    site.files = vec![site.files[0].clone(); 5];
    let entries = site.entries();
    let open = |entry: &_| Ok(site.open(entry));
    for ask_for in [QueryMode::Records { order: None, limit: 0 }, QueryMode::Summary] {
        let progress = Progress::default();
        progress.stop.store(matches!(ask_for, QueryMode::Summary), Relaxed);
        let source = ScanSource { files: &entries, open: &open, progress: &progress, threads: 2 };
        let question = ArchiveQuestion {
            filter: Filter::default(),
            from: None,
            to: None,
            times: Default::default(),
            own_rates: false,
            no_dedup: false,
            columns: None,
            ask: ask_for,
        };
        let answer = ask(&question, &source, &mut |_| {
            progress.stop.store(true, Relaxed);
            ControlFlow::Continue(())
        });
        assert!(answer.effort.interrupted);
        assert!(answer.effort.records < 5 * 70_000);
    }
}
