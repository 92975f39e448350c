//! toptalk: live top talkers from NetFlow, IPFIX and sFlow, a recorder, and queries.
//!
//! The modules in reading order, by floor. Imports only point down; the test
//! `tidy` enforces it, and `docs/ARCHITECTURE.md` is the map.
#![deny(unsafe_code)]

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

// State: what is known, written and read at once.
pub mod agg;
// Beside it: what was, on disk, and questions about it.
pub mod archive;
pub mod query;

// Shell: clocks, sockets, threads.
pub mod attach;
pub mod clock;
pub mod ingest;
pub mod source;

// Face: what people see.
pub mod ui;

// Roof: the commands.
pub mod app;
pub mod cli;
