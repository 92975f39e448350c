//! Suggests words that are similar to an unknown word.

use strsim::levenshtein;

/// Maximum number of changed letters for a word to count as misspelt.
const MAX_CHANGES: usize = 2;

/// Maximum number of suggested words.
const MAX_NAMED: usize = 5;

/// Longer words are not compared, because no known word is as long.
const MAX_WORD: usize = 32;

/// `try dstip, srcip` if there are similar words, otherwise all known words.
#[must_use]
pub fn hint<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let mut close: Vec<(usize, &str)> = Vec::new();
    if found.len() <= MAX_WORD {
        let near = known.iter().map(|word| (levenshtein(found, word), *word));
        close.extend(near.filter(|(changes, word)| *changes <= MAX_CHANGES.min(word.len() - 1)));
        close.sort_unstable();
        close.truncate(MAX_NAMED);
    }
    if close.is_empty() {
        return format!("known are {}", known.join(" "));
    }
    let close: Vec<&str> = close.into_iter().map(|(_, word)| word).collect();
    format!("try {}", close.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_words_are_suggested_or_all_listed() {
        let known = || ["srcip", "dstip", "port"].into_iter();
        assert_eq!(hint("scrip", known()), "try srcip");
        assert_eq!(hint("drcip", known()), "try srcip, dstip");
        assert_eq!(hint("zzzzzzzz", known()), "known are srcip dstip port");
        assert_eq!(hint(&"x".repeat(1000), known()), "known are srcip dstip port");
    }
}
