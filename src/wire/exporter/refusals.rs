//! What of an exporter found no room, so that who is hurt has a name.

use crate::wire::report::Cause;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceRefusal {
    /// A template.
    Template,
    /// A data set that waited for its template.
    Held,
}

/// How often, by what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals([u64; 2]);

impl Refusals {
    /// Counts so many more.
    pub fn add(&mut self, what: ResourceRefusal, count: u32) {
        let slot = &mut self.0[what as usize];
        *slot = slot.saturating_add(u64::from(count));
    }

    /// What was refused, as which cause, and how often.
    pub fn list(&self) -> impl Iterator<Item = (Cause, u64)> + use<> {
        let [templates, held] = self.0;
        let all = [(Cause::TemplateLimit, templates), (Cause::HeldDropped, held)];
        all.into_iter().filter(|(_, count)| *count > 0)
    }
}
