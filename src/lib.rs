//! toptalk: live top talkers from NetFlow.
#![deny(unsafe_code)]

pub mod agg;
pub mod filter;
pub mod flow;
pub mod snapshot;
pub mod topn;
pub mod units;
pub mod wire;
