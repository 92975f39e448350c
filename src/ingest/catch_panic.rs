//! A panic in the work on one datagram costs that datagram.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::text::replaced;

/// What is kept of a panic's message, in characters: enough to report it.
const MOST: usize = 200;

/// What tests end a datagram with to let its decoding panic: a set of a reserved
/// id. The product does not look for it.
pub(super) const POISON: &[u8] = b"\x00\x09\x00\x10panic please";

/// Does something; when it panics, says with which message. Whoever calls it
/// puts in order what the work may have left half done.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message(payload.as_ref()))
}

/// The place at which tests let decoding panic: nothing outside of tests.
#[inline]
pub(super) fn poisoned(bytes: &[u8]) {
    assert!(!(cfg!(test) && bytes.ends_with(POISON)), "poisoned\u{1b}[2J by a test");
}

/// The message of a panic: bounded, and without what a terminal would obey.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it says nothing about itself");
    replaced(text, ' ').chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_says_is_bounded_and_cannot_move_the_cursor() {
        assert_eq!(guarded(|| 7), Ok(7));
        let said = guarded(|| panic!("{}\n\u{1b}[2J\u{9b}x", "é".repeat(3))).unwrap_err();
        assert_eq!(said, "ééé  [2J x");
        assert_eq!(guarded(|| panic!("{}", "x".repeat(999))).unwrap_err().len(), MOST);
        assert_eq!(guarded(|| panic!("plain")).unwrap_err(), "plain");
        let odd = guarded(|| std::panic::panic_any(7)).unwrap_err();
        assert_eq!(odd, "it says nothing about itself");
    }
}
