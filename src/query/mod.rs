//! Questions over an archive: nfdump's, in nfdump's words.
//!
//! `question` says what can be asked and `answer` what comes back. Between them
//! `scan` reads files a page of columns at a time (`page`), `group`, `statistic` (with
//! keys from `key`, laid out by `layout`, addresses numbered by `names`; `dense` where
//! one column is all there is to a key),
//! `list` and `summary` take what matched, and `ask` puts it together. `element`,
//! `order`, `when` and `files` read the words of a question, `format` prints the
//! answer.

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
    Aggregation, ArchiveQuestion, FlowDirection, KeyPart, QueryMode, StatOrder, Statistic,
};
pub use source::{OpenedFile, Progress, ScanSource};
