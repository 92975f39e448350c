//! What is known of exporters, whatever format they send: templates, sampling rates,
//! interface names, sequence numbers, clocks, data that waits for its template; how
//! much of it is kept, of whom, and what is saved from one run to the next.
//!
//! [`state`] has it together.

pub mod about;
mod admission;
pub mod budget;
mod clock_offset;
pub mod held;
pub mod interfaces;
pub mod limits;
pub mod memory;
pub mod moment;
pub mod numbering;
pub mod places;
pub mod policy;
mod recent;
pub mod refusals;
pub mod resume;
pub mod sampling;
pub mod sequence;
pub mod state;
pub mod summary;
mod template_store;
pub mod templates;

pub use state::{Exporter, MAX_DOMAINS, MAX_TEMPLATES, Session};
