//! The macro `layout!` declares a header or record of a fixed layout as one table: the
//! offset, name and type of each field. Reading and writing derive from the table.

/// One field of a fixed layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldLayout {
    /// Name of the field in the struct.
    pub name: &'static str,
    /// Offset in bytes from the start of the header or record.
    pub at: usize,
    /// Width in bytes.
    pub width: usize,
}

/// A value that a field of a fixed layout can have: a big-endian number, or reserved
/// bytes.
pub trait WireValue: Sized {
    /// Width in bytes.
    const WIDTH: usize;

    /// The value for a field whose bytes are missing: zero.
    const ZERO: Self;

    /// Reads the value at the start of `bytes`, or [`WireValue::ZERO`] when `bytes` is
    /// shorter than [`WireValue::WIDTH`].
    fn read(bytes: &[u8]) -> Self;

    /// Writes the value at the start of `bytes`. Writes nothing when `bytes` is shorter
    /// than [`WireValue::WIDTH`].
    fn put(self, bytes: &mut [u8]);
}

macro_rules! big_endian {
    ($($number:ty)*) => {$(
        impl WireValue for $number {
            const WIDTH: usize = size_of::<$number>();
            const ZERO: $number = 0;

            #[inline]
            fn read(bytes: &[u8]) -> $number {
                bytes.first_chunk().map_or(0, |chunk| <$number>::from_be_bytes(*chunk))
            }

            #[inline]
            fn put(self, bytes: &mut [u8]) {
                if let Some(chunk) = bytes.first_chunk_mut() {
                    *chunk = self.to_be_bytes();
                }
            }
        }
    )*};
}

big_endian!(u8 u16 u32 u64);

/// Reserved bytes, or bytes that the decoder does not use.
impl<const N: usize> WireValue for [u8; N] {
    const WIDTH: usize = N;
    const ZERO: [u8; N] = [0; N];

    #[inline]
    fn read(bytes: &[u8]) -> [u8; N] {
        bytes.first_chunk().copied().unwrap_or(Self::ZERO)
    }

    #[inline]
    fn put(self, bytes: &mut [u8]) {
        if let Some(chunk) = bytes.first_chunk_mut() {
            *chunk = self;
        }
    }
}

/// A header or record whose fields have fixed offsets and widths.
///
/// A layout may be a part of a header: the versions of NetFlow with fixed records share
/// the first bytes and differ in the rest. Offsets always count from the start of the
/// whole header, as in the tables of the RFCs.
pub trait FixedLayout: Sized {
    /// Offset in bytes of the first field.
    const START: usize;

    /// Offset in bytes of the first byte after the last field.
    const END: usize;

    /// Bytes of all fields.
    const LENGTH: usize = Self::END - Self::START;

    /// The fields in their order, without gaps.
    const FIELDS: &'static [FieldLayout];

    /// Reads the fields of the header at the start of `header`. A field that `header`
    /// does not hold completely is zero.
    fn read_prefix(header: &[u8]) -> Self;

    /// Reads the fields of the header at the start of `header`, `None` when `header` is
    /// shorter than [`FixedLayout::END`].
    fn read(header: &[u8]) -> Option<Self>;

    /// Reads the header at offset `at` of `bytes`, `None` when `bytes` ends before it does.
    #[inline]
    fn read_at(bytes: &[u8], at: usize) -> Option<Self> {
        Self::read(bytes.get(at..)?)
    }

    /// Writes the fields over `part`, which begins with the first field of this layout.
    /// A field that does not fit is not written.
    fn put(&self, part: &mut [u8]);

    /// Appends the fields to `out`.
    fn append(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + Self::LENGTH, 0);
        self.put(out.get_mut(start..).unwrap_or_default());
    }
}

/// Whether `fields` fill the bytes from `start` to `end` in order, without gaps or overlaps.
pub(super) const fn fills(fields: &[FieldLayout], start: usize, end: usize) -> bool {
    let mut at = start;
    let mut index = 0;
    while index < fields.len() {
        if fields[index].at != at {
            return false;
        }
        at += fields[index].width;
        index += 1;
    }
    at == end
}

/// Declares a struct with a [`FixedLayout`]: `Name from START to END { OFFSET field: type, }`.
/// A table whose fields overlap, leave a gap or do not end at `END` does not compile.
macro_rules! layout {
    ($(
        $(#[$doc:meta])*
        $name:ident from $start:literal to $end:literal {
            $($(#[$field_doc:meta])* $at:literal $field:ident: $value:ty,)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $value,)*
        }

        impl FixedLayout for $name {
            const START: usize = $start;
            const END: usize = $end;
            const FIELDS: &'static [FieldLayout] = &[$(FieldLayout {
                name: stringify!($field),
                at: $at,
                width: <$value as WireValue>::WIDTH,
            },)*];

            #[inline]
            fn read_prefix(header: &[u8]) -> Self {
                $name { $($field: match header.get($at..) {
                    Some(bytes) => <$value>::read(bytes),
                    None => <$value>::ZERO,
                },)* }
            }

            #[inline]
            fn read(header: &[u8]) -> Option<Self> {
                let whole: &[u8; $end] = header.first_chunk()?;
                Some(Self::read_prefix(whole))
            }

            #[inline]
            fn put(&self, part: &mut [u8]) {
                $(if let Some(bytes) = part.get_mut($at - $start..) {
                    self.$field.put(bytes);
                })*
            }
        }

        const _: () = assert!(
            fills($name::FIELDS, $start, $end),
            concat!("fields of ", stringify!($name), " with a gap or an overlap"),
        );
    )*};
}
pub(super) use layout;
