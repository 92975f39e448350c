//! Every test of the crate from outside that can share a process with the others: a
//! module for each room of `src/`, a file for each behaviour.
//!
//! `cargo test --test it agg::flood` runs one file. What needs other programs (nfdump,
//! softflowd, DuckDB, ssh) is in `tests/peers/`, what counts allocations in
//! `tests/allocations.rs`, the house rules in `tests/tidy`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../fuzz_targets/mod.rs"]
mod fuzz_targets;

mod agg {
    mod all;
    mod cost_of_answers;
    mod flood;
    mod grouped;
    mod lag;
    mod memory_budget;
    mod model;
    mod top_program;
    mod windows;
}

mod archive {
    mod backup;
    mod bit_flips;
    mod convert;
    mod expiry_clock;
    mod faults;
    mod formats;
    mod recording;
    mod replay;
    mod special_files;
}

mod attach {
    mod frames;
    mod program;
    mod server;
}

mod docs {
    mod config;
    mod query;
    mod readme;
    mod service;
    mod tables;
}

mod ingest {
    mod exporters;
    mod missed_while_down;
    mod ports;
    mod reports;
    mod workers;
}

mod inspect;

mod query {
    mod answers;
    mod command;
    mod times;
    mod zones;
}

mod service {
    mod clock_steps;
    mod collect;
    mod doctor;
    mod exporter_clocks;
    mod faults;
    mod metrics;
    mod packaging;
    mod signals;
    mod unread_output;
    mod variables;
}

mod ui {
    mod hidden_text;
    mod panics;
    mod screens;
    mod terminal;
}

mod wire {
    mod attacks;
    mod corpus;
    mod counter_sessions;
    mod counters;
    mod decoder;
    mod devices;
    mod fuzz_replay;
    mod ipfix;
    mod malformed;
    mod nprobe;
    mod outdated;
    mod sampling;
    mod sessions;
    mod situations;
    mod templates;
}
