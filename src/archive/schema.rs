//! The columns of the archive. Their names, order, types and first versions are declared in
//! [`FIELDS`]; this module adds the format versions and the encoding of each column.

pub use crate::flow::field::StoredType;
use crate::flow::field::{FIELDS, Field};

/// The versions of segments and journals. All versions can be read; the newest is written.
///
/// A new version is a new variant here, and a `since` at the fields that it introduces. All
/// other differences are decided where versions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Version 1: no checksum of the footer, none of the fields with a later
    /// [`since`](crate::flow::field::FieldInfo::since), and `duplicate` is a flag.
    One = 1,
    /// Version 2: the footer has a checksum, and `duplicate` is a number.
    Two = 2,
    /// Version 3: names of applications.
    Three = 3,
}

impl Version {
    /// All versions, the oldest first.
    pub const ALL: [Version; 3] = [Version::One, Version::Two, Version::Three];

    /// The version that is written.
    pub const NEWEST: Version = Version::Three;

    /// The versions that can be read, for messages.
    pub const READ: &str = "1 to 3";

    /// The version with this number, if it can be read.
    #[must_use]
    pub fn of(number: u32) -> Option<Version> {
        Version::ALL.into_iter().find(|version| version.number() == number)
    }

    /// The number of the version.
    #[must_use]
    pub fn number(self) -> u32 {
        self as u32
    }
}

/// How the values of a column are encoded (Parquet encodings).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Differences to the previous row (DELTA_BINARY_PACKED).
    Delta,
    /// Ids into a dictionary (RLE_DICTIONARY); plain values after the dictionary became too
    /// large.
    Dictionary,
    /// Runs of bits (RLE).
    Runs,
}

/// A column of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveColumn {
    /// The field that the column holds.
    pub field: Field,
    /// The type of its values in files.
    pub store: StoredType,
    /// The encoding of its values.
    pub coding: Coding,
}

impl ArchiveColumn {
    /// The column of a field.
    #[must_use]
    pub fn of(field: Field) -> ArchiveColumn {
        let store = field.info().store;
        let coding = match store {
            StoredType::Millis => Coding::Delta,
            StoredType::Flag => Coding::Runs,
            _ if field == Field::Bytes => Coding::Delta,
            _ => Coding::Dictionary,
        };
        ArchiveColumn { field, store, coding }
    }

    /// All columns, in their order in files.
    pub fn all() -> impl Iterator<Item = ArchiveColumn> {
        FIELDS.iter().map(|info| ArchiveColumn::of(info.field))
    }

    /// The columns of a format version. Fields that were added later are left out; in version
    /// 1, `duplicate` is a flag.
    pub fn of_version(version: Version) -> impl Iterator<Item = ArchiveColumn> {
        let came = move |column: &ArchiveColumn| column.field.info().since <= version.number();
        ArchiveColumn::all().filter(came).map(move |column| match (version, column.field) {
            (Version::One, Field::Duplicate) => {
                ArchiveColumn { store: StoredType::Flag, coding: Coding::Runs, ..column }
            }
            _ => column,
        })
    }

    /// The name of the column in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.field.info().name
    }
}

impl StoredType {
    /// The name of the type, as in docs/ARCHIVE.md.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            StoredType::Millis => "TIMESTAMP(MILLIS, UTC)",
            StoredType::Unsigned(8) => "UINT8",
            StoredType::Unsigned(16) => "UINT16",
            StoredType::Unsigned(32) => "UINT32",
            StoredType::Unsigned(_) => "UINT64",
            StoredType::Signed => "INT64",
            StoredType::Flag => "BOOLEAN",
            StoredType::Address => "FIXED_LEN_BYTE_ARRAY(16)",
            StoredType::Text => "STRING",
        }
    }
}

impl Coding {
    /// The name of the encoding, as in docs/ARCHIVE.md.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Coding::Delta => "delta",
            Coding::Dictionary => "dictionary",
            Coding::Runs => "runs",
        }
    }
}
