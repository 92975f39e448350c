//! The ingest thread: drains sockets, decodes, records, publishes.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::LocalSet;

use super::socket::{Bound, Inbound};
use super::stats::{Published, Stats};
use crate::agg::Windows;
use crate::clock::Clock;
use crate::flow::{Flow, Host};
use crate::wire::Decoder;
use crate::wire::doubling::Doubling;

/// Datagrams read per wake before other sockets get their turn.
const DATAGRAMS_PER_WAKE: usize = 64;

/// Flows held at most before they are recorded: a datagram of tiny records can
/// have 16,000.
const FLOWS_PER_BATCH: usize = 4096;

/// Datagrams taken in at the end: what the largest buffer can hold.
const REST: usize = 100_000;

/// How often health is published.
const PUBLISH: Duration = Duration::from_millis(250);

/// Everything between a datagram and the windows.
struct Pipeline {
    decoder: Decoder,
    doubling: Doubling,
    windows: Arc<Windows>,
    flows: Vec<Flow>,
    stats: Stats,
    clock: Clock,
}

impl Pipeline {
    fn datagram(&mut self, sender: Host, bytes: &[u8]) {
        let now = self.clock.now();
        let report = self.decoder.decode(now, sender, bytes, &mut self.flows);
        self.stats.datagram(&report);
        if self.flows.len() >= FLOWS_PER_BATCH {
            self.record();
        }
    }

    /// Hands on what has been decoded, flows that came twice marked.
    fn record(&mut self) {
        if self.doubling.mark(&mut self.flows) > 0 {
            self.stats.doubled(&self.flows);
        }
        self.windows.record(&self.flows);
        self.flows.clear();
    }

    /// Records what has been decoded since `began` (microseconds).
    fn flush(&mut self, began: u64) {
        self.record();
        self.stats.batch(self.clock.micros().saturating_sub(began));
    }
}

/// Receives until `stopped` resolves or its sender is gone.
pub(super) async fn run(
    sockets: Vec<Bound>,
    windows: Arc<Windows>,
    clock: Clock,
    demo: Option<String>,
    published: Published,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let notes = sockets.iter().filter_map(|socket| socket.note.clone()).collect();
    let pipeline = Rc::new(RefCell::new(Pipeline {
        decoder: Decoder::new(),
        doubling: Doubling::default(),
        windows,
        flows: Vec::new(),
        stats: Stats::new(clock.now(), demo, notes),
        clock,
    }));
    let inbound: io::Result<Vec<_>> = sockets
        .into_iter()
        .map(|socket| Inbound::new(socket).map(|socket| Rc::new(RefCell::new(socket))))
        .collect();
    let inbound = inbound?;
    let publish = {
        let (pipeline, inbound) = (pipeline.clone(), inbound.clone());
        move || {
            let listeners =
                inbound.iter().map(|socket| socket.borrow().listener().clone()).collect();
            let Pipeline { stats, decoder, clock, .. } = &mut *pipeline.borrow_mut();
            published.write(stats.health(clock.now(), listeners, decoder));
        }
    };
    publish();
    let tasks = LocalSet::new();
    for socket in &inbound {
        tasks.spawn_local(receive(socket.clone(), pipeline.clone()));
    }
    let publishing = publish.clone();
    tasks.spawn_local(async move {
        let mut ticks = tokio::time::interval(PUBLISH);
        loop {
            ticks.tick().await;
            publishing();
        }
    });
    // An error means that the other end is gone: that is a stop, too.
    let _ = tasks.run_until(stopped).await;
    drop(tasks);
    for socket in &inbound {
        take_rest(&mut socket.borrow_mut(), &mut pipeline.borrow_mut());
    }
    publish();
    Ok(())
}

#[allow(clippy::await_holding_refcell_ref, reason = "only this task borrows it mutably")]
async fn receive(socket: Rc<RefCell<Inbound>>, pipeline: Rc<RefCell<Pipeline>>) {
    loop {
        let ready = socket.borrow().ready().await;
        if ready.is_err() {
            return;
        }
        {
            let mut pipeline = pipeline.borrow_mut();
            let began = pipeline.clock.micros();
            socket.borrow_mut().drain(DATAGRAMS_PER_WAKE, |sender, bytes| {
                pipeline.datagram(sender, bytes);
            });
            pipeline.flush(began);
        }
        tokio::task::yield_now().await;
    }
}

fn take_rest(socket: &mut Inbound, pipeline: &mut Pipeline) {
    let began = pipeline.clock.micros();
    socket.drain_rest(REST, |sender, bytes| {
        pipeline.datagram(sender, bytes);
    });
    pipeline.flush(began);
}
