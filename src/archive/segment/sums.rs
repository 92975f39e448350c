//! Sums of a page, as the footer has them: what questions without a filter need.

use crate::flow::column::PAGE_ROWS;
use crate::flow::{Flow, FlowExtras, Time, extras_of};

/// Sums over the rows of a page that are no duplicates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageSums {
    /// Records, and the flows that they stand for ([`More::flows`]).
    pub records: u64,
    pub flows: u64,
    /// As they were reported.
    pub packets: u64,
    pub bytes: u64,
    /// Multiplied with the sampling rates.
    pub scaled_packets: u64,
    pub scaled_bytes: u64,
    /// Records that are far off ([`Flow::is_far_off`]); they are in the sums above
    /// and not in the span.
    pub far_off: u64,
    /// The least start and the greatest end of the others, by the exporters' clocks.
    pub span: Option<(Time, Time)>,
}

/// How many numbers a page has in the footer.
const NUMBERS: usize = 9;

/// Stands for the times of a span that there is none of.
pub(super) const NO_TIME: &str = "-";

impl PageSums {
    /// Of a page's rows and what came with their batch.
    #[must_use]
    pub fn of(flows: &[Flow], more: &[FlowExtras]) -> PageSums {
        let mut sums = PageSums::default();
        for flow in flows.iter().filter(|flow| !flow.duplicate.is_set()) {
            let (bytes, packets) = flow.scaled();
            sums.records += 1;
            sums.flows = sums.flows.saturating_add(extras_of(flow, more).flows());
            sums.packets = sums.packets.saturating_add(flow.packets);
            sums.bytes = sums.bytes.saturating_add(flow.bytes);
            sums.scaled_packets = sums.scaled_packets.saturating_add(packets);
            sums.scaled_bytes = sums.scaled_bytes.saturating_add(bytes);
            if flow.is_far_off() {
                sums.far_off += 1;
            } else {
                let (first, last) = sums.span.unwrap_or((flow.first, flow.last));
                sums.span = Some((first.min(flow.first), last.max(flow.last)));
            }
        }
        sums
    }

    /// Of every page.
    pub(super) fn of_pages(flows: &[Flow], more: &[FlowExtras]) -> Vec<PageSums> {
        flows.chunks(PAGE_ROWS).map(|page| PageSums::of(page, more)).collect()
    }

    /// As they stand in the footer: the numbers of a page with spaces between them,
    /// pages with semicolons.
    pub(super) fn text(pages: &[PageSums]) -> String {
        let page = |sums: &PageSums| {
            let time = |time: Option<Time>| time.map_or(NO_TIME.into(), |time| time.0.to_string());
            let numbers = [
                sums.records,
                sums.flows,
                sums.packets,
                sums.bytes,
                sums.scaled_packets,
                sums.scaled_bytes,
                sums.far_off,
            ];
            let mut words: Vec<String> = numbers.iter().map(u64::to_string).collect();
            words.push(time(sums.span.map(|span| span.0)));
            words.push(time(sums.span.map(|span| span.1)));
            words.join(" ")
        };
        pages.iter().map(page).collect::<Vec<_>>().join(";")
    }

    /// Of that text. `None` when it is none.
    pub(super) fn parse(text: &str) -> Option<Vec<PageSums>> {
        text.split(';').map(PageSums::parse_page).collect()
    }

    fn parse_page(text: &str) -> Option<PageSums> {
        let words: Vec<&str> = text.split(' ').collect();
        let [records, flows, packets, bytes, scaled_packets, scaled_bytes, far_off, first, last] =
            <[&str; NUMBERS]>::try_from(words).ok()?;
        let number = |word: &str| word.parse::<u64>().ok();
        let time = |word: &str| word.parse().ok().map(Time);
        let span = match (first, last) {
            (NO_TIME, NO_TIME) => None,
            (first, last) => Some((time(first)?, time(last)?)),
        };
        Some(PageSums {
            records: number(records)?,
            flows: number(flows)?,
            packets: number(packets)?,
            bytes: number(bytes)?,
            scaled_packets: number(scaled_packets)?,
            scaled_bytes: number(scaled_bytes)?,
            far_off: number(far_off)?,
            span,
        })
    }
}

/// Sums of all pages.
pub(super) struct SegmentTotals {
    pub flows: u64,
    pub packets: u64,
    pub bytes: u64,
    pub duplicates: u64,
}

impl SegmentTotals {
    /// Of pages that have so many rows together.
    pub fn of(pages: &[PageSums], rows: u64) -> SegmentTotals {
        let sum = |of: fn(&PageSums) -> u64| pages.iter().map(of).fold(0, u64::saturating_add);
        let flows = sum(|page| page.records);
        SegmentTotals {
            flows,
            packets: sum(|page| page.scaled_packets),
            bytes: sum(|page| page.scaled_bytes),
            duplicates: rows.saturating_sub(flows),
        }
    }
}

/// The earliest and the latest moment of flows that are not far off, and whether
/// there are such as are.
pub(super) fn span_of(flows: &[Flow]) -> (Option<(Time, Time)>, bool) {
    let near = flows.iter().filter(|flow| !flow.is_far_off());
    let ends = near.map(|flow| (flow.first.min(flow.last), flow.first.max(flow.last)));
    let span = ends.fold(None, |all, one| joined(all, Some(one)));
    (span, flows.iter().any(Flow::is_far_off))
}

/// The span of both.
pub(super) fn joined(
    one: Option<(Time, Time)>,
    other: Option<(Time, Time)>,
) -> Option<(Time, Time)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Duplicate, Sampling};

    #[test]
    fn sums_are_over_what_is_no_duplicate_and_spans_over_what_is_not_far_off() {
        let near = Flow {
            arrival: Time(1_000_000),
            first: Time(900_000),
            last: Time(950_000),
            bytes: 100,
            packets: 2,
            ..Flow::EMPTY
        };
        let flows = [
            near,
            Flow { more: 1, sampling: Sampling::one_in(10), last: Time(960_000), ..near },
            Flow { duplicate: Duplicate::OtherExporter, first: Time(1), ..near },
            Flow { first: Time(-5), last: Time(i64::MIN), ..near },
        ];
        let more = [FlowExtras { flow_count: 7, ..FlowExtras::NONE }];
        let sums = PageSums::of(&flows, &more);
        let want = PageSums {
            records: 3,
            flows: 9,
            packets: 6,
            bytes: 300,
            scaled_packets: 24,
            scaled_bytes: 1200,
            far_off: 1,
            span: Some((Time(900_000), Time(960_000))),
        };
        assert_eq!(sums, want);
        let pages = [sums, PageSums::default()];
        assert_eq!(PageSums::parse(&PageSums::text(&pages)).unwrap(), pages);
        assert_eq!(PageSums::text(&pages[1..]), "0 0 0 0 0 0 0 - -");
        for text in ["", "1 2", "0 0 0 0 0 0 0 - 5", "0 0 0 0 0 0 0 - - -", "0 0 0 0 0 0 -1 - -"] {
            assert_eq!(PageSums::parse(text), None, "{text}");
        }
    }
}
