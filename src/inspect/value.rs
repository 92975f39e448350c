//! Values of information elements, read by type, for programs and for people.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::flow::Time;
use crate::flow::field;
use crate::text;
use crate::units::rfc3339_in;
use crate::wire::registry::ElementType;

/// Seconds from 1900, the epoch of NTP, to 1970.
const NTP_TO_UNIX: i64 = 2_208_988_800;

/// A value, ready to be printed.
#[derive(Clone, Debug, PartialEq)]
pub enum PrintedValue {
    /// A field of length 0.
    Nothing,
    /// An unsigned number.
    Number(u64),
    /// A signed number.
    Signed(i64),
    /// A floating-point number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Text, addresses, and values that are printed as hexadecimal digits.
    Text(String),
    /// A time: in its own unit since 1970, and in milliseconds.
    Moment(i64, Time),
}

impl PrintedValue {
    /// Reads a value. A value that does not fit its type, or whose type is unknown, becomes
    /// hexadecimal digits.
    #[must_use]
    pub fn read(kind: Option<ElementType>, bytes: &[u8]) -> PrintedValue {
        if bytes.is_empty() {
            return if kind == Some(ElementType::Text) {
                PrintedValue::Text(String::new())
            } else {
                PrintedValue::Nothing
            };
        }
        let read = match kind {
            Some(ElementType::Unsigned) => number(bytes).map(PrintedValue::Number),
            Some(ElementType::Signed) => signed(bytes).map(PrintedValue::Signed),
            Some(ElementType::Float) => float(bytes).map(PrintedValue::Float),
            Some(ElementType::Boolean) => number(bytes).map(boolean),
            Some(ElementType::Mac) => {
                (bytes.len() == 6).then(|| PrintedValue::Text(hex(bytes, ":")))
            }
            Some(ElementType::Text) => Some(PrintedValue::Text(text(bytes))),
            Some(ElementType::Seconds) => number(bytes).map(|n| moment(n, 1000)),
            Some(ElementType::Milliseconds) => number(bytes).map(|n| moment(n, 1)),
            Some(ElementType::Microseconds) => ntp(bytes, 1_000_000),
            Some(ElementType::Nanoseconds) => ntp(bytes, 1_000_000_000),
            Some(ElementType::V4) => {
                let octets: Option<[u8; 4]> = bytes.try_into().ok();
                octets.map(|octets| PrintedValue::Text(Ipv4Addr::from(octets).to_string()))
            }
            Some(ElementType::V6) => {
                let octets: Option<[u8; 16]> = bytes.try_into().ok();
                octets.map(|octets| PrintedValue::Text(Ipv6Addr::from(octets).to_string()))
            }
            Some(ElementType::Octets | ElementType::List) | None => None,
        };
        read.unwrap_or_else(|| PrintedValue::Text(hex(bytes, "")))
    }
}

impl From<field::FieldValue> for PrintedValue {
    fn from(value: field::FieldValue) -> PrintedValue {
        match value {
            field::FieldValue::Address(host) => PrintedValue::Text(host.to_string()),
            field::FieldValue::Time(time) => PrintedValue::Moment(time.0, time),
            field::FieldValue::Number(number) => PrintedValue::Number(number),
            field::FieldValue::Text(text) => PrintedValue::Text(text.as_str().to_owned()),
        }
    }
}

impl Serialize for PrintedValue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            PrintedValue::Nothing => to.serialize_none(),
            PrintedValue::Number(number) => to.serialize_u64(*number),
            PrintedValue::Signed(number) | PrintedValue::Moment(number, _) => {
                to.serialize_i64(*number)
            }
            PrintedValue::Float(number) => to.serialize_f64(*number),
            PrintedValue::Bool(truth) => to.serialize_bool(*truth),
            PrintedValue::Text(text) => to.serialize_str(text),
        }
    }
}

impl PrintedValue {
    /// The value for people: times as dates of a time zone, and text without control characters.
    #[must_use]
    pub fn shown(&self, zone: &TimeZone) -> String {
        match self {
            PrintedValue::Nothing => "-".to_owned(),
            PrintedValue::Number(number) => number.to_string(),
            PrintedValue::Signed(number) => number.to_string(),
            PrintedValue::Float(number) => number.to_string(),
            PrintedValue::Bool(truth) => truth.to_string(),
            PrintedValue::Text(text) => clean(text),
            PrintedValue::Moment(number, time) => match rfc3339_in(*time, zone) {
                date if date.is_empty() => number.to_string(),
                date => date,
            },
        }
    }
}

/// The text with every character that a terminal would interpret, or would not show, made
/// visible.
#[must_use]
pub fn clean(text: &str) -> String {
    text::replaced(text, '\u{fffd}')
}

/// An unsigned number of up to 8 bytes (RFC 7011, 6.2: exporters may leave out leading zeros).
#[must_use]
pub fn number(bytes: &[u8]) -> Option<u64> {
    let fits = !bytes.is_empty() && bytes.len() <= 8;
    fits.then(|| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn signed(bytes: &[u8]) -> Option<i64> {
    let unused = 64 - 8 * u32::try_from(bytes.len()).ok()?.min(8);
    // The cast and the arithmetic shift extend the sign of the shorter number.
    number(bytes).map(|bits| ((bits << unused) as i64) >> unused)
}

fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        4 => bytes.try_into().ok().map(|bits| f64::from(f32::from_be_bytes(bits))),
        8 => bytes.try_into().ok().map(f64::from_be_bytes),
        _ => None,
    }
}

/// RFC 7011, 6.1.5: 1 is true, 2 is false.
fn boolean(number: u64) -> PrintedValue {
    match number {
        1 => PrintedValue::Bool(true),
        2 => PrintedValue::Bool(false),
        other => PrintedValue::Number(other),
    }
}

fn moment(number: u64, ms: i64) -> PrintedValue {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    PrintedValue::Moment(number, Time(number.saturating_mul(ms)))
}

/// RFC 7011, 6.1.9 and 6.1.10: seconds since 1900 and a binary fraction.
fn ntp(bytes: &[u8], units: i64) -> Option<PrintedValue> {
    let bits = number(bytes).filter(|_| bytes.len() == 8)?;
    let seconds = (bits >> 32) as i64 - NTP_TO_UNIX;
    let fraction =
        |units: u128| ((u128::from(bits & 0xffff_ffff) * units + (1 << 31)) >> 32) as i64;
    let number = seconds * units + fraction(units.unsigned_abs().into());
    Some(PrintedValue::Moment(number, Time(seconds * 1000 + fraction(1000))))
}

/// Text ends at the first zero, since exporters pad it with zeros.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or(bytes)).into_owned()
}

fn hex(bytes: &[u8], between: &str) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_their_types() {
        let text = |s: &str| PrintedValue::Text(s.to_owned());
        let ntp = (2_208_988_801u64 << 32 | 0x8000_0000).to_be_bytes();
        for (kind, bytes, want) in [
            (ElementType::Unsigned, &[1u8, 0][..], PrintedValue::Number(256)),
            (ElementType::Unsigned, &[0; 9], text("000000000000000000")),
            (ElementType::Signed, &[0xff, 0xfe], PrintedValue::Signed(-2)),
            (ElementType::Signed, &[0x7f], PrintedValue::Signed(127)),
            (ElementType::Float, &[0x3f, 0x80, 0, 0], PrintedValue::Float(1.0)),
            (ElementType::Float, &[0x3f, 0x80], text("3f80")),
            (ElementType::Boolean, &[2], PrintedValue::Bool(false)),
            (ElementType::Boolean, &[0], PrintedValue::Number(0)),
            (ElementType::Mac, &[2, 0, 0, 0, 0, 0xa], text("02:00:00:00:00:0a")),
            (ElementType::Text, b"eth0\0\0", text("eth0")),
            (ElementType::Text, b"", text("")),
            (ElementType::Seconds, &[0, 0, 0, 2], PrintedValue::Moment(2, Time(2000))),
            (ElementType::Milliseconds, &[3], PrintedValue::Moment(3, Time(3))),
            (ElementType::Microseconds, &ntp, PrintedValue::Moment(1_500_000, Time(1500))),
            (ElementType::Nanoseconds, &ntp, PrintedValue::Moment(1_500_000_000, Time(1500))),
            (ElementType::Microseconds, &[1], text("01")),
            (ElementType::V4, &[10, 0, 0, 1], text("10.0.0.1")),
            (ElementType::V4, &[10, 0, 0], text("0a0000")),
            (ElementType::V6, &[0; 16], text("::")),
            (ElementType::Octets, &[1, 0xff], text("01ff")),
            (ElementType::Octets, &[], PrintedValue::Nothing),
        ] {
            assert_eq!(PrintedValue::read(Some(kind), bytes), want, "{kind:?} {bytes:?}");
        }
        assert_eq!(PrintedValue::read(None, &[1, 2]), text("0102"));
    }

    #[test]
    fn nothing_printed_moves_the_cursor() {
        let value = PrintedValue::Text("a\x1b[2Jb\u{202e}c\n".to_owned());
        assert_eq!(value.shown(&TimeZone::UTC), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
    }
}
