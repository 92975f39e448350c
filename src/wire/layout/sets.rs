//! Headers within a datagram of NetFlow v9 or a message of IPFIX: of sets and of template
//! records.

use super::fixed::{FieldLayout, FixedLayout, WireValue, fills, layout};

layout! {
    /// Header of a set (RFC 3954, section 5: FlowSet; RFC 7011, section 3.3.2).
    SetHeader from 0 to 4 {
        /// Set id. From 256 on it is the id of a template, and the set holds its data records.
        0 id: u16,
        /// Bytes of the set, this header and padding included.
        2 length: u16,
    }

    /// Header of a template record (RFC 3954, section 5.2; RFC 7011, section 3.4.1).
    TemplateHeader from 0 to 4 {
        /// Template id.
        0 id: u16,
        /// Field specifiers that follow.
        2 count: u16,
    }

    /// Header of an options template record of NetFlow v9 (RFC 3954, section 6.1).
    V9OptionsHeader from 0 to 6 {
        /// Template id.
        0 id: u16,
        /// Bytes of the field specifiers of the scope.
        2 scope_length: u16,
        /// Bytes of the field specifiers after those of the scope.
        4 options_length: u16,
    }

    /// Header of an options template record of IPFIX (RFC 7011, section 3.4.2.2).
    IpfixOptionsHeader from 0 to 6 {
        /// Template id.
        0 id: u16,
        /// Field specifiers that follow, those of the scope included.
        2 count: u16,
        /// Field specifiers of the scope.
        4 scope_count: u16,
    }

    /// A field specifier (RFC 3954, section 5.2; RFC 7011, section 3.2). In IPFIX, an
    /// enterprise number of 4 bytes follows if the highest bit of the id is set.
    FieldSpecifier from 0 to 4 {
        /// Field type (NetFlow v9), or information element id (IPFIX).
        0 id: u16,
        /// Bytes of the field in a data record; 65535 for a variable length.
        2 length: u16,
    }
}
