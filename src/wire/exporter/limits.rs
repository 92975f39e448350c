//! How much all exporters together may have kept of them.

/// Exporters kept apart: a large site has hundreds. A few kB each; one that
/// uses all its limits takes about 2 MB.
pub const MAX_EXPORTERS: usize = 1024;

/// Names of interfaces and applications over all exporters, about 700 bytes each
/// with their counters: a large site has some ten thousand.
pub const MAX_NAMES: usize = 100_000;

/// Bytes of templates over all exporters; a template of 20 fields takes about
/// 800. No exporter gets more than a quarter of it.
pub const MAX_TEMPLATE_BYTES: usize = 64 << 20;

/// Bytes held for all exporters together, so that many of them stay bounded, too.
pub const MAX_HELD: usize = 32 << 20;

/// Limits of what decoders keep: of one, or of all that share a
/// [`Budget`](super::Budget). No exporter gets more than a quarter of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderLimits {
    /// Exporters kept apart: a large site has hundreds. A few kB each; one that
    /// uses all its limits takes about 2 MB.
    pub exporters: usize,
    /// Bytes of templates; one of 20 fields takes about 800.
    pub template_bytes: usize,
    /// Bytes of data sets that wait for their template.
    pub held_bytes: usize,
    /// Names of interfaces and applications, about 700 bytes each with their
    /// counters: a large site has some ten thousand.
    pub names: usize,
}

impl Default for DecoderLimits {
    fn default() -> DecoderLimits {
        DecoderLimits {
            exporters: MAX_EXPORTERS,
            template_bytes: MAX_TEMPLATE_BYTES,
            held_bytes: MAX_HELD,
            names: MAX_NAMES,
        }
    }
}
