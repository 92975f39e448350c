//! What the command line says of filters.

use crate::filter::FilterError;
use crate::filter::words::WORDS;

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
pub(super) fn refused(text: &str, error: &FilterError) -> String {
    let mut message = format!("{error}\n  {text}\n  {}", caret(text, &error.at));
    if let Some(command) = error.command() {
        message.push_str(&format!("\nfrom the archive: {command}"));
    }
    message
}

/// A line of carets under the wrong part of a text.
fn caret(text: &str, at: &std::ops::Range<usize>) -> String {
    let width = |part: Option<&str>| part.map_or(0, |part| part.chars().count());
    let before = width(text.get(..at.start));
    let under = width(text.get(at.clone())).max(1);
    format!("{}{}", " ".repeat(before), "^".repeat(under))
}
