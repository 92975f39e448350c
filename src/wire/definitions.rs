//! Reads sets of templates and options templates, stores templates and withdraws them (RFC
//! 3954, sections 5.2 and 6.1; RFC 7011, sections 3.4 and 8.1).

use super::bytes::u32_at;
use super::exporter::refusals::ResourceRefusal;
use super::exporter::templates::StoreResult;
use super::layout::fixed::FixedLayout;
use super::layout::sets::{FieldSpecifier, IpfixOptionsHeader, TemplateHeader, V9OptionsHeader};
use super::observer::TemplateSeen;
use super::report::Cause;
use super::sets::{FIRST_DATA_SET, SetDialect, Sets};
use super::template::{FieldSpec, MAX_FIELDS, Template, TemplateKind};

/// The bit of an information element id that says that an enterprise number follows (RFC
/// 7011, section 3.2).
const ENTERPRISE: u16 = 0x8000;

impl Sets<'_, '_, '_> {
    /// Reads a set of templates; `start` is the offset of `content` in the datagram.
    pub(super) fn templates(&mut self, content: &[u8], start: usize, kind: TemplateKind) {
        let mut at = 0;
        while let Some(TemplateHeader { id, count }) = TemplateHeader::read_at(content, at) {
            if self.flavour == SetDialect::Ipfix && count == 0 && id > 0 {
                if !self.withdraw(id, kind) {
                    return self.count(Cause::BadTemplate, start + at);
                }
                at += TemplateHeader::LENGTH;
                continue;
            }
            if id < FIRST_DATA_SET {
                // Zeros after the last template are padding; anything else is an invalid
                // template.
                if content[at..].iter().any(|byte| *byte != 0) {
                    self.count(Cause::BadTemplate, start + at);
                }
                return;
            }
            let read = match (kind, self.flavour) {
                (TemplateKind::Data, _) => {
                    let fields_at = at + TemplateHeader::LENGTH;
                    fields(content, fields_at, usize::from(count), self.flavour)
                        .map(|(list, next)| (list, 0, next))
                }
                (TemplateKind::Options, SetDialect::Ipfix) => ipfix_options(content, at),
                (TemplateKind::Options, SetDialect::Netflow9) => v9_options(content, at),
            };
            let Some((list, scope, next)) = read else {
                self.session.forget_redefined(id, self.context.pool);
                return self.count(Cause::BadTemplate, start + at);
            };
            self.define(id, kind, &list, scope, start + at);
            at = next;
        }
    }

    /// Withdraws a template, which a template record without fields asks for (RFC 7011,
    /// 8.1). The set's own id (2 for templates, 3 for options templates) withdraws all
    /// templates of this kind. Returns `false` for any other id that a template cannot
    /// have.
    fn withdraw(&mut self, id: u16, kind: TemplateKind) -> bool {
        let (templates, options) = self.flavour.template_sets();
        let all = if kind == TemplateKind::Data { templates } else { options };
        if id < FIRST_DATA_SET && id != all {
            return false;
        }
        let one = (id >= FIRST_DATA_SET).then_some(id);
        let gone = self.session.withdraw(one, kind, self.context.pool);
        self.context.report.causes.add(Cause::TemplateWithdrawn, gone);
        true
    }

    /// Compiles and stores a template.
    fn define(&mut self, id: u16, kind: TemplateKind, list: &[FieldSpec], scope: usize, at: usize) {
        self.context.pool.steps += 1 + list.len() as u64;
        let Some(template) = Template::compile(kind, list, scope, self.flavour.scopes()) else {
            self.session.forget_redefined(id, self.context.pool);
            return self.count(Cause::BadTemplate, at);
        };
        match kind {
            TemplateKind::Data => self.context.report.templates += 1,
            TemplateKind::Options => self.context.report.options_templates += 1,
        }
        if let Some(observer) = &mut self.context.observer {
            let seen = TemplateSeen { domain: self.header.domain, id, template: &template };
            observer.template(&seen);
        }
        self.defined.push(id);
        match self.session.define(self.now, id, template, self.context.pool) {
            StoreResult::Refreshed => {}
            StoreResult::New => self.awaited.push(id),
            StoreResult::Changed => {
                self.awaited.push(id);
                self.count(Cause::TemplateChanged, at);
            }
            StoreResult::NoRoom => {
                self.session.refusals.add(ResourceRefusal::Template, 1);
                self.count(Cause::TemplateLimit, at);
            }
        }
    }
}

/// Reads `count` field specifiers from offset `at`. Returns the fields and the offset where
/// they end.
fn fields(
    content: &[u8],
    mut at: usize,
    count: usize,
    flavour: SetDialect,
) -> Option<(Vec<FieldSpec>, usize)> {
    if count > MAX_FIELDS {
        return None;
    }
    let mut list = Vec::with_capacity(count);
    for _ in 0..count {
        let FieldSpecifier { id, length } = FieldSpecifier::read_at(content, at)?;
        at += FieldSpecifier::LENGTH;
        let enterprise = flavour == SetDialect::Ipfix && id & ENTERPRISE != 0;
        let (pen, id) = if enterprise {
            at += 4;
            (u32_at(content, at - 4)?, id & !ENTERPRISE)
        } else {
            (0, id)
        };
        list.push(FieldSpec { pen, id, length });
    }
    Some((list, at))
}

/// Reads an options template of IPFIX (RFC 7011, 3.4.2.2). Returns its fields, how many of
/// them are scope fields, and the offset where the template ends.
fn ipfix_options(content: &[u8], at: usize) -> Option<(Vec<FieldSpec>, usize, usize)> {
    let header = IpfixOptionsHeader::read_at(content, at)?;
    let scope = usize::from(header.scope_count);
    let fields_at = at + IpfixOptionsHeader::LENGTH;
    let (list, next) = fields(content, fields_at, usize::from(header.count), SetDialect::Ipfix)?;
    (scope <= list.len()).then_some((list, scope, next))
}

/// Reads an options template of NetFlow v9 (RFC 3954, 6.1), whose header gives the lengths
/// of the field lists in bytes. Returns the same as [`ipfix_options`].
fn v9_options(content: &[u8], at: usize) -> Option<(Vec<FieldSpec>, usize, usize)> {
    const FIELD: u16 = FieldSpecifier::LENGTH as u16;
    let V9OptionsHeader { scope_length, options_length, .. } =
        V9OptionsHeader::read_at(content, at)?;
    if !scope_length.is_multiple_of(FIELD) || !options_length.is_multiple_of(FIELD) {
        return None;
    }
    let (scope, options) = (usize::from(scope_length / FIELD), usize::from(options_length / FIELD));
    let fields_at = at + V9OptionsHeader::LENGTH;
    let (list, next) = fields(content, fields_at, scope + options, SetDialect::Netflow9)?;
    Some((list, scope, next))
}
