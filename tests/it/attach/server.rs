//! Screens that attach: server and client at one socket.

mod limits;
mod rig;
mod slow;
mod sockets;
mod views;
