//! The settings file, `toptalk.toml`: its keys and their values.
//!
//! Pure: text in, values out. Each key corresponds to a flag, and its value to the value of
//! the flag; see [`TABLE`]. Which values are valid is declared once, with the flag.

mod error;
pub mod memory;
mod read;
mod table;

pub use error::{Diagnostic, Diagnostics};
pub use read::{MAX_FILE, SettingEntry, SettingWord, SettingsFile, read, read_what_can_be};
pub use table::{Form, Setting, TABLE, Verb};

#[cfg(test)]
mod tests;
