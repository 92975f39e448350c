//! Several workers give the same figures as one, in the order in which each exporter sent.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;

use crate::common::process::free_port;
use crate::common::sets::{Datagram, Spec, iana};
use crate::common::wait_until;
use toptalk::agg::{Config, Windows};
use toptalk::clock::Clock;
use toptalk::flow::{Flow, Host, Time};
use toptalk::ingest::{Ingest, IngestConfig, Listen, Workers};
use toptalk::snapshot::{Health, Subject, View, Window};
use toptalk::wire::encode::{IpfixEncoder, V5Encoder, V9Encoder};

/// Last bytes of the routers' addresses, and of the hosts behind them.
const ROUTERS: std::ops::Range<u8> = 2..9;

/// A collector in this process.
struct Collector {
    ingest: Ingest,
    windows: Arc<Windows>,
    clock: Clock,
    port: u16,
}

impl Collector {
    fn start(port: u16, workers: usize, state: Option<PathBuf>) -> Collector {
        let clock = Clock::start();
        let listen = Listen {
            address: Some(Ipv4Addr::LOCALHOST.into()),
            ports: vec![port],
            ..Listen::default()
        };
        let config = Config { started: clock.now(), keep_all: true, ..Config::default() };
        let windows = Arc::new(Windows::new(config));
        let workers = Workers::Exactly(workers);
        let options = IngestConfig { workers, state, ..IngestConfig::default() };
        let sockets = listen.open().unwrap();
        let ingest = Ingest::start(sockets, windows.clone(), clock, options).unwrap();
        Collector { ingest, windows, clock, port }
    }

    fn send(&self, from: &UdpSocket, datagrams: &[Vec<u8>]) {
        for datagram in datagrams {
            from.send_to(datagram, (Ipv4Addr::LOCALHOST, self.port)).unwrap();
        }
    }

    /// Waits until this many datagrams have been decoded, so that the kernel's buffer never
    /// fills.
    fn wait_for(&self, datagrams: u64) {
        let published = self.ingest.published();
        wait_until("the datagrams", || published.read().datagrams >= datagrams);
    }

    /// The health at the end, and the bytes sent by the host behind each router.
    fn stop(self) -> (Health, Vec<u64>) {
        let now = self.clock.now();
        let health = self.ingest.stop().unwrap();
        let view = view();
        let snapshot = self.windows.snapshot(&view, now, Health::default());
        let bytes = |last| {
            let rows = &snapshot.hosts.rows;
            let row = rows.iter().find(|row| row.host == Host::octets(10, 0, 0, last));
            row.map_or(0, |row| row.traffic.up.bytes)
        };
        (health, ROUTERS.map(bytes).collect())
    }
}

/// All hosts over all time.
fn view() -> View {
    let subject = Subject::Line;
    View { window: Window::All, subject, limit: usize::MAX, ..View::default() }
}

fn router(last: u8) -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::new(127, 0, 0, last), 0)).unwrap()
}

/// Uploads of the host behind a router, `100 + last` bytes each.
fn uploads(now: Time, last: u8, count: u16) -> Vec<Flow> {
    let flow = |n: u16| Flow {
        src: Host::octets(10, 0, 0, last),
        dst: Host::octets(203, 0, 113, 1),
        first: now.plus_ms(-3000),
        last: now.plus_ms(-1000),
        packets: 1,
        bytes: 100 + u64::from(last),
        sport: n,
        dport: 443,
        proto: 6,
        ..Flow::EMPTY
    };
    (0..count).map(flow).collect()
}

fn causes(health: &Health) -> Vec<(&str, u64)> {
    health
        .dropped
        .iter()
        .chain(&health.noticed)
        .map(|drop| (drop.cause.as_ref(), drop.count))
        .collect()
}

/// Datagrams of a router of one of three kinds: ten with five flows each.
fn sent(now: Time, last: u8) -> Vec<Vec<u8>> {
    let boot = now.plus_ms(-3_600_000);
    let (mut v5, mut v9) = (V5Encoder::new(0, 0), V9Encoder::new(1));
    let mut ipfix = IpfixEncoder::new(1);
    let round = |round: u16| {
        let mut flows = uploads(now, last, 5);
        flows.iter_mut().for_each(|flow| flow.sport += 5 * round);
        match last % 3 {
            0 => v5.encode(now, boot, &flows),
            1 => v9.encode(now, boot, &flows, round == 0),
            _ => ipfix.encode(now, &flows, round == 0),
        }
    };
    (0..10).flat_map(round).collect()
}

#[test]
fn any_number_of_workers_gives_the_same_answer() {
    let mut answers = Vec::new();
    for workers in [1, 2, 4] {
        let collector = Collector::start(free_port(), workers, None);
        let now = collector.clock.now();
        let sockets: Vec<_> = ROUTERS.map(|last| (router(last), sent(now, last))).collect();
        let most = sockets.iter().map(|(_, sent)| sent.len()).max().unwrap();
        for round in 0..most {
            for (socket, sent) in &sockets {
                collector.send(socket, sent.get(round..=round).unwrap_or(&[]));
            }
        }
        let count: usize = sockets.iter().map(|(_, sent)| sent.len()).sum();
        collector.wait_for(count as u64);
        let (health, bytes) = collector.stop();
        assert_eq!((health.flows, health.datagrams), (7 * 50, count as u64));
        assert_eq!(causes(&health), []);
        assert_eq!(health.work.workers, workers);
        let mut list: Vec<_> = health.exporters.iter().collect();
        list.sort_by_key(|exporter| exporter.address);
        let counts: Vec<_> = list
            .iter()
            .map(|one| (one.address, one.protocol, one.datagrams, one.flows, one.lost))
            .collect();
        assert!(list.iter().all(|one| (one.flows, one.lost, one.restarts) == (50, 0, 0)));
        answers.push((counts, bytes));
    }
    let bytes: Vec<u64> = ROUTERS.map(|last| 50 * (100 + u64::from(last))).collect();
    assert_eq!(answers[0].1, bytes);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

/// Source, destination and bytes.
const SHAPE: [Spec; 3] = [iana(8, 4), iana(12, 4), iana(1, 4)];
/// The same fields in another order.
const OTHER: [Spec; 3] = [iana(1, 4), iana(8, 4), iana(12, 4)];

#[test]
fn a_template_applies_from_its_position_in_the_stream() {
    for workers in [1, 3] {
        let collector = Collector::start(free_port(), workers, None);
        let seconds = (collector.clock.now().0 / 1000) as u32;
        let sockets: Vec<_> = ROUTERS.map(|last| (router(last), last)).collect();
        let mut count = 0;
        for round in 0..30 {
            // One router changes its template continuously, in separate datagrams.
            for (socket, last) in &sockets {
                let (src, dst) = ([10, 0, 0, *last], [203, 0, 113, 1]);
                let bytes = 1000 + u32::from(*last);
                let (shape, record) = if round % 2 == 0 {
                    (&SHAPE, [src, dst, bytes.to_be_bytes()].concat())
                } else {
                    (&OTHER, [bytes.to_be_bytes(), src, dst].concat())
                };
                let template = Datagram::ipfix(1, seconds, round).template(256, shape).bytes();
                let data = Datagram::ipfix(1, seconds, round).set(256, &record).bytes();
                collector.send(socket, &[template, data]);
                count += 2;
            }
            if round % 5 == 4 {
                collector.wait_for(count);
            }
        }
        let (health, bytes) = collector.stop();
        let expected: Vec<u64> = ROUTERS.map(|last| 30 * (1000 + u64::from(last))).collect();
        assert_eq!(bytes, expected, "{workers} workers");
        let changed = 7 * 29;
        assert_eq!(causes(&health), [("template_changed", changed), ("no_times", 7 * 30)]);
        assert!(health.exporters.iter().all(|exporter| exporter.lost == 0));
    }
}

/// Number of exporters in the file.
fn remembered(path: &PathBuf) -> usize {
    let text = std::fs::read(path).unwrap_or_default();
    let memory: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    memory["exporters"].as_array().map_or(0, Vec::len)
}

#[test]
fn saved_state_is_independent_of_the_number_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    let (port, state) = (free_port(), Some(folder.path().to_owned()));
    let file = folder.path().join(format!("exporters-127.0.0.1-{port}.json"));
    let sockets: Vec<_> = ROUTERS.map(|last| (router(last), last)).collect();
    let mut encoders: Vec<_> = ROUTERS.map(|_| V9Encoder::new(1)).collect();
    let mut send = |collector: &Collector, count, templates| {
        let now = collector.clock.now();
        for ((socket, last), encoder) in sockets.iter().zip(&mut encoders) {
            let boot = now.plus_ms(-3_600_000);
            let flows = uploads(now, *last, count);
            collector.send(socket, &encoder.encode(now, boot, &flows, templates));
        }
    };
    let collector = Collector::start(port, 4, state.clone());
    send(&collector, 0, true);
    // The state is also saved while it runs, so that a kill loses nothing.
    wait_until("the file", || remembered(&file) == ROUTERS.len());
    std::fs::remove_file(&file).unwrap();
    let (health, _) = collector.stop();
    assert_eq!((health.flows, remembered(&file)), (0, ROUTERS.len()));
    for workers in [2, 1, 3] {
        let collector = Collector::start(port, workers, state.clone());
        send(&collector, 6, false);
        let (health, bytes) = collector.stop();
        let expected: Vec<u64> = ROUTERS.map(|last| 6 * (100 + u64::from(last))).collect();
        assert_eq!((causes(&health), bytes), (vec![], expected), "{workers} workers");
        assert!(health.exporters.iter().all(|one| one.remembered > 0 && one.flows == 6));
        assert_eq!((health.notes.len(), remembered(&file)), (notes(&health), ROUTERS.len()));
    }
}

/// Number of notes about the receive buffer, which differ between machines.
fn notes(health: &Health) -> usize {
    health.notes.iter().filter(|note| note.contains("receive buffer")).count()
}

/// A connection from a given address.
fn connect(last: u8, port: u16) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0))).unwrap();
        socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap()
    });
    let stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

#[test]
fn streams_are_cut_and_decoded_by_workers() {
    let collector = Collector::start(free_port(), 3, None);
    let now = collector.clock.now();
    for connection in 0..2 {
        for last in ROUTERS {
            let mut stream = connect(last, collector.port);
            // Each connection has new sequence numbers and sends its templates once.
            let mut exporter = IpfixEncoder::new(1);
            for round in 0..20 {
                // Flows of another connection are others: equal ones would be duplicates.
                let other = |flow| Flow { sport: 40_000 + connection as u16, ..flow };
                let flows: Vec<Flow> = uploads(now, last, 100).into_iter().map(other).collect();
                let messages = exporter.encode(now, &flows, round == 0);
                stream.write_all(&messages.concat()).unwrap();
            }
            if connection == 0 && last % 2 == 0 {
                // Nothing is lost when it ends within a message.
                stream.write_all(&[0, 10, 0, 99]).unwrap();
            }
        }
        let flows = 7 * 20 * 100 * (connection + 1);
        let published = collector.ingest.published();
        wait_until("the flows", || published.read().flows == flows);
    }
    let (health, bytes) = collector.stop();
    assert_eq!(causes(&health), [("tcp_half_message", 4)]);
    let expected: Vec<u64> = ROUTERS.map(|last| 2 * 20 * 100 * (100 + u64::from(last))).collect();
    assert_eq!(bytes, expected);
    assert!(health.exporters.iter().all(|one| (one.flows, one.lost) == (4000, 0)));
}

#[test]
fn a_flow_is_recorded_without_further_datagrams() {
    for workers in [1, 2] {
        let collector = Collector::start(free_port(), workers, None);
        let now = collector.clock.now();
        collector.send(&router(2), &V5Encoder::new(0, 0).encode(now, now, &uploads(now, 2, 1)));
        let view = view();
        wait_until("the row", || {
            let snapshot = collector.windows.snapshot(&view, now, Health::default());
            snapshot.hosts.rows.iter().any(|row| row.traffic.up.bytes == 102)
        });
        assert_eq!(collector.stop().0.flows, 1);
    }
}
