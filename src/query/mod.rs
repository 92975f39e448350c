//! Queries over an archive, with nfdump's words.
//!
//! `question` defines what can be asked and `answer` what is returned. `scan` reads files one
//! page of columns (`page`) at a time; `group`, `statistic`, `list` and `summary` process the
//! rows that match, and `ask` combines the results. Keys come from `key` with the layout of
//! `layout`; `names` numbers addresses, and `dense` sums by a single column. `element`,
//! `order`, `when` and `files` parse the words of a question; `format` prints the answer.

pub mod answer;
mod ask;
mod collect;
mod dense;
pub mod element;
pub mod files;
pub mod format;
mod group;
mod key;
mod layout;
mod list;
mod names;
pub mod order;
mod ordered_output;
mod page;
pub mod question;
mod record;
mod scan;
mod sort;
mod source;
mod state;
mod statistic;
mod summary;
pub mod when;

pub use answer::{AnswerRow, AnswerSums, AnswerTable, QueryAnswer, StatRow};
pub use ask::ask;
pub use question::{
    Aggregation, ArchiveQuestion, FlowDirection, KeyPart, QueryMode, StatOrder, Statistic, TimeRule,
};
pub use source::{OpenedFile, Progress, ScanSource};
