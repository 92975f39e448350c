//! Compares the statements of a footer with the rows.

use super::footer::Footer;
use super::sums::{NO_TIME, PageSums, SegmentTotals, joined, span_of};
use crate::flow::{Flow, FlowExtras, Time};

/// Compares the totals and page sums of a footer with the rows, page by page.
pub struct FooterCheck<'a> {
    claimed: &'a Footer,
    found: Vec<PageSums>,
    rows: u64,
    far_off: bool,
    span: Option<(Time, Time)>,
}

impl<'a> FooterCheck<'a> {
    /// A check of this footer; no page is seen yet.
    #[must_use]
    pub fn new(claimed: &'a Footer) -> FooterCheck<'a> {
        FooterCheck { claimed, found: Vec::new(), rows: 0, far_off: false, span: None }
    }

    /// Adds the rows of the next page, with their extras.
    pub fn page(&mut self, flows: &[Flow], extras: &[FlowExtras]) {
        self.rows += flows.len() as u64;
        self.found.push(PageSums::of(flows, extras));
        let (span, far_off) = span_of(flows);
        self.far_off |= far_off;
        self.span = joined(self.span, span);
    }

    /// The contradictions, after all pages were added.
    #[must_use]
    pub fn contradictions(&self) -> Vec<String> {
        let claimed = self.claimed;
        let found = SegmentTotals::of(&self.found, self.rows);
        let mut contradictions = Vec::new();
        let mut compare = |name: &str, claimed: String, found: String| {
            if claimed != found {
                contradictions
                    .push(format!("the footer says {name} {claimed}, but its rows have {found}"));
            }
        };
        let numbers = [
            ("rows", claimed.rows, self.rows),
            ("flows", claimed.flows, found.flows),
            ("packets", claimed.packets, found.packets),
            ("bytes", claimed.bytes, found.bytes),
            ("duplicates", claimed.duplicates, found.duplicates),
            ("far_off", u64::from(claimed.far_off), u64::from(self.far_off)),
        ];
        for (name, claimed, found) in numbers {
            compare(name, claimed.to_string(), found.to_string());
        }
        let span = |span: Option<(Time, Time)>| match span {
            Some((first, last)) => format!("{} to {}", first.0, last.0),
            None => NO_TIME.to_owned(),
        };
        compare("times", span(claimed.span), span(self.span));
        for (page, (claimed, found)) in claimed.pages.iter().zip(&self.found).enumerate() {
            let text = |sums: &PageSums| PageSums::text(std::slice::from_ref(sums));
            compare(&format!("of page {page}"), text(claimed), text(found));
        }
        contradictions
    }
}
