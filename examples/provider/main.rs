//! A provider's traffic in simulated time: without sockets, an hour takes about a minute.
//!
//! `provider` records a million hosts and four million conversations, each of them active
//! in at most three panes of
//! two seconds. `provider --spoof 10000000 --hosts 100000 --minutes 10` adds a flood of
//! forged sources to a site and
//! checks the site's top hosts. Both request answers about once a second of real time
//! meanwhile, and check
//! them at the end.

#[path = "../../benches/common/mod.rs"]
mod common;
mod feed;
mod verdict;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use clap::Parser;
use hdrhistogram::Histogram;
use toptalk::agg::{Config, DEFAULT_MAX_CONVERSATIONS, DEFAULT_MAX_HOSTS, Windows};
use toptalk::clock::Clock;
use toptalk::flow::Time;
use toptalk::snapshot::{Health, Snapshot, View, Window};

use common::site::{MAX_CONVERSATIONS, MAX_HOSTS, MAX_SPOOFED_LOCAL};
use common::{START, Shape};
use feed::{Feed, PANE_MS};

/// Interval of requests in real time.
const ASK: Duration = Duration::from_secs(1);

/// Number of rows of the answers that are timed.
const ROWS: usize = 100;

/// The windows of a provider, in simulated time.
#[derive(Debug, Parser)]
pub struct Args {
    /// Local hosts
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=MAX_HOSTS))]
    hosts: u64,
    /// Conversations, at least as many as hosts
    #[arg(long, default_value_t = 4_000_000, value_parser = clap::value_parser!(u64).range(1..=MAX_CONVERSATIONS))]
    conversations: u64,
    /// Simulated time; at most the hour that windows store
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=60))]
    minutes: u64,
    /// In simulated time; the flood of --spoof is added
    #[arg(long, default_value_t = 20_000)]
    flows_per_second: u64,
    /// Exponent of Zipf's law, which determines how busy hosts are
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    zipf: f64,
    #[arg(long, value_enum, default_value_t = Shape::Mixed)]
    shape: Shape,
    /// Flows in one call
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    batch: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Maximum number of rows [default: all; with --spoof the default of toptalk]
    #[arg(long)]
    max_hosts: Option<usize>,
    #[arg(long)]
    max_conversations: Option<usize>,
    /// Add a flood of this many forged sources, one small flow each
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=MAX_SPOOFED_LOCAL))]
    spoof: u64,
    /// They are inside the local network instead of outside
    #[arg(long)]
    spoof_local: bool,
}

impl Args {
    fn config(&self) -> Config {
        let all = |count: u64, usual| if self.spoof > 0 { usual } else { count as usize };
        let hosts = all(self.hosts, DEFAULT_MAX_HOSTS);
        let conversations = all(self.conversations, DEFAULT_MAX_CONVERSATIONS);
        Config {
            max_hosts: self.max_hosts.unwrap_or(hosts),
            max_conversations: self.max_conversations.unwrap_or(conversations),
            started: Time(START),
            ..Config::default()
        }
    }

    fn end(&self) -> Time {
        Time(START + self.minutes as i64 * 60_000)
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.hosts > args.conversations {
        eprintln!("provider: --conversations must be at least --hosts");
        return ExitCode::from(2);
    }
    let mut feed = Feed::new(&args);
    let before = memory();
    let config = args.config();
    println!(
        "{} hosts, {} conversations, {} minutes of {} flows/s, {} made-up sources{}; \
         room for {} and {} rows",
        args.hosts,
        args.conversations,
        args.minutes,
        args.flows_per_second,
        args.spoof,
        if args.spoof_local { " inside" } else { "" },
        config.max_hosts,
        config.max_conversations,
    );
    let windows = Arc::new(Windows::new(config));
    let shared = Arc::new(Shared { now: AtomicI64::new(START), over: AtomicBool::new(false) });
    let asking = {
        let (windows, shared) = (windows.clone(), shared.clone());
        std::thread::spawn(move || ask(&windows, &shared))
    };
    let written = write(&args, &windows, &mut feed, &shared);
    shared.over.store(true, Ordering::Relaxed);
    let Ok(asked) = asking.join() else {
        eprintln!("provider: the thread that asks panicked");
        return ExitCode::FAILURE;
    };
    let after = memory();
    print_times(&written, &asked);
    verdict::print_memory(before, &written.course, after);
    verdict::print(&args, &windows, &feed)
}

/// State that both threads share.
struct Shared {
    /// Simulated time.
    now: AtomicI64,
    over: AtomicBool,
}

/// Times of a call of `Windows::record` in microseconds, and of all calls.
struct Written {
    pauses: Histogram<u64>,
    micros: u64,
    flows: u64,
    /// Memory after every tenth of the time.
    course: Vec<Memory>,
}

fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 600_000_000, 3)
        .unwrap_or_else(|error| panic!("a histogram of ten minutes: {error}"));
    histogram.auto(true);
    histogram
}

/// Records flows as fast as the windows take them.
fn write(args: &Args, windows: &Windows, feed: &mut Feed, shared: &Shared) -> Written {
    let clock = Clock::start();
    let mut written = Written { pauses: histogram(), micros: 0, flows: 0, course: Vec::new() };
    let panes = feed.panes();
    let mut flows = Vec::new();
    for pane in 0..panes {
        feed.pane(pane, &mut flows);
        for batch in flows.chunks(args.batch as usize) {
            let now = batch.last().map_or(Time(0), |flow| flow.arrival);
            shared.now.store(now.0, Ordering::Relaxed);
            let began = clock.micros();
            windows.record(batch);
            let took = clock.micros() - began;
            written.pauses.saturating_record(took);
            written.micros += took;
        }
        written.flows += flows.len() as u64;
        if (pane + 1) * 10 / panes > pane * 10 / panes {
            written.course.push(memory());
            let (seconds, tenths) = (clock.micros() / 1_000_000, written.course.len());
            eprintln!("{tenths}/10 after {seconds} s");
        }
    }
    shared.now.store(START + panes as i64 * PANE_MS, Ordering::Relaxed);
    written
}

/// Times of answers in microseconds: the hour every second, then each window in turn, and
/// the limits.
struct Asked {
    hour: Histogram<u64>,
    windows: Vec<(Window, Histogram<u64>)>,
    watch: Histogram<u64>,
}

/// Requests what a screen requests, until the feed ends.
fn ask(windows: &Windows, shared: &Shared) -> Asked {
    let clock = Clock::start();
    let mut asked = Asked {
        hour: histogram(),
        windows: Window::SLIDING.map(|window| (window, histogram())).into(),
        watch: histogram(),
    };
    let timed = |histogram: &mut Histogram<u64>, work: &mut dyn FnMut()| {
        let began = clock.micros();
        work();
        histogram.saturating_record(clock.micros() - began);
    };
    for turn in 0.. {
        if shared.over.load(Ordering::Relaxed) {
            break;
        }
        let due = clock.micros() + ASK.as_micros() as u64;
        let now = || Time(shared.now.load(Ordering::Relaxed));
        timed(&mut asked.watch, &mut || windows.watch(now()));
        timed(&mut asked.hour, &mut || {
            answer(windows, Window::Hour, ROWS, now());
        });
        let of = asked.windows.len();
        let (window, histogram) = &mut asked.windows[turn % of];
        timed(histogram, &mut || {
            answer(windows, *window, ROWS, now());
        });
        let left = due.saturating_sub(clock.micros());
        std::thread::sleep(Duration::from_micros(left));
    }
    asked
}

/// The top talkers of a window.
fn answer(windows: &Windows, window: Window, limit: usize, now: Time) -> Snapshot {
    windows.snapshot(&View { window, limit, ..View::default() }, now, Health::default())
}

fn print_times(written: &Written, asked: &Asked) {
    println!(
        "record: {} flows, {:.0} ns per flow",
        written.flows,
        written.micros as f64 * 1e3 / written.flows.max(1) as f64
    );
    let ms = |micros: u64| micros as f64 / 1e3;
    let at = |quantile| ms(written.pauses.value_at_quantile(quantile));
    println!(
        "one call of record, ms: p50 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2} ({} calls)",
        at(0.5),
        at(0.99),
        at(0.999),
        ms(written.pauses.max()),
        written.pauses.len()
    );
    let line = |name: &str, times: &Histogram<u64>| {
        let (median, max) = (ms(times.value_at_quantile(0.5)), ms(times.max()));
        println!("{name}, ms: median {median:.1}, max {max:.1} ({} times)", times.len());
    };
    line("snapshot of 1h, every second", &asked.hour);
    for (window, times) in &asked.windows {
        line(&format!("snapshot after a switch to {}", window.name()), times);
    }
    line("watch", &asked.watch);
}

/// Resident memory in MB: current and peak.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    pub now: f64,
    pub peak: f64,
}

fn memory() -> Memory {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kb.unwrap_or(0.0) / 1e3
    };
    Memory { now: field("VmRSS:"), peak: field("VmHWM:") }
}
