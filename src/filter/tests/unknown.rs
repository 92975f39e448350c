//! Filters whose answer depends on unknown values, and texts without a filter.

use super::super::*;
use crate::flow::field::{Field, FieldValue};

/// nfdump matches nothing for such a text; a filter that is commented out must not become
/// another one.
#[test]
fn a_filter_of_comments_alone_is_refused() {
    for text in ["# port 80", "#", "  # a\n# b\n", "\n", "   "] {
        let error = Filter::parse(text).unwrap_err();
        assert!(error.to_string().contains("`any`"), "{text:?}: {error}");
        assert!(error.at.end <= text.len());
    }
    assert!(Filter::parse("any # all of it").unwrap().is_any());
    assert!(Filter::parse("").unwrap().is_any(), "no filter is given");
}

/// A row of which only one end is known.
struct HalfKnown {
    src: Option<u64>,
    dst: Option<u64>,
}

impl FilterSubject for HalfKnown {
    fn src(&self) -> Host {
        Host::UNSPECIFIED
    }

    fn dst(&self) -> Host {
        Host::UNSPECIFIED
    }

    fn proto(&self) -> u8 {
        6
    }

    fn ports(&self) -> (u16, u16) {
        (0, 0)
    }

    fn value(&self, field: Field) -> Option<FieldValue> {
        match field {
            Field::SrcAs => self.src.map(FieldValue::Number),
            Field::DstAs => self.dst.map(FieldValue::Number),
            _ => None,
        }
    }
}

/// Both ends are combined like `and` and `or`: if one of them decides, the other does not
/// matter, whichever is known.
#[test]
fn a_deciding_end_does_not_depend_on_the_other() {
    for (text, answer) in [
        ("as 5", Some(true)),
        ("as 6", None),
        ("src and dst as 5", None),
        ("src and dst as 6", Some(false)),
        ("not as 5", Some(false)),
        ("not src and dst as 6", Some(true)),
    ] {
        let filter = Filter::parse(text).unwrap();
        for row in [HalfKnown { src: Some(5), dst: None }, HalfKnown { src: None, dst: Some(5) }] {
            assert_eq!(filter.answer(&row), answer, "{text}");
        }
    }
}
