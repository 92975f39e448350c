//! A field of a template.

/// A field specifier of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// IANA private enterprise number of the element; 0 for elements of IANA and for all of
    /// NetFlow v9.
    pub pen: u32,
    /// Field type (NetFlow v9) or information element id (IPFIX), without the enterprise bit.
    pub id: u16,
    /// Length in bytes, or [`VARIABLE`](super::template::VARIABLE).
    pub length: u16,
}
