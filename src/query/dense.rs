//! Sums by place in the dictionary of the chunk that is being read: where all that
//! groups are told apart by is one column, no key has to be looked up per row.

use super::state::GroupSums;
use crate::filter::select::MatchedRows;

/// Sums by place.
#[derive(Default)]
pub(super) struct DenseSums {
    // One after the other and not a column each: of a rare value a single line of
    // the cache is fetched, not five.
    sums: Vec<GroupSums>,
}

impl DenseSums {
    /// Adds the states of `hits`, whose places among `values` are `ids`.
    pub(super) fn add(
        &mut self,
        hits: &MatchedRows,
        ids: &[u32],
        values: usize,
        states: &[GroupSums],
    ) {
        self.sums.resize(values, GroupSums::NONE);
        hits.each(|at, row| self.sums[ids[row] as usize].add(&states[at]));
    }

    /// Takes out the sums of each place that was met.
    pub(super) fn drain(&mut self, mut take: impl FnMut(usize, &GroupSums)) {
        for (place, state) in self.sums.iter().enumerate() {
            if state.flows() > 0 {
                take(place, state);
            }
        }
        self.sums.clear();
    }
}
