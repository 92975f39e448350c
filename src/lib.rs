//! toptalk: live top talkers from NetFlow, IPFIX and sFlow, a recorder, and queries.
//!
//! The modules are listed by floor. Imports only point down; the test program `tidy` checks
//! that, and `docs/ARCHITECTURE.md` describes the modules.
#![deny(unsafe_code)]
#![warn(missing_docs)]

// Ground: plain data and pure functions.
pub mod capture;
pub mod config;
pub mod demo;
pub mod filter;
pub mod flow;
pub mod inspect;
pub mod metrics;
pub mod replay;
pub mod snapshot;
pub mod table;
pub mod text;
pub mod topn;
pub mod units;
pub mod wire;

// State: sliding windows in memory.
pub mod agg;
// State: files of flows, and queries over them.
pub mod archive;
pub mod query;

// Shell: clocks, sockets, threads.
pub mod attach;
pub mod clock;
pub mod ingest;
pub mod source;

// Face: screens.
pub mod ui;

// Roof: the commands.
pub mod app;
pub mod cli;
