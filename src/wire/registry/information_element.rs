//! What an information element is, and how tables of them are written.

/// How the bytes of a value are to be read. The IANA data types of different
/// widths are one here, as a template says the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    Octets,
    Unsigned,
    Signed,
    Float,
    Boolean,
    Mac,
    Text,
    /// Since 1970.
    Seconds,
    Milliseconds,
    /// Since 1900, in the format of NTP.
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
        /// Sorted by number.
        pub const $table: &[RegistryEntry] =
            &[$(RegistryEntry { id: $id, name: stringify!($name), kind: ElementType::$kind }),*];
    };
}

pub(super) use entries;
