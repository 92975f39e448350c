//! toptalk: live top talkers from NetFlow.
#![deny(unsafe_code)]

pub mod filter;
pub mod flow;
pub mod snapshot;
pub mod ui;
pub mod units;
