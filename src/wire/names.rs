//! The application and the user of a flow, as records tell them: ids and texts of any length.

use super::exporter::options::{ExporterOptions, number};
use super::name_element::NameElement;
use super::template::Template;
use crate::flow::{FlowExtras, FlowText};

/// The application and the user of one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RecordNames {
    app: u64,
    app_name: FlowText,
    user: FlowText,
}

impl RecordNames {
    /// The names in a record of a template; `about` has the names that the exporter announced.
    pub(super) fn of(template: &Template, record: &[u8], about: &ExporterOptions) -> RecordNames {
        let mut names = RecordNames::default();
        let mut id = None;
        for (field, value) in template.values(record) {
            match NameElement::of(field.pen, field.id) {
                Some(NameElement::AppId) if value.iter().any(|byte| *byte != 0) => {
                    names.app = application_id(value);
                    id = Some(value);
                }
                Some(NameElement::AppName) => names.app_name = FlowText::of_bytes(value),
                Some(NameElement::User) => names.user = FlowText::of_bytes(value),
                Some(NameElement::AppId) | None => {}
            }
        }
        if let (true, Some(id)) = (names.app_name.is_empty(), id) {
            names.app_name =
                about.application(number(id)).map_or_else(|| id_text(id), FlowText::new);
        }
        names
    }

    /// Sets the names in the extra fields of a flow.
    pub(super) fn put(&self, more: &mut FlowExtras) {
        (more.app, more.app_name, more.user) = (self.app, self.app_name, self.user);
    }
}

/// The id of an application with the engine in the highest byte and the selector in the other
/// seven, whatever its length on the wire. Selectors of engine 20 begin with an enterprise number
/// of four bytes, of which the lower three remain.
fn application_id(value: &[u8]) -> u64 {
    let (engine, selector) = value.split_first().map_or((0, value), |(first, rest)| (*first, rest));
    u64::from(engine) << 56 | number(selector) & (u64::MAX >> 8)
}

/// The engine whose selectors begin with an enterprise number (RFC 6759, PANA-L7-PEN).
const PEN_ENGINE: u8 = 20;

/// An id as text: engine and selector, with the enterprise number between them if there is one.
fn id_text(value: &[u8]) -> FlowText {
    let Some((engine, selector)) = value.split_first() else { return FlowText::EMPTY };
    match selector.split_first_chunk::<4>() {
        Some((pen, own)) if *engine == PEN_ENGINE => {
            let pen = u32::from_be_bytes(*pen);
            FlowText::formatted(format_args!("{engine}:{pen}:{}", number(own)))
        }
        _ => FlowText::formatted(format_args!("{engine}:{}", number(selector))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_every_length_have_the_engine_first() {
        for (value, want, text) in [
            (&[3, 0, 80][..], 3 << 56 | 80, "3:80"),
            (&[13, 0, 0, 80], 13 << 56 | 80, "13:80"),
            (&[1, 6], 1 << 56 | 6, "1:6"),
            // FortiGate: engine 20, its enterprise number 12356, an id of its own.
            (
                &[20, 0, 0, 0x30, 0x44, 0, 0, 0x3e, 0x9a],
                20 << 56 | 12356 << 32 | 16026,
                "20:12356:16026",
            ),
        ] {
            assert_eq!(application_id(value), want, "{value:?}");
            assert_eq!(id_text(value).as_str(), text);
        }
    }
}
