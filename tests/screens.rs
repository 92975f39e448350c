//! The screens as a person sees them: golden screens, scripts of keys, bytes
//! on the line, and keys pressed at random.

#[path = "screens/bytes.rs"]
mod bytes;
#[path = "screens/fixture.rs"]
mod fixture;
#[path = "screens/golden.rs"]
mod golden;
#[path = "screens/groups.rs"]
mod groups;
#[path = "screens/lists.rs"]
mod lists;
#[path = "screens/random.rs"]
mod random;
#[path = "screens/scripts.rs"]
mod scripts;
#[path = "screens/sources.rs"]
mod sources;
#[path = "screens/trouble.rs"]
mod trouble;
