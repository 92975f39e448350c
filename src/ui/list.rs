//! A list of rows that stays calm: its order is held for a while, and the
//! selection follows the row's key instead of its place.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::filter::Filter;
use crate::flow::Time;
use crate::snapshot::{RowOrder, SortKey, View, Window};

use super::exporter_order::{ExporterKey, ExporterOrder};

/// How long an order is held.
const HOLD_MS: i64 = 3000;

/// A row moves up at once when it leads by more than one part in this many.
const LEAD_PARTS: u64 = 10;

/// What an answer must share with the one before for its order to be held.
#[derive(Clone, Debug, PartialEq)]
pub enum ListQuestion {
    Traffic { at: Option<Time>, window: Window, filter: Filter, order: RowOrder },
    Exporters(ExporterOrder),
}

impl ListQuestion {
    /// Whether the order is that of addresses, which is never held.
    fn by_address(&self) -> bool {
        match self {
            ListQuestion::Traffic { order, .. } => order.key == SortKey::Address,
            ListQuestion::Exporters(order) => order.key == ExporterKey::Address,
        }
    }

    fn reverse(&self) -> bool {
        match self {
            ListQuestion::Traffic { order, .. } => order.reverse,
            ListQuestion::Exporters(order) => order.reverse,
        }
    }
}

impl From<&View> for ListQuestion {
    fn from(view: &View) -> ListQuestion {
        let View { at, window, order, .. } = *view;
        ListQuestion::Traffic { at, window, filter: view.filter.clone(), order }
    }
}

impl From<ExporterOrder> for ListQuestion {
    fn from(order: ExporterOrder) -> ListQuestion {
        ListQuestion::Exporters(order)
    }
}

/// Rows by key, in the order they are shown.
#[derive(Clone, Debug)]
pub struct ScreenList<K> {
    keys: Vec<K>,
    ranked: Option<(Time, ListQuestion)>,
    cursor: usize,
    /// The key the cursor is bound to. `None` until the user moves it: then it
    /// rests on the first row, whichever that is, so that a screen left alone
    /// does not wander down with a host that falls silent.
    bound: Option<K>,
    top: usize,
    /// Why the page may have to begin elsewhere.
    turn: PageStart,
}

/// Whether a list begins its page as far up as it can, instead of where it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PageStart {
    #[default]
    No,
    /// Its selected row went elsewhere: if that is off the page.
    Moved,
    /// The terminal has another size, or the eyes come from another pane.
    Anew,
}

impl<K> Default for ScreenList<K> {
    fn default() -> ScreenList<K> {
        ScreenList {
            keys: Vec::new(),
            ranked: None,
            cursor: 0,
            bound: None,
            top: 0,
            turn: PageStart::No,
        }
    }
}

impl<K: Clone + Eq + Hash> ScreenList<K> {
    /// Takes the rows of an answer: keys and what they are sorted by, in the
    /// answer's order.
    pub fn arrive(
        &mut self,
        rows: &[(K, u64)],
        question: impl Into<ListQuestion>,
        captured_at: Time,
    ) {
        let question = question.into();
        let held = self.ranked.as_ref().is_some_and(|(since, former)| {
            *former == question
                && !question.by_address()
                && (0..HOLD_MS).contains(&captured_at.since(*since))
        });
        if held {
            self.hold(rows, question.reverse());
        } else {
            self.keys = rows.iter().map(|(key, _)| key.clone()).collect();
            self.ranked = Some((captured_at, question));
        }
        let before = self.cursor;
        self.settle();
        if self.cursor != before && self.turn == PageStart::No {
            self.turn = PageStart::Moved;
        }
    }

    /// Keeps the order but for rows that are new or lead clearly.
    fn hold(&mut self, rows: &[(K, u64)], reverse: bool) {
        let values: HashMap<&K, u64> = rows.iter().map(|(key, value)| (key, *value)).collect();
        let mut order: Vec<(K, u64)> = self
            .keys
            .iter()
            .filter_map(|key| values.get(key).map(|value| (key.clone(), *value)))
            .collect();
        let known: HashSet<&K> = self.keys.iter().collect();
        order.extend(rows.iter().filter(|(key, _)| !known.contains(key)).cloned());
        let leads = |a: u64, b: u64| a > b.saturating_add(b / LEAD_PARTS);
        for start in 1..order.len() {
            let mut at = start;
            while at > 0 {
                let (before, this) = (order[at - 1].1, order[at].1);
                let moves = if reverse { leads(before, this) } else { leads(this, before) };
                if !moves {
                    break;
                }
                order.swap(at - 1, at);
                at -= 1;
            }
        }
        self.keys = order.into_iter().map(|(key, _)| key).collect();
    }

    /// Puts the cursor where its key went, or on the nearest row.
    fn settle(&mut self) {
        let last = self.keys.len().saturating_sub(1);
        let Some(bound) = &self.bound else {
            self.cursor = 0;
            return;
        };
        match self.keys.iter().position(|key| key == bound) {
            Some(at) => self.cursor = at,
            None => {
                self.cursor = self.cursor.min(last);
                let nearest = self.keys.get(self.cursor).cloned();
                self.bound = nearest.or_else(|| self.bound.take());
            }
        }
    }

    /// Moves the selection by this many rows, stopping at the ends.
    pub fn step(&mut self, rows: isize) {
        let last = self.keys.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(rows).min(last);
        self.bind();
    }

    /// To the first row, to rest there.
    pub fn first(&mut self) {
        self.cursor = 0;
        self.bound = None;
    }

    /// To the last row.
    pub fn last(&mut self) {
        self.cursor = self.keys.len().saturating_sub(1);
        self.bind();
    }

    /// Binds the selection to the key it is on.
    pub fn bind(&mut self) {
        self.bound = self.keys.get(self.cursor).cloned();
    }

    /// The key of the selected row.
    pub fn selected(&self) -> Option<K> {
        self.keys.get(self.cursor).cloned()
    }

    /// All keys in the order shown.
    pub fn keys(&self) -> &[K] {
        &self.keys
    }

    /// Has the next page begin as far up as it can.
    pub fn turn(&mut self) {
        self.turn = PageStart::Anew;
    }

    /// Remembers how far down the list is shown on a page of this many rows.
    pub fn scroll(&mut self, page: usize) {
        let on_page = (self.top..self.top.saturating_add(page.max(1))).contains(&self.cursor);
        match std::mem::take(&mut self.turn) {
            PageStart::Anew => self.top = 0,
            PageStart::Moved if !on_page => self.top = 0,
            PageStart::Moved | PageStart::No => {}
        }
        self.top = self.start(page);
    }

    /// The place of the first row on a page of this many rows, such that the
    /// selection is on it and the page is full if it can be.
    pub fn start(&self, page: usize) -> usize {
        let page = page.max(1);
        let latest = self.keys.len().saturating_sub(page);
        let top = self.top.min(latest);
        top.clamp((self.cursor + 1).saturating_sub(page), self.cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(list: &mut ScreenList<u8>, seconds: i64, rows: &[(u8, u64)]) -> Vec<u8> {
        list.arrive(rows, &View::default(), Time(seconds * 1000));
        list.keys().to_vec()
    }

    #[test]
    fn the_order_is_held_for_three_seconds() {
        let mut list = ScreenList::default();
        assert_eq!(arrive(&mut list, 0, &[(1, 100), (2, 90), (3, 10)]), [1, 2, 3]);
        assert_eq!(arrive(&mut list, 1, &[(2, 105), (1, 100), (3, 10)]), [1, 2, 3]);
        assert_eq!(arrive(&mut list, 2, &[(2, 105), (1, 100), (3, 10)]), [1, 2, 3]);
        assert_eq!(arrive(&mut list, 3, &[(2, 105), (1, 100), (3, 10)]), [2, 1, 3]);
        assert_eq!(arrive(&mut list, 4, &[(1, 112), (2, 110), (3, 10)]), [2, 1, 3]);
    }

    #[test]
    fn a_clear_lead_moves_at_once_and_only_that_row() {
        let mut list = ScreenList::default();
        arrive(&mut list, 0, &[(1, 100), (2, 90), (3, 85), (4, 10)]);
        let rows = [(4, 150), (1, 100), (3, 88), (2, 87)];
        assert_eq!(arrive(&mut list, 1, &rows), [4, 1, 2, 3], "3 leads 2 by a hair and waits");
        assert_eq!(arrive(&mut list, 2, &[(9, 500), (4, 150), (1, 100)]), [9, 4, 1]);
    }

    #[test]
    fn another_question_or_a_clock_set_back_is_answered_afresh() {
        let mut list = ScreenList::default();
        arrive(&mut list, 10, &[(1, 100), (2, 99)]);
        let rows = [(2, 100), (1, 99)];
        let asked = View { window: Window::Hour, ..View::default() };
        list.arrive(&rows, &asked, Time(10_500));
        assert_eq!(list.keys(), [2, 1]);
        assert_eq!(arrive(&mut list, 9, &[(1, 100), (2, 99)]), [1, 2]);
    }

    #[test]
    fn the_selection_follows_its_key_and_falls_to_the_nearest() {
        let mut list = ScreenList::default();
        arrive(&mut list, 0, &[(1, 100), (2, 90), (3, 80)]);
        list.step(1);
        assert_eq!(list.selected(), Some(2));
        arrive(&mut list, 5, &[(3, 100), (1, 90), (2, 80)]);
        assert_eq!(list.selected(), Some(2));
        arrive(&mut list, 10, &[(3, 100), (1, 90)]);
        assert_eq!(list.selected(), Some(1));
        arrive(&mut list, 15, &[]);
        assert_eq!(list.selected(), None);
        arrive(&mut list, 20, &[(1, 9), (3, 8)]);
        assert_eq!(list.selected(), Some(1));
    }

    #[test]
    fn an_untouched_cursor_rests_on_the_first_row() {
        let mut list = ScreenList::default();
        arrive(&mut list, 0, &[(1, 100), (2, 90)]);
        arrive(&mut list, 5, &[(2, 100), (1, 90)]);
        assert_eq!(list.selected(), Some(2));
        list.step(1);
        list.first();
        arrive(&mut list, 10, &[(1, 100), (2, 90)]);
        assert_eq!(list.selected(), Some(1));
    }

    #[test]
    fn a_page_holds_the_selection_and_is_full_if_it_can_be() {
        let mut list = ScreenList::default();
        let rows: Vec<(u8, u64)> = (0..20).map(|key| (key, 1000 - u64::from(key))).collect();
        arrive(&mut list, 0, &rows);
        list.step(7);
        list.scroll(5);
        assert_eq!(list.start(5), 3);
        list.step(-2);
        assert_eq!(list.start(5), 3, "no scrolling while the row is on the page");
        list.last();
        list.scroll(5);
        assert_eq!((list.start(5), list.start(0), list.start(100)), (15, 19, 0));
    }

    #[test]
    fn a_page_begins_at_the_top_again_when_it_can() {
        let rows = |order: &[u8]| -> Vec<(u8, u64)> {
            order.iter().zip((0..100).rev()).map(|(key, value)| (*key, value)).collect()
        };
        let all: Vec<u8> = (0..20).collect();
        let mut list = ScreenList::default();
        arrive(&mut list, 0, &rows(&all));
        list.step(7);
        list.scroll(3);
        assert_eq!(list.start(3), 5);
        list.scroll(10);
        assert_eq!(list.start(10), 5, "a line more is no reason");
        list.turn();
        list.scroll(10);
        assert_eq!(list.start(10), 0, "the terminal has grown");
        list.step(7);
        list.scroll(10);
        assert_eq!(list.start(10), 5);
        // The selected row climbs to the second place, off the page.
        let climbed: Vec<u8> = [0, 14].into_iter().chain(1..14).chain(15..20).collect();
        arrive(&mut list, 5, &rows(&climbed));
        list.scroll(10);
        assert_eq!((list.selected(), list.start(10)), (Some(14), 0));
    }
}
