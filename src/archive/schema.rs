//! The one table of columns of the archive: which there are, and how they are kept.
//!
//! Names and order are those of [`FIELDS`]; here stands only the physical side.

use crate::flow::field::{FIELDS, Field};

/// Versions of segments and journals. All of them are read, the newest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Without a checksum of the footer, and without the fields from
    /// [`Field::FlowCount`] on; a flow is a duplicate or not.
    One = 1,
    Two = 2,
}

impl Version {
    /// The one that is written.
    pub const NEWEST: Version = Version::Two;

    /// Those that are read, in words.
    pub const READ: &str = "1 or 2";

    /// The version of a number, if it is one that is read.
    #[must_use]
    pub fn of(number: u32) -> Option<Version> {
        [Version::One, Version::Two].into_iter().find(|version| version.number() == number)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u32 {
        self as u32
    }
}

/// What a column is to whoever opens the file (Parquet's logical types).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// TIMESTAMP(MILLIS, UTC).
    Millis,
    /// Unsigned, that many bits; 64 bits are an INT64, all others an INT32.
    Unsigned(u8),
    /// INT64.
    Signed,
    /// BOOLEAN.
    Flag,
    /// FIXED_LEN_BYTE_ARRAY(16), network byte order, IPv4 as `::ffff:a.b.c.d`.
    Address,
    /// BYTE_ARRAY, STRING.
    Text,
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
pub struct Column {
    pub field: Field,
    pub store: Store,
    pub coding: Coding,
}

impl Column {
    /// The column of a field.
    #[must_use]
    pub fn of(field: Field) -> Column {
        let store = store(field);
        let coding = match store {
            Store::Millis => Coding::Delta,
            Store::Flag => Coding::Runs,
            _ if field == Field::Bytes => Coding::Delta,
            _ => Coding::Dictionary,
        };
        Column { field, store, coding }
    }

    /// All of them, in the order in which they stand in files.
    pub fn all() -> impl Iterator<Item = Column> {
        FIELDS.iter().map(|info| Column::of(info.field))
    }

    /// Those of files of a version: the first ones, and `duplicate` was a flag.
    pub fn of_version(version: Version) -> impl Iterator<Item = Column> {
        let was = move |column: Column| match (version, column.field) {
            (Version::One, Field::Duplicate) => {
                Column { store: Store::Flag, coding: Coding::Runs, ..column }
            }
            _ => column,
        };
        let count = match version {
            Version::One => Field::FlowCount as usize,
            Version::Two => FIELDS.len(),
        };
        Column::all().take(count).map(was)
    }

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.field.info().name
    }
}

impl Store {
    /// Its type in words, as docs/ARCHIVE.md has them.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Store::Millis => "TIMESTAMP(MILLIS, UTC)",
            Store::Unsigned(8) => "UINT8",
            Store::Unsigned(16) => "UINT16",
            Store::Unsigned(32) => "UINT32",
            Store::Unsigned(_) => "UINT64",
            Store::Signed => "INT64",
            Store::Flag => "BOOLEAN",
            Store::Address => "FIXED_LEN_BYTE_ARRAY(16)",
            Store::Text => "STRING",
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

fn store(field: Field) -> Store {
    use Field as F;
    match field {
        F::Src | F::Dst | F::NextHop | F::Exporter | F::BgpNextHop | F::NatSrc | F::NatDst => {
            Store::Address
        }
        F::SrcInside | F::DstInside => Store::Address,
        F::User => Store::Text,
        F::First | F::Last | F::Arrival => Store::Millis,
        F::Bytes | F::Packets | F::App => Store::Unsigned(64),
        F::InSrcMac | F::OutDstMac | F::InDstMac | F::OutSrcMac => Store::Unsigned(64),
        F::ClockOffset => Store::Signed,
        F::Timed => Store::Flag,
        F::Domain | F::Sampling | F::Input | F::Output | F::SrcAs | F::DstAs => Store::Unsigned(32),
        F::Mpls1 | F::Mpls2 | F::Mpls3 | F::Mpls4 | F::Mpls5 => Store::Unsigned(32),
        F::Mpls6 | F::Mpls7 | F::Mpls8 | F::Mpls9 | F::Mpls10 => Store::Unsigned(32),
        F::PrevAs | F::NextAs | F::InVrf | F::OutVrf => Store::Unsigned(32),
        F::FlowCount | F::TunnelKey => Store::Unsigned(32),
        F::SrcPort | F::DstPort | F::Vlan | F::DstVlan => Store::Unsigned(16),
        F::NatSrcPort | F::NatDstPort => Store::Unsigned(16),
        F::Proto | F::TcpFlags | F::Tos | F::SrcMask | F::DstMask | F::Direction => {
            Store::Unsigned(8)
        }
        F::Duplicate | F::Tunnel => Store::Unsigned(8),
        F::NatEvent | F::DstTos | F::MinTtl | F::MaxTtl | F::Forwarding => Store::Unsigned(8),
    }
}
