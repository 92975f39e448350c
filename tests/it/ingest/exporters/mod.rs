//! Exporters end to end: streams, saved state, policy and duplicates.

mod duplicates;
mod names;
mod nat;
mod policy;
mod saved_state;
mod streams;

use std::process::Command;

use crate::common::process::{Running, free_port, toptalk};
use crate::common::traffic::{moments, send};
use nix::sys::signal::Signal;
use serde_json::Value;
use toptalk::flow::{Flow, Host, Time};

/// `count` uploads of 1000 bytes, each from a different host.
fn uploads(now: Time, count: u8) -> Vec<Flow> {
    let flow = |n: u8| Flow {
        src: Host::octets(10, 9, 0, n),
        dst: Host::octets(203, 0, 113, n),
        first: now.plus_ms(-3000),
        last: now.plus_ms(-1000 - i64::from(n)),
        packets: 2,
        bytes: 1000,
        sport: 40_000,
        dport: 443,
        proto: 6,
        input: 1,
        output: 2,
        direction: 0,
        ..Flow::EMPTY
    };
    (1..=count).map(flow).collect()
}

/// `toptalk top` on a port of 127.0.0.1, which prints JSON when it is interrupted.
pub fn top(words: &[&str], port: u16) -> Command {
    let mut command = toptalk();
    command.args(["top", "-b", "127.0.0.1", "--for", "2h", "-o", "json", "-p"]);
    command.arg(port.to_string()).args(words);
    command
}

pub fn answer(running: Running) -> Value {
    let output = running.end(Signal::SIGINT);
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// The answer of `top` for datagrams from 127.0.0.1.
fn top_of(words: &[&str], datagrams: &[Vec<u8>]) -> Value {
    let port = free_port();
    let running = Running::start(&mut top(words, port), "listening");
    send(port, datagrams);
    answer(running)
}
