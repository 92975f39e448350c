//! Words in answers.

use std::borrow::Cow;

/// A word that the program knows, or that another one sent.
pub type Label = Cow<'static, str>;
