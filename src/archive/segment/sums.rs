//! The sums of a page in the footer, which answer queries without a filter.

use crate::flow::column::PAGE_ROWS;
use crate::flow::{Flow, FlowExtras, Time, extras_of};

/// Sums over the rows of a page that are not duplicates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageSums {
    /// The number of records.
    pub records: u64,
    /// The number of flows that the records stand for ([`FlowExtras::flows`]).
    pub flows: u64,
    /// Packets, as reported.
    pub packets: u64,
    /// Bytes, as reported.
    pub bytes: u64,
    /// Packets, multiplied by the sampling rates.
    pub scaled_packets: u64,
    /// Bytes, multiplied by the sampling rates.
    pub scaled_bytes: u64,
    /// The number of records that are far off ([`Flow::is_far_off`]); they are included in the
    /// sums above but not in the span.
    pub far_off: u64,
    /// The least start and the greatest end of the other records, by the exporters' clocks.
    pub span: Option<(Time, Time)>,
}

/// The number of numbers per page in the footer.
const NUMBERS: usize = 9;

/// Stands for the two times of a missing span.
pub(super) const NO_TIME: &str = "-";

impl PageSums {
    /// The sums of a page's rows; `extras` are those of the whole batch.
    #[must_use]
    pub fn of(flows: &[Flow], extras: &[FlowExtras]) -> PageSums {
        let mut sums = PageSums::default();
        for flow in flows.iter().filter(|flow| !flow.duplicate.is_set()) {
            let (bytes, packets) = flow.scaled();
            sums.records += 1;
            sums.flows = sums.flows.saturating_add(extras_of(flow, extras).flows());
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

    /// The sums of every page.
    pub(super) fn of_pages(flows: &[Flow], extras: &[FlowExtras]) -> Vec<PageSums> {
        flows.chunks(PAGE_ROWS).map(|page| PageSums::of(page, extras)).collect()
    }

    /// The text in the footer: the numbers of a page separated by spaces, pages by semicolons.
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

    /// Parses that text; `None` if it is invalid.
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

/// The sums of all pages.
pub(super) struct SegmentTotals {
    pub flows: u64,
    pub packets: u64,
    pub bytes: u64,
    pub duplicates: u64,
}

impl SegmentTotals {
    /// The totals of pages that have `rows` rows together.
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

/// The earliest and the latest time of flows that are not far off, and whether there are flows
/// that are.
pub(super) fn span_of(flows: &[Flow]) -> (Option<(Time, Time)>, bool) {
    let near = flows.iter().filter(|flow| !flow.is_far_off());
    let ends = near.map(|flow| (flow.first.min(flow.last), flow.first.max(flow.last)));
    let span = ends.fold(None, |all, one| joined(all, Some(one)));
    (span, flows.iter().any(Flow::is_far_off))
}

/// The smallest span that contains both.
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
    fn sums_exclude_duplicates_and_spans_exclude_flows_that_are_far_off() {
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
        let extras = [FlowExtras { flow_count: 7, ..FlowExtras::NONE }];
        let sums = PageSums::of(&flows, &extras);
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
