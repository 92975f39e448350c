//! A collector for measurements: it receives, decodes and keeps windows, and answers a screen's
//! view once a second, but has no screen.
//!
//! `collector --port 2055` prints on standard error when it listens. On SIGINT or SIGTERM
//! it reads what is
//! left in the kernel's buffer, and prints its counts and their cost as a line of JSON.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use hdrhistogram::Histogram;
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use toptalk::agg::{Config, DEFAULT_MAX_CONVERSATIONS, DEFAULT_MAX_HOSTS, MAX_LAG_MS, Windows};
use toptalk::clock::Clock;
use toptalk::ingest::{Ingest, IngestConfig, Listen, PublishedHealth};
use toptalk::snapshot::{DropCount, Health, Snapshot, Subject, View, Window};
use toptalk::source::{self, Local, ScreenChannels};

/// Interval at which counts are read.
const LOOK: Duration = Duration::from_millis(100);

/// Flows that began more than this many milliseconds before the collector are not in its
/// totals.
const BEFORE_MS: i64 = 600_000;

/// Collects flows and prints what that cost.
#[derive(Debug, Parser)]
struct Args {
    #[arg(long, default_value_t = 2055)]
    port: u16,
    /// Address to listen on
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST.into())]
    bind: IpAddr,
    #[arg(long, default_value_t = DEFAULT_MAX_HOSTS)]
    max_hosts: usize,
    #[arg(long, default_value_t = DEFAULT_MAX_CONVERSATIONS)]
    max_conversations: usize,
    /// Make no answers
    #[arg(long)]
    no_consumer: bool,
    /// Window of the view: 10s, 1m, 5m, 15m, 1h
    #[arg(long, default_value = "1m", value_parser = window)]
    window: Window,
    /// Rows of the view
    #[arg(long, default_value_t = 100)]
    rows: usize,
}

fn window(word: &str) -> Result<Window, String> {
    let known = Window::SLIDING.into_iter().find(|window| window.name() == word);
    known.ok_or_else(|| "expected 10s, 1m, 5m, 15m or 1h".to_owned())
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("collector: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> io::Result<Value> {
    let listen = Listen { address: Some(args.bind), ports: vec![args.port], ..Listen::default() };
    let sockets = listen.open().map_err(io::Error::other)?;
    let clock = Clock::start();
    let windows = Arc::new(Windows::new(Config {
        max_hosts: args.max_hosts,
        max_conversations: args.max_conversations,
        // So that the window of an hour contains all of every flow, even if it began before
        // the start.
        started: clock.now().plus_ms(-BEFORE_MS),
        ..Config::default()
    }));
    let ingest = Ingest::start(sockets, windows.clone(), clock, IngestConfig::default())?;
    let view = View {
        subject: Subject::Talkers,
        window: args.window,
        limit: args.rows,
        ..View::default()
    };
    let local = Local { windows, published: ingest.published(), clock };
    let ends =
        (!args.no_consumer).then(|| source::serve(local.clone(), view.clone())).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut watched = runtime.block_on(look_on(ingest.published(), ends, clock))?;
    let health = ingest.stop()?;
    watched.look(&health, cpu_seconds()?);
    // All of the last hour without lag: everything in the windows.
    let all = View { window: Window::Hour, ..view };
    let later = clock.now().plus_ms(MAX_LAG_MS + 4_000);
    let answer = local.windows.snapshot(&all, later, health.clone());
    Ok(report(&health, &answer, &watched))
}

/// User and system CPU time of this process.
fn cpu_seconds() -> io::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = [usage.user_time(), usage.system_time()];
    Ok(seconds.iter().map(|t| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6).sum())
}

/// Values read while it runs.
struct Watched {
    /// CPU time when the collector was ready, and when the last flow had been recorded.
    ready: f64,
    done: f64,
    datagrams: u64,
    /// When datagrams were first and last seen, in microseconds of the running clock.
    began: Option<u64>,
    ended: u64,
    /// Milliseconds from the start of an answer until it was received.
    answers: Histogram<u64>,
    clock: Clock,
}

impl Watched {
    /// Updates the values. Time counts up to the last datagram only.
    fn look(&mut self, health: &Health, cpu: f64) {
        if health.datagrams > self.datagrams {
            self.datagrams = health.datagrams;
            self.done = cpu;
            self.ended = self.clock.micros();
            self.began = self.began.or(Some(self.ended));
        }
    }

    fn answered(&mut self, snapshot: &Snapshot) {
        let late = self.clock.now().since(snapshot.captured_at);
        self.answers.saturating_record(late.max(0) as u64);
    }
}

/// Waits for a signal, and reads values meanwhile.
async fn look_on(
    published: PublishedHealth,
    ends: Option<ScreenChannels>,
    clock: Clock,
) -> io::Result<Watched> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut watched = Watched {
        ready: cpu_seconds()?,
        done: 0.0,
        datagrams: 0,
        began: None,
        ended: 0,
        answers: Histogram::new(3).map_err(io::Error::other)?,
        clock,
    };
    watched.done = watched.ready;
    eprintln!("listening");
    let mut answers = ends.as_ref().map(|ends| ends.snapshots.clone());
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = ticks.tick() => watched.look(&published.read(), cpu_seconds()?),
            Some(snapshot) = next(&mut answers) => watched.answered(&snapshot),
            _ = interrupted.recv() => return Ok(watched),
            _ = terminated.recv() => return Ok(watched),
        }
    }
}

/// The next answer; never returns if there are no answers.
async fn next(answers: &mut Option<watch::Receiver<Arc<Snapshot>>>) -> Option<Arc<Snapshot>> {
    let answers = answers.as_mut()?;
    answers.changed().await.ok()?;
    Some(answers.borrow_and_update().clone())
}

fn report(health: &Health, answer: &Snapshot, watched: &Watched) -> Value {
    let counts = |list: &[DropCount]| -> Map<String, Value> {
        list.iter().map(|line| (line.cause.to_string(), line.count.into())).collect()
    };
    let cpu = watched.done - watched.ready;
    let totals = answer.totals.sum();
    let seconds = watched.began.map_or(0, |began| watched.ended - began) as f64 / 1e6;
    json!({
        "flows": health.flows,
        "datagrams": health.datagrams,
        "kernel_drops": health.listeners.iter().map(|one| one.kernel_drops).sum::<u64>(),
        "dropped": counts(&answer.health.dropped),
        "noticed": counts(&answer.health.noticed),
        "lost": health.exporters.iter().map(|one| one.lost).sum::<u64>(),
        "exporters": health.exporters.len(),
        "buffer": health.listeners.first().map(|one| one.buffer_granted),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "cpu_seconds_per_million": cpu / (health.flows.max(1) as f64 / 1e6),
        "peak_rss_kb": peak_rss_kb(),
        "batch_p99_us": health.batch_p99_us,
        "answers": watched.answers.len(),
        "answer_ms": {
            "median": watched.answers.value_at_quantile(0.5),
            "p99": watched.answers.value_at_quantile(0.99),
            "max": watched.answers.max(),
        },
        "hour": {
            "flows": totals.flows,
            "bytes": totals.bytes,
            "hosts": answer.uploaders.count.max(answer.downloaders.count),
        },
    })
}

/// Peak memory of this process in kB; 0 if it is not known.
fn peak_rss_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
