//! Asks everything of everyone and compares what they answer.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::ask::Question;
use super::compare::difference;
use super::different::{By, Known, Seen};
use super::read::Answer;
use super::same::{Side, align, in_same_words};
use super::sides::Archive;

/// How nfdump's answer differs from toptalk's over its own archive, and over
/// nfcapd's file.
struct Compared {
    recorded: Option<String>,
    in_place: Option<String>,
    seen: Seen,
    /// Rows of nfdump's answer.
    rows: usize,
}

impl Compared {
    fn new(question: &Question, archive: &Archive) -> Compared {
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
        let tables = theirs.iter().flat_map(|theirs| &theirs.tables);
        let rows = tables.map(|table| table.rows.len()).sum();
        Compared { recorded, in_place, seen, rows }
    }

    /// Whether they differ as it is known, or not at all where nothing is.
    fn is_as_known(&self, known: Option<By>) -> bool {
        match known {
            None => self.recorded.is_none() && self.in_place.is_none(),
            Some(By::Nfcapd) => self.recorded.is_some() && self.in_place.is_none(),
            Some(By::Nfdump | By::Us) => self.recorded.is_some() && self.in_place.is_some(),
        }
    }
}

/// What came of all questions.
#[derive(Default)]
pub struct Found {
    /// Answers that are not as they should be.
    pub wrong: Vec<String>,
    pub seen: Seen,
    /// Of each question, how many rows nfdump found in which source.
    pub rows: BTreeMap<String, Vec<(&'static str, usize)>>,
}

/// Where it is known that a question to a source is answered otherwise, and why.
pub type IsKnown<'a> = &'a (dyn Fn(&Question, &str) -> Option<(By, &'static str)> + Sync);

/// As many questions at once as there are cores.
pub fn ask(questions: &[Question], archives: &[Archive], is_known: IsKnown) -> Found {
    let of_source = |question: &Question, archive: &Archive| {
        question.sources.iter().any(|source| source == archive.name)
    };
    let asked: Vec<(&Question, &Archive)> = questions
        .iter()
        .flat_map(|question| archives.iter().map(move |archive| (question, archive)))
        .filter(|(question, archive)| of_source(question, archive))
        .collect();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Found::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((question, archive)) = asked.get(next.fetch_add(1, Relaxed)) {
                    let compared = Compared::new(question, archive);
                    let known = is_known(question, archive.name);
                    found.lock().unwrap().add(question, archive, compared, known);
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.wrong.sort_unstable();
    found
}

impl Found {
    fn add(
        &mut self,
        question: &Question,
        archive: &Archive,
        compared: Compared,
        known: Option<(By, &str)>,
    ) {
        if !compared.is_as_known(known.map(|(by, _)| by)) {
            let Compared { recorded, in_place, .. } = &compared;
            let listed = known.map_or(String::new(), |(by, why)| format!(" ({by:?}: {why})"));
            self.wrong.push(format!(
                "{}: {}{listed}\n  its own archive: {recorded:?}\n  nfcapd's file: {in_place:?}",
                archive.name, question.text
            ));
        }
        self.seen.extend(compared.seen);
        let rows = self.rows.entry(question.text.clone()).or_default();
        rows.push((archive.name, compared.rows));
    }

    /// Fails when something is wrong.
    pub fn check(self) {
        assert!(self.wrong.is_empty(), "{} of them:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}
