//! One flood from start to end.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use toptalk::clock::Clock;

use crate::Args;
use crate::collector::{Asker, Collector};
use crate::floods::Flood;
use crate::good::{self, Sent};

/// How long the good exporters send before the flood.
const BEFORE: Duration = Duration::from_secs(6);
/// How long the good exporters send after the flood.
const AFTER: Duration = Duration::from_secs(4);

/// Interval at which the window is read.
const LOOK: Duration = Duration::from_millis(500);

/// How long to wait for the good flows to be shown. Flows that are not shown then are lost.
const SHOWN: Duration = Duration::from_secs(20);

/// The heading of the table.
pub const TITLE: &str = "flood        |   rate/s |  datagrams | good sent | recorded | in top | newcomers sent | recorded | longest pause | memory before/peak/after MB | ended";

/// The results of a flood.
#[derive(Debug)]
pub struct Row {
    flood: Flood,
    rate: f64,
    datagrams: u64,
    sent: Sent,
    recorded: Sent,
    shown: u64,
    /// The longest time in seconds for which the window did not move.
    pause: f64,
    before_kb: u64,
    peak_kb: u64,
    after_kb: u64,
    /// Whether the collector ended by itself with success.
    ended: bool,
}

impl Row {
    /// Whether the good exporters lost nothing.
    pub fn is_whole(&self) -> bool {
        let Sent { known, newcomers } = self.sent;
        let recorded = (self.recorded.known, self.recorded.newcomers);
        self.ended && recorded == (known, newcomers) && self.shown == known + newcomers
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |kb: u64| kb / 1000;
        write!(
            f,
            "{:12} | {:8.0} | {:10} | {:9} | {:8} | {:6} | {:14} | {:8} | {:11.1} s | {:27} | {}",
            self.flood.name(),
            self.rate,
            self.datagrams,
            self.sent.known,
            self.recorded.known,
            self.shown,
            self.sent.newcomers,
            self.recorded.newcomers,
            self.pause,
            format!("{} / {} / {}", mb(self.before_kb), mb(self.peak_kb), mb(self.after_kb)),
            if self.ended { "well" } else { "BADLY" },
        )
    }
}

/// Flags between the threads.
#[derive(Default)]
struct Phase {
    /// The flood has had time to fill the pools.
    flooded: AtomicBool,
    /// The flood is over.
    calm: AtomicBool,
    /// The good exporters have finished.
    done: AtomicBool,
}

/// Runs one flood against a new collector.
pub fn one(args: &Args, program: &Path, flood: Flood) -> io::Result<Row> {
    let mut collector = Collector::start(program, args.port, args.buffer)?;
    let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, args.port);
    let phase = Phase::default();
    let asker = collector.asker();
    let mut before_kb = 0;
    let (sent, datagrams, pause) = std::thread::scope(|scope| {
        let good = scope.spawn(|| good::send(to, &phase.flooded, &phase.done));
        let pause = scope.spawn(|| longest_pause(&asker, &phase.done));
        std::thread::sleep(BEFORE);
        before_kb = asker.memory_kb("VmRSS");
        let strangers = scope.spawn(|| flood.run(to, args.times, &phase.calm));
        let two_thirds = Duration::from_secs(args.seconds) * 2 / 3;
        std::thread::sleep(two_thirds);
        phase.flooded.store(true, Ordering::Relaxed);
        std::thread::sleep(Duration::from_secs(args.seconds) - two_thirds);
        phase.calm.store(true, Ordering::Relaxed);
        let datagrams = strangers.join();
        std::thread::sleep(AFTER);
        phase.done.store(true, Ordering::Relaxed);
        (good.join(), datagrams, pause.join())
    });
    let failed = |_| io::Error::other("a thread of this program panicked");
    let sent = sent.map_err(failed)??;
    let shown = shown(&asker, sent.known + sent.newcomers);
    let peak_kb = asker.memory_kb("VmHWM");
    let after_kb = asker.memory_kb("VmRSS");
    let ended = collector.stop()?;
    let recorded = Sent {
        known: collector.recorded(&good::filter(&[1]))?,
        newcomers: collector.recorded(&good::filter(&[2]))?,
    };
    Ok(Row {
        flood,
        rate: flood.rate() * args.times,
        datagrams: datagrams.map_err(failed)??,
        sent,
        recorded,
        shown,
        pause: pause.map_err(failed)?,
        before_kb,
        peak_kb,
        after_kb,
        ended,
    })
}

/// Reads the window until the good exporters have finished. Returns the longest time in seconds for
/// which it did not move.
fn longest_pause(asker: &Asker, done: &AtomicBool) -> f64 {
    let clock = Clock::start();
    let seconds = || clock.micros() as f64 / 1e6;
    let (mut end, mut since, mut longest) = (Value::Null, seconds(), 0.0f64);
    while !done.load(Ordering::Relaxed) {
        let answer = asker.top("1m", "any");
        let seen = answer.map_or(Value::Null, |mut answer| answer["window"]["end"].take());
        if seen != end && seen != Value::Null {
            (end, since) = (seen, seconds());
        }
        longest = longest.max(seconds() - since);
        std::thread::sleep(LOOK);
    }
    longest
}

/// Number of good flows that `top` shows in five minutes, when all are there or none can
/// follow.
fn shown(asker: &Asker, wanted: u64) -> u64 {
    let clock = Clock::start();
    loop {
        let answer = asker.top("5m", &good::filter(&[1, 2])).unwrap_or(Value::Null);
        let of = |class: &str| answer["totals"][class]["flows"].as_u64().unwrap_or(0);
        let shown = ["up", "down", "internal", "transit"].into_iter().map(of).sum();
        if shown >= wanted || u128::from(clock.micros()) > SHOWN.as_micros() {
            return shown;
        }
        std::thread::sleep(LOOK);
    }
}
