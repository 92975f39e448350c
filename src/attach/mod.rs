//! Screens that attach to a running collector, over a Unix socket.
//!
//! [`frame`] is the protocol, without I/O. [`server`] is the collector's end: it accepts
//! connections and answers each screen's view once a second, or on request, within a share
//! of a
//! core. [`client`] is the screen's end. All requests are read-only. `docs/ATTACH.md`
//! describes the bytes.

pub mod client;
pub mod frame;
mod scheduler;
pub mod server;
mod socket_path;

pub use socket_path::{MAX_PATH, SocketPathError, SocketPaths, who_may};

use std::time::Duration;

/// Maximum number of attached screens: more than people watch one collector, and few enough that a
/// megabyte for each does not matter.
pub const MAX_CLIENTS: usize = 64;

/// Maximum number of connections without a request so far. When another one arrives, the
/// oldest is closed, because real clients send a request at once.
pub const MAX_PENDING: usize = 32;

/// Time within which a connection must have sent its first request.
pub const HANDSHAKE: Duration = Duration::from_secs(5);

/// Time within which a client must read an answer, or complete a request.
pub const STALL: Duration = Duration::from_secs(30);

/// Maximum number of rows per table in a watched view, which is answered every second: several
/// times what a screen requests.
pub const MAX_STANDING_ROWS: usize = 1_000;

/// Maximum number of rows per table in a single answer, as saved to a file.
pub const MAX_ROWS: usize = 1_000_000;

/// A single answer with more rows than this is large. Only one large answer is made or sent at a
/// time, because it may take a hundred megabytes.
pub const LARGE_ROWS: usize = 10_000;

/// Maximum number of unanswered questions of one client.
pub const MAX_QUESTIONS: usize = 8;

/// Budget for answers, in milliseconds of work per second: a quarter of a core. Slow answers have
/// the same budget again, on another thread.
pub const BUDGET_MS: u64 = 250;

/// Limit for the first attempt at a new answer, in milliseconds of work. Most answers need less.
/// First attempts come before all others and do not wait until the cost of others is paid for, so
/// that a client with a small request does not wait for many with large ones. 20 attempts cost 200
/// ms together.
pub const FIRST_MS: u64 = 10;

/// Limit for a quick answer, in milliseconds of work. After that it is given up, so that others do
/// not wait longer, and is made again on the thread for slow answers.
pub const QUICK_MS: u64 = 200;

/// Limit for a slow answer, in milliseconds of work. A million hosts or two million conversations
/// with a usual filter need less. After that it is given up.
pub const SLOW_MS: u64 = 5_000;

/// Longest interval between answers to a view, in seconds, when the budget is exceeded.
pub const MAX_EVERY_S: u32 = 256;
