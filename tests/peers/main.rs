//! toptalk compared with other programs of its kind: what they send, record, read or answer. A
//! peer that is not installed is reported as skipped.

#[path = "../../benches/common/mod.rs"]
mod benchmarks;
#[path = "../common/mod.rs"]
mod common;
#[path = "../fuzz_targets/mod.rs"]
mod fuzz_targets;

mod archive_readers;
mod collectors;
mod exporters;
mod netflow_parser;
mod nfdump_files;
mod nfdump_filter;
mod nfdump_query;
mod promtool;
mod ssh_namespaces;
