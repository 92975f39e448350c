//! The type of an information element, and the macro that declares tables of them.

/// How to read the bytes of a value. IANA data types that differ only in width are one type
/// here, since the template has the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// Bytes without a type.
    Octets,
    /// Unsigned number.
    Unsigned,
    /// Signed number.
    Signed,
    /// IEEE floating-point number of 4 or 8 bytes.
    Float,
    /// Boolean: 1 true, 2 false (RFC 7011, section 6.1.5).
    Boolean,
    /// MAC address.
    Mac,
    /// UTF-8 text.
    Text,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// NTP timestamp: seconds since 1900 and a binary fraction.
    Microseconds,
    /// NTP timestamp, like [`ElementType::Microseconds`].
    Nanoseconds,
    /// IPv4 address.
    V4,
    /// IPv6 address.
    V6,
    /// Structured data (RFC 6313).
    List,
}

/// One information element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistryEntry {
    /// Number of the element.
    pub id: u16,
    /// Name of the element.
    pub name: &'static str,
    /// Type of its values.
    pub kind: ElementType,
}

macro_rules! entries {
    ($table:ident: $($id:literal $name:ident $kind:ident;)*) => {
        /// The table, sorted by number.
        pub const $table: &[RegistryEntry] =
            &[$(RegistryEntry { id: $id, name: stringify!($name), kind: ElementType::$kind }),*];
    };
}

pub(super) use entries;
