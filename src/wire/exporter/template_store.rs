//! Stores templates of exporters within limits, withdraws them, and decides whether a template
//! from an earlier run can be used.

use super::sessions::DomainKey;
use super::shared_limits::DecoderShare;
use super::state::{ExporterSession, ExporterState, MAX_TEMPLATES};
use super::templates::{StoreResult, StoredTemplate};
use crate::flow::Time;
use crate::wire::header::MessageHeader;
use crate::wire::report::Cause;
use crate::wire::template::{Template, TemplateKind};

/// A template that was neither refreshed nor used for this long may be dropped to make room:
/// exporters refresh theirs at least every half an hour.
const STALE_MS: i64 = 2 * 3_600_000;

/// Minimum milliseconds between two searches for stale templates. Without it, each template of a
/// flood would cause a search through all others.
const STALE_AGAIN_MS: u64 = 10_000;

/// One exporter gets at most this part of the bytes of templates: 1 / `EXPORTER_PART`.
pub(super) const EXPORTER_PART: usize = 4;

/// An exporter that has to give back memory forgets this part of its templates: 1 /
/// `FORGOTTEN_PART`.
const FORGOTTEN_PART: usize = 4;

impl ExporterState {
    /// Forgets a quarter of the templates, the least recently used ones. Returns how many.
    pub(in crate::wire) fn forget_least_used(&mut self, pool: &mut DecoderShare) -> u32 {
        let mut all: Vec<(Time, DomainKey, u16)> = Vec::with_capacity(self.templates);
        for (domain, state) in &self.domains {
            let used = |entry: &StoredTemplate| entry.refreshed.max(entry.used);
            all.extend(state.templates.iter().map(|(id, entry)| (used(entry), *domain, id)));
        }
        pool.steps += all.len() as u64;
        all.sort_unstable();
        let (mut gone, mut freed) = (0, 0);
        for (_, domain, id) in all.iter().take(all.len().div_ceil(FORGOTTEN_PART)) {
            let Some(state) = self.domains.get_mut(domain) else { continue };
            let (count, bytes) = state.templates.remove_all([*id]);
            (gone, freed) = (gone + count, freed + bytes);
        }
        self.templates = self.templates.saturating_sub(gone);
        self.template_bytes = self.template_bytes.saturating_sub(freed);
        pool.templates.change(self.class, freed, 0);
        gone as u32
    }

    /// If most of the exporter's bytes are not templates: forgets a quarter of its domains, the
    /// least recently heard ones, with all their state, and the sFlow agents behind it. Returns
    /// how many templates were lost with them.
    pub(in crate::wire) fn forget_beside(&mut self, pool: &mut DecoderShare) -> u32 {
        if self.booked <= self.template_bytes / 2 {
            return 0;
        }
        let mut all: Vec<(Time, DomainKey)> =
            self.domains.iter().map(|(id, domain)| (domain.moment.seen, *id)).collect();
        pool.steps += all.len() as u64;
        all.sort_unstable();
        let (mut gone, mut freed) = (0, 0);
        for (_, id) in all.iter().take(all.len().div_ceil(FORGOTTEN_PART)) {
            let Some(domain) = self.domains.remove(id) else { continue };
            pool.steps += domain.samplers.len() as u64;
            self.rates.forget_domain(&domain.samplers);
            let session = self.sessions.entry(id.port);
            session.domains = session.domains.saturating_sub(1);
            let sizes = domain.templates.iter().map(|(_, entry)| entry.template.size());
            (gone, freed) = (gone + domain.templates.iter().count(), freed + sizes.sum::<usize>());
        }
        self.agents.forget();
        self.templates = self.templates.saturating_sub(gone);
        self.template_bytes = self.template_bytes.saturating_sub(freed);
        pool.templates.change(self.class, freed, 0);
        self.count_domains();
        self.settle(self.about.names(), pool);
        gone as u32
    }
}

impl ExporterSession<'_> {
    /// Whether there is room for `bytes` more bytes of templates after `freed` bytes are given
    /// back.
    fn has_room(&self, bytes: usize, freed: usize, pool: &DecoderShare) -> bool {
        let own = self.template_bytes.saturating_sub(freed);
        let cap = pool.templates.limit() / EXPORTER_PART;
        own + bytes <= cap
            && (bytes <= freed || bytes - freed <= pool.templates.allowance(self.class, own))
    }

    /// Books that templates take `after` bytes instead of `before`.
    fn book(&mut self, before: usize, after: usize, pool: &mut DecoderShare) {
        *self.template_bytes = (*self.template_bytes + after).saturating_sub(before);
        pool.templates.change(self.class, before, after);
    }

    /// Stores a template.
    pub fn define(
        &mut self,
        now: Time,
        id: u16,
        template: Template,
        pool: &mut DecoderShare,
    ) -> StoreResult {
        let size = template.size();
        if let Some(entry) = self.domain.templates.get_mut(id) {
            entry.refreshed = now;
            let same = entry.template.same_shape(&template);
            // A template from an earlier run, or of another session, may have been redefined since,
            // which is nothing unusual.
            let was_remembered = entry.remembered.is_some() || entry.adopted.is_some();
            if same {
                let was_disproved = std::mem::take(&mut entry.disproved);
                (entry.remembered, entry.adopted) = (None, None);
                let is_news = was_remembered || was_disproved;
                return if is_news { StoreResult::New } else { StoreResult::Refreshed };
            }
            let (freed, used) = (entry.template.size(), entry.used);
            let changes = entry.changes.saturating_add(u32::from(!was_remembered));
            if !self.has_room(size, freed, pool) {
                self.forget_redefined(id, pool);
                return StoreResult::NoRoom;
            }
            self.book(freed, size, pool);
            let entry = StoredTemplate { changes, used, ..StoredTemplate::new(now, template) };
            self.domain.templates.insert(id, entry);
            return if was_remembered { StoreResult::New } else { StoreResult::Changed };
        }
        let is_full = |session: &ExporterSession<'_>, pool: &DecoderShare| {
            *session.templates >= MAX_TEMPLATES || !session.has_room(size, 0, pool)
        };
        if is_full(self, pool) && (!self.forget_stale(now, pool) || is_full(self, pool)) {
            return StoreResult::NoRoom;
        }
        *self.templates += 1;
        self.book(0, size, pool);
        self.domain.templates.insert(id, StoredTemplate::new(now, template));
        StoreResult::New
    }

    /// Forgets the least recently used template of the domain, if it is stale. Returns whether
    /// there was one.
    fn forget_stale(&mut self, now: Time, pool: &mut DecoderShare) -> bool {
        let age = |entry: &StoredTemplate| now.since(entry.refreshed.max(entry.used));
        let looked = self.domain.looked_for_stale;
        let again = looked.is_none_or(|at| now.since(at).unsigned_abs() >= STALE_AGAIN_MS);
        if self.domain.stale.is_empty() && again {
            self.domain.looked_for_stale = Some(now);
            pool.steps += self.domain.templates.known.len() as u64;
            let known = self.domain.templates.iter();
            let mut stale: Vec<_> = known.filter(|(_, entry)| age(entry) > STALE_MS).collect();
            stale.sort_by_key(|(_, entry)| age(entry));
            self.domain.stale = stale.into_iter().map(|(id, _)| id).collect();
        }
        while let Some(id) = self.domain.stale.pop() {
            let entry = self.domain.templates.get(id);
            // The template may have been used since it was found.
            if entry.is_some_and(|entry| age(entry) > STALE_MS) && self.forget([id], pool) > 0 {
                return true;
            }
        }
        false
    }

    /// Forgets the templates of these ids. Returns how many there were.
    fn forget(&mut self, ids: impl IntoIterator<Item = u16>, pool: &mut DecoderShare) -> usize {
        let (gone, freed) = self.domain.templates.remove_all(ids);
        pool.steps += gone as u64;
        *self.templates = self.templates.saturating_sub(gone);
        self.book(freed, 0, pool);
        gone
    }

    /// Withdraws one template of a kind, or all of the kind. Returns how many there were.
    pub fn withdraw(
        &mut self,
        id: Option<u16>,
        kind: TemplateKind,
        pool: &mut DecoderShare,
    ) -> u32 {
        let listed = &mut self.domain.templates.kinds[kind as usize];
        let gone = match id {
            Some(id) if listed.contains(&id) => self.forget([id], pool),
            Some(_) => 0,
            None => {
                let all = std::mem::take(listed);
                self.forget(all, pool)
            }
        };
        gone as u32
    }

    /// Whether a data set of `length` bytes can be decoded by template `id`, which `fits` compares
    /// with it. Returns whether sets that wait for the template can be decoded now, too.
    ///
    /// A template that does not fit a data set is outdated: the exporter has redefined it, and
    /// the new definition has not arrived yet. It is not used until it is sent again. If later
    /// sets of records of variable length fit it, which does not happen by chance, it was not
    /// outdated: the exporter sends damaged records now and then. A template from an earlier run
    /// is outdated also when its exporter has started again since it was last seen.
    ///
    /// # Errors
    /// The cause why it cannot be decoded yet.
    pub fn accepts(
        &mut self,
        now: Time,
        id: u16,
        length: usize,
        header: &MessageHeader,
        fits: impl FnOnce(&mut StoredTemplate) -> bool,
    ) -> Result<bool, Cause> {
        let Some(entry) = self.domain.templates.get_mut(id) else { return Err(Cause::NoTemplate) };
        entry.used = now;
        if entry.adopted.is_some_and(|agreed| agreed != self.generation) {
            // The sessions may no longer agree.
            return Err(Cause::NoTemplate);
        }
        let fits = fits(entry);
        let Some(seen) = entry.remembered else {
            let plan = entry.template.plan();
            let has_record = length >= plan.least();
            let is_back = fits && entry.disproved && has_record && !plan.is_fixed();
            entry.inexact |= is_back;
            entry.disproved = !fits || entry.disproved && !is_back;
            return if entry.disproved { Err(Cause::TemplateOutdated) } else { Ok(is_back) };
        };
        let started = header.uptime.map(|up| header.exported.plus_ms(-i64::from(up)));
        entry.disproved |= !fits || started.is_some_and(|started| started > seen);
        if entry.disproved { Err(Cause::NoTemplate) } else { Ok(false) }
    }

    /// Forgets the template of an id that was redefined in a way that cannot be used: data sets
    /// that follow are not of the old shape (RFC 7011, 8).
    pub fn forget_redefined(&mut self, id: u16, pool: &mut DecoderShare) {
        self.forget([id], pool);
    }
}
