//! Segments: Parquet files of flows, one row group each, in pages of
//! [`PAGE_ROWS`](crate::flow::column::PAGE_ROWS) rows.

mod bits;
mod check;
mod column;
mod delta;
mod dictionary;
mod footer;
mod location;
mod page;
mod read;
mod sums;
mod tail;
#[cfg(test)]
mod tests;
mod thrift;
mod write;

pub use check::FooterCheck;
pub use footer::{Footer, SlotInfo, footer};
pub use read::{Segment, open};
pub use sums::PageSums;
pub use write::{encode, encode_from};

/// Rows of a file at most. Recorders end files at about a million; ids of rows
/// and places in dictionaries have 32 bits.
pub const MAX_ROWS: usize = 1 << 24;

/// What a dictionary has at most, in bytes of its values: 2 M addresses, twice as
/// many as the usual segment has rows. Beyond it pages are plain.
const MAX_DICTIONARY: usize = 32 << 20;
