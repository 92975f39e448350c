//! The file of settings, `toptalk.toml`: which keys it has, and what they say.
//!
//! Pure: text in, words out. A key stands for a flag, and its value for what one
//! would write behind it; [`TABLE`] says which. What a word must look like is
//! said once, where the flag is declared, and the same for both.

mod error;
pub mod memory;
mod read;
mod table;

pub use error::{Diagnostic, Diagnostics};
pub use read::{MAX_FILE, SettingEntry, SettingWord, SettingsFile, read, read_what_can_be};
pub use table::{Form, Setting, TABLE, Verb};

#[cfg(test)]
mod tests;
