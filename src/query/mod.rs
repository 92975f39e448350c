//! Questions over an archive: nfdump's, in nfdump's words.
//!
//! `question` says what can be asked and `answer` what comes back; between them
//! files are scanned a page of columns at a time. `element`, `order` and `when`
//! read the words of a question, `format` prints the answer.

pub mod answer;
pub mod element;
pub mod files;
pub mod format;
mod near;
pub mod order;
pub mod question;
pub mod when;

pub use answer::{Answer, Row, StatRow, Sums, Table};
pub use question::{Aggregation, Ask, Order, Part, Question, Statistic};
