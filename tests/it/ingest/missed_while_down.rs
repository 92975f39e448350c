//! What exporters send while no collector runs is reported as a separate gap.

use crate::common;
use std::net::UdpSocket;
use std::path::Path;

use crate::common::metrics;
use crate::common::process::{Running, free_port, toptalk};
use crate::common::traffic::one_flow;
use nix::sys::signal::{Signal, kill};
use toptalk::clock::Clock;
use toptalk::flow::Time;
use toptalk::wire::encode::V5Encoder;

struct Router {
    socket: UdpSocket,
    encoder: V5Encoder,
    boot: Time,
    clock: Clock,
    sent: u64,
}

impl Router {
    fn new(port: u16) -> Router {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        let clock = Clock::start();
        let boot = clock.now().plus_ms(-3_600_000);
        Router { socket, encoder: V5Encoder::new(0, 0), boot, clock, sent: 0 }
    }

    /// Sends one flow per datagram.
    fn send(&mut self, flows: usize) {
        let now = self.clock.now();
        let flow = one_flow(now);
        self.sent += flows as u64;
        for _ in 0..flows {
            for datagram in self.encoder.encode(now, self.boot, &[flow]) {
                // No socket may be open meanwhile, and the kernel may report that.
                let _ = self.socket.send(&datagram);
            }
        }
    }
}

fn collect(state: &Path, port: u16, metrics: u16) -> Running {
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string()]);
    command.args(["--metrics", &metrics.to_string()]);
    command.env_remove("TOPTALK_NO_STATE").env("TOPTALK_STATE", state);
    let said = format!("metrics at http://127.0.0.1:{metrics}/metrics");
    Running::start(&mut command, &said)
}

/// The next expected number of the only sequence in the file.
fn expected(state: &Path, port: u16) -> Option<u64> {
    let text = std::fs::read(state.join(format!("sequences-127.0.0.1-{port}.json"))).ok()?;
    let body = text.splitn(2, |byte| *byte == b'\n').nth(1)?;
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    value["exporters"][0]["lines"][0]["expected"][0].as_u64()
}

#[test]
fn what_is_sent_between_a_kill_and_the_next_start_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let metrics_port = metrics::free_port();
    let mut router = Router::new(port);
    for (signal, missed) in [(Signal::SIGKILL, 614), (Signal::SIGTERM, 50)] {
        let running = collect(folder.path(), port, metrics_port);
        let before = metrics::scraped(metrics_port, "toptalk_flows_total").unwrap();
        router.send(40);
        common::wait_until("the flows", || {
            metrics::scraped(metrics_port, "toptalk_flows_total") == Some(before + 40)
        });
        // Sequence numbers are saved without a regular end of the process.
        let newest = router.sent;
        common::wait_until("the file", || expected(folder.path(), port) == Some(newest));
        if signal == Signal::SIGKILL {
            kill(running.pid(), signal).unwrap();
            drop(running);
        } else {
            running.end(signal);
        }
        router.send(missed);
        let mut running = collect(folder.path(), port, metrics_port);
        router.send(3);
        running.wait_for(&format!("sent while no collector ran missed_while_down={missed}"));
        common::wait_until("the gap", || {
            metrics::scraped(metrics_port, "toptalk_missed_while_down") == Some(missed as u64)
        });
        let of_exporter = "toptalk_exporter_missed_while_down{exporter=\"127.0.0.1\"}";
        assert_eq!(metrics::scraped(metrics_port, of_exporter), Some(missed as u64));
        assert_eq!(metrics::scraped(metrics_port, "toptalk_lost"), Some(0));
        running.end(Signal::SIGTERM);
    }
}

#[test]
fn a_router_restart_meanwhile_is_not_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let metrics_port = metrics::free_port();
    let mut router = Router::new(port);
    let running = collect(folder.path(), port, metrics_port);
    router.send(10);
    common::wait_until("the flows", || {
        metrics::scraped(metrics_port, "toptalk_flows_total") == Some(10)
    });
    running.end(Signal::SIGTERM);
    // Its uptime is longer than before, and it has sent more.
    router.boot = router.boot.plus_ms(-36_000_000);
    router.send(500);
    let running = collect(folder.path(), port, metrics_port);
    router.send(3);
    common::wait_until("the flows", || {
        metrics::scraped(metrics_port, "toptalk_flows_total") == Some(3)
    });
    assert_eq!(metrics::scraped(metrics_port, "toptalk_missed_while_down"), Some(0));
    running.end(Signal::SIGTERM);
}
