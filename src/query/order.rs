//! What statistics and listings can be sorted by, in nfdump's words.

use super::question::StatOrder;
use crate::units::similar_words;

/// A word for an [`Order`].
pub struct OrderWord {
    pub order: StatOrder,
    /// Its word, as in `-O bytes` and `ordered by bytes`.
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// Whether `-s` takes it behind a slash; times sort rows only with `-O`.
    pub behind_slash: bool,
    pub help: &'static str,
}

/// Every order, most used first.
pub const ORDERS: &[OrderWord] = &[
    word(StatOrder::Flows, "flows", &["flow"], true, "most flows; the default of statistics"),
    word(StatOrder::Packets, "packets", &["pkts"], true, "most packets"),
    word(StatOrder::InPackets, "ipkg", &["ipkt", "ipackets"], true, "most packets there"),
    word(StatOrder::OutPackets, "opkg", &["opkt", "opackets"], true, "most packets back (-b)"),
    word(StatOrder::Bytes, "bytes", &["byte"], true, "most bytes"),
    word(StatOrder::InBytes, "ibyte", &["ibytes", "ibyt"], true, "most bytes there"),
    word(StatOrder::OutBytes, "obyte", &["obytes", "obyt"], true, "most bytes back (-b)"),
    word(StatOrder::Pps, "pps", &["ipps"], true, "most packets a second"),
    word(StatOrder::Bps, "bps", &["ibps"], true, "most bits a second"),
    word(StatOrder::Bpp, "bpp", &["ibpp"], true, "most bytes a packet"),
    word(StatOrder::First, "tstart", &[], false, "earliest beginning first"),
    word(StatOrder::Last, "tend", &[], false, "earliest end first"),
    word(StatOrder::Duration, "duration", &[], false, "longest"),
];

const fn word(
    order: StatOrder,
    name: &'static str,
    aliases: &'static [&'static str],
    behind_slash: bool,
    help: &'static str,
) -> OrderWord {
    OrderWord { order, name, aliases, behind_slash, help }
}

/// Why a word is no order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    #[error("`{0}` sorts only what has both directions and a rate of its own; try obyte or opkg")]
    RateBack(String),
    #[error("expected an order, found `{found}`; {near}")]
    Unknown { found: String, near: String },
}

/// The order of a word.
///
/// # Errors
/// Names the words that are closest.
pub fn parse(text: &str) -> Result<StatOrder, OrderError> {
    let text = text.to_ascii_lowercase();
    let known = |word: &&OrderWord| word.name == text || word.aliases.contains(&text.as_str());
    if let Some(word) = ORDERS.iter().find(known) {
        return Ok(word.order);
    }
    if ["opps", "obps", "obpp"].contains(&text.as_str()) {
        return Err(OrderError::RateBack(text));
    }
    let near = similar_words::hint(&text, ORDERS.iter().map(|word| word.name));
    Err(OrderError::Unknown { found: text, near })
}

impl StatOrder {
    /// The table's line of this order.
    #[must_use]
    pub fn word(self) -> &'static OrderWord {
        // The table has every order; a test says so.
        ORDERS.iter().find(|word| word.order == self).unwrap_or(&ORDERS[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_means_one_order() {
        let mut words = Vec::new();
        for word in ORDERS {
            assert_eq!(word.order.word().name, word.name);
            for name in word.aliases.iter().chain([&word.name]) {
                assert_eq!(parse(&name.to_uppercase()), Ok(word.order), "{name}");
                words.push(*name);
            }
        }
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!((words.len(), ORDERS.len()), (count, 13));
    }

    #[test]
    fn other_words_are_refused_with_those_that_are_close() {
        let message = |word| parse(word).unwrap_err().to_string();
        assert!(message("bites").contains("bytes"), "{}", message("bites"));
        assert!(message("obps").contains("obyte"));
        assert!(message("").contains("flows"));
    }
}
