//! The time window of a query, as conditions on the times of flows.

use super::Filter;
use super::condition::{Comparison, Test};
use super::tree::{FlowEnd, Node, SourceSpan, Term};
use super::words::WordSubject;
use crate::flow::Time;
use crate::flow::field::Field;

/// The condition that a time of a flow compares so with `time`.
fn bound(field: Field, comparison: Comparison, time: Time) -> Node {
    Node::Term(Term {
        reads: WordSubject::One(field),
        side: FlowEnd::Either,
        test: Test::Compare(comparison, i128::from(time.0)),
        span: SourceSpan(0..0),
    })
}

/// The conditions that a flow overlaps the time from `from` to `to`.
fn overlap(from: Option<Time>, to: Option<Time>) -> Vec<Node> {
    let ended = from.map(|time| bound(Field::Last, Comparison::Ge, time));
    let began = to.map(|time| bound(Field::First, Comparison::Le, time));
    ended.into_iter().chain(began).collect()
}

impl Filter {
    /// The filter, and in addition that a flow began at or after `from` and ended at or before
    /// `to`.
    #[must_use]
    pub fn within(&self, from: Option<Time>, to: Option<Time>) -> Filter {
        let began = from.map(|time| bound(Field::First, Comparison::Ge, time));
        let ended = to.map(|time| bound(Field::Last, Comparison::Le, time));
        self.and(began.into_iter().chain(ended).collect())
    }

    /// The filter, and in addition that a flow ended at or after `from` and began at or before
    /// `to`: it overlaps that time.
    #[must_use]
    pub fn overlapping(&self, from: Option<Time>, to: Option<Time>) -> Filter {
        self.and(overlap(from, to))
    }

    /// The filter, and in addition that a flow reaches across an end of the time from `from` to
    /// `to`: it overlaps that time and is not [`within`](Filter::within) it. `None` if the time
    /// has no ends.
    #[must_use]
    pub fn reaching_across(&self, from: Option<Time>, to: Option<Time>) -> Option<Filter> {
        let before = from.map(|time| bound(Field::First, Comparison::Lt, time));
        let after = to.map(|time| bound(Field::Last, Comparison::Gt, time));
        let outside: Vec<Node> = before.into_iter().chain(after).collect();
        if outside.is_empty() {
            return None;
        }
        let mut parts = overlap(from, to);
        parts.push(Node::one(outside));
        Some(self.and(parts))
    }

    /// The filter and these conditions, which are cheap and come first.
    fn and(&self, mut parts: Vec<Node>) -> Filter {
        if self.root != Node::Any {
            parts.push(self.root.clone());
        }
        Filter { root: Node::all(parts), text: self.text.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Flow;

    #[test]
    fn a_flow_is_within_a_time_or_reaches_across_an_end_or_does_not_overlap_it() {
        let any = Filter::default();
        let (from, to) = (Some(Time(100)), Some(Time(200)));
        for ((first, last), [within, overlapping, across]) in [
            ((100, 200), [true, true, false]),
            ((150, 150), [true, true, false]),
            ((200, 200), [true, true, false]),
            ((0, 99), [false, false, false]),
            ((0, 100), [false, true, true]),
            ((0, 300), [false, true, true]),
            ((200, 201), [false, true, true]),
            ((201, 300), [false, false, false]),
        ] {
            let flow = Flow { first: Time(first), last: Time(last), ..Flow::EMPTY };
            let found = [
                any.within(from, to).matches(&flow),
                any.overlapping(from, to).matches(&flow),
                any.reaching_across(from, to).is_some_and(|filter| filter.matches(&flow)),
            ];
            assert_eq!(found, [within, overlapping, across], "{first} {last}");
        }
        assert!(any.reaching_across(None, None).is_none());
        assert!(any.overlapping(None, None).is_any());
        let tcp = Filter::parse("tcp").unwrap();
        let udp = Flow { proto: 17, first: Time(0), last: Time(100), ..Flow::EMPTY };
        assert!(!tcp.reaching_across(from, to).unwrap().matches(&udp));
    }
}
