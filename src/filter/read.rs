//! Reads the argument of a word: numbers, lists, addresses, flags and times.

use super::condition::{Comparison, Test};
use super::cursor::{Cursor, MAX_LIST};
use super::error::FilterError;
use super::moment;
use super::print::FLAGS;
use super::token::TokenKind;

use super::words::{Argument, NumberNames};
use crate::flow::{FlowText, Host, Network};

const ADDRESS: &str = "an address such as 10.1.2.3 or 2001:db8::1";
const NETWORK: &str = "a network such as 10.0.0.0/8, 10.0.0.0 255.0.0.0 or 2001:db8::/32";
const FLAG_LETTERS: &str =
    "letters of TCP flags (U A P R S F E C, X for the first six) or a number 0..255";
const MAC: &str = "a MAC address such as 00:00:5e:00:53:01";
const MOMENT: &str = "a time such as 2026-04-10 or 2026-04-10T12:30 (UTC)";

/// The flags that `X` stands for.
const ALL_FLAGS: u8 = 63;

const COMPARISONS: &[(&str, Comparison)] = &[
    ("eq", Comparison::Eq),
    ("gt", Comparison::Gt),
    ("lt", Comparison::Lt),
    ("ge", Comparison::Ge),
    ("le", Comparison::Le),
];

/// Reads the argument of the word `name`.
pub(super) fn argument(
    cursor: &mut Cursor<'_>,
    name: &str,
    argument: Argument,
) -> Result<Test, FilterError> {
    match argument {
        Argument::Nothing => Ok(Test::Nothing),
        Argument::Addresses => addresses(cursor),
        Argument::Network => network(cursor),
        Argument::Numbers(what, max, names) => Numbers { name, what, max, names }.read(cursor),
        Argument::Flags => flags(cursor, name),
        Argument::Moment => moment(cursor),
        Argument::Mac => macs(cursor),
        Argument::Name(what) => names(cursor, what),
    }
}

/// The argument of `ip`: an address, or `in` and a list of addresses and networks.
fn addresses(cursor: &mut Cursor<'_>) -> Result<Test, FilterError> {
    if cursor.take_word(&["in"]) {
        let expected = "an address or a network";
        let read = |word: &str| net_or_host(word).into_iter().collect();
        return Ok(Test::Nets(list(cursor, expected, read)?));
    }
    cursor.take_if(TokenKind::Comp(Comparison::Eq));
    let net = cursor.word().and_then(net_or_host).ok_or_else(|| cursor.wrong(ADDRESS))?;
    cursor.take();
    Ok(Test::Nets(vec![net]))
}

/// The argument of `user`: a name, or `in` and a list of names.
fn names(cursor: &mut Cursor<'_>, what: &str) -> Result<Test, FilterError> {
    let read = |word: &str| {
        let text = FlowText::new(word);
        (!text.is_empty()).then_some(text)
    };
    if cursor.take_word(&["in"]) {
        return Ok(Test::Texts(list(cursor, what, |word| read(word).into_iter().collect())?));
    }
    cursor.take_if(TokenKind::Comp(Comparison::Eq));
    let name = cursor.word().and_then(read).ok_or_else(|| cursor.wrong(what))?;
    cursor.take();
    Ok(Test::Texts(vec![name]))
}

/// The argument of `net`: `A/n` or `A MASK`, or `in` and a list as of `ip`.
fn network(cursor: &mut Cursor<'_>) -> Result<Test, FilterError> {
    if cursor.word().is_some_and(|word| word.eq_ignore_ascii_case("in")) {
        return addresses(cursor);
    }
    let word = cursor.word().ok_or_else(|| cursor.wrong(NETWORK))?;
    let net = if word.contains('/') {
        net_or_host(word)
    } else {
        let base = word.parse::<Host>().ok().ok_or_else(|| cursor.wrong(NETWORK))?;
        if base.as_v4().is_none() {
            return Err(cursor.wrong(format!("a prefix length: `{base}/64`")));
        }
        cursor.take();
        let prefix = cursor.word().and_then(dotted_mask);
        let prefix = prefix.ok_or_else(|| {
            cursor.wrong(format!("a prefix length (`{base}/24`) or a mask such as 255.255.255.0"))
        })?;
        Network::new(base, prefix)
    };
    let net = net.ok_or_else(|| cursor.wrong(NETWORK))?;
    cursor.take();
    Ok(Test::Nets(vec![net]))
}

/// The argument of `flags`: letters, or a comparison with a number.
fn flags(cursor: &mut Cursor<'_>, name: &str) -> Result<Test, FilterError> {
    if let Some(mask) = cursor.word().and_then(flag_letters) {
        cursor.take();
        return Ok(Test::Flags { mask, any: false });
    }
    Numbers { name, what: FLAG_LETTERS, max: 255, names: NumberNames::None }.read(cursor)
}

/// The bits of flag letters; `None` if a letter is not a flag.
fn flag_letters(word: &str) -> Option<u8> {
    word.chars().try_fold(0, |mask, letter| {
        let letter = letter.to_ascii_uppercase();
        let bit = FLAGS.iter().find(|(known, _)| *known == letter).map(|(_, bit)| *bit);
        Some(mask | if letter == 'X' { ALL_FLAGS } else { bit? })
    })
}

/// The argument of `first seen`: a comparison, which must be written, and a time.
fn moment(cursor: &mut Cursor<'_>) -> Result<Test, FilterError> {
    let comp = comparison(cursor);
    let comp = comp.ok_or_else(|| cursor.wrong("`<`, `<=`, `>`, `>=` or `=` and a time"))?;
    let ms = cursor.word().and_then(moment::read).ok_or_else(|| cursor.wrong(MOMENT))?;
    cursor.take();
    Ok(Test::Compare(comp, ms))
}

/// The argument of `mac`: an address, or `in` and a list of addresses.
fn macs(cursor: &mut Cursor<'_>) -> Result<Test, FilterError> {
    let read = |word: &str| mac(word).map(i128::from).map(|mac| (mac, mac));
    if cursor.take_word(&["in"]) {
        return Ok(Test::among(list(cursor, MAC, |word| read(word).into_iter().collect())?));
    }
    cursor.take_if(TokenKind::Comp(Comparison::Eq));
    let range = cursor.word().and_then(read).ok_or_else(|| cursor.wrong(MAC))?;
    cursor.take();
    Ok(Test::among(vec![range]))
}

/// Parses six bytes of one or two hexadecimal digits each, separated by colons or hyphens.
fn mac(word: &str) -> Option<u64> {
    let separator = if word.contains(':') { ':' } else { '-' };
    let mut octets = word.split(separator);
    let mac = octets.by_ref().take(6).try_fold((0, 0), |(count, mac), octet| {
        let plain = matches!(octet.len(), 1 | 2) && octet.bytes().all(|b| b.is_ascii_hexdigit());
        let octet = plain.then(|| u64::from_str_radix(octet, 16).ok()).flatten()?;
        Some((count + 1, mac << 8 | octet))
    });
    mac.filter(|(count, _)| *count == 6 && octets.next().is_none()).map(|(_, mac)| mac)
}

/// How the numbers of a word are read.
struct Numbers<'a> {
    name: &'a str,
    what: &'a str,
    max: u64,
    names: NumberNames,
}

impl Numbers<'_> {
    fn read(&self, cursor: &mut Cursor<'_>) -> Result<Test, FilterError> {
        let name = self.name;
        let expected = match self.max {
            _ if self.what.contains("0..") => self.what.to_owned(),
            u64::MAX => self.what.to_owned(),
            max => format!("{} 0..{max}", self.what),
        };
        if cursor.take_word(&["in"]) {
            let expected = format!("{expected} or a range such as 10-20");
            return Ok(Test::among(list(cursor, &expected, |word| self.ranges(word))?));
        }
        if cursor.peek().kind == TokenKind::Not {
            let hint = format!("{expected} (for the others write `not {name} N`)");
            return Err(cursor.wrong(hint));
        }
        let comp = comparison(cursor).unwrap_or(Comparison::Eq);
        let ranges = cursor.word().map(|word| self.ranges(word)).unwrap_or_default();
        let test = match (ranges.as_slice(), comp) {
            ([(low, high)], _) if low == high => Test::Compare(comp, *low),
            ([(low, high)], _) => {
                let hint =
                    format!("{expected} (ranges go into a list: `{name} in [{low}-{high}]`)");
                return Err(cursor.wrong(hint));
            }
            // A service with several ports.
            ([_, ..], Comparison::Eq) => Test::Among(ranges),
            _ => return Err(cursor.wrong(expected)),
        };
        cursor.take();
        Ok(test)
    }

    /// The ranges of a word: `443`, `8000-8080`, or a name with all its numbers; empty if it is
    /// none of these.
    fn ranges(&self, word: &str) -> Vec<(i128, i128)> {
        let within = |word| number(word).filter(|n| *n <= self.max).map(i128::from);
        if let Some(number) = within(word) {
            return vec![(number, number)];
        }
        let range = word.split_once('-').and_then(|(low, high)| {
            let (low, high) = (within(low)?, within(high)?);
            (low <= high).then_some((low, high))
        });
        match range {
            Some(range) => vec![range],
            None => {
                let numbers = self.names.numbers(word).into_iter().map(i128::from);
                numbers.map(|number| (number, number)).collect()
            }
        }
    }
}

fn comparison(cursor: &mut Cursor<'_>) -> Option<Comparison> {
    let comp = match cursor.peek().kind {
        TokenKind::Comp(comp) => Some(comp),
        _ => cursor.word().and_then(|word| {
            COMPARISONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, c)| *c)
        }),
    };
    if comp.is_some() {
        cursor.take();
    }
    comp
}

/// Reads `[`, at least one item separated by commas or spaces, `]`.
fn list<T>(
    cursor: &mut Cursor<'_>,
    expected: &str,
    read: impl Fn(&str) -> Vec<T>,
) -> Result<Vec<T>, FilterError> {
    if !cursor.take_if(TokenKind::OpenList) {
        return Err(cursor.wrong("`[`"));
    }
    let mut items = Vec::new();
    loop {
        let read = cursor.word().map(&read).unwrap_or_default();
        if read.is_empty() {
            return Err(cursor.wrong(expected));
        }
        if items.len() >= MAX_LIST {
            return Err(cursor.wrong(format!("at most {MAX_LIST} items in a list")));
        }
        items.extend(read);
        cursor.take();
        let comma = cursor.take_if(TokenKind::Comma);
        if !comma && cursor.take_if(TokenKind::CloseList) {
            return Ok(items);
        }
        if cursor.peek().kind != TokenKind::Word {
            return Err(cursor.wrong(if comma { expected } else { "`,`, `]` or a further item" }));
        }
    }
}

/// Parses `10.1.2.3`, `2001:db8::/32`, or the short forms `10/8` and `192.168/16`.
pub(super) fn net_or_host(word: &str) -> Option<Network> {
    let Some((address, prefix)) = word.split_once('/') else {
        return word.parse().ok().map(Network::single);
    };
    if !is_digits(prefix) {
        return None;
    }
    let prefix = prefix.parse().ok()?;
    let host = match address.parse::<Host>() {
        Ok(host) => host,
        Err(_) => {
            let missing = 3usize.checked_sub(address.matches('.').count())?;
            format!("{address}{}", ".0".repeat(missing)).parse().ok()?
        }
    };
    Network::new(host, prefix)
}

/// The prefix length of a contiguous dotted mask.
fn dotted_mask(word: &str) -> Option<u8> {
    let bits = word.parse::<Host>().ok()?.as_v4()?;
    let ones = bits.leading_ones();
    (ones + bits.trailing_zeros() >= 32).then(|| u8::try_from(ones).ok()).flatten()
}

/// Parses a decimal number with `k`, `M`, `G` or `T` (powers of 1000), or a hexadecimal one
/// after `0x`.
fn number(word: &str) -> Option<u64> {
    if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        let plain = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        return plain.then(|| u64::from_str_radix(hex, 16).ok()).flatten();
    }
    let (digits, factor) = match word.bytes().last() {
        Some(b'k' | b'K') => (word.get(..word.len() - 1)?, 1000),
        Some(b'm' | b'M') => (word.get(..word.len() - 1)?, 1_000_000),
        Some(b'g' | b'G') => (word.get(..word.len() - 1)?, 1_000_000_000),
        Some(b't' | b'T') => (word.get(..word.len() - 1)?, 1_000_000_000_000),
        _ => (word, 1),
    };
    if !is_digits(digits) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
