//! Screens that attach: the protocol, and server and client at one socket.

mod bodies;
mod common;

#[path = "attach/frames.rs"]
mod frames;
#[path = "attach/limits.rs"]
mod limits;
#[path = "attach/rig.rs"]
mod rig;
#[path = "attach/sockets.rs"]
mod sockets;
#[path = "attach/views.rs"]
mod views;
