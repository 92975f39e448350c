//! Values of nfcapd's options.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::record::bytes;
use crate::cli::target::Target;
use crate::cli::values::whole;
use crate::flow::Host;

/// Maximum length of a name, which becomes part of log lines and file names.
const MAX_IDENT: usize = 64;

/// Maximum number of words of a hook.
const MAX_HOOK_WORDS: usize = 64;

/// Maximum size of the receive buffer in bytes. The kernel doubles the size and keeps it in
/// a signed number of 32 bits.
const MAX_BUFFER: u64 = 1 << 30;

/// The command that is run for each finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The program and its arguments, in which the marks (`%f`) are not yet replaced.
    pub words: Vec<String>,
    /// The time after which it is killed.
    pub limit: Duration,
}

/// A command split into words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Split(pub(super) Vec<String>);

/// The least severe level that is logged, from the fewest lines to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Errors only.
    Error,
    /// And warnings.
    Warn,
    /// And normal events.
    #[default]
    Info,
    /// And details for finding faults.
    Debug,
    /// And details for developers.
    Trace,
}

/// The value of `-s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AssumedRate {
    /// The rate of exporters that announce none.
    Assumed(u32),
    /// The rate of all exporters, whatever they announce.
    Given(u32),
}

/// The value of `-n`: an exporter with a name and a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedSource {
    pub(super) ident: String,
    pub(super) address: Host,
    pub(super) folder: PathBuf,
}

pub(super) fn source(text: &str) -> Result<NamedSource, String> {
    let wrong = || {
        format!(
            "expected IDENT,ADDRESS,DIR as in router1,192.0.2.1,/srv/netflow/router1, found `{text}`"
        )
    };
    let mut parts = text.splitn(3, ',');
    let mut part = || parts.next().filter(|part| !part.is_empty()).ok_or_else(wrong);
    let (name, address, folder) = (part()?, part()?, part()?);
    let address = address.parse().map_err(|_| wrong())?;
    Ok(NamedSource { ident: ident(name)?, address, folder: folder.into() })
}

/// A name that is safe in log lines and file names.
pub(super) fn ident(text: &str) -> Result<String, String> {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if (1..=MAX_IDENT).contains(&text.len()) && text.chars().all(is_safe) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "expected a name of 1 to {MAX_IDENT} letters, digits and -_.: characters, found `{text}`"
    ))
}

pub(super) fn buffer(text: &str) -> Result<usize, String> {
    let bytes = bytes(text).ok().filter(|bytes| (4096..=MAX_BUFFER).contains(bytes));
    bytes
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or_else(|| format!("expected a size from 4096 bytes to 1G such as 64M, found `{text}`"))
}

pub(super) fn rate(text: &str) -> Result<AssumedRate, String> {
    match text.parse::<i64>().map(|rate| (rate, u32::try_from(rate.unsigned_abs()))) {
        Ok((1.., Ok(rate))) => Ok(AssumedRate::Assumed(rate)),
        Ok((..=-1, Ok(rate))) => Ok(AssumedRate::Given(rate)),
        _ => Err(format!("expected a rate such as 100, or -100 for all exporters, found `{text}`")),
    }
}

pub(super) fn repeat(text: &str) -> Result<Target, String> {
    Target::parse(text, '/')
        .ok_or_else(|| format!("expected HOST/PORT as in 192.0.2.9/2055, found `{text}`"))
}

pub(super) fn level(text: &str) -> Result<Level, String> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "error" => Level::Error,
        "warn" | "warning" => Level::Warn,
        "info" => Level::Info,
        "debug" => Level::Debug,
        "trace" => Level::Trace,
        _ => return Err(format!("expected error, warn, info, debug or trace, found `{text}`")),
    })
}

/// Splits a command at spaces that are not between quotes. No shell is involved, so that
/// there are no variables, wildcards or pipes.
pub(super) fn hook(text: &str) -> Result<Split, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if let Some(open) = quote {
        return Err(format!("expected a closing {open}, found `{text}`"));
    }
    let program = words.first().filter(|word| !word.is_empty());
    if program.is_none() || words.len() > MAX_HOOK_WORDS {
        return Err(format!(
            "expected a program and its arguments, {MAX_HOOK_WORDS} words at most, found `{text}`"
        ));
    }
    for word in &words {
        for piece in pieces(word) {
            match piece {
                HookPart::Text(_) => {}
                HookPart::Mark(mark) if MARKS.contains(&mark) => {}
                HookPart::Mark(mark) => {
                    return Err(format!("expected {}, found `%{mark}`", known_marks()));
                }
                HookPart::Open => {
                    return Err(format!("expected {}, found a lone % at the end", known_marks()));
                }
            }
        }
    }
    Ok(Split(words))
}

/// The time limit of a hook, in seconds.
pub(super) fn hook_limit(text: &str) -> Result<u32, String> {
    whole(text, 1..=86_400, " of seconds")
}

/// The letters that may follow a percent sign in a hook.
pub const MARKS: [char; 5] = ['f', 'd', 't', 'u', 'i'];

/// The environment variables that a hook gets. A `toptalk` that a hook starts does not
/// warn of them.
pub const HOOK_VARIABLES: [&str; 6] = [
    "TOPTALK_FILE",
    "TOPTALK_FOLDER",
    "TOPTALK_SLOT",
    "TOPTALK_UNIX",
    "TOPTALK_IDENT",
    "TOPTALK_FLOWS",
];

fn known_marks() -> String {
    let marks: String = MARKS.iter().map(|mark| format!("%{mark} ")).collect();
    format!("{}or %%", marks)
}

/// A part of a word of a hook command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookPart<'a> {
    /// Literal text; `%%` is one percent sign.
    Text(&'a str),
    /// The letter behind a percent sign, known or not.
    Mark(char),
    /// A percent sign with nothing behind it.
    Open,
}

/// The parts of a word of a hook: read in one way where it is checked and where it
/// is filled in.
pub fn pieces(word: &str) -> impl Iterator<Item = HookPart<'_>> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let Some(behind) = rest.strip_prefix('%') else {
            let (text, left) = rest.split_at(rest.find('%').unwrap_or(rest.len()));
            rest = left;
            return (!text.is_empty()).then_some(HookPart::Text(text));
        };
        let Some(mark) = behind.chars().next() else {
            rest = behind;
            return Some(HookPart::Open);
        };
        rest = behind.get(mark.len_utf8()..).unwrap_or("");
        Some(if mark == '%' { HookPart::Text("%") } else { HookPart::Mark(mark) })
    })
}
