//! Encodes flows into datagrams, as a router would send them: for the demo, for `toptalk
//! replay`, for the load generator and for tests.
//!
//! Pure: the exporter's clock and the moment it booted are arguments.

mod ipfix;
mod sets;
mod sflow;
mod v5;
mod v9;

pub use ipfix::IpfixEncoder;
pub use sets::{IPV4_FIELDS, IPV6_FIELDS, MAX_MESSAGE};
pub use sflow::{SFLOW_MAX_DATAGRAM, SampledFlow, SflowEncoder};
pub use v5::{V5_MAX_RECORDS, V5Encoder};
pub use v9::V9Encoder;

use crate::flow::Time;

/// Milliseconds since `boot` in a router's 32-bit counter, which wraps every 49.7 days.
fn uptime(time: Time, boot: Time) -> u32 {
    // Truncation is the wrap.
    time.since(boot) as u32
}

/// Unix seconds in 32 bits, 0 before 1970.
fn unix_seconds(time: Time) -> u32 {
    u32::try_from(time.0.div_euclid(1000)).unwrap_or(0)
}

/// The value in fewer bits, or `highest` when it does not fit.
fn saturated<T: TryFrom<u64>>(value: u64, highest: T) -> T {
    T::try_from(value).unwrap_or(highest)
}
