//! IPFIX over TCP: good peers lose nothing, whatever other peers do.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;

use toptalk::agg::{Config, Windows};
use toptalk::clock::Clock;
use toptalk::flow::{Protocol, Time};
use toptalk::ingest::{Ingest, IngestConfig, Listen, StreamLimits};
use toptalk::snapshot::Health;
use toptalk::wire::Policy;
use toptalk::wire::encode::IpfixEncoder;

use super::uploads;
use crate::common::process::free_port;
use crate::common::wait_until;

/// A collector in this process.
struct Collector {
    ingest: Ingest,
    clock: Clock,
    port: u16,
}

impl Collector {
    fn start(streams: StreamLimits, policy: Policy) -> Collector {
        let clock = Clock::start();
        let port = free_port();
        let listen = Listen {
            address: Some(Ipv4Addr::LOCALHOST.into()),
            ports: vec![port],
            ..Listen::default()
        };
        let config = Config { started: clock.now(), ..Config::default() };
        let options = IngestConfig { streams, policy, ..IngestConfig::default() };
        let sockets = listen.open().unwrap();
        assert!(sockets.iter().all(|socket| !format!("{:?}", socket.note).contains("TCP")));
        let windows = Arc::new(Windows::new(config));
        let ingest = Ingest::start(sockets, windows, clock, options).unwrap();
        Collector { ingest, clock, port }
    }

    fn usual() -> Collector {
        Collector::start(StreamLimits::default(), Policy::default())
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    fn wait(&self, what: &str, done: impl Fn(&Health) -> bool) {
        let published = self.ingest.published();
        wait_until(what, || {
            let health = published.read();
            // No health has been published at first.
            !health.listeners.is_empty() && done(&health)
        });
    }

    fn stop(self) -> Health {
        self.ingest.stop().unwrap()
    }
}

fn dropped(health: &Health, cause: &str) -> u64 {
    health.dropped.iter().filter(|drop| drop.cause == cause).map(|drop| drop.count).sum()
}

/// Whether the other side closes the connection. It never sends data.
fn is_closed(mut stream: &TcpStream) -> bool {
    !matches!(stream.read(&mut [0]), Ok(1..))
}

#[test]
fn messages_arrive_whole_however_they_are_cut() {
    let collector = Collector::usual();
    let mut exporter = IpfixEncoder::new(1);
    let now = collector.now();
    let mut bytes = exporter.encode(now, &uploads(now, 5), true).concat();
    bytes.extend(exporter.encode(now, &uploads(now, 9), false).concat());
    let mut stream = collector.connect();
    stream.set_nodelay(true).unwrap();
    for byte in &bytes {
        stream.write_all(&[*byte]).unwrap();
    }
    let long: Vec<u8> =
        (0..200).flat_map(|_| exporter.encode(now, &uploads(now, 200), false)).flatten().collect();
    stream.write_all(&long).unwrap();
    drop(stream);
    // Data that was not read, or not even accepted, is still read at the end.
    collector
        .connect()
        .write_all(&IpfixEncoder::new(2).encode(now, &uploads(now, 3), true).concat())
        .unwrap();
    let health = collector.stop();
    assert_eq!(health.flows, 5 + 9 + 200 * 200 + 3);
    assert_eq!((health.lost(), &health.dropped[..]), (0, &[][..]));
    assert_eq!(health.exporters[0].protocol, Some(Protocol::Ipfix));
    assert!(health.listeners[0].connections.is_some());
}

#[test]
fn invalid_peers_are_closed_and_counted_and_good_ones_continue() {
    let limits = StreamLimits { per_peer: 100, ..StreamLimits::default() };
    let collector = Collector::start(limits, Policy::default());
    let now = collector.now();
    let mut exporter = IpfixEncoder::new(1);
    let mut good = collector.connect();
    good.write_all(&exporter.encode(now, &uploads(now, 1), true).concat()).unwrap();
    collector.wait("the good one", |health| health.flows == 1);

    let whole = IpfixEncoder::new(9).encode(now, &uploads(now, 7), true).concat();
    let silent = collector.connect();
    let mut half = collector.connect();
    half.write_all(&whole[..20]).unwrap();
    let mut bad: [&[u8]; 5] =
        [&[0, 10, 0, 0], &[0, 10, 0, 15], &[0, 9, 0, 40], b"GET / HTTP/1.1\r\n\r\n", &[0xff; 9000]];
    bad.sort();
    for bytes in bad {
        let mut stream = collector.connect();
        // The other side may close the connection during this write.
        let _ = stream.write_all(bytes);
        assert!(is_closed(&stream), "{bytes:?}");
    }
    drop(half);
    collector.wait("all of them", |health| {
        dropped(health, "tcp_bad_message") == 5 && dropped(health, "tcp_half_message") == 1
    });
    good.write_all(&exporter.encode(now, &uploads(now, 8), false).concat()).unwrap();
    collector.wait("more of the good one", |health| health.flows == 9);
    collector.wait("two connections", |health| health.listeners[0].connections == Some(2));
    drop(silent);
    let health = collector.stop();
    assert_eq!((health.flows, health.lost(), health.exporters.len()), (9, 0, 1));
}

#[test]
fn an_exporter_that_connects_again_loses_nothing() {
    let collector = Collector::usual();
    let now = collector.now();
    for round in 1..=5 {
        let mut exporter = IpfixEncoder::new(1);
        let mut stream = collector.connect();
        for _ in 0..4 {
            stream.write_all(&exporter.encode(now, &uploads(now, 10), true).concat()).unwrap();
        }
        collector.wait("its flows", |health| health.flows == round * 40);
        drop(stream);
        collector.wait("its end", |health| health.listeners[0].connections == Some(0));
    }
    let health = collector.stop();
    assert_eq!((health.flows, health.lost(), health.dropped.len()), (200, 0, 0));
    assert_eq!(health.exporters[0].restarts, 4);
    assert_eq!(health.exporters[0].detail.templates.first().map(|t| t.changes), Some(0));
}

#[test]
fn idle_connections_are_closed() {
    let limits = StreamLimits { message_ms: 200, idle_ms: 60_000, ..StreamLimits::default() };
    let collector = Collector::start(limits, Policy::default());
    let now = collector.now();
    let whole = IpfixEncoder::new(9).encode(now, &uploads(now, 7), true).concat();
    let mut good = collector.connect();
    good.write_all(&whole).unwrap();
    // One sends nothing, the other a byte now and then.
    let silent = collector.connect();
    let slow = collector.connect();
    for byte in whole.iter().cycle().take(whole.len() - 1) {
        let before = collector.clock.micros();
        if (&slow).write_all(&[*byte]).is_err() {
            break;
        }
        wait_until("5 ms", || collector.clock.micros() > before + 5_000);
    }
    assert!(is_closed(&silent) && is_closed(&slow));
    collector.wait("both", |health| dropped(health, "tcp_timeout") == 2);
    assert_eq!(collector.ingest.published().read().listeners[0].connections, Some(1));
    drop(good);
    let limits = StreamLimits { idle_ms: 200, ..StreamLimits::default() };
    let idle = Collector::start(limits, Policy::default());
    let mut stream = idle.connect();
    stream.write_all(&whole).unwrap();
    assert!(is_closed(&stream), "idle");
    assert_eq!(collector.stop().flows, 7);
    assert_eq!(idle.stop().flows, 7);
}

#[test]
fn connections_are_limited_and_refusals_counted() {
    let limits = StreamLimits { connections: 50, per_peer: 40, ..StreamLimits::default() };
    let collector = Collector::start(limits, Policy::default());
    let now = collector.now();
    let mut streams: Vec<TcpStream> = (0..40).map(|_| collector.connect()).collect();
    collector.wait("all of them", |health| health.listeners[0].connections == Some(40));
    for _ in 0..3 {
        assert!(is_closed(&collector.connect()));
    }
    for (domain, stream) in streams.iter_mut().enumerate() {
        let message =
            IpfixEncoder::new(domain as u32).encode(now, &uploads(now, 10), true).concat();
        stream.write_all(&message).unwrap();
    }
    collector.wait("all flows", |health| health.flows == 400);
    drop(streams);
    collector.wait("their end", |health| health.listeners[0].connections == Some(0));
    let mut again = collector.connect();
    again.write_all(&IpfixEncoder::new(0).encode(now, &uploads(now, 1), true).concat()).unwrap();
    collector.wait("one more", |health| health.flows == 401);
    let health = collector.stop();
    assert_eq!((dropped(&health, "tcp_refused"), health.lost()), (3, 0));

    let policy = Policy { allow: vec!["192.0.2.0/24".parse().unwrap()], ..Policy::default() };
    let collector = Collector::start(StreamLimits::default(), policy);
    assert!(is_closed(&collector.connect()));
    let health = collector.stop();
    assert_eq!((dropped(&health, "tcp_refused"), dropped(&health, "not_allowed")), (1, 0));
    assert_eq!(health.refused, [("127.0.0.1".parse().unwrap(), 1)]);
    assert_eq!(health.datagrams, 0);
}

#[test]
fn idle_connections_do_not_block_others() {
    let limits = StreamLimits { connections: 16, per_peer: 1000, ..StreamLimits::default() };
    let collector = Collector::start(limits, Policy::default());
    let now = collector.now();
    let mut good = collector.connect();
    let sent = |flows| IpfixEncoder::new(0).encode(now, &uploads(now, flows), true).concat();
    good.write_all(&sent(1)).unwrap();
    collector.wait("the first flow", |health| health.flows == 1);
    // Each begins a message and never ends it. Together they are too many.
    let slow: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = collector.connect();
            stream.write_all(&[0, 10]).unwrap();
            stream
        })
        .collect();
    collector.wait("their turns", |health| dropped(health, "tcp_refused") == 25);
    assert!(is_closed(&slow[0]), "the first of them made room");
    let mut newcomer = collector.connect();
    newcomer.write_all(&sent(10)).unwrap();
    collector.wait("a newcomer", |health| health.flows == 11);
    good.write_all(&sent(100)).unwrap();
    collector.wait("the one before", |health| health.flows == 111);
    let health = collector.stop();
    let named: Vec<_> = health.no_room.iter().map(|one| (one.cause.as_ref(), one.count)).collect();
    assert_eq!(named, [("tcp_refused", 26)], "{:?}", health.no_room);
}
