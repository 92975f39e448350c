//! toptalk beside other programs that do the same: what they send, record, read or
//! answer, and toptalk's part of it compared with theirs. A peer that is not installed
//! is skipped, loudly.

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
