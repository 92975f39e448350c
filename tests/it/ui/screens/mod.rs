//! The screens as a person sees them: golden screens, scripts of keys, bytes
//! on the line, and keys pressed at random.

mod bytes;
mod exporters;
mod fixture;
mod golden;
mod groups;
mod lists;
mod random;
mod scripts;
mod sources;
