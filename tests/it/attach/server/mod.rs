//! Attached screens: server and clients at one socket.

mod harness;
mod limits;
mod slow;
mod sockets;
mod views;
