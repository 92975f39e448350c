//! Counts what was refused to an exporter for lack of room, so that the affected exporters can
//! be named.

use crate::wire::report::Cause;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceRefusal {
    /// A template.
    Template,
    /// A data set that waited for its template.
    Held,
}

/// How often each kind was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals([u64; 2]);

impl Refusals {
    /// Adds `count` to a kind.
    pub fn add(&mut self, what: ResourceRefusal, count: u32) {
        let slot = &mut self.0[what as usize];
        *slot = slot.saturating_add(u64::from(count));
    }

    /// Each refused kind as a cause, with how often.
    pub fn list(&self) -> impl Iterator<Item = (Cause, u64)> + use<> {
        let [templates, held] = self.0;
        let all = [(Cause::TemplateLimit, templates), (Cause::HeldDropped, held)];
        all.into_iter().filter(|(_, count)| *count > 0)
    }
}
