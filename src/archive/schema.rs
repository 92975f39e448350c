//! The columns of the archive, which are those of [`FIELDS`]: their names, their order,
//! their types and the versions they came in are said there. Here stands what versions
//! there are, and how a column is encoded.

pub use crate::flow::field::StoredType;
use crate::flow::field::{FIELDS, Field};

/// Versions of segments and journals. All of them are read, the newest is written.
///
/// A new one is a variant here, and `since` of the members of a flow that it brings; what
/// else it changes is decided where versions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Without a checksum of the footer, and without the fields that came
    /// [since](crate::flow::field::FieldInfo::since); a flow is a duplicate or not.
    One = 1,
    Two = 2,
}

impl Version {
    /// All of them, the oldest first.
    pub const ALL: [Version; 2] = [Version::One, Version::Two];

    /// The one that is written.
    pub const NEWEST: Version = Version::Two;

    /// Those that are read, in words.
    pub const READ: &str = "1 or 2";

    /// The version of a number, if it is one that is read.
    #[must_use]
    pub fn of(number: u32) -> Option<Version> {
        Version::ALL.into_iter().find(|version| version.number() == number)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u32 {
        self as u32
    }
}

/// How a column is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// By the difference to the row before (DELTA_BINARY_PACKED).
    Delta,
    /// As places in a dictionary; plain from where that grew too large.
    Dictionary,
    /// Runs of bits (RLE).
    Runs,
}

/// A column of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveColumn {
    pub field: Field,
    pub store: StoredType,
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

    /// All of them, in the order in which they stand in files.
    pub fn all() -> impl Iterator<Item = ArchiveColumn> {
        FIELDS.iter().map(|info| ArchiveColumn::of(info.field))
    }

    /// Those of files of a version: what came later is left out, and `duplicate` was a
    /// flag.
    pub fn of_version(version: Version) -> impl Iterator<Item = ArchiveColumn> {
        let came = move |column: &ArchiveColumn| column.field.info().since <= version.number();
        ArchiveColumn::all().filter(came).map(move |column| match (version, column.field) {
            (Version::One, Field::Duplicate) => {
                ArchiveColumn { store: StoredType::Flag, coding: Coding::Runs, ..column }
            }
            _ => column,
        })
    }

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.field.info().name
    }
}

impl StoredType {
    /// Its type in words, as docs/ARCHIVE.md has them.
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
    /// Its name in words, as docs/ARCHIVE.md has them.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Coding::Delta => "delta",
            Coding::Dictionary => "dictionary",
            Coding::Runs => "runs",
        }
    }
}
