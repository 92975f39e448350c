//! The interface between filters and the things they are applied to.

use crate::flow::field::{Field, FieldValue};
use crate::flow::{Flow, FlowExtras, Host};

/// A thing that a filter is applied to: a flow, or one direction of a conversation.
///
/// Values that everything has are methods. All others are a [`Field`], and
/// [`FilterSubject::value`] returns whether the value is known: a term about an unknown value
/// has no answer instead of a wrong one.
pub trait FilterSubject {
    /// Source address.
    fn src(&self) -> Host;
    /// Destination address.
    fn dst(&self) -> Host;
    /// IANA protocol number.
    fn proto(&self) -> u8;
    /// Source and destination port; for a conversation, both are its service port.
    fn ports(&self) -> (u16, u16);

    /// The address of the exporter.
    fn exporter(&self) -> Host {
        Host::UNSPECIFIED
    }

    /// The interfaces through which it came in and went out (SNMP indices).
    fn interfaces(&self) -> (u32, u32) {
        (0, 0)
    }

    /// The value of any other field; `None` if it is not kept. By default, source and
    /// destination are those inside a NAT already, and no others are known.
    fn value(&self, field: Field) -> Option<FieldValue> {
        let inside = matches!(field, Field::SrcInside | Field::DstInside);
        inside.then_some(FieldValue::Address(Host::UNSPECIFIED))
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
        // A flow without extras has none of those values, which is known.
        let known = !field.is_extra() || self.more == 0;
        known.then(|| (field.info().get)(self, &FlowExtras::NONE))
    }
}

/// A flow with its extras.
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
