//! `toptalk query` against nfdump: the same datagrams and the same questions give the same
//! answers.
//!
//! `tests/peers/nfdump_query/queries.txt` has the questions and explains how to add one. The
//! known differences and their reasons are in `nfdump_query/differences.rs`.

mod compare;
mod differences;
mod questions;
mod tables;
use super::nfdump_filter::{flows as made_up, rich};
mod recorded;
mod synonyms;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::common::process::have;
use compare::difference;
use differences::{COLUMNS, DIFFERENT_ANSWERS, DifferentAnswer, Known, Origin, Seen};
use questions::{Question, questions};
use recorded::Archive;
use synonyms::{Side, align, in_same_words};
use tables::Answer;

const QUERIES: &str = include_str!("queries.txt");

/// How nfdump's answer differs from toptalk's over its own archive, and from toptalk's over
/// nfcapd's file.
struct Compared {
    recorded: Option<String>,
    in_place: Option<String>,
    seen: Seen,
}

fn compared(question: &Question, archive: &Archive) -> Compared {
    let [theirs, recorded, in_place] = archive.ask(question);
    let read = |side, text: Result<String, String>| -> Result<Answer, String> {
        let mut answer = text.and_then(|text| Answer::read(question, &text))?;
        in_same_words(question, side, &mut answer);
        Ok(answer)
    };
    let theirs = read(Side::Theirs, theirs);
    let mut seen = Seen::new();
    let mut against = |ours: Result<String, String>, in_place| {
        let (mut theirs, mut ours) = match (theirs.clone(), read(Side::Ours, ours)) {
            (Ok(theirs), Ok(ours)) => (theirs, ours),
            (theirs, ours) => return Some(format!("{:?} {:?}", theirs.err(), ours.err())),
        };
        for (theirs, ours) in theirs.tables.iter_mut().zip(&mut ours.tables) {
            align(question, theirs, ours);
        }
        let known = Known { source: archive.name, in_place };
        seen.extend(known.cover(question, &mut theirs, &mut ours));
        difference(question, &theirs, &ours)
    };
    let (recorded, in_place) = (against(recorded, false), against(in_place, true));
    Compared { recorded, in_place, seen }
}

/// What is wrong with the answer to a question.
fn wrong(question: &Question, archive: &Archive, compared: &Compared) -> Option<String> {
    let is_known = |one: &&DifferentAnswer| {
        let of_source = one.sources.is_empty() || one.sources.contains(&archive.name);
        of_source && one.questions.contains(&question.text.as_str())
    };
    let known = DIFFERENT_ANSWERS.iter().find(is_known);
    let Compared { recorded, in_place, .. } = compared;
    let as_known = match known.map(|known| known.by) {
        None => recorded.is_none() && in_place.is_none(),
        Some(Origin::Nfcapd) => recorded.is_some() && in_place.is_none(),
        Some(Origin::Nfdump | Origin::Us) => recorded.is_some() && in_place.is_some(),
    };
    let listed = known.map_or(String::new(), |known| format!(" (listed: {})", known.why));
    (!as_known).then(|| {
        let text = &question.text;
        format!("{}: {text}{listed}\n  ours: {recorded:?}\n  its file: {in_place:?}", archive.name)
    })
}

/// Asks all questions of all archives, with one thread per core.
fn ask(questions: &[Question], archives: &[Archive]) -> (Vec<String>, Seen) {
    let asked: Vec<(&Question, &Archive)> = questions
        .iter()
        .flat_map(|question| {
            let of = |archive: &&Archive| question.sources.iter().any(|name| name == archive.name);
            archives.iter().filter(of).map(move |archive| (question, archive))
        })
        .collect();
    let next = AtomicUsize::new(0);
    let found = Mutex::new((Vec::new(), Seen::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((question, archive)) = asked.get(next.fetch_add(1, Relaxed)) {
                    let compared = compared(question, archive);
                    let wrong = wrong(question, archive, &compared);
                    let mut found = found.lock().unwrap();
                    found.0.extend(wrong);
                    found.1.extend(compared.seen);
                }
            });
        }
    });
    found.into_inner().unwrap()
}

#[test]
fn queries_are_answered_as_nfdump_answers_them() {
    let name = "queries_are_answered_as_nfdump_answers_them";
    if !have(name, "nfcapd") || !have(name, "nfdump") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let archives = recorded::archives(folder.path());
    let questions = questions(QUERIES);
    assert!(questions.len() >= 150, "{} questions", questions.len());
    let (mut wrong, seen) = ask(&questions, &archives);
    wrong.sort_unstable();
    for (place, column) in COLUMNS.iter().enumerate() {
        let same = column.names.iter().filter(|name| !seen.contains(&(place, name)));
        wrong.extend(same.map(|name| format!("{name} is the same everywhere: {}", column.why)));
    }
    let known = DIFFERENT_ANSWERS.iter().flat_map(|one| one.questions);
    let gone = known.filter(|text| questions.iter().all(|question| question.text != **text));
    wrong.extend(gone.map(|text| format!("listed, and not asked: {text}")));
    if std::env::var("KEEP").is_ok() {
        println!("{:?}", folder.keep());
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}
