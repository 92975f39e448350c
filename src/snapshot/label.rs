//! Strings in answers.

use std::borrow::Cow;

/// A string of this program, or one received from another process.
pub type Label = Cow<'static, str>;
