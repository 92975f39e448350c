//! How much all exporters together may have kept of them.

/// Limits of what decoders keep: of one, or of all that share a
/// [`Budget`](super::Budget). No exporter gets more than a quarter of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
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

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            exporters: super::MAX_EXPORTERS,
            template_bytes: super::MAX_TEMPLATE_BYTES,
            held_bytes: super::MAX_HELD,
            names: super::MAX_NAMES,
        }
    }
}
