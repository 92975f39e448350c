//! `toptalk query` against nfdump: the same datagrams, the same questions, the
//! same answers.
//!
//! `tests/queries.txt` has the questions and says how to add one. What is known to
//! differ, and why, stands in `query_nfdump/different.rs` and in docs/QUERY.md.

#[path = "query_nfdump/ask.rs"]
mod ask;
#[path = "query_nfdump/asked.rs"]
mod asked;
#[path = "../benches/common/mod.rs"]
mod benchmarks;
mod common;
#[path = "query_nfdump/compare.rs"]
mod compare;
#[path = "query_nfdump/different.rs"]
mod different;
#[path = "filter_nfdump/known.rs"]
mod known;
#[path = "filter_nfdump/flows.rs"]
mod made_up;
#[path = "query_nfdump/otherwise.rs"]
mod otherwise;
#[path = "query_nfdump/read.rs"]
mod read;
#[path = "filter_nfdump/rich.rs"]
mod rich;
#[path = "query_nfdump/same.rs"]
mod same;
#[path = "query_nfdump/sides.rs"]
mod sides;

use ask::{Question, Shape, questions};
use asked::ask;
use common::process::have;
use different::{By, COLUMNS};
use known::{BESIDE, BESIDE_DIFFERENT, DIFFERENT, filters};
use otherwise::OTHERWISE;
use sides::{archives, real};

const QUERIES: &str = include_str!("queries.txt");

fn have_both(test: &str) -> bool {
    have(test, "nfcapd") && have(test, "nfdump")
}

/// Why a question is answered otherwise.
fn otherwise(question: &Question, source: &str) -> Option<(By, &'static str)> {
    let text = question.text.as_str();
    let is_one = |one: &&otherwise::Otherwise| {
        one.questions.contains(&text) && (one.sources.is_empty() || one.sources.contains(&source))
    };
    OTHERWISE.iter().find(is_one).map(|one| (one.by, one.why))
}

#[test]
fn queries_are_answered_as_nfdump_answers_them() {
    if !have_both("queries_are_answered_as_nfdump_answers_them") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut archives = archives(folder.path());
    archives.extend(real(folder.path()));
    let questions = questions(QUERIES);
    assert!(questions.len() >= 150, "{} questions", questions.len());
    let mut found = ask(&questions, &archives, &otherwise);
    for (place, column) in COLUMNS.iter().enumerate() {
        let same = column.names.iter().filter(|name| !found.seen.contains(&(place, name)));
        let text = |name| format!("{name} is the same everywhere: {}", column.why);
        found.wrong.extend(same.map(text));
    }
    let known = OTHERWISE.iter().flat_map(|one| one.questions);
    let gone = known.filter(|text| questions.iter().all(|question| question.text != **text));
    found.wrong.extend(gone.map(|text| format!("listed, and not asked: {text}")));
    let has_rows = |question: &&Question| {
        question.shape != Shape::Totals && !question.text.contains("192.0.2.1")
    };
    for question in questions.iter().filter(has_rows) {
        let of = found.rows.get(&question.text).into_iter().flatten();
        let none: Vec<_> = of.filter(|(_, rows)| *rows == 0).collect();
        if !none.is_empty() {
            found.wrong.push(format!("nfdump found nothing: {} {none:?}", question.text));
        }
    }
    found.check();
}

/// The columns that a list is compared by after a filter.
const COMPARED: &str = "-N -o 'fmt:%ts %td %pr %sa %sp %da %dp %pkt %byt %in %out'";

#[test]
fn filters_find_the_flows_that_nfdump_finds() {
    if !have_both("filters_find_the_flows_that_nfdump_finds") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let archives = archives(folder.path());
    let question = |sources: &str, filter: &str| Question {
        text: filter.to_owned(),
        ..Question::parse(&format!("[{sources}] {COMPARED} \"{filter}\""))
    };
    let filters = filters();
    let usual = filters.iter().map(|filter| question("v5 v9 ipfix", filter));
    let beside = BESIDE.iter().map(|filter| question("rich", filter));
    let questions: Vec<Question> = usual.chain(beside).collect();
    let found = ask(&questions, &archives, &|question, source| {
        let is_one = |known: &[&str]| known.contains(&question.text.as_str());
        let recorded = DIFFERENT.iter().find(|(of, known, _)| *of == source && is_one(known));
        let answered = BESIDE_DIFFERENT.iter().find(|(known, _)| source == "rich" && is_one(known));
        let recorded = recorded.map(|(.., why)| (By::Nfcapd, *why));
        recorded.or(answered.map(|(_, why)| (By::Nfdump, *why)))
    });
    // Filters that tell flows of a source from others.
    let tells = |rows: &[(&str, usize)]| rows.iter().any(|(_, rows)| (1..397).contains(rows));
    let telling = questions.iter().filter(|question| tells(&found.rows[&question.text])).count();
    assert!(telling * 10 >= questions.len() * 9, "{telling} of {}", questions.len());
    found.check();
}

/// Questions about times, which clocks in other zones show otherwise.
const OF_TIMES: &str = "
-c 20
-o csv -c 20
-o raw -c 20
-o 'fmt:%ts %te %tss %tes' -c 20 => -o 'fmt:%ts %te %ts %te' -c 20
-s srcip/bytes -n 0
-s srcip/bytes -n 0 -o csv
-a -O tstart -n 5
-t {-61}-{0}
-I
";

#[test]
fn times_are_those_of_the_zone() {
    if !have_both("times_are_those_of_the_zone") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for zone in ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"] {
        let archives = archives(&folder.path().join(zone));
        let archives: Vec<_> =
            archives.into_iter().map(|archive| archive.seen_from(zone)).collect();
        ask(&questions(OF_TIMES), &archives, &|_, _| None).check();
    }
}
