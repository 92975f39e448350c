//! Writes numbers, addresses and times into a buffer. Listings have millions of lines, so
//! nothing here allocates or uses `std::fmt`, except for IPv6.

use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::flow::field::{Field, FieldKind, FieldValue};
use crate::flow::service::protocol_name;
use crate::flow::{Host, Time};
use crate::query::AnswerSums;

/// How values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowStyle {
    /// Full numbers (`-N`) instead of `1.2 M`; durations in seconds.
    pub plain: bool,
    /// Full IPv6 addresses (`-6`) instead of shortened ones.
    pub full6: bool,
    /// For programs: no padding, everything in full.
    pub data: bool,
}

impl RowStyle {
    /// The style of CSV and JSON.
    pub const DATA: RowStyle = RowStyle { plain: true, full6: true, data: true };
}

/// The time that a rate refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateBasis {
    /// From the first to the last packet of the row.
    Itself,
    /// This many milliseconds for all rows.
    Window(i64),
}

/// An output buffer with the state that is needed for writing.
#[derive(Debug)]
pub struct RowWriter {
    /// The bytes written so far.
    pub out: Vec<u8>,
    /// How values are written.
    pub style: RowStyle,
    /// The time that rates refer to.
    pub over: RateBasis,
    /// The number of rows written so far, including the current one.
    pub count: u64,
    local: MinuteClock,
    utc: MinuteClock,
}

/// Longer IPv6 addresses are cut in the middle, as in nfdump.
const SHORT6: usize = 16;
/// The number of characters kept at either end.
const SHORT6_END: usize = 7;

impl RowWriter {
    /// An empty buffer; times are written in `zone`.
    #[must_use]
    pub fn new(style: RowStyle, zone: TimeZone) -> RowWriter {
        RowWriter {
            out: Vec::with_capacity(1 << 17),
            style,
            over: RateBasis::Itself,
            count: 0,
            local: MinuteClock::new(zone),
            utc: MinuteClock::new(TimeZone::UTC),
        }
    }

    /// Writes a text as it is.
    pub fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes a text from outside, without control characters, as a cell: in CSV, quoted if
    /// necessary and escaped so that no spreadsheet takes it for a formula.
    pub fn guarded(&mut self, text: &str) {
        if !self.style.data {
            return self.text(text);
        }
        let is_quoted = text.contains(['"', ',']);
        let quote = if is_quoted { "\"" } else { "" };
        let formula = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
        let inner = if is_quoted { text.replace('"', "\"\"") } else { text.to_owned() };
        for part in [quote, formula, &inner, quote] {
            self.text(part);
        }
    }

    /// Writes a text from outside, without control characters, as a JSON string.
    pub fn json_text(&mut self, text: &str) {
        self.byte(b'"');
        for char in text.chars() {
            if matches!(char, '"' | '\\') {
                self.byte(b'\\');
            }
            self.text(char.encode_utf8(&mut [0; 4]));
        }
        self.byte(b'"');
    }

    /// Writes the value of a field according to its kind. The function is inlined, so that for
    /// a constant field only the code of its kind remains.
    #[inline(always)]
    pub fn value(&mut self, field: Field, value: FieldValue) {
        match value {
            FieldValue::Address(host) => self.host(host),
            FieldValue::Number(number) if field.info().kind == FieldKind::Mac => self.mac(number),
            FieldValue::Number(entry) if field.is_mpls() => self.mpls(entry),
            FieldValue::Number(number) => self.number(number),
            FieldValue::Time(time) => self.stamp(time, true),
            FieldValue::Text(text) => self.guarded(text.as_str()),
        }
    }

    /// Writes a byte.
    pub fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// Right-aligns what `write` writes.
    #[inline]
    pub fn right(&mut self, width: usize, write: impl FnOnce(&mut RowWriter)) {
        let start = self.out.len();
        write(self);
        let end = self.out.len();
        if let Some(pad @ 1..) = width.checked_sub(end - start) {
            self.out.resize(end + pad, b' ');
            self.out.copy_within(start..end, start + pad);
            self.out[start..start + pad].fill(b' ');
        }
    }

    /// Left-aligns what `write` writes.
    #[inline]
    pub fn left(&mut self, width: usize, write: impl FnOnce(&mut RowWriter)) {
        let start = self.out.len();
        write(self);
        if self.out.len() - start < width {
            self.out.resize(start + width, b' ');
        }
    }

    /// Writes a decimal number.
    #[inline]
    pub fn number(&mut self, number: u64) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Writes a number with leading zeros.
    #[inline]
    pub fn zeros(&mut self, width: u32, number: u64) {
        for digit in (0..width).rev() {
            self.out.push(b'0' + (number / 10u64.pow(digit) % 10) as u8);
        }
    }

    /// Writes a number as `1.2 M` from a million on, unless numbers are plain.
    pub fn scaled(&mut self, number: u64) {
        const MILLION: u64 = 1_000_000;
        let (unit, letter) = match number {
            _ if self.style.plain || number < MILLION => return self.number(number),
            1_000_000_000_000.. => (1_000_000_000_000, b'T'),
            1_000_000_000.. => (1_000_000_000, b'G'),
            _ => (MILLION, b'M'),
        };
        self.tenths(tenths_of(number, unit));
        self.out.extend_from_slice(&[b' ', letter]);
    }

    /// Writes `12.3`, given as 123.
    pub fn tenths(&mut self, tenths: u64) {
        self.number(tenths / 10);
        self.byte(b'.');
        self.zeros(1, tenths % 10);
    }

    /// Writes the share of `part` in `whole` in percent: `12.3`.
    pub fn percent(&mut self, part: u64, whole: u64) {
        self.tenths(percent_tenths(part, whole));
    }

    /// Writes an address.
    #[inline]
    pub fn host(&mut self, host: Host) {
        let Some(bits) = host.as_v4() else { return self.host6(host) };
        let [a, b, c, d] = bits.to_be_bytes();
        self.number(a.into());
        self.byte(b'.');
        self.number(b.into());
        self.byte(b'.');
        self.number(c.into());
        self.byte(b'.');
        self.number(d.into());
    }

    fn host6(&mut self, host: Host) {
        if host == Host::UNSPECIFIED {
            // An address that was not reported has no family; nfdump writes it like this.
            return self.text("0.0.0.0");
        }
        let start = self.out.len();
        let _ = write!(self.out, "{}", std::net::Ipv6Addr::from_bits(host.0));
        let length = self.out.len() - start;
        if !self.style.full6 && length > SHORT6 {
            let end = self.out.len() - SHORT6_END;
            self.out.splice(start + SHORT6_END..end, *b"..");
        }
    }

    /// Writes a MAC address, the highest byte first.
    pub fn mac(&mut self, mac: u64) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        // Most exporters report none.
        if mac == 0 {
            return self.text("00:00:00:00:00:00");
        }
        for byte in (0..6).rev() {
            let byte = (mac >> (byte * 8)) as u8;
            self.out.push(HEX[usize::from(byte >> 4)]);
            self.out.push(HEX[usize::from(byte & 15)]);
            self.out.push(b':');
        }
        self.out.pop();
    }

    /// Writes TCP flags: `...AP.SF`.
    pub fn flags(&mut self, flags: u8) {
        for (bit, letter) in b"CEUAPRSF".iter().enumerate() {
            let set = flags & (0x80 >> bit) != 0;
            self.out.push(if set { *letter } else { b'.' });
        }
    }

    /// Writes label, traffic class and bottom flag of a stack entry: `1000-0-1`.
    pub fn mpls(&mut self, entry: u64) {
        if entry == 0 {
            return self.text("0-0-0");
        }
        self.number(entry >> 4);
        self.byte(b'-');
        self.number(entry >> 1 & 7);
        self.byte(b'-');
        self.number(entry & 1);
    }

    /// Writes the name of a protocol in capitals, or its number; with `-N` always the number.
    pub fn protocol(&mut self, proto: u8) {
        match proto {
            _ if self.style.plain && !self.style.data => self.number(proto.into()),
            6 => self.text("TCP"),
            17 => self.text("UDP"),
            _ => match protocol_name(proto) {
                Some(name) => self.out.extend(name.bytes().map(|byte| byte.to_ascii_uppercase())),
                None => self.number(proto.into()),
            },
        }
    }

    /// Writes `2026-11-24 03:40:00.123`, with or without milliseconds.
    #[inline]
    pub fn stamp(&mut self, time: Time, with_ms: bool) {
        let text = self.local.minute(time.0.div_euclid(60_000));
        self.out.extend_from_slice(&text);
        self.second(time, with_ms);
    }

    /// Writes `2026-11-24T03:40:00.123Z`.
    pub fn rfc3339(&mut self, time: Time) {
        let mut text = self.utc.minute(time.0.div_euclid(60_000));
        text[10] = b'T';
        self.out.extend_from_slice(&text);
        self.second(time, true);
        self.byte(b'Z');
    }

    fn second(&mut self, time: Time, with_ms: bool) {
        let ms = time.0.rem_euclid(60_000).unsigned_abs();
        self.zeros(2, ms / 1000);
        if with_ms {
            self.byte(b'.');
            self.zeros(3, ms % 1000);
        }
    }

    /// Writes seconds since 1970: `1700000000.123`.
    pub fn epoch(&mut self, time: Time) {
        if time.0 < 0 {
            self.byte(b'-');
        }
        self.seconds(time.0.unsigned_abs());
    }

    /// Writes milliseconds as seconds: `0.230`.
    pub fn seconds(&mut self, ms: u64) {
        self.number(ms / 1000);
        self.byte(b'.');
        self.zeros(3, ms % 1000);
    }

    /// Writes `1d 02:03:04.567`, or seconds if numbers are plain.
    pub fn duration(&mut self, sums: &AnswerSums) {
        let ms = sums.duration_ms().unsigned_abs();
        if self.style.plain {
            return self.seconds(ms);
        }
        if let days @ 1.. = ms / 86_400_000 {
            self.number(days);
            self.text("d ");
        }
        self.zeros(2, ms / 3_600_000 % 24);
        self.byte(b':');
        self.zeros(2, ms / 60_000 % 60);
        self.byte(b':');
        self.zeros(2, ms / 1000 % 60);
        self.byte(b'.');
        self.zeros(3, ms % 1000);
    }

    /// Packets per second, bits per second, bytes per packet.
    #[must_use]
    pub fn rates(&self, sums: &AnswerSums) -> [u64; 3] {
        self.rates_over(sums, self.over)
    }

    /// [`rates`](Self::rates) with respect to another time than [`RowWriter::over`].
    #[must_use]
    pub fn rates_over(&self, sums: &AnswerSums, over: RateBasis) -> [u64; 3] {
        let ms = match over {
            RateBasis::Itself => sums.duration_ms(),
            RateBasis::Window(ms) => ms,
        };
        let bpp = sums.bytes.checked_div(sums.packets).unwrap_or(0);
        [per_second(sums.packets, 1, ms), per_second(sums.bytes, 8, ms), bpp]
    }
}

impl AnswerSums {
    /// `last - first` in milliseconds; 0 if they are in the wrong order.
    #[must_use]
    pub fn duration_ms(&self) -> i64 {
        self.last.since(self.first).max(0)
    }
}

/// `count * times` per second; 0 for a duration of 0.
fn per_second(count: u64, times: u64, ms: i64) -> u64 {
    let Ok(ms @ 1..) = u128::try_from(ms) else { return 0 };
    let rate = u128::from(count) * u128::from(times) * 1000 / ms;
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// How many tenths of `unit` the number is, rounded.
fn tenths_of(number: u64, unit: u64) -> u64 {
    let tenths = (u128::from(number) * 10 + u128::from(unit) / 2) / u128::from(unit.max(1));
    u64::try_from(tenths).unwrap_or(u64::MAX)
}

/// Tenths of a percent, rounded; 0 if `whole` is 0.
pub(super) fn percent_tenths(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let thousandfold = u128::from(part) * 1000 + u128::from(whole) / 2;
    u64::try_from(thousandfold / u128::from(whole)).unwrap_or(u64::MAX)
}

/// `2026-11-24 03:40:`.
type Minute = [u8; 17];

/// The number of cached minutes: flows of a few minutes are read together.
const MINUTES: usize = 64;

/// Formats local times; the time zone is asked once per minute of time.
#[derive(Debug)]
struct MinuteClock {
    zone: TimeZone,
    minutes: Box<[(i64, Minute); MINUTES]>,
}

impl MinuteClock {
    fn new(zone: TimeZone) -> MinuteClock {
        let mut local = MinuteClock { zone, minutes: Box::new([(0, [0; 17]); MINUTES]) };
        let first = local.show(0);
        // Minute 0 belongs to index 0; in other entries it is never found.
        local.minutes.fill((0, first));
        local
    }

    #[inline]
    fn minute(&mut self, minute: i64) -> Minute {
        let index = minute.rem_euclid(MINUTES as i64) as usize;
        let (known, text) = self.minutes[index];
        if known == minute {
            return text;
        }
        let text = self.show(minute);
        self.minutes[index] = (minute, text);
        text
    }

    /// Offsets of time zones have been whole minutes since the seventies, so a second within a
    /// minute is the same in UTC and in local time.
    fn show(&self, minute: i64) -> Minute {
        let mut text = *b"0000-00-00 00:00:";
        let stamp = minute.checked_mul(60).and_then(|at| Timestamp::from_second(at).ok());
        let Some(stamp) = stamp else { return text };
        let civil = self.zone.to_datetime(stamp);
        let mut put = |at: usize, width: u32, number: u64| {
            for digit in 0..width {
                text[at + digit as usize] =
                    b'0' + (number / 10u64.pow(width - 1 - digit) % 10) as u8;
            }
        };
        put(0, 4, u64::from(civil.year().unsigned_abs()));
        for (at, number) in
            [(5, civil.month()), (8, civil.day()), (11, civil.hour()), (14, civil.minute())]
        {
            put(at, 2, u64::from(number.unsigned_abs()));
        }
        text
    }
}
