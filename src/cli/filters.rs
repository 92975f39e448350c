//! What the command line says of filters.

use crate::filter::FilterError;
use crate::filter::words::WORDS;
use crate::text;

/// The words of filters that live rows can answer.
pub(super) fn filter_help() -> String {
    let live = WORDS.iter().filter_map(|word| Some((word.live_usage()?, word.help)));
    let lines: String = live.map(|(usage, help)| format!("  {usage:<24} {help}\n")).collect();
    format!(
        "Filter words, joined by `and`, `or`, `not` and parentheses:\n{lines}\
         The other words ask what live rows do not keep; docs/FILTER.md has them all."
    )
}

/// Why a filter is refused, where, and what can answer it.
pub(super) fn refused(typed: &str, error: &FilterError) -> String {
    let mut message = format!("{error}\n{}", text::marked(typed, &error.at));
    if let Some(command) = error.command() {
        message.push_str(&format!("\nfrom the archive: {command}"));
    }
    message
}
