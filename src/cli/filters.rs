//! Help and error messages about filters.

use crate::filter::FilterError;
use crate::filter::words::WORDS;
use crate::text;

/// The help text with the filter words that the live windows support.
pub(super) fn filter_help() -> String {
    let live = WORDS.iter().filter_map(|word| Some((word.live_usage()?, word.help)));
    let lines: String = live.map(|(usage, help)| format!("  {usage:<24} {help}\n")).collect();
    format!(
        "Filter words, joined by `and`, `or`, `not` and parentheses; COMP is =, <, >, <= or >=, and may be left out:\n{lines}\
         Other words (all are listed in docs/FILTER.md, which a package installs in /usr/share/doc/toptalk) work in `toptalk query` only."
    )
}

/// The error about a filter: the reason, the place in the text, and a command that can answer it.
pub(super) fn refused(typed: &str, error: &FilterError) -> String {
    let mut message = format!("{error}\n{}", text::marked(typed, &error.at));
    if let Some(command) = error.command() {
        message.push_str(&format!("\nfrom the archive: {command}"));
    }
    message
}
