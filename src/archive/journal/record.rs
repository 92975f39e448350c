//! The bytes of a flow and of its extras in a journal: every member in the order in which
//! [`Flow`] and [`FlowExtras`] declare them, little-endian, without padding.

use crate::archive::schema::Version;
use crate::flow::{Flow, FlowExtras, len_of};

/// The size of a flow in bytes, the same in all versions.
pub const FLOW_LEN: usize = Flow::BYTES;

/// The size of a flow's extras in bytes, in the newest version.
pub const EXTRAS_LEN: usize = FlowExtras::BYTES;

/// The size of a flow's extras in bytes in journals of a version: members that later versions
/// add are at the end of the record.
#[must_use]
pub const fn extras_len(version: Version) -> usize {
    len_of(FlowExtras::MEMBERS, version as u32)
}

const _: () = assert!(len_of(Flow::MEMBERS, Version::One as u32) == FLOW_LEN);
const _: () = assert!(extras_len(Version::NEWEST) == EXTRAS_LEN);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::MAX_TEXT;

    const EXTRAS_LEN_1: usize = extras_len(Version::One);
    const EXTRAS_LEN_2: usize = extras_len(Version::Two);

    proptest! {
        #[test]
        fn any_bytes_decode_to_a_flow_that_encodes_back(
            mut bytes in proptest::collection::vec(any::<u8>(), FLOW_LEN..=FLOW_LEN),
            mut extras in proptest::collection::vec(any::<u8>(), EXTRAS_LEN..=EXTRAS_LEN),
        ) {
            // The last two bytes are booleans.
            bytes[FLOW_LEN - 2] &= 1;
            bytes[FLOW_LEN - 1] &= 1;
            let mut again = Vec::new();
            Flow::load(&bytes).store(&mut again);
            prop_assert_eq!(&again, &bytes);
            again.clear();
            // A text is UTF-8 without zeros within.
            for end in [EXTRAS_LEN, EXTRAS_LEN_2 - 5] {
                extras[end - MAX_TEXT..end].fill(b'x');
            }
            FlowExtras::load(&extras).store(&mut again);
            prop_assert_eq!(&again, &extras);
            let old = FlowExtras::load(&extras[..EXTRAS_LEN_1]);
            prop_assert_eq!((old.forwarding, old.flow_count), (extras[EXTRAS_LEN_1 - 1], 0));
            prop_assert!(old.user.is_empty());
            extras.clear();
        }
    }

    #[test]
    fn records_have_the_documented_length() {
        assert_eq!((FLOW_LEN, EXTRAS_LEN_1, EXTRAS_LEN_2, EXTRAS_LEN), (154, 147, 260, 324));
        let mut bytes = Vec::new();
        Flow { sport: 0x1234, ..Flow::EMPTY }.store(&mut bytes);
        assert_eq!(bytes.len(), FLOW_LEN);
        assert_eq!(bytes[140..142], [0x34, 0x12]);
    }
}
