//! Page headers: the few fields of Parquet's `PageHeader` that segments use, in Thrift's
//! compact protocol (parquet.thrift, thrift-compact-protocol.md).

/// The largest size of a header in bytes; those of toptalk have about 30.
pub(super) const MAX_HEADER: usize = 64;

/// The types of pages (`PageType`).
const DICTIONARY: u64 = 2;
const DATA_V2: u64 = 3;

/// The encoding of a page's values, by its Parquet number (`Encoding`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain = 0,
    Rle = 3,
    Delta = 5,
    Ids = 8,
}

/// The content of a page header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageHeader {
    pub dictionary: bool,
    pub values: u32,
    pub encoding: Encoding,
    /// The size in bytes of the page as stored.
    pub stored: u32,
    /// The size in bytes before compression.
    pub raw: u32,
    pub compressed: bool,
    /// The CRC-32 of the page as stored.
    pub crc: u32,
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a number of at most 64 bits; `None` if it is cut off or too long.
pub(super) fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// The type numbers of Thrift's compact protocol.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I32: u8 = 5;
const STRUCT: u8 = 12;

/// Writes the fields of a struct.
struct Fields<'a> {
    out: &'a mut Vec<u8>,
    last: u8,
}

impl Fields<'_> {
    fn head(&mut self, id: u8, kind: u8) {
        self.out.push((id - self.last) << 4 | kind);
        self.last = id;
    }

    fn int(&mut self, id: u8, value: u32) {
        self.head(id, I32);
        put_varint(self.out, zigzag(i64::from(value.cast_signed())));
    }
}

impl PageHeader {
    /// Appends the header.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut fields = Fields { out, last: 0 };
        fields.int(1, if self.dictionary { DICTIONARY as u32 } else { DATA_V2 as u32 });
        fields.int(2, self.raw);
        fields.int(3, self.stored);
        fields.int(4, self.crc);
        fields.head(if self.dictionary { 7 } else { 8 }, STRUCT);
        let mut inner = Fields { out: fields.out, last: 0 };
        inner.int(1, self.values);
        if self.dictionary {
            inner.int(2, self.encoding as u32);
        } else {
            inner.int(2, 0); // no nulls
            inner.int(3, self.values);
            inner.int(4, self.encoding as u32);
            inner.int(5, 0); // no levels
            inner.int(6, 0);
            inner.head(7, if self.compressed { TRUE } else { FALSE });
        }
        out.extend([0, 0]);
    }

    /// Whether the header encodes to exactly these bytes. Thrift allows other encodings of the
    /// same header, but toptalk does not write them.
    pub fn is_written_as(&self, bytes: &[u8]) -> bool {
        let mut written = Vec::with_capacity(MAX_HEADER);
        self.write(&mut written);
        written == bytes
    }

    /// Parses the header at the beginning of a page; returns it with its size. `None` if it is
    /// not one that [`PageHeader::write`] writes.
    pub fn parse(bytes: &[u8]) -> Option<(PageHeader, usize)> {
        let mut at = 0;
        let (mut outer, kind) = ints::<5>(bytes, &mut at)?;
        let dictionary = match (outer[1].take()?, kind) {
            (DICTIONARY, 7) => true,
            (DATA_V2, 8) => false,
            _ => return None,
        };
        let (inner, flag) = ints::<8>(bytes, &mut at)?;
        let compressed = match flag {
            _ if dictionary => true,
            TRUE_FIELD => true,
            0 => false,
            _ => return None,
        };
        if bytes.get(at..at + 1)? != [0] {
            return None;
        }
        let plain_levels = [2, 5, 6].iter().all(|id| inner[*id] == Some(0));
        if !dictionary && (!plain_levels || inner[3] != inner[1]) {
            return None;
        }
        let encoding = match if dictionary { inner[2]? } else { inner[4]? } {
            0 => Encoding::Plain,
            3 => Encoding::Rle,
            5 => Encoding::Delta,
            8 => Encoding::Ids,
            _ => return None,
        };
        let size =
            |value: Option<u64>| u32::try_from(value?).ok().filter(|n| *n <= i32::MAX as u32);
        let header = PageHeader {
            dictionary,
            values: size(inner[1])?,
            encoding,
            stored: size(outer[3])?,
            raw: size(outer[2])?,
            compressed,
            crc: outer[4]? as u32,
        };
        Some((header, at + 1))
    }
}

/// The result of [`ints`] for a set flag `is_compressed` of a data page.
const TRUE_FIELD: u8 = 7;

/// The numbers of a struct by field id below `N`, up to a struct inside it (whose id is
/// returned) or to its end (then the id of the flag that is set is returned, or 0).
fn ints<const N: usize>(bytes: &[u8], at: &mut usize) -> Option<([Option<u64>; N], u8)> {
    let mut found = [None; N];
    let (mut id, mut flag) = (0u8, 0);
    loop {
        let head = *bytes.get(*at)?;
        *at += 1;
        if head == 0 {
            return Some((found, flag));
        }
        if head >> 4 == 0 {
            return None;
        }
        id = id.checked_add(head >> 4)?;
        match head & 15 {
            STRUCT => return Some((found, id)),
            TRUE => flag = id,
            FALSE => {}
            I32 => {
                let value = unzigzag(varint(bytes, at)?);
                let value = i32::try_from(value).ok()?.cast_unsigned();
                *found.get_mut(usize::from(id))? = Some(u64::from(value));
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_parse_back() {
        for (dictionary, compressed) in [(true, true), (false, true), (false, false)] {
            let encoding = if dictionary { Encoding::Plain } else { Encoding::Ids };
            let header = PageHeader {
                dictionary,
                values: 65_536,
                encoding,
                stored: 1_000_000,
                raw: 1_048_576,
                compressed,
                crc: 0xdead_beef,
            };
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            assert!(bytes.len() <= MAX_HEADER);
            assert_eq!(PageHeader::parse(&bytes), Some((header, bytes.len())));
            for cut in 0..bytes.len() {
                assert_eq!(PageHeader::parse(&bytes[..cut]), None);
            }
        }
    }

    #[test]
    fn numbers_of_any_size() {
        for value in [0, 1, -1, 63, -64, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(value)), value);
            let mut bytes = Vec::new();
            put_varint(&mut bytes, zigzag(value));
            assert_eq!(varint(&bytes, &mut 0), Some(zigzag(value)));
        }
        assert_eq!(varint(&[0x80; 12], &mut 0), None);
    }
}
