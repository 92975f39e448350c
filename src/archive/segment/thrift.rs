//! Thrift's compact protocol, as far as Parquet metadata need it: skipping values with limits,
//! and reading the page index of a column.
//!
//! Metadata may be damaged, and Parquet's parser allocates as much and recurses as deep as
//! lists and groups claim. Therefore the metadata are checked first.

use super::page::{unzigzag, varint};
use crate::archive::schema::{ArchiveColumn, Version};

/// The largest nesting of structs; segments have five levels.
const MAX_DEPTH: usize = 8;

/// The largest number of entries in a list; the longest in a segment is that of its columns.
const MAX_LIST: u64 = 4096;

/// The type numbers of values.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

/// Why metadata are not those of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetadataError {
    /// They are not valid metadata.
    Nonsense,
    /// They are metadata of another kind of file.
    Others,
}

/// Reads bytes from the front.
struct ThriftReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Called for each field of a struct with its id and the type of its value.
type FieldVisitor<'e, 'a> = &'e mut dyn FnMut(&mut ThriftReader<'a>, u64, u8) -> Option<()>;

impl<'a> ThriftReader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn varint(&mut self) -> Option<u64> {
        varint(self.bytes, &mut self.at)
    }

    /// Reads the number of a field of this type.
    fn int(&mut self, kind: u8) -> Option<i64> {
        matches!(kind, I16 | I32 | I64).then(|| self.varint().map(unzigzag))?
    }

    fn advance(&mut self, length: u64) -> Option<()> {
        let end = self.at.checked_add(usize::try_from(length).ok()?)?;
        self.at = end;
        (end <= self.bytes.len()).then_some(())
    }

    /// Reads the length of a list and the type of its elements.
    fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => self.varint()?,
            short => u64::from(short),
        };
        (length <= MAX_LIST).then_some((length, head & 15))
    }

    /// Calls `each` for every field of a struct.
    fn fields(&mut self, each: FieldVisitor<'_, 'a>) -> Option<()> {
        let mut id = 0u64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            id = match head >> 4 {
                0 => u64::try_from(unzigzag(self.varint()?)).ok()?,
                extras => id.checked_add(u64::from(extras))?,
            };
            each(self, id, head & 15)?;
        }
    }

    /// Skips a value.
    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let deeper = depth.checked_sub(1);
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.advance(1),
            I16 | I32 | I64 => self.varint().map(|_| ()),
            DOUBLE => self.advance(8),
            BINARY => {
                let length = self.varint()?;
                self.advance(length)
            }
            LIST | SET => {
                let (length, kind) = self.list()?;
                for _ in 0..length {
                    match kind {
                        // In a list, each boolean takes a byte.
                        TRUE | FALSE => self.advance(1)?,
                        kind => self.skip(kind, deeper?)?,
                    }
                }
                Some(())
            }
            STRUCT => {
                let deeper = deeper?;
                self.fields(&mut |walk, _, kind| walk.skip(kind, deeper))
            }
            _ => None,
        }
    }
}

/// Checks Parquet metadata: all lengths are within limits, the schema is flat, and it has as
/// many columns as segments of some version.
pub(super) fn look_over(metadata: &[u8]) -> Result<(), MetadataError> {
    /// `FileMetaData.schema`.
    const SCHEMA: u64 = 2;
    let mut is_flat = false;
    let mut walk = ThriftReader { bytes: metadata, at: 0 };
    let read = walk.fields(&mut |walk, id, kind| {
        if (id, kind) != (SCHEMA, LIST) {
            return walk.skip(kind, MAX_DEPTH);
        }
        let begin = walk.at;
        is_flat = schema(walk).unwrap_or(false);
        walk.at = begin;
        walk.skip(kind, MAX_DEPTH)
    });
    match read {
        None => Err(MetadataError::Nonsense),
        Some(()) if !is_flat => Err(MetadataError::Others),
        Some(()) => Ok(()),
    }
}

/// Whether the schema is a root with as many columns as segments of some version.
fn schema(walk: &mut ThriftReader) -> Option<bool> {
    /// `SchemaElement.num_children`.
    const CHILDREN: u64 = 5;
    let (length, kind) = walk.list()?;
    let has = |version| ArchiveColumn::of_version(version).count() as u64 + 1 == length;
    if kind != STRUCT || !Version::ALL.into_iter().any(has) {
        return Some(false);
    }
    let columns = length - 1;
    for index in 0..length {
        let mut children = 0;
        walk.fields(&mut |walk, id, kind| {
            if id != CHILDREN {
                return walk.skip(kind, MAX_DEPTH);
            }
            children = walk.int(kind)?;
            Some(())
        })?;
        let want = if index == 0 { columns } else { 0 };
        if u64::try_from(children) != Ok(want) {
            return Some(false);
        }
    }
    Some(true)
}

/// The location of a page in an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Location {
    pub offset: i64,
    pub size: i64,
    pub first_row: i64,
}

/// Reads an `OffsetIndex`; `None` if it is invalid.
pub(super) fn locations(bytes: &[u8]) -> Option<Vec<Location>> {
    /// `OffsetIndex.page_locations`.
    const LOCATIONS: u64 = 1;
    let mut found = None;
    ThriftReader { bytes, at: 0 }.fields(&mut |walk, id, kind| {
        if (id, kind) != (LOCATIONS, LIST) {
            return walk.skip(kind, MAX_DEPTH);
        }
        let (length, kind) = walk.list()?;
        let mut all = Vec::new();
        for _ in 0..length {
            let mut page = Location::default();
            if kind != STRUCT {
                return None;
            }
            walk.fields(&mut |walk, id, kind| {
                let number = walk.int(kind)?;
                match id {
                    1 => page.offset = number,
                    2 => page.size = number,
                    3 => page.first_row = number,
                    _ => {}
                }
                Some(())
            })?;
            all.push(page);
        }
        found = Some(all);
        Some(())
    })?;
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A list of structs in a field, after `before`.
    fn list(before: &[u8], length: u8, one: &[u8]) -> Vec<u8> {
        let mut bytes = before.to_vec();
        bytes.extend([0x19, 0xfc, length]);
        bytes.extend(one.repeat(usize::from(length)));
        bytes.push(0);
        bytes
    }

    #[test]
    fn page_locations_are_read() {
        let bytes = list(&[], 20, &[0x16, 8, 0x15, 100, 0x16, 2, 0]);
        let page = Location { offset: 4, size: 50, first_row: 1 };
        assert_eq!(locations(&bytes), Some(vec![page; 20]));
        assert_eq!(locations(&[0]), None);
        for end in 0..bytes.len() {
            assert_eq!(locations(&bytes[..end]), None);
        }
        // A length that is not possible and must not be allocated.
        assert_eq!(locations(&[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 7, 0]), None);
    }

    #[test]
    fn metadata_that_are_too_deep_or_too_long_are_rejected() {
        let deep = [0x1c; 100_000];
        assert_eq!(look_over(&deep), Err(MetadataError::Nonsense));
        assert_eq!(
            look_over(&[0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 7]),
            Err(MetadataError::Nonsense)
        );
        assert_eq!(look_over(&[0x18, 0xff, 0xff, 0xff, 0xff, 7]), Err(MetadataError::Nonsense));
        assert_eq!(look_over(&[]), Err(MetadataError::Nonsense));
        assert_eq!(look_over(&[0]), Err(MetadataError::Others));
    }

    #[test]
    fn a_foreign_schema_is_recognised() {
        let columns = ArchiveColumn::all().count() as u8;
        let named = [0x48, 1, b'x', 0];
        let mut ours = vec![0x15, 2, 0x19, 0xfc, columns + 1];
        // The number of columns in two bytes of seven bits, zigzag.
        let number = u16::from(columns) * 2;
        ours.extend([0x48, 1, b'r', 0x15, number as u8 & 0x7f | 0x80, (number >> 7) as u8, 0]);
        ours.extend(named.repeat(usize::from(columns)));
        ours.push(0);
        assert_eq!(look_over(&ours), Ok(()));
        // A column that claims to be a group, into which a parser would descend.
        let mut nested = ours.clone();
        let last = nested.len() - 2;
        nested.splice(last..last, [0x15, 2]);
        assert_eq!(look_over(&nested), Err(MetadataError::Others));
        assert_eq!(look_over(&list(&[0x15, 2], 3, &named)), Err(MetadataError::Others));
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (look_over(&bytes), locations(&bytes));
        }
    }
}
