//! Flows on disk.
//!
//! While a slot of time runs, flows go to a journal; when it ends they become a
//! segment, a Parquet file. What reads them back ([`open`]) gives [`Chunk`]s,
//! whatever kind of file they lie in: segments, journals, or files of nfcapd.

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

/// Whether bytes are those that a checksum was made of. To a fuzzer they always
/// are: else it would never get behind one.
fn is_sum_of(sum: u32, bytes: &[u8]) -> bool {
    cfg!(fuzzing) || crc32fast::hash(bytes) == sum
}
