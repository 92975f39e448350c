//! Catches panics, so that a panic while handling a datagram costs only that datagram.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::text::replaced;

/// Maximum length of a stored panic message, in characters.
const MAX_CHARS: usize = 200;

/// A datagram that ends with these bytes (a data set with a reserved id) panics in unit tests of
/// this crate. Release builds do not look for it.
pub(super) const POISON: &[u8] = b"\x00\x09\x00\x10panic please";

/// Runs `work`. Returns the message if it panics. The caller has to restore any state that
/// the work may have left half changed.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message(payload.as_ref()))
}

/// Panics in unit tests if `bytes` end with [`POISON`]. Does nothing otherwise.
#[inline]
pub(super) fn panic_in_tests(bytes: &[u8]) {
    assert!(!(cfg!(test) && bytes.ends_with(POISON)), "poisoned\u{1b}[2J by a test");
}

/// The message of a panic, limited in length and without control characters.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    replaced(text, ' ').chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_messages_are_limited_and_have_no_control_characters() {
        assert_eq!(guarded(|| 7), Ok(7));
        let said = guarded(|| panic!("{}\n\u{1b}[2J\u{9b}x", "é".repeat(3))).unwrap_err();
        assert_eq!(said, "ééé  [2J x");
        assert_eq!(guarded(|| panic!("{}", "x".repeat(999))).unwrap_err().len(), MAX_CHARS);
        assert_eq!(guarded(|| panic!("plain")).unwrap_err(), "plain");
        let odd = guarded(|| std::panic::panic_any(7)).unwrap_err();
        assert_eq!(odd, "no message");
    }
}
