//! Selects the best N of many items in one pass, without sorting the rest.

use std::cmp::Ordering;

/// Minimum number of candidates, beyond the best N, between two selections.
const MIN_CANDIDATES: usize = 1024;

/// The first `n` items in the order of `cmp`, sorted, best (least) first.
pub fn top_n<T>(
    items: impl Iterator<Item = T>,
    n: usize,
    cmp: impl Fn(&T, &T) -> Ordering,
) -> Vec<T> {
    let mut top = TopN::new(n, cmp);
    items.for_each(|item| top.push(item));
    top.into_sorted()
}

/// Collects the first `n` of the pushed items in the order of `cmp`.
///
/// `cmp` must be a total order; of equal items, any may be selected. The memory is about 2n
/// items,
/// whatever their number. Once n items are selected, only items that are better than the
/// worst
/// of them are stored.
pub struct TopN<T, F> {
    n: usize,
    cmp: F,
    kept: Vec<T>,
    /// Whether a selection was made: then the n-th best so far is at index n - 1.
    selected: bool,
    pushed: usize,
}

impl<T, F: Fn(&T, &T) -> Ordering> TopN<T, F> {
    /// An empty selection of `n` items.
    pub fn new(n: usize, cmp: F) -> TopN<T, F> {
        TopN { n, cmp, kept: Vec::new(), selected: false, pushed: 0 }
    }

    /// Adds an item.
    pub fn push(&mut self, item: T) {
        self.pushed += 1;
        let Some(last) = self.n.checked_sub(1) else { return };
        let worst = if self.selected { self.kept.get(last) } else { None };
        if worst.is_some_and(|worst| (self.cmp)(&item, worst) != Ordering::Less) {
            return;
        }
        self.kept.push(item);
        if self.kept.len() >= self.n.saturating_add(self.n.max(MIN_CANDIDATES)) {
            self.select();
            self.selected = true;
        }
    }

    /// Number of items that were pushed.
    #[must_use]
    pub fn pushed(&self) -> usize {
        self.pushed
    }

    /// The best items, best first.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<T> {
        self.select();
        self.kept.sort_unstable_by(&self.cmp);
        self.kept
    }

    fn select(&mut self) {
        if let Some(last) = self.n.checked_sub(1)
            && self.kept.len() > self.n
        {
            self.kept.select_nth_unstable_by(last, &self.cmp);
            self.kept.truncate(self.n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;

    proptest! {
        #[test]
        fn the_result_is_the_head_of_the_full_sort(
            items in prop::collection::vec(0u32..5000, 0..6000),
            n in 0usize..1200,
        ) {
            let mut sorted = items.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            sorted.truncate(n);
            prop_assert_eq!(top_n(items.into_iter(), n, |a, b| b.cmp(a)), sorted);
        }
    }

    #[test]
    fn a_million_items_need_hardly_more_than_a_comparison_each() {
        let compared = Cell::new(0u64);
        let scrambled = (0..1_000_000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let top = top_n(scrambled, 100, |a, b| {
            compared.set(compared.get() + 1);
            b.cmp(a)
        });
        assert_eq!(top.len(), 100);
        assert!(top.windows(2).all(|pair| pair[0] > pair[1]));
        assert!(compared.get() < 1_100_000, "{}", compared.get());
    }

    #[test]
    fn n_may_be_zero_or_more_than_all() {
        assert!(top_n([3, 1, 2].into_iter(), 0, Ord::cmp).is_empty());
        assert_eq!(top_n([3, 1, 2].into_iter(), usize::MAX, Ord::cmp), [1, 2, 3]);
        assert!(top_n(std::iter::empty::<u8>(), 5, Ord::cmp).is_empty());
    }
}
