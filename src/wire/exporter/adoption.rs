//! Templates for a port that has sent none: those of the address, if all its sessions agree.

use std::collections::BTreeSet;

use super::rates::SAMPLER_BYTES;
use super::sampling::Samplers;
use super::sessions::{DomainKey, WHOLE_ADDRESS};
use super::shared_limits::DecoderShare;
use super::state::{Domain, ExporterState, MAX_TEMPLATES};
use super::template_store::EXPORTER_PART;
use super::templates::StoredTemplate;

/// Templates that a new session takes from the others at once, and ids of one datagram that are
/// looked up in other sessions. Exporters use a handful.
pub const MAX_ADOPTED: usize = 16;

impl ExporterState {
    /// The template of an id, if all sessions that have it agree on its fields.
    fn agreed(&self, id: u32, template: u16) -> Option<&StoredTemplate> {
        let mut agreed: Option<&StoredTemplate> = None;
        for port in self.sessions.ports() {
            let domain = self.domains.get(&DomainKey { port, id });
            let entry = domain.and_then(|domain| domain.templates.get(template));
            let Some(entry) = entry.filter(|entry| entry.adopted.is_none()) else { continue };
            let differs = |one: &StoredTemplate| !one.template.same_shape(&entry.template);
            if entry.disproved || agreed.is_some_and(differs) {
                return None;
            }
            let is_newer = agreed.is_none_or(|one| one.refreshed <= entry.refreshed);
            agreed = if is_newer { Some(entry) } else { agreed };
        }
        agreed
    }

    /// Gives a session the template of an id on which the others agree, if it has sent none
    /// itself. Returns whether the template can be used.
    pub fn adopt(&mut self, key: DomainKey, template: u16, pool: &mut DecoderShare) -> bool {
        if !self.sessions.are_several() {
            return false;
        }
        pool.steps += self.sessions.known.len() as u64;
        let numbering = self.numberings.get(&key.id);
        let is_shared = numbering.is_some_and(|shared| shared.is_one());
        let Some(domain) = self.domains.get(&key) else { return false };
        let present = domain.templates.get(template);
        if present.is_some_and(|entry| entry.adopted.is_none()) {
            return false;
        }
        let may_adopt = is_shared || !domain.templates.has_own();
        let agreed = self.agreed(key.id, template).filter(|_| may_adopt);
        if let Some((present, agreed)) = present.zip(agreed)
            && present.template.same_shape(&agreed.template)
        {
            return self.keep_adopted(key, template);
        }
        let agreed = agreed.cloned();
        self.drop_adopted(key, template, pool);
        agreed.is_some_and(|entry| self.insert_adopted(key, template, entry, pool))
    }

    fn keep_adopted(&mut self, key: DomainKey, template: u16) -> bool {
        let generation = self.generation;
        let domain = self.domains.get_mut(&key);
        let Some(entry) = domain.and_then(|domain| domain.templates.get_mut(template)) else {
            return false;
        };
        entry.adopted = Some(generation);
        !entry.disproved
    }

    fn drop_adopted(&mut self, key: DomainKey, template: u16, pool: &mut DecoderShare) {
        let Some(domain) = self.domains.get_mut(&key) else { return };
        let (gone, freed) = domain.templates.remove_all([template]);
        self.templates = self.templates.saturating_sub(gone);
        self.template_bytes = self.template_bytes.saturating_sub(freed);
        pool.templates.change(self.class, freed, 0);
    }

    fn insert_adopted(
        &mut self,
        key: DomainKey,
        template: u16,
        entry: StoredTemplate,
        pool: &mut DecoderShare,
    ) -> bool {
        let size = entry.template.size();
        let has_room = self.templates < MAX_TEMPLATES
            && self.template_bytes + size <= pool.templates.limit() / EXPORTER_PART
            && size <= pool.templates.allowance(self.class, self.template_bytes);
        let Some(domain) = self.domains.get_mut(&key).filter(|_| has_room) else { return false };
        let entry = StoredTemplate { adopted: Some(self.generation), ..entry };
        domain.templates.insert(template, entry);
        self.templates += 1;
        self.template_bytes += size;
        pool.templates.change(self.class, 0, size);
        true
    }

    /// Gives a new session the templates of its domain on which the others agree.
    pub fn adopt_all(&mut self, key: DomainKey, pool: &mut DecoderShare) {
        let mut ids = BTreeSet::new();
        for port in self.sessions.ports().filter(|port| *port != key.port) {
            let Some(domain) = self.domains.get(&DomainKey { port, id: key.id }) else { continue };
            let own = domain.templates.iter().filter(|(_, entry)| entry.adopted.is_none());
            ids.extend(own.map(|(id, _)| id).take(MAX_ADOPTED));
        }
        pool.steps += (self.sessions.known.len() + ids.len()) as u64;
        for template in ids.into_iter().take(MAX_ADOPTED) {
            self.adopt(key, template, pool);
        }
        self.adopt_rates(key);
    }

    /// Gives a session without sampling rates those of its domain, if all other sessions that
    /// have some agree: a process that starts again has another port, and sends its options later
    /// than its records.
    fn adopt_rates(&mut self, key: DomainKey) {
        let others = self.sessions.ports().filter(|port| *port != key.port);
        let domains = others.filter_map(|port| self.domains.get(&DomainKey { port, id: key.id }));
        let mut known = domains.map(|domain| &domain.samplers).filter(|one| one.len() > 0);
        let Some(agreed) = known.next() else { return };
        if !known.all(|one| one.scopes().eq(agreed.scopes())) {
            return;
        }
        let bytes = agreed.len() * SAMPLER_BYTES;
        let mut agreed: Samplers = agreed.clone();
        agreed.for_others = false;
        let lacks = |domain: &&mut Domain| domain.samplers.len() == 0;
        let Some(domain) = self.domains.get_mut(&key).filter(lacks) else { return };
        if bytes <= self.growth {
            domain.samplers = agreed;
            self.beside += bytes;
            self.growth -= bytes;
        }
    }

    /// After a datagram of session `key`: gives it the templates that it lacked (`wanted`), and
    /// other sessions those that it has defined (`news`), where data sets wait for them.
    pub fn share_templates(
        &mut self,
        key: DomainKey,
        wanted: &[u16],
        news: &[u16],
        pool: &mut DecoderShare,
    ) {
        if !self.sessions.are_several() || wanted.is_empty() && news.is_empty() {
            return;
        }
        self.generation = self.generation.wrapping_add(u32::from(!news.is_empty()));
        for template in wanted {
            if self.adopt(key, *template, pool) {
                self.held.release(key, *template);
            }
        }
        let ports: Vec<u16> = self.sessions.ports().filter(|port| *port != key.port).collect();
        for template in news {
            for port in &ports {
                let other = DomainKey { port: *port, id: key.id };
                pool.steps += 1;
                if self.held.waits(other, *template) && self.adopt(other, *template, pool) {
                    self.held.release(other, *template);
                }
            }
        }
    }

    /// The domain that decodes pending sets of a session: that of the address when the session
    /// is gone.
    pub fn present_key(&self, key: DomainKey) -> DomainKey {
        if self.domains.contains_key(&key) { key } else { DomainKey { port: WHOLE_ADDRESS, ..key } }
    }
}
