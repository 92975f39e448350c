//! What a data set leaves over when it is read by a template.

use super::bytes::variable_length;
use super::plan::LoadPlan;

impl LoadPlan {
    /// Bytes of `content` after its last complete record. `None` when a record is cut off at the
    /// end.
    #[must_use]
    pub fn remainder(&self, content: &[u8]) -> Option<usize> {
        if self.is_fixed() {
            return Some(content.len() % self.least());
        }
        let mut at = 0;
        while at + self.least() <= content.len() {
            for run in std::iter::once(&self.first).chain(&self.more) {
                at += run.length;
                if run.variable.is_some() {
                    let (start, length) = variable_length(content, at)?;
                    at = start + length;
                }
            }
            content.get(at..)?;
        }
        Some(content.len() - at)
    }
}
