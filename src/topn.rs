//! The best N of many in one pass, without sorting the rest.

use std::cmp::Ordering;

/// Least room beside the best N for candidates between two selections.
const SLACK: usize = 1024;

/// The first `n` items in the order of `cmp`, sorted, best (least) first.
///
/// `cmp` must be a total order; of items that it calls equal, any may be kept.
/// Needs room for about 2n items whatever the length of the input: once n are
/// known, only items better than the worst of them are looked at again.
pub fn top_n<T>(
    items: impl Iterator<Item = T>,
    n: usize,
    cmp: impl Fn(&T, &T) -> Ordering,
) -> Vec<T> {
    let Some(last) = n.checked_sub(1) else {
        return Vec::new();
    };
    let room = n.saturating_add(n.max(SLACK));
    let mut kept: Vec<T> = Vec::new();
    // After the first selection the n-th best so far stands at `last`.
    let mut selected = false;
    for item in items {
        let worst = if selected { kept.get(last) } else { None };
        if worst.is_some_and(|worst| cmp(&item, worst) != Ordering::Less) {
            continue;
        }
        kept.push(item);
        if kept.len() >= room {
            kept.select_nth_unstable_by(last, &cmp);
            kept.truncate(n);
            selected = true;
        }
    }
    if kept.len() > n {
        kept.select_nth_unstable_by(last, &cmp);
        kept.truncate(n);
    }
    kept.sort_unstable_by(&cmp);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;

    proptest! {
        #[test]
        fn it_is_the_head_of_the_full_sort(
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
    fn none_and_all() {
        assert!(top_n([3, 1, 2].into_iter(), 0, Ord::cmp).is_empty());
        assert_eq!(top_n([3, 1, 2].into_iter(), usize::MAX, Ord::cmp), [1, 2, 3]);
        assert!(top_n(std::iter::empty::<u8>(), 5, Ord::cmp).is_empty());
    }
}
