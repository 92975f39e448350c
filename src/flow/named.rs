//! Reads named networks from text: `NET=NAME` as an argument, or a file with lines
//! `NET = NAME`. The caller reads the file.

use std::sync::Arc;

use super::Network;
use crate::text;

/// Maximum number of named networks. A large campus has a few thousand VLANs, and a filter for
/// hosts without a group has to name all of them.
pub const MAX_NETWORKS: usize = 10_000;

/// Maximum length of a name in characters: a column on a terminal that is 160 wide.
pub const MAX_NAME: usize = 64;

/// Maximum size of a file in bytes: the maximum number of lines, with a comment each.
pub const MAX_FILE: usize = 2 << 20;

/// Maximum number of characters of a wrong line in a message.
const MAX_FOUND: usize = 60;

/// A network and its name.
pub type NamedNetwork = (Network, Arc<str>);

const LINE: &str =
    "NET = NAME with a network such as 10.20.3.0/24 or 2001:db8:3::/48, then its name";

/// An error in a line (counted from 1; an argument is line 1): the expected text, and the text that
/// was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found {found}")]
pub struct NamedError {
    /// Number of the line.
    pub line: usize,
    /// The expected text.
    pub expected: String,
    /// The text that was found.
    pub found: String,
}

/// Maximum number of errors that are reported for a file. Reading stops there.
const MAX_ERRORS: usize = 20;

/// Reads a file with `NET = NAME` or `NET NAME` on each line. A `#` begins a comment at the start
/// of a line, between two spaces, or at the end of a line; a name such as `VLAN #12` is not cut.
///
/// # Errors
/// Wrong lines, names or files beyond the limits, and text that is not UTF-8.
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
    let (mut named, mut errors) = (Vec::new(), Vec::new());
    // Some editors write a byte order mark at the beginning of a file.
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = uncommented(line).trim();
        if line.is_empty() {
            continue;
        }
        let wrong = |expected, found| NamedError { line: at + 1, expected, found };
        if named.len() >= MAX_NETWORKS {
            let expected = format!("at most {MAX_NETWORKS} networks");
            errors.push(wrong(expected, "one more".to_owned()));
            break;
        }
        match entry(line) {
            Ok(entry) => named.push(entry),
            Err((expected, found)) => errors.push(wrong(expected, found)),
        }
        if errors.len() >= MAX_ERRORS {
            break;
        }
    }
    if errors.is_empty() { Ok(named) } else { Err(errors) }
}

/// Reads an argument `NET=NAME`.
///
/// # Errors
/// When it has another form, or the name is too long.
pub fn word(text: &str) -> Result<NamedNetwork, NamedError> {
    entry(text).map_err(|(expected, found)| NamedError { line: 1, expected, found })
}

/// Reads a network, `=` or white space, and a name. Returns the expected and found text on
/// error.
fn entry(text: &str) -> Result<NamedNetwork, (String, String)> {
    let wrong = || (LINE.to_owned(), quoted(text));
    let (network, rest) =
        text.split_once(|c: char| c == '=' || c.is_whitespace()).ok_or_else(wrong)?;
    let network = network.parse::<Network>().map_err(|_| wrong())?;
    // For `NET = NAME`, the space comes before the sign.
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

/// The line without its comment.
fn uncommented(line: &str) -> &str {
    let comment = line.match_indices('#').find(|(at, _)| {
        let (before, after) = line.split_at(*at);
        let spaced = before.chars().next_back().is_none_or(char::is_whitespace);
        let alone = after.chars().nth(1).is_none_or(char::is_whitespace);
        spaced && (alone || before.trim().is_empty())
    });
    comment.map_or(line, |(at, _)| line.split_at(at).0)
}

/// The text without control and invisible characters.
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
    fn errors_name_their_line() {
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
