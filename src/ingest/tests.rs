//! Tests of panics, full queues and dead workers: they cost only the work at hand.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};

use super::catch_panic::POISON;
use super::dispatcher::Dispatcher;
use super::pipeline::Pipeline;
use super::stats::Stats;
use super::*;
use crate::flow::{FlowExtras, Host, Time};
use crate::snapshot::ExporterHealth;
use crate::wire::encode::{IpfixEncoder, V9Encoder};

/// `count` flows of one host.
fn flows(now: Time, host: u8, count: usize) -> Vec<Flow> {
    let flow = Flow {
        src: Host::octets(10, 0, 0, host),
        dst: Host::octets(203, 0, 113, 1),
        first: now.plus_ms(-2000),
        last: now.plus_ms(-1000),
        bytes: 100,
        packets: 1,
        ..Flow::EMPTY
    };
    (0..count).map(|n| Flow { sport: n as u16, ..flow }).collect()
}

fn count(health: &Health, cause: &str) -> u64 {
    health.dropped.iter().filter(|drop| drop.cause == cause).map(|drop| drop.count).sum()
}

/// A sender with its own address.
struct Router {
    socket: UdpSocket,
    port: u16,
    encoder: V9Encoder,
}

impl Router {
    fn new(last: u8, port: u16) -> Router {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, last), 0)).unwrap();
        Router { socket, port, encoder: V9Encoder::new(1) }
    }

    fn address(&self) -> Host {
        self.socket.local_addr().unwrap().ip().into()
    }

    fn send(&mut self, now: Time, flows: &[Flow], templates: bool, end: &[u8]) {
        for mut datagram in self.encoder.encode(now, now.plus_ms(-3_600_000), flows, templates) {
            datagram.extend_from_slice(end);
            self.socket.send_to(&datagram, (Ipv4Addr::LOCALHOST, self.port)).unwrap();
        }
    }
}

fn by_address(health: &Health) -> Vec<&ExporterHealth> {
    let mut list: Vec<_> = health.exporters.iter().collect();
    list.sort_by_key(|exporter| exporter.address);
    list
}

/// Three routers, two of which repeatedly send datagrams that panic.
fn send_panicking_datagrams(workers: usize) {
    let clock = Clock::start();
    let socket = BoundSocket::open(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
    let mut routers: Vec<Router> = (2..5).map(|last| Router::new(last, socket.port())).collect();
    let windows = Arc::new(Windows::new(crate::agg::Config::default()));
    let options = IngestConfig { workers: Workers::Exactly(workers), ..IngestConfig::default() };
    let ingest = Ingest::start(vec![socket], windows, clock, options).unwrap();
    for round in 0..20 {
        let now = clock.now();
        for (nth, router) in routers.iter_mut().enumerate() {
            // Templates are sent once. If a panic lost them, no later flow could be
            // decoded.
            router.send(now, &flows(now, 1, 3), round == 0, &[]);
            if nth < 2 {
                router.send(now, &flows(now, 2, 5), false, POISON);
            }
            router.send(now, &flows(now, 3, 2), false, &[]);
        }
    }
    let health = ingest.stop().unwrap();
    assert_eq!((health.flows, health.datagrams), (20 * 3 * 5, 20 * (3 * 2 + 2)));
    assert_eq!(count(&health, "worker_panic"), 40);
    assert_eq!(health.dropped.len(), 1, "{:?}", health.dropped);
    let exporters = by_address(&health);
    // The decoder had counted the lost flows before the panic.
    let sums = [200, 200, 100];
    for ((router, exporter), flows) in routers.iter().zip(&exporters).zip(sums) {
        assert_eq!(exporter.address, router.address());
        assert_eq!((exporter.flows, exporter.lost, exporter.restarts), (flows, 0, 0));
        assert!(exporter.templates > 0);
    }
    assert_eq!((exporters.len(), health.work.workers), (3, workers));
    let note = health.notes.iter().find(|note| note.contains("a defect in toptalk")).unwrap();
    assert!(note.starts_with("a datagram of 127.0.0."), "{note}");
    assert!(note.ends_with("please report it: poisoned [2J by a test"), "{note}");
}

#[test]
fn a_panic_costs_its_datagram() {
    send_panicking_datagrams(1);
}

#[test]
fn a_panic_in_a_worker_costs_its_datagram() {
    send_panicking_datagrams(3);
}

#[test]
fn a_panic_while_recording_costs_its_batch_and_is_counted() {
    let clock = Clock::start();
    let (now, recorded) = (clock.now(), Arc::new(Mutex::new(0)));
    let sum = recorded.clone();
    let sink = Box::new(move |flows: &[Flow], _: &[FlowExtras]| {
        assert!(flows.iter().all(|flow| flow.src != Host::octets(10, 0, 0, 13)), "unlucky");
        *sum.lock().unwrap() += flows.len();
    });
    let (policy, limits, same) = Default::default();
    let mut pipeline = Pipeline::new(policy, limits, clock, 1, same, sink);
    let mut exporter = IpfixEncoder::new(1);
    let mut take = |pipeline: &mut Pipeline, host, number| {
        for datagram in exporter.encode(now, &flows(now, host, number), true) {
            pipeline.datagram(now, Host::v4(1).into(), &datagram);
        }
    };
    for host in [1, 13, 2, 13, 3] {
        take(&mut pipeline, host, 10);
        pipeline.record();
    }
    let part = pipeline.part();
    assert_eq!((part.flows, *recorded.lock().unwrap()), (50, 30));
    assert_eq!(part.issues[IngestIssue::RecordPanic as usize], 20);
    let note = part.defect.unwrap().1;
    assert!(note.contains("10 flows may be missing") && note.ends_with(": unlucky"), "{note}");
    // Large batches are recorded without a call of `record`.
    for _ in 0..200 {
        take(&mut pipeline, 4, 100);
    }
    assert!(*recorded.lock().unwrap() >= 30 + 16_000);
    pipeline.record();
    assert_eq!(*recorded.lock().unwrap(), 30 + 20_000);
}

#[test]
fn a_dead_worker_is_reported() {
    /// Panics again when the panic of a flow is handled.
    struct PanicOnDrop;
    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            panic!("outside the guard");
        }
    }
    let clock = Clock::start();
    let socket = BoundSocket::open(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
    let mut router = Router::new(2, socket.port());
    // The payload of a panic is dropped outside of `guarded`.
    let sink = || {
        Box::new(|flows: &[Flow], _: &[FlowExtras]| {
            if !flows.is_empty() {
                std::panic::panic_any(PanicOnDrop);
            }
        }) as FlowSink
    };
    let options = IngestConfig { workers: Workers::Exactly(2), ..IngestConfig::default() };
    let ingest = Ingest::start_into(vec![socket], sink, clock, options).unwrap();
    let published = ingest.published();
    assert!(!published.has_ended());
    let now = clock.now();
    router.send(now, &flows(now, 1, 3), true, &[]);
    while !published.has_ended() {
        assert!(clock.micros() < 60_000_000);
        std::thread::yield_now();
    }
    // Collecting continues for the others, and stopping does not hang.
    router.send(now, &flows(now, 1, 3), true, &[]);
    let error = ingest.stop().unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
}

#[test]
fn a_full_queue_drops_and_counts_and_does_not_affect_others() {
    let clock = Clock::start();
    let (now, gate) = (clock.now(), Arc::new(Mutex::new(())));
    let slow = Host::octets(192, 0, 2, 1);
    // Recording a flow of this exporter waits for the lock.
    let guarded = gate.clone();
    let sink = move || {
        let gate = guarded.clone();
        Box::new(move |flows: &[Flow], _: &[FlowExtras]| {
            if flows.iter().any(|flow| flow.exporter == slow) {
                drop(gate.lock());
            }
        }) as FlowSink
    };
    let stats = Stats::new(now, None, Vec::new());
    let mut dispatcher = Dispatcher::new(
        MAX_WORKERS,
        IngestLimits::default(),
        Policy::default(),
        clock,
        stats,
        sink,
    );
    let elsewhere =
        |one: &Host| dispatcher.place(*one, MAX_WORKERS) != dispatcher.place(slow, MAX_WORKERS);
    let other = (2..=255).map(|last| Host::octets(192, 0, 2, last)).find(elsewhere).unwrap();
    dispatcher.start(&PublishedHealth::default()).unwrap();
    let mut encoder = IpfixEncoder::new(1);
    let first = encoder.encode(now, &flows(now, 1, 20), true);
    let more = encoder.encode(now, &flows(now, 1, 20), false);
    let closed = gate.lock().unwrap();
    let mut sent = 0;
    let others = first.len() as u64 + 100;
    for datagram in first {
        dispatcher.datagram(slow.into(), &datagram);
        dispatcher.datagram(other.into(), &datagram);
        sent += 1;
    }
    let dropped = |dispatcher: &Dispatcher| -> u64 {
        dispatcher.work().queues.iter().map(|queue| queue.dropped).sum()
    };
    while dropped(&dispatcher) < 1000 {
        assert!(clock.micros() < 60_000_000);
        for _ in 0..10 {
            dispatcher.datagram(slow.into(), &more[0]);
            sent += 1;
        }
        dispatcher.pause(clock.micros());
    }
    // Streams still have room, and the other exporter too.
    assert!(dispatcher.has_room(slow, 65_536));
    dispatcher.message(slow.into(), &more[0]);
    for _ in 0..100 {
        dispatcher.datagram(other.into(), &more[0]);
    }
    dispatcher.pause_stream(clock.micros());
    let queues = dispatcher.work().queues;
    assert!(queues.iter().all(|queue| queue.held <= queue.limit), "{queues:?}");
    let lost = dropped(&dispatcher);
    drop(closed);
    dispatcher.start_shutdown();
    // Now pushes wait for room.
    for _ in 0..20_000 {
        dispatcher.datagram(slow.into(), &more[0]);
    }
    dispatcher.end().unwrap();
    let (parts, work) = (dispatcher.parts(), dispatcher.work());
    let health = dispatcher.stats.health(Vec::new(), parts, work);
    assert_eq!((count(&health, "worker_queue"), health.dropped.len()), (lost, 1));
    let datagrams: Vec<u64> = by_address(&health).iter().map(|one| one.datagrams).collect();
    let mut expected = [(slow, sent + 1 + 20_000 - lost), (other, others)];
    expected.sort();
    assert_eq!(datagrams, expected.map(|one| one.1));
}

/// The exporters in the gathered state, repeated until all workers have answered.
fn gathered(dispatcher: &mut Dispatcher) -> Vec<String> {
    let clock = Clock::start();
    loop {
        if let Some((state, _)) = dispatcher.state() {
            return state.exporters.into_iter().map(|exporter| exporter.address).collect();
        }
        assert!(clock.micros() < 30_000_000, "the state of exporters is never gathered");
        std::thread::yield_now();
    }
}

#[test]
fn a_worker_that_died_does_not_keep_exporters_from_being_saved() {
    let clock = Clock::start();
    let stats = Stats::new(clock.now(), None, Vec::new());
    let sink = || -> super::pipeline::FlowSink { Box::new(|_: &[Flow], _: &[FlowExtras]| {}) };
    let mut dispatcher =
        Dispatcher::new(2, IngestLimits::default(), Policy::default(), clock, stats, sink);
    let published = PublishedHealth::default();
    let of = |place: usize, dispatcher: &Dispatcher| -> Vec<Host> {
        let all = (1..100).map(|last| Host::octets(192, 0, 2, last));
        all.filter(|host| dispatcher.place(*host, 2) == place).take(2).collect()
    };
    let (mut dying, mut living) = (of(0, &dispatcher), of(1, &dispatcher));
    let (late, lately) = (living.pop().unwrap(), dying.pop().unwrap());
    dispatcher.start(&published).unwrap();
    let hear = |dispatcher: &mut Dispatcher, host: Host| {
        let now = clock.now();
        for datagram in IpfixEncoder::new(1).encode(now, &flows(now, 1, 1), true) {
            dispatcher.datagram(host.into(), &datagram);
        }
        dispatcher.pause(clock.micros());
    };
    hear(&mut dispatcher, dying[0]);
    hear(&mut dispatcher, living[0]);
    let sorted = |hosts: &[Host]| {
        let mut names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    };
    let both = sorted(&[dying[0], living[0]]);
    let began = Clock::start();
    while gathered(&mut dispatcher) != both {
        assert!(began.micros() < 30_000_000, "not all that was heard is known");
    }
    dispatcher.lose_worker(0);
    hear(&mut dispatcher, late);
    hear(&mut dispatcher, lately);
    let all = sorted(&[dying[0], living[0], late]);
    let began = Clock::start();
    while gathered(&mut dispatcher) != all {
        assert!(began.micros() < 30_000_000, "what was heard since is not saved");
    }
    assert!(dispatcher.end().is_err(), "a worker has died");
    assert_eq!(gathered(&mut dispatcher), all, "also at the end");
}
