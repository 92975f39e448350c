//! The terminal screens: keys become actions, actions change a model, and a model and a
//! snapshot become text.
//!
//! The core is pure: [`update`] and [`view`] use no clock, no terminal and no collector. Only
//! [`mod@run`] and [`term`] have side effects.

pub mod action;
mod ansi;
mod edit;
mod exporter_order;
mod exporters;
mod frozen;
mod groups;
mod layout;
mod list;
mod model;
mod on_snapshot;
mod paint;
pub mod run;
pub mod term;
mod theme;
mod update;
mod view;

pub use action::UiAction;
pub use ansi::Painter;
pub use model::{Model, UiConfig};
pub use run::{ScreenEnd, ScreenWiring, run};
pub use theme::Theme;
pub use update::{Effect, update};
pub use view::view;
