//! The types of members of [`Flow`](super::Flow) and [`FlowExtras`](super::FlowExtras), and what
//! follows from the type: the width in files, the bytes in a journal, how a column is gathered, and
//! how a value is set.

use super::vector::Vector;
use super::{Duplicate, FlowText, Host, MAX_TEXT, Sampling, Time};

/// The kind of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// IPv4 or IPv6 address.
    Address,
    /// Time in milliseconds since 1970.
    Time,
    /// Unsigned number.
    Number,
    /// A number whose bits are those of an `i64`.
    Signed,
    /// MAC address, as a number of six bytes.
    Mac,
    /// Text.
    Text,
}

/// A field's value, in the form in which it is compared and printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// An address.
    Address(Host),
    /// A time.
    Time(Time),
    /// A number; a signed one as its bits.
    Number(u64),
    /// A text.
    Text(FlowText),
}

/// How a field is stored (Parquet's logical types in the archive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredType {
    /// TIMESTAMP(MILLIS, UTC).
    Millis,
    /// Unsigned with this many bits; 64 bits are an INT64, fewer an INT32.
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

/// The numbers of a record's fields by the number of the field, each in the width of its member. A
/// wider number on the wire is cut to its low-order bytes (see [`StoredForm::load_from`]).
pub trait Numbers {
    /// The low-order byte.
    fn get8(&self, slot: usize) -> u8;
    /// The two low-order bytes.
    fn get16(&self, slot: usize) -> u16;
    /// The four low-order bytes.
    fn get32(&self, slot: usize) -> u32;
    /// The eight low-order bytes.
    fn get64(&self, slot: usize) -> u64;
}

/// A type with a fixed number of bytes in a journal.
pub trait Fixed: Copy {
    /// The value when nothing was reported.
    const NOTHING: Self;

    /// Number of bytes in a journal.
    const BYTES: usize;

    /// Writes it, little-endian, to the start of `out`. Returns the rest of `out`.
    fn store(self, out: &mut [u8]) -> &mut [u8];

    /// Reads it from the start of `from` and advances `from`. If too few bytes are left,
    /// returns
    /// [`Fixed::NOTHING`], because older files do not have newer members.
    fn load(from: &mut &[u8]) -> Self;
}

/// The type of a member that is a field.
///
/// **Rule for numbers that do not fit:** the member is set to its highest value. It never
/// wraps,
/// so that 300 packets are not stored as 44. The exception is a number on the wire:
/// exporters may send it in more bytes than it needs, of which the low-order ones are used.
/// Of TCP
/// flags in two bytes, the lower one has the eight flags that are stored.
pub trait StoredForm: Fixed {
    /// The type in files.
    const STORE: StoredType;

    /// The value in the form in which it is compared and printed.
    fn value(self) -> FieldValue;

    /// Writes a column of values: addresses, texts, or numbers (times and signed numbers as their
    /// bits). Replaces the contents of `out`.
    fn gather(rows: impl Iterator<Item = Self>, out: &mut Vector);

    /// Sets a number (a time or signed number by its bits), or the highest value if it does not
    /// fit. Does nothing for other kinds.
    #[inline]
    fn set_number(&mut self, _bits: u64) {}

    /// Sets an address. Does nothing for other kinds.
    #[inline]
    fn set_address(&mut self, _host: Host) {}

    /// Sets a text. Does nothing for other kinds.
    #[inline]
    fn set_text(&mut self, _text: FlowText) {}

    /// Sets an unsigned number from a record on the wire. Does nothing for other kinds.
    #[inline]
    fn load_from(&mut self, _slot: usize, _numbers: &impl Numbers) {}
}

/// The stored type of a member.
pub(super) const fn store_of<T: StoredForm>(_member: &T) -> StoredType {
    T::STORE
}

macro_rules! numbers {
    ($($number:ident)*) => {$(impl Fixed for $number {
        const NOTHING: $number = 0;
        const BYTES: usize = size_of::<$number>();

        #[inline]
        fn store(self, out: &mut [u8]) -> &mut [u8] {
            match out.split_first_chunk_mut() {
                Some((own, rest)) => {
                    *own = self.to_le_bytes();
                    rest
                }
                None => &mut [],
            }
        }

        #[inline]
        fn load(from: &mut &[u8]) -> $number {
            match from.split_first_chunk() {
                Some((own, rest)) => {
                    *from = rest;
                    <$number>::from_le_bytes(*own)
                }
                None => 0,
            }
        }
    })*};
}

numbers! { u8 u16 u32 u64 i64 }

macro_rules! unsigned {
    ($($number:ident $bits:literal $get:ident;)*) => {$(
        impl StoredForm for $number {
            const STORE: StoredType = StoredType::Unsigned($bits);

            #[inline]
            fn value(self) -> FieldValue {
                FieldValue::Number(u64::from(self))
            }

            #[inline]
            fn gather(rows: impl Iterator<Item = $number>, out: &mut Vector) {
                out.numbers().extend(rows.map(u64::from));
            }

            #[inline]
            fn set_number(&mut self, bits: u64) {
                *self = $number::try_from(bits).unwrap_or($number::MAX);
            }

            #[inline]
            fn load_from(&mut self, slot: usize, numbers: &impl Numbers) {
                *self = numbers.$get(slot);
            }
        }
    )*};
}

unsigned! {
    u8 8 get8;
    u16 16 get16;
    u32 32 get32;
    u64 64 get64;
}

impl StoredForm for i64 {
    const STORE: StoredType = StoredType::Signed;

    #[inline]
    fn value(self) -> FieldValue {
        FieldValue::Number(self.cast_unsigned())
    }

    #[inline]
    fn gather(rows: impl Iterator<Item = i64>, out: &mut Vector) {
        out.numbers().extend(rows.map(i64::cast_unsigned));
    }

    #[inline]
    fn set_number(&mut self, bits: u64) {
        *self = bits.cast_signed();
    }
}

/// Implements types that are stored as a number.
macro_rules! stored_as {
    ($($type:ident: $number:ident, $store:expr, $nothing:expr, $to:expr, $of:expr;)*) => {$(
        impl StoredForm for $type {
            const STORE: StoredType = $store;

            #[inline]
            fn value(self) -> FieldValue {
                let to: fn($type) -> $number = $to;
                to(self).value()
            }

            #[inline]
            fn gather(rows: impl Iterator<Item = $type>, out: &mut Vector) {
                $number::gather(rows.map($to), out);
            }

            #[inline]
            fn set_number(&mut self, bits: u64) {
                let of: fn($number) -> $type = $of;
                let mut number = $number::NOTHING;
                number.set_number(bits);
                *self = of(number);
            }
        }

        impl Fixed for $type {
            const NOTHING: $type = $nothing;
            const BYTES: usize = $number::BYTES;

            #[inline]
            fn store(self, out: &mut [u8]) -> &mut [u8] {
                let to: fn($type) -> $number = $to;
                to(self).store(out)
            }

            #[inline]
            fn load(from: &mut &[u8]) -> $type {
                let of: fn($number) -> $type = $of;
                of($number::load(from))
            }
        }
    )*};
}

stored_as! {
    Sampling: u32, StoredType::Unsigned(32), Sampling::UNKNOWN, |sampling| sampling.rate().unwrap_or(0), Sampling::one_in;
    Duplicate: u8, StoredType::Unsigned(8), Duplicate::No, u8::from, Duplicate::of;
    bool: u8, StoredType::Flag, false, u8::from, |byte| byte != 0;
}

impl StoredForm for Time {
    const STORE: StoredType = StoredType::Millis;

    #[inline]
    fn value(self) -> FieldValue {
        FieldValue::Time(self)
    }

    #[inline]
    fn gather(rows: impl Iterator<Item = Time>, out: &mut Vector) {
        i64::gather(rows.map(|time| time.0), out);
    }

    #[inline]
    fn set_number(&mut self, bits: u64) {
        self.0.set_number(bits);
    }
}

impl Fixed for Time {
    const NOTHING: Time = Time(0);
    const BYTES: usize = i64::BYTES;

    #[inline]
    fn store(self, out: &mut [u8]) -> &mut [u8] {
        self.0.store(out)
    }

    #[inline]
    fn load(from: &mut &[u8]) -> Time {
        Time(i64::load(from))
    }
}

impl StoredForm for Host {
    const STORE: StoredType = StoredType::Address;

    #[inline]
    fn value(self) -> FieldValue {
        FieldValue::Address(self)
    }

    #[inline]
    fn gather(rows: impl Iterator<Item = Host>, out: &mut Vector) {
        out.addresses().extend(rows);
    }

    #[inline]
    fn set_address(&mut self, host: Host) {
        *self = host;
    }
}

impl Fixed for Host {
    const NOTHING: Host = Host::UNSPECIFIED;
    const BYTES: usize = 16;

    #[inline]
    fn store(self, out: &mut [u8]) -> &mut [u8] {
        match out.split_first_chunk_mut() {
            Some((own, rest)) => {
                *own = self.0.to_le_bytes();
                rest
            }
            None => &mut [],
        }
    }

    #[inline]
    fn load(from: &mut &[u8]) -> Host {
        match from.split_first_chunk() {
            Some((own, rest)) => {
                *from = rest;
                Host(u128::from_le_bytes(*own))
            }
            None => Host::NOTHING,
        }
    }
}

impl StoredForm for FlowText {
    const STORE: StoredType = StoredType::Text;

    #[inline]
    fn value(self) -> FieldValue {
        FieldValue::Text(self)
    }

    #[inline]
    fn gather(rows: impl Iterator<Item = FlowText>, out: &mut Vector) {
        out.texts().extend(rows);
    }

    #[inline]
    fn set_text(&mut self, text: FlowText) {
        *self = text;
    }
}

impl Fixed for FlowText {
    const NOTHING: FlowText = FlowText::EMPTY;
    const BYTES: usize = MAX_TEXT;

    #[inline]
    fn store(self, out: &mut [u8]) -> &mut [u8] {
        match out.split_first_chunk_mut() {
            Some((own, rest)) => {
                *own = *self.padded();
                rest
            }
            None => &mut [],
        }
    }

    #[inline]
    fn load(from: &mut &[u8]) -> FlowText {
        match from.split_first_chunk::<MAX_TEXT>() {
            Some((own, rest)) => {
                *from = rest;
                FlowText::of_bytes(own)
            }
            None => FlowText::EMPTY,
        }
    }
}

/// Entries of a stack, each of which is a field.
impl<const N: usize> Fixed for [u32; N] {
    const NOTHING: Self = [0; N];
    const BYTES: usize = N * u32::BYTES;

    #[inline]
    fn store(self, out: &mut [u8]) -> &mut [u8] {
        self.into_iter().fold(out, |out, label| label.store(out))
    }

    #[inline]
    fn load(from: &mut &[u8]) -> Self {
        std::array::from_fn(|_| u32::load(from))
    }
}
