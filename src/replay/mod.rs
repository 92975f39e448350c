//! Flows that were recorded, as datagrams again: which encoder reports which
//! flow, when each is due, and what the protocol has no words for.
//!
//! Pure: whoever sends brings the clock and the socket.

mod encode;
mod pace;
#[cfg(test)]
mod tests;

pub use encode::{EncodeStats, FlowEncoder, MAX_SOURCES, ReplayProtocol, UnsupportedFields};
pub use pace::{Pace, Schedule};
