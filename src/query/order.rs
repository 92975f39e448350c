//! The orders of statistics and listings, with nfdump's words.

use super::question::StatOrder;
use crate::units::similar_words;

/// A word for a [`StatOrder`].
pub struct OrderWord {
    /// The order.
    pub order: StatOrder,
    /// The word, as in `-O bytes` and `ordered by bytes`.
    pub name: &'static str,
    /// Its other spellings.
    pub aliases: &'static [&'static str],
    /// Whether `-s` accepts it after a slash; orders by time are only for `-O`.
    pub behind_slash: bool,
    /// The meaning, for people.
    pub help: &'static str,
}

/// All orders, the most used first.
pub const ORDERS: &[OrderWord] = &[
    word(StatOrder::Flows, "flows", &["flow"], true, "most flows; the default of statistics"),
    word(StatOrder::Packets, "packets", &["pkts"], true, "most packets"),
    word(
        StatOrder::InPackets,
        "ipkg",
        &["ipkt", "ipackets"],
        true,
        "most packets in the forward direction",
    ),
    word(
        StatOrder::OutPackets,
        "opkg",
        &["opkt", "opackets"],
        true,
        "most packets in the reverse direction (-b)",
    ),
    word(StatOrder::Bytes, "bytes", &["byte"], true, "most bytes"),
    word(
        StatOrder::InBytes,
        "ibyte",
        &["ibytes", "ibyt"],
        true,
        "most bytes in the forward direction",
    ),
    word(
        StatOrder::OutBytes,
        "obyte",
        &["obytes", "obyt"],
        true,
        "most bytes in the reverse direction (-b)",
    ),
    word(StatOrder::Pps, "pps", &["ipps"], true, "most packets per second"),
    word(StatOrder::Bps, "bps", &["ibps"], true, "most bits per second"),
    word(StatOrder::Bpp, "bpp", &["ibpp"], true, "most bytes per packet"),
    word(StatOrder::First, "tstart", &[], false, "earliest start first"),
    word(StatOrder::Last, "tend", &[], false, "earliest end first"),
    word(StatOrder::Duration, "duration", &[], false, "longest duration"),
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

/// Why a word is not an order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// An order by the rate of the reverse direction, which does not exist.
    #[error("`{0}` rates of the reverse direction cannot be sorted by; try obyte or opkg")]
    RateBack(String),
    /// A word that does not exist.
    #[error("expected an order, found `{found}`; {near}")]
    Unknown {
        /// The word.
        found: String,
        /// The words that are similar.
        near: String,
    },
}

/// The order of a word.
///
/// # Errors
/// Names similar words.
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
    /// The entry of this order in the table.
    #[must_use]
    pub fn word(self) -> &'static OrderWord {
        // The table has every order; a test ensures that.
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
    fn other_words_are_refused_with_similar_ones() {
        let message = |word| parse(word).unwrap_err().to_string();
        assert!(message("bites").contains("bytes"), "{}", message("bites"));
        assert!(message("obps").contains("obyte"));
        assert!(message("").contains("flows"));
    }
}
