//! The fuzz targets. Each takes any bytes and panics when something is wrong. The fuzzer's crate
//! (`fuzz/`) and the test that replays the corpus share them.
#![allow(dead_code, reason = "each user takes its own part of this")]

pub mod archive;
pub mod captures;
pub mod choices;
pub mod compare;
pub mod datagrams;
pub mod differential;
pub mod frames;
pub mod input;
pub mod query;
pub mod seeds;
pub mod sets;
pub mod sflow;
pub mod structured;
pub mod watched;
pub mod work;

/// A function that takes the fuzzer's bytes.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also the name of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("datagrams", datagrams::run),
    ("structured", structured::run),
    ("sflow", sflow::run),
    ("captures", captures::run),
    ("frames", frames::run),
    ("differential", differential::run),
    ("archive", archive::run),
    ("query", query::run),
    ("work", work::run),
];
