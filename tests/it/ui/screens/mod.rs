//! The screens from the user's view: golden screens, sequences of keys, bytes sent, and random
//! keys.

mod bytes;
mod exporters;
mod fixture;
mod golden;
mod groups;
mod lists;
mod random;
mod scripts;
mod sources;
