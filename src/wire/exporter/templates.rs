//! The templates of an observation domain, with their history.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::flow::Time;
use crate::wire::record_rules::RecordRules;
use crate::wire::template::Template;

/// A template with its history.
#[derive(Clone, Debug)]
pub struct StoredTemplate {
    pub template: Template,
    /// How its records become flows.
    pub(in crate::wire) rules: RecordRules,
    /// When it was defined with these fields, and when it was last sent.
    pub defined: Time,
    pub refreshed: Time,
    /// When a data set last used it.
    pub used: Time,
    /// How often it was redefined with other fields.
    pub changes: u32,
    /// For a template from an earlier run that was not sent again yet: when its exporter was
    /// last seen in that run.
    pub remembered: Option<Time>,
    /// Whether it turned out not to be valid any more.
    pub disproved: bool,
    /// Whether the exporter sends sets that do not fit its own templates, so that lengths prove
    /// nothing: one came in the same datagram as the template, or before and after others that
    /// fit.
    pub inexact: bool,
    /// For a copy of a template that other sessions of the exporter have sent: the generation of
    /// templates in which they agreed on it.
    pub adopted: Option<u32>,
}

impl StoredTemplate {
    /// A template that was just defined.
    #[must_use]
    pub fn new(now: Time, template: Template) -> StoredTemplate {
        StoredTemplate {
            rules: RecordRules::of(&template),
            template,
            defined: now,
            refreshed: now,
            used: now,
            changes: 0,
            remembered: None,
            disproved: false,
            inexact: false,
            adopted: None,
        }
    }

    /// Whether a data set with this content can be of this template; see [`Template::fits`].
    #[must_use]
    pub fn fits(&self, content: &[u8], padding: u8) -> bool {
        self.inexact || self.template.fits(content, padding)
    }

    /// The same for a set that follows the template in the same datagram (`is_own`) or not.
    pub fn fits_or_is_own(&mut self, content: &[u8], padding: u8, is_own: bool) -> bool {
        self.inexact = self.inexact || is_own && !self.template.fits(content, padding);
        self.fits(content, padding)
    }
}

/// What storing a template did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreResult {
    New,
    Refreshed,
    Changed,
    NoRoom,
}

/// The templates of one observation domain, by id. The ids of each kind are also in a set of
/// their own, so that withdrawing all templates of a kind does not search the others.
#[derive(Debug, Default)]
pub struct Templates {
    pub(in crate::wire) known: HashMap<u16, StoredTemplate, RandomState>,
    pub(in crate::wire) kinds: [BTreeSet<u16>; 2],
}

impl Templates {
    /// The template of an id.
    #[inline]
    #[must_use]
    pub fn get(&self, id: u16) -> Option<&StoredTemplate> {
        self.known.get(&id)
    }

    #[inline]
    pub(in crate::wire) fn get_mut(&mut self, id: u16) -> Option<&mut StoredTemplate> {
        self.known.get_mut(&id)
    }

    /// All templates with their ids, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &StoredTemplate)> {
        self.known.iter().map(|(id, entry)| (*id, entry))
    }

    /// Stores a template and returns the one that had its id before.
    pub(in crate::wire) fn insert(
        &mut self,
        id: u16,
        entry: StoredTemplate,
    ) -> Option<StoredTemplate> {
        let kind = entry.template.kind();
        let before = self.known.insert(id, entry);
        if let Some(before) = &before {
            self.kinds[before.template.kind() as usize].remove(&id);
        }
        self.kinds[kind as usize].insert(id);
        before
    }

    fn remove(&mut self, id: u16) -> Option<StoredTemplate> {
        let entry = self.known.remove(&id)?;
        self.kinds[entry.template.kind() as usize].remove(&id);
        Some(entry)
    }

    /// Whether the session has sent a template itself.
    pub(in crate::wire) fn has_own(&self) -> bool {
        self.known.values().any(|entry| entry.adopted.is_none())
    }

    /// Removes the templates of other sessions. Returns how many, and their bytes.
    pub(in crate::wire) fn forget_adopted(&mut self) -> (usize, usize) {
        let adopted = self.known.iter().filter(|(_, entry)| entry.adopted.is_some());
        let ids: Vec<u16> = adopted.map(|(id, _)| *id).collect();
        self.remove_all(ids)
    }

    /// Takes over the templates of a session that ended. Templates of one id that differ are not
    /// used until they are sent again. Returns how many were dropped, and their bytes.
    pub(in crate::wire) fn take_over(&mut self, ended: &mut Templates) -> (usize, usize) {
        let (mut count, mut bytes) = (0, 0);
        for (id, entry) in ended.known.drain() {
            match self.known.get_mut(&id) {
                None => drop(self.insert(id, entry)),
                Some(own) => {
                    let is_same = own.template.same_shape(&entry.template);
                    own.disproved |= !is_same || entry.disproved;
                    own.refreshed = own.refreshed.max(entry.refreshed);
                    (count, bytes) = (count + 1, bytes + entry.template.size());
                }
            }
        }
        (count, bytes)
    }

    /// Removes the templates of one kind that `which` selects by id. Returns how many, and their
    /// bytes.
    pub(in crate::wire) fn remove_all(
        &mut self,
        ids: impl IntoIterator<Item = u16>,
    ) -> (usize, usize) {
        ids.into_iter().fold((0, 0), |(count, bytes), id| match self.remove(id) {
            Some(entry) => (count + 1, bytes + entry.template.size()),
            None => (count, bytes),
        })
    }
}
