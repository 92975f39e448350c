//! Segments: Parquet files of flows with one row group each, in pages of
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

/// The largest number of rows in a file. Recorders close files at about a million; row numbers
/// and dictionary ids have 32 bits.
pub const MAX_ROWS: usize = 1 << 24;

/// The largest size of a dictionary in bytes of its values: 2 M addresses, twice as many as the
/// rows of a usual segment. Further pages are plain.
const MAX_DICTIONARY: usize = 32 << 20;
