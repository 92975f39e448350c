//! Flows of routers in tests, and functions to send them.

use std::net::UdpSocket;

use toptalk::clock::Clock;
use toptalk::flow::{Flow, Host, Time};

/// A UDP flow of 3 packets and 1500 bytes in the last second.
pub fn one_flow(now: Time) -> Flow {
    Flow {
        src: Host::octets(192, 0, 2, 1),
        dst: Host::octets(198, 51, 100, 1),
        bytes: 1500,
        packets: 3,
        proto: 17,
        first: now.plus_ms(-1000),
        last: now,
        ..Flow::EMPTY
    }
}

/// The current time in whole seconds, which every protocol can express, and the router's
/// start.
pub fn moments() -> (Time, Time) {
    let now = Clock::start().now();
    let now = now.plus_ms(-now.0.rem_euclid(1000));
    (now, now.plus_ms(-3_600_000))
}

/// Sends datagrams to a port of 127.0.0.1 from a new socket.
pub fn send(port: u16, datagrams: &[Vec<u8>]) {
    send_from("127.0.0.1", port, datagrams);
}

/// Sends datagrams to a port of 127.0.0.1 from a new socket of another loopback address.
pub fn send_from(address: &str, port: u16, datagrams: &[Vec<u8>]) {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    for datagram in datagrams {
        socket.send_to(datagram, ("127.0.0.1", port)).unwrap();
    }
}

/// The datagrams that wait in a socket's buffer.
pub fn received(socket: &UdpSocket) -> Vec<Vec<u8>> {
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 65_536];
    let mut datagrams = Vec::new();
    while let Ok(length) = socket.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
    datagrams
}
