//! Named networks as people write them: `NET=NAME` in one word, or a file of
//! lines `NET = NAME`. Text in, entries out; whoever has a file reads it.

use std::sync::Arc;

use super::Network;
use crate::text;

/// Networks with a name in all: a large campus has a few thousand VLANs, and a
/// filter for what belongs to no group has to name them all.
pub const MAX_NETWORKS: usize = 10_000;

/// Characters of a name: one column of a terminal that is 160 wide. What is
/// longer is a description.
pub const MAX_NAME: usize = 64;

/// Bytes of a file: as many lines as there may be networks, with a comment each.
pub const MAX_FILE: usize = 2 << 20;

/// The characters of a wrong line that a message repeats.
const MAX_FOUND: usize = 60;

/// A network and its name.
pub type NamedNetwork = (Network, Arc<str>);

const LINE: &str =
    "NET = NAME with a network such as 10.20.3.0/24 or 2001:db8:3::/48, then its name";

/// Why a text names no network: the line (from 1; a single word is line 1),
/// what was expected there and what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found {found}")]
pub struct NamedError {
    pub line: usize,
    pub expected: String,
    pub found: String,
}

/// Mistakes of a file that are told at once; further lines are not looked at.
const MAX_MISTAKES: usize = 20;

/// Reads a file: one `NET = NAME` or `NET NAME` a line. A `#` begins a comment
/// at the start of a line, and between two spaces or at the end of one; a name
/// such as `VLAN #12` stays whole.
///
/// # Errors
/// The lines that are something else, a name or a file beyond the limits, and text
/// that is not UTF-8.
pub fn lines(bytes: &[u8]) -> Result<Vec<NamedNetwork>, Vec<NamedError>> {
    let number_at = |end: usize| bytes[..end].iter().filter(|byte| **byte == b'\n').count() + 1;
    if bytes.len() > MAX_FILE {
        let (line, expected) = (number_at(MAX_FILE), format!("at most {MAX_FILE} bytes in a file"));
        return Err(vec![NamedError { line, expected, found: "more".to_owned() }]);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        vec![NamedError {
            line: number_at(error.valid_up_to()),
            expected: "text in UTF-8".to_owned(),
            found: "other bytes".to_owned(),
        }]
    })?;
    let (mut named, mut mistakes) = (Vec::new(), Vec::new());
    // Editors on some systems begin a file with a byte order mark.
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = uncommented(line).trim();
        if line.is_empty() {
            continue;
        }
        let wrong = |expected, found| NamedError { line: at + 1, expected, found };
        if named.len() >= MAX_NETWORKS {
            let expected = format!("at most {MAX_NETWORKS} networks");
            mistakes.push(wrong(expected, "one more".to_owned()));
            break;
        }
        match entry(line) {
            Ok(entry) => named.push(entry),
            Err((expected, found)) => mistakes.push(wrong(expected, found)),
        }
        if mistakes.len() >= MAX_MISTAKES {
            break;
        }
    }
    if mistakes.is_empty() { Ok(named) } else { Err(mistakes) }
}

/// Reads a word `NET=NAME`.
///
/// # Errors
/// When it is something else, or the name is too long.
pub fn word(text: &str) -> Result<NamedNetwork, NamedError> {
    entry(text).map_err(|(expected, found)| NamedError { line: 1, expected, found })
}

/// A network, `=` or white space, a name; else what was expected and found.
fn entry(text: &str) -> Result<NamedNetwork, (String, String)> {
    let wrong = || (LINE.to_owned(), quoted(text));
    let (network, rest) =
        text.split_once(|c: char| c == '=' || c.is_whitespace()).ok_or_else(wrong)?;
    let network = network.parse::<Network>().map_err(|_| wrong())?;
    // `NET = NAME`: the space came before the sign.
    let rest = if text[..text.len() - rest.len()].ends_with('=') {
        rest
    } else {
        let rest = rest.trim_start();
        rest.strip_prefix('=').unwrap_or(rest)
    };
    let name = clean(rest);
    match name.chars().count() {
        0 => Err(wrong()),
        1..=MAX_NAME => Ok((network, name.into())),
        long => Err((
            format!("a name of at most {MAX_NAME} characters"),
            format!("{long}: {}", quoted(&name)),
        )),
    }
}

/// The line up to its comment.
fn uncommented(line: &str) -> &str {
    let comment = line.match_indices('#').find(|(at, _)| {
        let (before, after) = line.split_at(*at);
        let spaced = before.chars().next_back().is_none_or(char::is_whitespace);
        let alone = after.chars().nth(1).is_none_or(char::is_whitespace);
        spaced && (alone || before.trim().is_empty())
    });
    comment.map_or(line, |(at, _)| line.split_at(at).0)
}

/// Without anything that a terminal would obey or that nobody sees.
fn clean(text: &str) -> String {
    text::clean(text).trim().to_owned()
}

fn quoted(text: &str) -> String {
    let mut shown: String = clean(text).chars().take(MAX_FOUND).collect();
    if clean(text).chars().count() > MAX_FOUND {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let named = lines(text.as_bytes()).unwrap();
        named.iter().map(|(network, name)| format!("{network} {name}")).collect()
    }

    #[test]
    fn lines_name_networks() {
        let text = "\u{feff}# the site\r\n\n10.20.3.0/24 = Server room\r\n10.20.5.9/24=office, 2nd\n\
                    \t10.20.7.1  nas \n2001:db8::/32\tVLAN #12 # both halls\n10.0.0.0/8 = a=b\u{1b}[31m\n\
                    #10.9.0.0/16 = closed\n192.0.2.0/24 = x #\n\
                    198.51.100.0/24 = Büro Élysée # 日本\n203.0.113.0/24 = 日本";
        assert_eq!(
            shown(text),
            [
                "10.20.3.0/24 Server room",
                "10.20.5.0/24 office, 2nd",
                "10.20.7.1/32 nas",
                "2001:db8::/32 VLAN #12",
                "10.0.0.0/8 a=b[31m",
                "192.0.2.0/24 x",
                "198.51.100.0/24 Büro Élysée",
                "203.0.113.0/24 日本",
            ]
        );
        assert!(shown("").is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let long = format!("10.0.0.0/8 = {}", "n".repeat(MAX_NAME + 1));
        for (text, line, expected, found) in [
            ("\n10.0.0.0/33 = x", 2, "NET = NAME", "`10.0.0.0/33 = x`"),
            ("10.0.0.0/8", 1, "NET = NAME", "`10.0.0.0/8`"),
            ("10.0.0.0/8 =", 1, "then its name", "`10.0.0.0/8 =`"),
            ("10.0.0.0/8 = \u{7}", 1, "then its name", "`10.0.0.0/8 =`"),
            ("10.0.0.0/8 # x", 1, "NET = NAME", "`10.0.0.0/8`"),
            ("ok\u{1b} x", 1, "NET = NAME", "`ok x`"),
            (&long, 1, "at most 64 characters", "65: `nnn"),
        ] {
            let error = lines(text.as_bytes()).unwrap_err().remove(0);
            assert_eq!(error.line, line, "{text:?}");
            assert!(error.expected.contains(expected), "{error}");
            assert!(error.found.starts_with(found), "{error}");
        }
        assert_eq!(lines(b"10.0.0.0/8 a\nx\xff").unwrap_err()[0].line, 2);
        assert!(word("10.0.0.0/8=x").is_ok() && word("x=10.0.0.0/8").is_err());
    }

    #[test]
    fn files_have_a_limit() {
        let many = "10.0.0.0/8 a\n".repeat(MAX_NETWORKS + 1);
        let error = lines(many.as_bytes()).unwrap_err().remove(0);
        assert_eq!(error.line, MAX_NETWORKS + 1);
        let large = "#\n".repeat(MAX_FILE / 2 + 1);
        assert!(lines(large.as_bytes()).unwrap_err()[0].expected.contains("bytes"));
        assert_eq!(lines(&large.as_bytes()[2..]).unwrap(), []);
    }
}
