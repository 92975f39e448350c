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
    let shown = text::replaced(typed, '?');
    let mut message = format!("{error}\n  {shown}\n  {}", caret(typed, &error.at));
    if let Some(command) = error.command() {
        message.push_str(&format!("\nfrom the archive: {command}"));
    }
    message
}

/// A line of carets under the wrong part of a text.
fn caret(typed: &str, at: &std::ops::Range<usize>) -> String {
    let shown = |part: &str| text::columns(&text::replaced(part, '?'));
    let width = |part: Option<&str>| part.map_or(0, shown);
    let before = width(typed.get(..at.start));
    let under = width(typed.get(at.clone())).max(1);
    format!("{}{}", " ".repeat(before), "^".repeat(under))
}
