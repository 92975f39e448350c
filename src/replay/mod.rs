//! Turns recorded flows into datagrams again: which encoder reports which flow, when each
//! datagram is due, and what the protocol cannot express.
//!
//! Pure: the clock and the socket belong to the caller.

mod encode;
mod pace;
#[cfg(test)]
mod tests;

pub use encode::{EncodeStats, FlowEncoder, MAX_SOURCES, ReplayProtocol, UnsupportedFields};
pub use pace::{Pace, Schedule};
