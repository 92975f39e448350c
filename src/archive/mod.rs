//! The flow archive on disk.
//!
//! While a time slot is open, its flows are appended to a journal. When the slot ends, the
//! journal becomes a segment, which is a Parquet file. [`open`] reads every kind of flow file
//! (segment, journal, nfcapd file) as a sequence of [`ColumnChunk`]s.

pub mod atomic_write;
pub mod catalog;
pub mod chunk;
pub mod convert;
mod copies;
mod error;
pub mod expire;
pub mod journal;
pub mod lock;
pub mod macros;
pub mod name;
pub mod nfcapd;
mod open;
pub mod recorder;
pub mod regular;
mod rows;
pub mod schema;
pub mod segment;
pub mod verify;
mod walk;

pub use chunk::{ColumnChunk, ColumnChunks, RowChunk};
pub use error::ArchiveError;
pub use open::{open, open_within};
pub use rows::rows;

/// Whether `sum` is the CRC-32 of `bytes`. Always true under a fuzzer, which could not
/// otherwise get past a checksum.
fn is_sum_of(sum: u32, bytes: &[u8]) -> bool {
    cfg!(fuzzing) || crc32fast::hash(bytes) == sum
}
