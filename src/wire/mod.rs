//! Datagram bytes and flows.

pub mod encode;
