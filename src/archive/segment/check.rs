//! What a footer says of its rows, compared with them.

use super::footer::Footer;
use super::sums::{NO_TIME, PageSums, SegmentTotals, joined, span_of};
use crate::flow::{Flow, FlowExtras, Time};

/// Compares what a footer says of its rows with the rows, page by page.
pub struct FooterCheck<'a> {
    said: &'a Footer,
    found: Vec<PageSums>,
    rows: u64,
    far_off: bool,
    span: Option<(Time, Time)>,
}

impl<'a> FooterCheck<'a> {
    /// Of this footer; no page seen yet.
    #[must_use]
    pub fn new(said: &'a Footer) -> FooterCheck<'a> {
        FooterCheck { said, found: Vec::new(), rows: 0, far_off: false, span: None }
    }

    /// The rows of the next page, with what came with them.
    pub fn page(&mut self, flows: &[Flow], more: &[FlowExtras]) {
        self.rows += flows.len() as u64;
        self.found.push(PageSums::of(flows, more));
        let (span, far_off) = span_of(flows);
        self.far_off |= far_off;
        self.span = joined(self.span, span);
    }

    /// What it says that is not so, once all pages were seen.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let said = self.said;
        let found = SegmentTotals::of(&self.found, self.rows);
        let mut wrong = Vec::new();
        let mut compare = |name: &str, said: String, found: String| {
            if said != found {
                wrong.push(format!("the footer says {name} {said}, its rows have {found}"));
            }
        };
        let numbers = [
            ("rows", said.rows, self.rows),
            ("flows", said.flows, found.flows),
            ("packets", said.packets, found.packets),
            ("bytes", said.bytes, found.bytes),
            ("duplicates", said.duplicates, found.duplicates),
            ("far_off", u64::from(said.far_off), u64::from(self.far_off)),
        ];
        for (name, said, found) in numbers {
            compare(name, said.to_string(), found.to_string());
        }
        let span = |span: Option<(Time, Time)>| match span {
            Some((first, last)) => format!("{} to {}", first.0, last.0),
            None => NO_TIME.to_owned(),
        };
        compare("times", span(said.span), span(self.span));
        for (page, (said, found)) in said.pages.iter().zip(&self.found).enumerate() {
            let text = |sums: &PageSums| PageSums::text(std::slice::from_ref(sums));
            compare(&format!("of page {page}"), text(said), text(found));
        }
        wrong
    }
}
