//! Macros for databases that read segments: addresses and MACs as people write them.

/// A database that macros are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    DuckDb,
    ClickHouse,
}
