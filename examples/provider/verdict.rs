//! Checks that the windows' answers are correct.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::process::ExitCode;

use toptalk::agg::Windows;
use toptalk::flow::{Host, Time};
use toptalk::snapshot::{
    Counters, Health, HostRow, Ranking, Snapshot, Subject, UpDown, View, Window,
};

use crate::feed::{Feed, PANE_MS, Sum};
use crate::{Args, Memory, answer};

/// Number of busiest hosts that are compared.
const TOP: usize = 1_000;

/// Number of busiest hosts whose conversations are counted.
const COUNTED: usize = 20;

pub fn print_memory(before: Memory, course: &[Memory], after: Memory) {
    println!(
        "memory, MB: {:.0} before the windows, {:.0} after, {:.0} at most: {:.0} for the windows",
        before.now,
        after.now,
        after.peak,
        after.peak - before.now,
    );
    let course: Vec<String> = course.iter().map(|one| format!("{:.0}", one.now)).collect();
    println!("memory after each tenth of the time, MB: {}", course.join(" "));
}

/// Compares the hour with the recorded flows. Wrong totals are a failure; missing rows are
/// only reported.
pub fn print(args: &Args, windows: &Windows, feed: &Feed) -> ExitCode {
    // Windows end some lag before now: the hour is requested when all flows are in it, and
    // before any has left it.
    let end = args.end();
    let lag = end.since(answer(windows, Window::Hour, TOP, end).span.end);
    let now = end.plus_ms(lag + PANE_MS);
    let snapshot = answer(windows, Window::Hour, TOP, now);
    println!(
        "rows: {} uploaders, {} downloaders; untracked at most {} bytes per host, {} per conversation",
        snapshot.uploaders.count,
        snapshot.downloaders.count,
        snapshot.untracked.host,
        snapshot.untracked.conversation,
    );
    for line in &snapshot.health.dropped {
        println!("dropped: {} {}", line.count, line.cause);
    }
    let right = [
        same("up", feed.up, snapshot.totals.up),
        same("down", feed.down, snapshot.totals.down),
        lawful("uploaders", &snapshot.uploaders),
        lawful("downloaders", &snapshot.downloaders),
    ];
    compare("uploaders", feed, &snapshot, 0);
    compare("downloaders", feed, &snapshot, 1);
    count_conversations(windows, feed, now);
    if right.iter().all(|right| *right) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether the total of a class is that of the recorded flows.
fn same(name: &str, fed: Sum, total: Counters) -> bool {
    let got = Sum { bytes: total.bytes, packets: total.packets, flows: total.flows };
    if got == fed {
        println!("total {name}: exact, {} flows, {} bytes", fed.flows, fed.bytes);
    } else {
        println!("total {name}: WRONG, fed {fed:?}, answered {got:?}");
    }
    got == fed
}

/// Whether total = rows + others, in the table's direction.
fn lawful(name: &str, table: &Ranking<HostRow>) -> bool {
    let own = |both: UpDown| if name == "uploaders" { both.up } else { both.down };
    let rows = table.rows.iter().fold(Counters::default(), |sum, row| sum + own(row.traffic));
    let right = rows + own(table.others) == own(table.total);
    println!("{name}: total = rows + others {}", if right { "holds" } else { "is BROKEN" });
    right
}

/// How many of the true top hosts are in the answer.
fn compare(name: &str, feed: &Feed, snapshot: &Snapshot, way: usize) {
    let table = if way == 0 { &snapshot.uploaders } else { &snapshot.downloaders };
    let rows: HashMap<Host, &HostRow> = table.rows.iter().map(|row| (row.host, row)).collect();
    let mut truth: Vec<usize> =
        (0..feed.hosts.len()).filter(|host| feed.hosts[*host][way] > 0).collect();
    truth.sort_by_key(|host| (Reverse(feed.hosts[*host][way]), *host));
    truth.truncate(TOP);
    let (mut present, mut exact, mut beyond, mut worst) = (0, 0, 0, 0f64);
    for host in &truth {
        let bytes = feed.hosts[*host];
        let Some(row) = rows.get(&feed.address(*host)) else { continue };
        let got = if way == 0 { row.traffic.up.bytes } else { row.traffic.down.bytes };
        present += 1;
        exact += usize::from(got == bytes[way]);
        worst = worst.max(got.abs_diff(bytes[way]) as f64 / bytes[way] as f64);
        let all = row.traffic.sum().bytes;
        let within = (all..=all.saturating_add(row.missing)).contains(&(bytes[0] + bytes[1]));
        beyond += usize::from(!within);
    }
    println!(
        "{name}: {present} of the true top {} are in the answer's, {exact} exact, largest \
         relative error {:.4} %, {beyond} off by more than they admit",
        truth.len(),
        worst * 100.0,
    );
}

/// How many conversations the busiest hosts have, and how many of them have rows.
fn count_conversations(windows: &Windows, feed: &Feed, now: Time) {
    let Some(truth) = feed.conversations(COUNTED) else { return };
    let answered = (0..truth.len()).map(|host| {
        let subject = Subject::Host(feed.address(host));
        let view = View { subject, window: Window::Hour, limit: 1, ..View::default() };
        let detail = windows.snapshot(&view, now, Health::default()).detail;
        detail.map_or(0, |detail| detail.conversations.count as u64)
    });
    println!(
        "conversations of the first {} hosts: {} of {} have rows",
        truth.len(),
        answered.sum::<u64>(),
        truth.iter().sum::<u64>()
    );
}
