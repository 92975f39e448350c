//! Questions over an archive: nfdump's, in nfdump's words.
//!
//! `question` says what can be asked and `answer` what comes back; between them
//! files are scanned a page of columns at a time.

pub mod answer;
pub mod question;

pub use answer::{Answer, Row, StatRow, Sums, Table};
pub use question::{Aggregation, Ask, Order, Part, Question, Statistic};
