//! What filters can ask, of whatever can answer.

use crate::flow::field::{Field, FieldValue};
use crate::flow::{Flow, FlowExtras, Host};

/// What a filter can ask about one thing (a flow, or one direction of a conversation).
///
/// What every thing knows has a method of its own. All else is a [`Field`], and
/// [`Columns::value`] says whether it is known: a term about what is not known
/// has no answer, rather than a wrong one.
pub trait FilterSubject {
    /// Source address.
    fn src(&self) -> Host;
    /// Destination address.
    fn dst(&self) -> Host;
    /// IANA protocol number.
    fn proto(&self) -> u8;
    /// Source and destination port; conversations answer with their service port twice.
    fn ports(&self) -> (u16, u16);

    /// Who reported it.
    fn exporter(&self) -> Host {
        Host::UNSPECIFIED
    }

    /// The interfaces it came in and went out by.
    fn interfaces(&self) -> (u32, u32) {
        (0, 0)
    }

    /// Any other field, if it is kept.
    fn value(&self, _field: Field) -> Option<FieldValue> {
        None
    }
}

impl FilterSubject for Flow {
    fn src(&self) -> Host {
        self.src
    }

    fn dst(&self) -> Host {
        self.dst
    }

    fn proto(&self) -> u8 {
        self.proto
    }

    fn ports(&self) -> (u16, u16) {
        (self.sport, self.dport)
    }

    fn exporter(&self) -> Host {
        self.exporter
    }

    fn interfaces(&self) -> (u32, u32) {
        (self.input, self.output)
    }

    fn value(&self, field: Field) -> Option<FieldValue> {
        // With nothing kept beside it, nothing was reported.
        let known = !field.is_extra() || self.more == 0;
        known.then(|| (field.info().get)(self, &FlowExtras::NONE))
    }
}

/// A flow and what came with it.
impl FilterSubject for (&Flow, &FlowExtras) {
    fn src(&self) -> Host {
        self.0.src
    }

    fn dst(&self) -> Host {
        self.0.dst
    }

    fn proto(&self) -> u8 {
        self.0.proto
    }

    fn ports(&self) -> (u16, u16) {
        (self.0.sport, self.0.dport)
    }

    fn exporter(&self) -> Host {
        self.0.exporter
    }

    fn interfaces(&self) -> (u32, u32) {
        (self.0.input, self.0.output)
    }

    fn value(&self, field: Field) -> Option<FieldValue> {
        Some((field.info().get)(self.0, self.1))
    }
}
