//! Screens that attach: server and client at one socket.

mod harness;
mod limits;
mod slow;
mod sockets;
mod views;
