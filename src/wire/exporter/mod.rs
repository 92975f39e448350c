//! The state of exporters of every protocol: templates, sampling rates, interface names,
//! sequence numbers, clock offsets and data sets that wait for their template; limits of this
//! state, fairness between exporters, and what is saved from one run to the next.
//!
//! [`state`] puts the parts together.

mod admission;
pub mod adoption;
mod clock_offset;
pub mod counter_history;
pub mod coverage;
pub mod interfaces;
pub mod limits;
pub mod numbering;
pub mod numbering_states;
pub mod numbering_time;
pub mod options;
pub mod pending;
pub mod places;
pub mod policy;
pub mod pool_use;
mod rate_store;
pub mod rates;
mod recently_displaced;
pub mod refusals;
pub mod reporting_session;
pub mod sampling;
mod saved_domain;
mod saved_sessions;
pub mod saved_state;
pub mod sequence;
mod session_table;
pub mod sessions;
pub mod shared_limits;
mod shared_numbering;
pub mod state;
pub mod summary;
mod template_store;
pub mod templates;

pub use sessions::MAX_SESSIONS;
pub use state::{ExporterSession, ExporterState, MAX_DOMAINS, MAX_TEMPLATES};
