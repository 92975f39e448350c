//! The answers that a frozen screen has shown, so that going back shows the same figures again.

use std::sync::Arc;

use crate::snapshot::{Snapshot, View};

/// The number of answers kept while the screen is frozen. The frozen answer itself stays; of
/// the others, the one shown longest ago is removed first.
const MAX_ANSWERS: usize = 32;

/// The answers by question; empty while the screen is live.
#[derive(Clone, Debug, Default)]
pub struct FrozenAnswers(Vec<(View, Arc<Snapshot>)>);

impl FrozenAnswers {
    /// The answer that was shown to this question.
    pub fn get(&self, view: &View) -> Option<&Arc<Snapshot>> {
        self.0.iter().find(|(known, _)| known == view).map(|(_, snapshot)| snapshot)
    }

    /// Keeps the first answer to a question; later answers use coarser panes.
    pub fn keep(&mut self, view: View, snapshot: &Snapshot) {
        if let Some(at) = self.0.iter().position(|(known, _)| *known == view) {
            if at > 0 {
                let shown = self.0.remove(at);
                self.0.push(shown);
            }
            return;
        }
        if self.0.len() >= MAX_ANSWERS {
            self.0.remove(1);
        }
        self.0.push((view, Arc::new(snapshot.clone())));
    }

    /// Removes all answers, because the screen is live again.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(limit: usize) -> View {
        View { limit, ..View::default() }
    }

    #[test]
    fn the_frozen_answer_and_the_last_ones_stay() {
        let mut answers = FrozenAnswers::default();
        let snapshot = Snapshot::default();
        (0..MAX_ANSWERS).for_each(|limit| answers.keep(view(limit), &snapshot));
        answers.keep(view(1), &snapshot);
        answers.keep(view(0), &snapshot);
        answers.keep(view(MAX_ANSWERS), &snapshot);
        assert_eq!(answers.0.len(), MAX_ANSWERS);
        for (limit, want) in [(0, true), (1, true), (2, false), (3, true), (MAX_ANSWERS, true)] {
            assert_eq!(answers.get(&view(limit)).is_some(), want, "{limit}");
        }
        answers.clear();
        assert!(answers.get(&view(0)).is_none());
    }

    #[test]
    fn the_first_answer_to_a_question_stays() {
        let mut answers = FrozenAnswers::default();
        let first = Snapshot { notes: vec!["first".to_owned()], ..Snapshot::default() };
        answers.keep(view(1), &first);
        answers.keep(view(1), &Snapshot::default());
        assert_eq!(answers.get(&view(1)).map(|answers| answers.as_ref()), Some(&first));
    }
}
