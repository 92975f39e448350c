//! Screens that attach: server and client at one socket.

mod common;

#[path = "attach/limits.rs"]
mod limits;
#[path = "attach/rig.rs"]
mod rig;
#[path = "attach/slow.rs"]
mod slow;
#[path = "attach/sockets.rs"]
mod sockets;
#[path = "attach/views.rs"]
mod views;
