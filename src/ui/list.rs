//! A list of rows with a stable order: the order is kept for a while, and the selection follows
//! the row's key, not its position.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::filter::Filter;
use crate::flow::Time;
use crate::snapshot::{RowOrder, SortKey, View, Window};

use super::exporter_order::{ExporterKey, ExporterOrder};

/// How long an order is kept, in milliseconds.
const HOLD_MS: i64 = 3000;

/// A row moves up at once if it leads by more than one part in this number.
const LEAD_PARTS: u64 = 10;

/// The properties that two answers must share for the order to be kept.
#[derive(Clone, Debug, PartialEq)]
pub enum ListQuestion {
    Traffic { at: Option<Time>, window: Window, filter: Filter, order: RowOrder },
    Exporters(ExporterOrder),
}

impl ListQuestion {
    /// Whether the order is that of addresses, which is never kept.
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

/// Rows by key, in the order shown.
#[derive(Clone, Debug)]
pub struct ScreenList<K> {
    keys: Vec<K>,
    ranked: Option<(Time, ListQuestion)>,
    cursor: usize,
    /// The key that the cursor is bound to. `None` until the user moves the cursor: until then
    /// it stays on the first row, so that an untouched screen does not scroll down with a host
    /// that becomes idle.
    bound: Option<K>,
    top: usize,
    /// Why the page may have to start at another row.
    turn: PageStart,
}

/// Whether the page of a list starts as far up as possible instead of where it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PageStart {
    #[default]
    No,
    /// The selected row moved: only if it is no longer on the page.
    Moved,
    /// The terminal was resized, or the focus came from another pane.
    Top,
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
    /// Takes the rows of an answer, keys with their sort values, in the order of the answer.
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

    /// Keeps the order except for rows that are new or lead clearly.
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

    /// Moves the cursor to its key, or to the nearest row.
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

    /// Moves the selection by `rows` rows, up to the ends.
    pub fn step(&mut self, rows: isize) {
        let last = self.keys.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(rows).min(last);
        self.bind();
    }

    /// Moves to the first row, and stays there.
    pub fn first(&mut self) {
        self.cursor = 0;
        self.bound = None;
    }

    /// Moves to the last row.
    pub fn last(&mut self) {
        self.cursor = self.keys.len().saturating_sub(1);
        self.bind();
    }

    /// Binds the selection to its current key.
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

    /// Lets the next page start as far up as possible.
    pub fn start_at_top(&mut self) {
        self.turn = PageStart::Top;
    }

    /// Updates the first visible row for a page of `page` rows.
    pub fn scroll(&mut self, page: usize) {
        let on_page = (self.top..self.top.saturating_add(page.max(1))).contains(&self.cursor);
        match std::mem::take(&mut self.turn) {
            PageStart::Top => self.top = 0,
            PageStart::Moved if !on_page => self.top = 0,
            PageStart::Moved | PageStart::No => {}
        }
        self.top = self.start(page);
    }

    /// The index of the first row of a page of `page` rows, such that the selection is visible
    /// and the page is full if possible.
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
    fn the_order_is_kept_for_three_seconds() {
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
        assert_eq!(arrive(&mut list, 1, &rows), [4, 1, 2, 3], "3 leads 2 only slightly and waits");
        assert_eq!(arrive(&mut list, 2, &[(9, 500), (4, 150), (1, 100)]), [9, 4, 1]);
    }

    #[test]
    fn another_question_or_a_clock_set_back_takes_the_new_order() {
        let mut list = ScreenList::default();
        arrive(&mut list, 10, &[(1, 100), (2, 99)]);
        let rows = [(2, 100), (1, 99)];
        let asked = View { window: Window::Hour, ..View::default() };
        list.arrive(&rows, &asked, Time(10_500));
        assert_eq!(list.keys(), [2, 1]);
        assert_eq!(arrive(&mut list, 9, &[(1, 100), (2, 99)]), [1, 2]);
    }

    #[test]
    fn the_selection_follows_its_key_or_moves_to_the_nearest() {
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
    fn an_untouched_cursor_stays_on_the_first_row() {
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
    fn a_page_contains_the_selection_and_is_full_if_possible() {
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
    fn a_page_starts_at_the_top_again_when_possible() {
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
        assert_eq!(list.start(10), 5, "one more line is no reason");
        list.start_at_top();
        list.scroll(10);
        assert_eq!(list.start(10), 0, "the terminal has grown");
        list.step(7);
        list.scroll(10);
        assert_eq!(list.start(10), 5);
        // The selected row moves to the second position, off the page.
        let climbed: Vec<u8> = [0, 14].into_iter().chain(1..14).chain(15..20).collect();
        arrive(&mut list, 5, &rows(&climbed));
        list.scroll(10);
        assert_eq!((list.selected(), list.start(10)), (Some(14), 0));
    }
}
