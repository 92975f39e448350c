//! Screens that attach to a running collector, over a Unix socket.
//!
//! [`frame`] is the protocol, pure: bytes to messages and back. [`server`] is the
//! collector's end: it accepts connections, and answers each screen's view once a
//! second or on request, within a share of a core. [`client`] is the screen's.
//! Everything that a client can ask is read-only. `docs/ATTACH.md` has the bytes.

pub mod client;
pub mod frame;
mod scheduler;
pub mod server;
mod socket_path;

pub use socket_path::{MAX_PATH, SocketPathError, SocketPaths, who_may};

use std::time::Duration;

/// Screens that may be attached at once: more than people look at one collector,
/// few enough that a megabyte for each is nothing.
pub const MAX_CLIENTS: usize = 64;

/// Connections that have not asked anything yet. When more come the oldest of
/// them goes: whoever means it asks at once.
pub const MAX_PENDING: usize = 32;

/// How long a connection may take until it has asked something.
pub const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long a client may take to read one answer, or to send one request it has
/// begun.
pub const STALL: Duration = Duration::from_secs(30);

/// Rows of each table in a standing view, of which there is an answer every
/// second: several times what a screen asks for.
pub const MAX_STANDING_ROWS: usize = 1_000;

/// Rows of each table in a single answer: what is saved to a file.
pub const MAX_ROWS: usize = 1_000_000;

/// A single answer of more rows than this is large: of these one is made or on
/// its way at a time, for it may take a hundred megabytes.
pub const LARGE_ROWS: usize = 10_000;

/// Questions of one client that wait for their answers.
pub const MAX_QUESTIONS: usize = 8;

/// Work on answers: milliseconds in each second, a quarter of a core. What is slow has
/// as much again, on a thread of its own.
pub const BUDGET_MS: u64 = 250;

/// Work on an answer that has not been made before, in milliseconds, when it is tried the
/// first time. Most are made within it. First tries come before all others and do not
/// wait until what others cost is paid for, so that who asks for little is not held up by
/// many who ask for much: 20 of them cost 200 ms together.
pub const FIRST_MS: u64 = 10;

/// Work on one answer, in milliseconds, until it is slow: then it is given up, so that
/// no other waits longer, and made anew beside those that are quick.
pub const QUICK_MS: u64 = 200;

/// Work on one slow answer, in milliseconds: a million hosts or two million
/// conversations with a common filter need less. What needs more is not made.
pub const SLOW_MS: u64 = 5_000;

/// Where the budget is not enough, answers come up to this many seconds apart.
pub const MAX_EVERY_S: u32 = 256;
