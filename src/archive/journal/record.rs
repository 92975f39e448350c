//! The bytes of a flow in a journal, and of what came with it: every member in the order
//! in which [`Flow`] and [`More`] declare them, little-endian, nothing between them.

use crate::archive::schema::Version;
use crate::flow::{Flow, FlowExtras, len_of};

/// Bytes of a flow, the same in all versions.
pub const FLOW_LEN: usize = Flow::BYTES;

/// Bytes of what came with a flow, in the newest version.
pub const MORE_LEN: usize = FlowExtras::BYTES;

/// Bytes of what came with a flow in journals of a version: what later versions brought
/// is at the end of the record.
#[must_use]
pub const fn more_len(version: Version) -> usize {
    len_of(FlowExtras::MEMBERS, version as u32)
}

const _: () = assert!(len_of(Flow::MEMBERS, Version::One as u32) == FLOW_LEN);
const _: () = assert!(more_len(Version::NEWEST) == MORE_LEN);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::MAX_TEXT;

    const MORE_LEN_1: usize = more_len(Version::One);

    proptest! {
        #[test]
        fn any_bytes_are_a_flow_and_are_written_again(
            mut bytes in proptest::collection::vec(any::<u8>(), FLOW_LEN..=FLOW_LEN),
            mut more in proptest::collection::vec(any::<u8>(), MORE_LEN..=MORE_LEN),
        ) {
            // What is true and false are the last two bytes.
            bytes[FLOW_LEN - 2] &= 1;
            bytes[FLOW_LEN - 1] &= 1;
            let mut again = Vec::new();
            Flow::load(&bytes).store(&mut again);
            prop_assert_eq!(&again, &bytes);
            again.clear();
            // A text has no zeros within, and only what is UTF-8.
            let text = MORE_LEN - 5 - MAX_TEXT..MORE_LEN - 5;
            more[text].fill(b'x');
            FlowExtras::load(&more).store(&mut again);
            prop_assert_eq!(&again, &more);
            let old = FlowExtras::load(&more[..MORE_LEN_1]);
            prop_assert_eq!((old.forwarding, old.flow_count), (more[MORE_LEN_1 - 1], 0));
            prop_assert!(old.user.is_empty());
            more.clear();
        }
    }

    #[test]
    fn records_have_the_length_that_the_document_says() {
        assert_eq!((FLOW_LEN, MORE_LEN_1, MORE_LEN), (154, 147, 260));
        let mut bytes = Vec::new();
        Flow { sport: 0x1234, ..Flow::EMPTY }.store(&mut bytes);
        assert_eq!(bytes.len(), FLOW_LEN);
        assert_eq!(bytes[140..142], [0x34, 0x12]);
    }
}
