//! Headers and records of fixed layout, each declared once as a table of its fields with
//! offset, name and type. The decoder and `inspect` read headers by these tables, and
//! [`encode`](super::encode) writes them by the same tables.

pub mod fixed;
pub mod netflow;
pub mod sets;
pub mod sflow;

#[cfg(test)]
mod tests;
