//! Saves the sessions of an exporter and what they agree on, and restores them.

use std::collections::BTreeMap;

use super::saved_domain::{SavedDomain, SavedSession, SavedTemplate};
use super::sessions::{DomainKey, MAX_SESSIONS, WHOLE_ADDRESS};
use super::state::{Domain, ExporterState, MAX_DOMAINS, MAX_SESSION_DOMAINS, MAX_TEMPLATES};
use super::templates::StoredTemplate;
use crate::flow::Time;
use crate::wire::template::{FieldSpec, Scopes, Template, TemplateKind};

/// Maximum age of saved templates: exporters send theirs again within half an hour.
const MAX_AGE_MS: i64 = 7 * 24 * 3_600_000;

/// What to save of an exporter's sessions: the domains on which they agree, and each session. A
/// domain of the only session is saved once.
pub(super) fn remember_sessions(exporter: &ExporterState) -> (Vec<SavedDomain>, Vec<SavedSession>) {
    let mut sessions: Vec<SavedSession> = exporter
        .sessions
        .known
        .iter()
        .map(|(port, session)| SavedSession {
            port: *port,
            last_seen_ms: session.last_seen.0,
            clock_offset_ms: session.clock.offset(),
            domains: Vec::new(),
        })
        .collect();
    sessions.sort_by_key(|session| session.port);
    for (key, domain) in &exporter.domains {
        let saved = remember_domain(key.id, domain);
        let has_content = !saved.templates.is_empty() || !saved.samplers.is_empty();
        let at = sessions.binary_search_by_key(&key.port, |session| session.port);
        if let Some(session) = at.ok().and_then(|at| sessions.get_mut(at)).filter(|_| has_content) {
            session.domains.push(saved);
        }
    }
    sessions.retain(|session| !session.domains.is_empty());
    for session in &mut sessions {
        session.domains.sort_by_key(|domain| domain.id);
    }
    let domains = agreed(&sessions);
    match &mut sessions[..] {
        [only] if only.port == WHOLE_ADDRESS => sessions.clear(),
        [only] => only.domains.clear(),
        _ => {}
    }
    (domains, sessions)
}

/// The domains of all sessions, without templates of which they have different ones.
fn agreed(sessions: &[SavedSession]) -> Vec<SavedDomain> {
    let mut all: BTreeMap<u32, SavedDomain> = BTreeMap::new();
    let mut templates: BTreeMap<(u32, u16), Option<SavedTemplate>> = BTreeMap::new();
    for domain in sessions.iter().flat_map(|session| &session.domains) {
        let SavedDomain { id, init_ms, samplers, .. } = domain.clone();
        let none = SavedDomain { id, init_ms, samplers, templates: Vec::new() };
        let known = all.entry(id).or_insert(none);
        known.init_ms = known.init_ms.filter(|init| domain.init_ms == Some(*init));
        for template in &domain.templates {
            let place = templates.entry((id, template.id)).or_insert(Some(template.clone()));
            let same = |one: &SavedTemplate| {
                (one.options, one.scope, &one.fields)
                    == (template.options, template.scope, &template.fields)
            };
            if place.as_ref().is_some_and(|one| !same(one)) {
                *place = None;
            }
        }
    }
    for ((id, _), template) in templates {
        if let (Some(domain), Some(template)) = (all.get_mut(&id), template) {
            domain.templates.push(template);
        }
    }
    all.into_values().collect()
}

fn remember_domain(id: u32, domain: &Domain) -> SavedDomain {
    let mut templates: Vec<SavedTemplate> = domain
        .templates
        .iter()
        .filter(|(_, entry)| !entry.disproved && entry.adopted.is_none())
        .map(|(id, entry)| SavedTemplate {
            id,
            options: entry.template.kind() == TemplateKind::Options,
            scope: entry.template.scope(),
            scope_types: entry.template.scopes() == Scopes::Types,
            refreshed_ms: entry.refreshed.0,
            fields: entry.template.fields().iter().map(|f| (f.pen, f.id, f.length)).collect(),
        })
        .collect();
    templates.sort_by_key(|template| template.id);
    SavedDomain { id, init_ms: domain.init, templates, samplers: domain.samplers.save() }
}

/// Restores the saved sessions of an exporter; `whole` is what they agree on.
pub(super) fn recall_sessions(
    now: Time,
    exporter: &mut ExporterState,
    whole: SavedSession,
    sessions: &[SavedSession],
) {
    let sessions = match sessions {
        [] => vec![whole],
        [only] if only.domains.is_empty() => vec![SavedSession { port: only.port, ..whole }],
        several => several.to_vec(),
    };
    for session in sessions.iter().take(MAX_SESSIONS + 1) {
        let SavedSession { port, last_seen_ms, clock_offset_ms, domains } = session;
        exporter.sessions.entry(*port).last_seen = Time(*last_seen_ms);
        // By the exporter's own clock, as its headers give its start.
        let seen = Time(*last_seen_ms).plus_ms(clock_offset_ms.saturating_neg());
        for domain in domains.iter().take(MAX_DOMAINS) {
            let key = DomainKey { port: *port, id: domain.id };
            let is_full = exporter.domains.len() >= MAX_SESSION_DOMAINS;
            if is_full || exporter.domains.contains_key(&key) {
                continue;
            }
            let state = recall_domain(now, seen, exporter, domain);
            exporter.domains.insert(key, state);
            exporter.sessions.entry(*port).domains += 1;
        }
    }
}

fn recall_domain(
    now: Time,
    seen: Time,
    exporter: &mut ExporterState,
    domain: &SavedDomain,
) -> Domain {
    let mut state = Domain { init: domain.init_ms, ..Domain::default() };
    let data = |template: &SavedTemplate| !template.options;
    state.samplers.for_others = !domain.templates.iter().any(data);
    state.samplers.restore(&domain.samplers);
    exporter.rates.add_domain(&state.samplers);
    if domain.id == 0 {
        exporter.rates.shared.restore(&domain.samplers);
    }
    for template in &domain.templates {
        let fresh = now.since(Time(template.refreshed_ms)) < MAX_AGE_MS;
        if !fresh || exporter.templates >= MAX_TEMPLATES {
            continue;
        }
        if let Some(compiled) = recall_template(template) {
            let refreshed = Time(template.refreshed_ms);
            let entry = StoredTemplate {
                remembered: Some(seen),
                ..StoredTemplate::new(refreshed, compiled)
            };
            let size = entry.template.size();
            let new = state.templates.insert(template.id, entry).is_none();
            exporter.template_bytes += if new { size } else { 0 };
            exporter.templates += usize::from(new);
        }
    }
    state
}

fn recall_template(template: &SavedTemplate) -> Option<Template> {
    let kind = if template.options { TemplateKind::Options } else { TemplateKind::Data };
    let scopes = if template.scope_types { Scopes::Types } else { Scopes::Elements };
    let field =
        |(pen, id, length): &(u32, u16, u16)| FieldSpec { pen: *pen, id: *id, length: *length };
    let fields: Vec<FieldSpec> = template.fields.iter().map(field).collect();
    Template::compile(kind, &fields, template.scope.min(fields.len()), scopes)
}
