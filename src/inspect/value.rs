//! Values of information elements, by their type, as programs and people read
//! them.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::flow::Time;
use crate::flow::field;
use crate::text;
use crate::units::rfc3339_in;
use crate::wire::registry::Type;

/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX: i64 = 2_208_988_800;

/// A value, ready to be printed.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A field of no bytes.
    Nothing,
    Number(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    /// Text, addresses, and what is best read as hexadecimal digits.
    Text(String),
    /// A moment in its own unit since 1970, and the same in milliseconds.
    Moment(i64, Time),
}

impl Value {
    /// Reads a value. What does not fit its type, and what has none, becomes
    /// hexadecimal digits.
    #[must_use]
    pub fn read(kind: Option<Type>, bytes: &[u8]) -> Value {
        if bytes.is_empty() {
            return if kind == Some(Type::Text) {
                Value::Text(String::new())
            } else {
                Value::Nothing
            };
        }
        let read = match kind {
            Some(Type::Unsigned) => number(bytes).map(Value::Number),
            Some(Type::Signed) => signed(bytes).map(Value::Signed),
            Some(Type::Float) => float(bytes).map(Value::Float),
            Some(Type::Boolean) => number(bytes).map(boolean),
            Some(Type::Mac) => (bytes.len() == 6).then(|| Value::Text(hex(bytes, ":"))),
            Some(Type::Text) => Some(Value::Text(text(bytes))),
            Some(Type::Seconds) => number(bytes).map(|n| moment(n, 1000)),
            Some(Type::Milliseconds) => number(bytes).map(|n| moment(n, 1)),
            Some(Type::Microseconds) => ntp(bytes, 1_000_000),
            Some(Type::Nanoseconds) => ntp(bytes, 1_000_000_000),
            Some(Type::V4) => {
                let octets: Option<[u8; 4]> = bytes.try_into().ok();
                octets.map(|octets| Value::Text(Ipv4Addr::from(octets).to_string()))
            }
            Some(Type::V6) => {
                let octets: Option<[u8; 16]> = bytes.try_into().ok();
                octets.map(|octets| Value::Text(Ipv6Addr::from(octets).to_string()))
            }
            Some(Type::Octets | Type::List) | None => None,
        };
        read.unwrap_or_else(|| Value::Text(hex(bytes, "")))
    }
}

impl From<field::Value> for Value {
    fn from(value: field::Value) -> Value {
        match value {
            field::Value::Address(host) => Value::Text(host.to_string()),
            field::Value::Time(time) => Value::Moment(time.0, time),
            field::Value::Number(number) => Value::Number(number),
            field::Value::Text(text) => Value::Text(text.as_str().to_owned()),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Nothing => to.serialize_none(),
            Value::Number(number) => to.serialize_u64(*number),
            Value::Signed(number) | Value::Moment(number, _) => to.serialize_i64(*number),
            Value::Float(number) => to.serialize_f64(*number),
            Value::Bool(truth) => to.serialize_bool(*truth),
            Value::Text(text) => to.serialize_str(text),
        }
    }
}

impl Value {
    /// For people: moments as dates of a zone, and nothing that could move a cursor.
    #[must_use]
    pub fn shown(&self, zone: &TimeZone) -> String {
        match self {
            Value::Nothing => "-".to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Signed(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Text(text) => clean(text),
            Value::Moment(number, time) => match rfc3339_in(*time, zone) {
                date if date.is_empty() => number.to_string(),
                date => date,
            },
        }
    }
}

/// A text in which everything a terminal would obey, or not show, is seen to have been.
#[must_use]
pub fn clean(text: &str) -> String {
    text::replaced(text, '\u{fffd}')
}

/// An unsigned number of up to 8 bytes (RFC 7011, 6.2: exporters may leave out
/// leading zeros).
#[must_use]
pub fn number(bytes: &[u8]) -> Option<u64> {
    let fits = !bytes.is_empty() && bytes.len() <= 8;
    fits.then(|| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn signed(bytes: &[u8]) -> Option<i64> {
    let unused = 64 - 8 * u32::try_from(bytes.len()).ok()?.min(8);
    // The cast and the arithmetic shift carry the sign of the shorter number over.
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
fn boolean(number: u64) -> Value {
    match number {
        1 => Value::Bool(true),
        2 => Value::Bool(false),
        other => Value::Number(other),
    }
}

fn moment(number: u64, ms: i64) -> Value {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    Value::Moment(number, Time(number.saturating_mul(ms)))
}

/// RFC 7011, 6.1.9 and 6.1.10: seconds since 1900 and a binary fraction.
fn ntp(bytes: &[u8], units: i64) -> Option<Value> {
    let bits = number(bytes).filter(|_| bytes.len() == 8)?;
    let seconds = (bits >> 32) as i64 - NTP_TO_UNIX;
    let fraction =
        |units: u128| ((u128::from(bits & 0xffff_ffff) * units + (1 << 31)) >> 32) as i64;
    let number = seconds * units + fraction(units.unsigned_abs().into());
    Some(Value::Moment(number, Time(seconds * 1000 + fraction(1000))))
}

/// Text ends at the first zero: exporters pad with them.
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
        let text = |s: &str| Value::Text(s.to_owned());
        let ntp = (2_208_988_801u64 << 32 | 0x8000_0000).to_be_bytes();
        for (kind, bytes, want) in [
            (Type::Unsigned, &[1u8, 0][..], Value::Number(256)),
            (Type::Unsigned, &[0; 9], text("000000000000000000")),
            (Type::Signed, &[0xff, 0xfe], Value::Signed(-2)),
            (Type::Signed, &[0x7f], Value::Signed(127)),
            (Type::Float, &[0x3f, 0x80, 0, 0], Value::Float(1.0)),
            (Type::Float, &[0x3f, 0x80], text("3f80")),
            (Type::Boolean, &[2], Value::Bool(false)),
            (Type::Boolean, &[0], Value::Number(0)),
            (Type::Mac, &[2, 0, 0, 0, 0, 0xa], text("02:00:00:00:00:0a")),
            (Type::Text, b"eth0\0\0", text("eth0")),
            (Type::Text, b"", text("")),
            (Type::Seconds, &[0, 0, 0, 2], Value::Moment(2, Time(2000))),
            (Type::Milliseconds, &[3], Value::Moment(3, Time(3))),
            (Type::Microseconds, &ntp, Value::Moment(1_500_000, Time(1500))),
            (Type::Nanoseconds, &ntp, Value::Moment(1_500_000_000, Time(1500))),
            (Type::Microseconds, &[1], text("01")),
            (Type::V4, &[10, 0, 0, 1], text("10.0.0.1")),
            (Type::V4, &[10, 0, 0], text("0a0000")),
            (Type::V6, &[0; 16], text("::")),
            (Type::Octets, &[1, 0xff], text("01ff")),
            (Type::Octets, &[], Value::Nothing),
        ] {
            assert_eq!(Value::read(Some(kind), bytes), want, "{kind:?} {bytes:?}");
        }
        assert_eq!(Value::read(None, &[1, 2]), text("0102"));
    }

    #[test]
    fn nothing_printed_moves_the_cursor() {
        let value = Value::Text("a\x1b[2Jb\u{202e}c\n".to_owned());
        assert_eq!(value.shown(&TimeZone::UTC), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
    }
}
