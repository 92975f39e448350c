//! Limits of the memory that all exporters take together.

/// Maximum number of exporters. A large site has hundreds. An exporter takes a few kB, about 2
/// MB if it uses all its limits.
pub const MAX_EXPORTERS: usize = 1024;

/// Maximum number of interface and application names of all exporters, about 700 bytes each,
/// 1,000 with the counters of an interface. A large site has some ten thousand.
pub const MAX_NAMES: usize = 100_000;

/// Maximum bytes of templates of all exporters. A template of 20 fields takes about 800 bytes.
/// One exporter gets at most a quarter.
pub const MAX_TEMPLATE_BYTES: usize = 64 << 20;

/// Maximum bytes of data sets that wait for their template, of all exporters.
pub const MAX_HELD: usize = 32 << 20;

/// Maximum bytes of the flows whose exporters report totals, of all exporters; a flow takes 144.
pub const MAX_COUNTER_BYTES: usize = 32 << 20;

/// Limits of what one decoder keeps, or all decoders that share a
/// [`SharedLimits`](super::shared_limits::SharedLimits). One exporter gets at most a quarter of
/// the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderLimits {
    /// Exporters. A large site has hundreds. An exporter takes a few kB, about 2 MB if it uses
    /// all its limits.
    pub exporters: usize,
    /// Bytes of templates; a template of 20 fields takes about 800.
    pub template_bytes: usize,
    /// Bytes of data sets that wait for their template.
    pub held_bytes: usize,
    /// Bytes of flows whose exporters report totals.
    pub counter_bytes: usize,
    /// Names of interfaces and applications, about 700 bytes each, 1,000 with counters. A large
    /// site has some ten thousand.
    pub names: usize,
}

impl Default for DecoderLimits {
    fn default() -> DecoderLimits {
        DecoderLimits {
            exporters: MAX_EXPORTERS,
            template_bytes: MAX_TEMPLATE_BYTES,
            held_bytes: MAX_HELD,
            counter_bytes: MAX_COUNTER_BYTES,
            names: MAX_NAMES,
        }
    }
}
