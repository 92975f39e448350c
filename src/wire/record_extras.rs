//! Collects the extra fields of the flows that records were turned into.

use super::extras::{ExtrasDecoder, ExtrasSink, of_packet, reversed};
use super::names::RecordNames;
use super::plan::PacketSection;
use super::record::RecordDecoder;
use super::record_view::RecordValues;
use crate::flow::{Flow, FlowExtras};

impl RecordDecoder<'_> {
    /// How the extra fields of records are found, if any of them can be needed.
    fn extras_for(&self, kept: &ExtrasSink<'_>) -> Option<&ExtrasDecoder> {
        self.rules.extras.as_ref().filter(|extras| kept.is_everything() || extras.serves_windows())
    }

    /// Collects the extra fields of the flows of a plain template; `values` gives their
    /// records in order.
    pub(super) fn keep_plain<V: RecordValues>(
        &self,
        values: impl Fn(usize) -> Option<V>,
        flows: &mut [Flow],
        kept: &mut ExtrasSink<'_>,
    ) {
        let Some(extras) = self.extras_for(kept) else { return };
        for (index, flow) in flows.iter_mut().enumerate() {
            let Some(values) = values(index) else { return };
            if kept.is_everything() || extras.is_for_windows(&values, flow) {
                let more = extras.load(&values, flow);
                kept.keep(flow, &more);
            }
        }
    }

    /// Collects the extra fields of the flows of one record, of both directions.
    pub(super) fn keep<V: RecordValues>(
        &self,
        values: &V,
        bytes: &[u8],
        section: &PacketSection,
        names: Option<&RecordNames>,
        flows: &mut [Flow],
        kept: &mut ExtrasSink<'_>,
    ) {
        let Some((flow, back)) = flows.split_first_mut() else { return };
        let extras = self.extras_for(kept);
        let mut more = extras.map_or(FlowExtras::NONE, |extras| extras.load(values, flow));
        if kept.is_everything()
            && !self.rules.names_addresses()
            && let Some(packet) = self.packet(bytes, section)
        {
            of_packet(&packet, &mut more);
        }
        if let Some(names) = names {
            names.put(&mut more);
        }
        kept.keep(flow, &more);
        if let Some(back) = back.first_mut() {
            let more = reversed(&more, back);
            kept.keep(back, &more);
        }
    }
}
