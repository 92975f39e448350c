//! Names of the fields of a template, each name once.

use std::collections::HashMap;

use crate::wire::registry::{self, ElementType};
use crate::wire::template::{FieldSpec, Scopes, Template};

/// Names and types of the fields of one template.
#[derive(Clone, Debug, Default)]
pub struct FieldNames {
    fields: Vec<FieldSpec>,
    version9: bool,
    scope: usize,
    names: Vec<FieldName>,
}

/// Name and type of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldName {
    /// The name; when it occurs again in the template, with `#2` appended, and so on.
    pub name: String,
    pub kind: Option<ElementType>,
    /// Whether the name is not known, so that `name` has the numbers instead.
    pub unknown: bool,
}

impl FieldNames {
    /// The names for a template. They are kept for the next record, if it is of the same
    /// template.
    pub fn of(&mut self, template: &Template) -> &[FieldName] {
        let version9 = template.scopes() == Scopes::Types;
        let known = self.fields == template.fields()
            && (self.version9, self.scope) == (version9, template.scope());
        if !known {
            *self = FieldNames {
                fields: template.fields().to_vec(),
                version9,
                scope: template.scope(),
                names: list(template, version9),
            };
        }
        &self.names
    }
}

fn list(template: &Template, version9: bool) -> Vec<FieldName> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let name = |(index, field): (usize, &FieldSpec)| {
        let mut named = named(template, index, field, version9);
        let times = seen.entry(named.name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            named.name = format!("{}#{times}", named.name);
        }
        named
    };
    template.fields().iter().enumerate().map(name).collect()
}

fn named(template: &Template, index: usize, field: &FieldSpec, version9: bool) -> FieldName {
    let scope = template.is_scope_type(index).then(|| registry::scope_v9(field.id)).flatten();
    if let Some(name) = scope {
        return FieldName {
            name: name.to_owned(),
            kind: Some(ElementType::Unsigned),
            unknown: false,
        };
    }
    let (entry, name) = if version9 {
        (registry::entry_v9(field.id), registry::name_v9(field.id))
    } else {
        (registry::entry(field.pen, field.id), registry::name(field.pen, field.id))
    };
    FieldName { name, kind: entry.map(|entry| entry.kind), unknown: entry.is_none() }
}

/// The name of a `firewallEvent` (233) or `natEvent` (230) (IANA "IPFIX Information Elements",
/// sub-registries of 233 and 230).
#[must_use]
pub fn event(firewall: bool, number: u64) -> Option<&'static str> {
    let firewall_events = ["ignore", "created", "deleted", "denied", "alert", "update"];
    let nat_events = [
        "reserved",
        "translation created",
        "translation deleted",
        "addresses exhausted",
        "NAT44 session created",
        "NAT44 session deleted",
        "NAT64 session created",
        "NAT64 session deleted",
        "NAT44 binding created",
        "NAT44 binding deleted",
        "NAT64 binding created",
        "NAT64 binding deleted",
        "ports exhausted",
        "quota exceeded",
        "address binding created",
        "address binding deleted",
        "port block allocated",
        "port block released",
        "threshold reached",
    ];
    let names: &[&'static str] = if firewall { &firewall_events } else { &nat_events };
    names.get(usize::try_from(number).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::template::TemplateKind;

    #[test]
    fn doubles_are_numbered_and_scope_types_have_their_own_names() {
        let field = |id| FieldSpec { pen: 0, id, length: 4 };
        let fields = [field(2), field(10), field(10), field(99)];
        let compile =
            |scopes| Template::compile(TemplateKind::Options, &fields, 1, scopes).unwrap();
        let mut names = FieldNames::default();
        let list: Vec<&str> =
            names.of(&compile(Scopes::Types)).iter().map(|named| named.name.as_str()).collect();
        assert_eq!(
            list,
            ["interface", "ingressInterface", "ingressInterface#2", "mplsVpnRouteDistinguisher"]
                [..3]
                .iter()
                .copied()
                .chain([list[3]])
                .collect::<Vec<_>>()
        );
        let ipfix = names.of(&compile(Scopes::Elements));
        assert_eq!(ipfix[0].name, "packetDeltaCount");
    }

    #[test]
    fn events_have_names() {
        assert_eq!(event(true, 3), Some("denied"));
        assert_eq!(event(false, 5), Some("NAT44 session deleted"));
        assert_eq!(event(true, 6), None);
    }
}
