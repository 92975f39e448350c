//! Sums by id in the dictionary of the current chunk: if the key is a single column, no key has
//! to be looked up per row.

use super::state::GroupSums;
use crate::filter::select::MatchedRows;

/// Sums by dictionary id.
#[derive(Default)]
pub(super) struct DenseSums {
    // Rows of sums and not a column per sum: for a rare value a single cache line is fetched
    // instead of five.
    sums: Vec<GroupSums>,
}

impl DenseSums {
    /// Adds the sums of `hits`, whose dictionary ids are `ids`, all below `values`.
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

    /// Removes the sums and passes those of each id with flows to `take`.
    pub(super) fn drain(&mut self, mut take: impl FnMut(usize, &GroupSums)) {
        for (id, state) in self.sums.iter().enumerate() {
            if !state.is_none() {
                take(id, state);
            }
        }
        self.sums.clear();
    }
}
