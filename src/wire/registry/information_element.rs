//! The type of an information element, and the macro that declares tables of them.

/// How to read the bytes of a value. IANA data types that differ only in width are one type
/// here, since the template has the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    Octets,
    Unsigned,
    Signed,
    Float,
    Boolean,
    Mac,
    Text,
    /// Seconds since 1970.
    Seconds,
    Milliseconds,
    /// NTP timestamp: seconds since 1900 and a binary fraction.
    Microseconds,
    Nanoseconds,
    V4,
    V6,
    /// Structured data (RFC 6313).
    List,
}

/// One information element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistryEntry {
    pub id: u16,
    pub name: &'static str,
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
