//! Both sides: nfcapd with nfdump, and toptalk, which also reads nfcapd's file.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use toptalk::clock::Clock;
use toptalk::flow::{Flow, Time};
use toptalk::wire::encode::{IpfixEncoder, V5Encoder, V9Encoder};

use super::made_up::flows;
use super::questions::Question;
use super::rich::rich;
use crate::common::nfcapd::{self, Senders, Sent};
use crate::common::process::{Running, free_port, toptalk};

/// The recordings of both programs of the same datagrams.
#[derive(Debug)]
pub struct Archive {
    pub name: &'static str,
    /// The file of nfcapd.
    pub theirs: PathBuf,
    /// The folder of toptalk.
    pub ours: PathBuf,
    /// The time of the reports.
    now: Time,
}

/// The options with which toptalk counts like nfdump: rates over a row's own duration, and
/// duplicate flows counted.
const AS_NFDUMP: &[&str] = &["--rates", "own", "--no-dedup"];

impl Archive {
    /// The output of nfdump, of toptalk over its own archive, and of toptalk over nfcapd's
    /// file; or the error message.
    pub fn ask(&self, question: &Question) -> [Result<String, String>; 3] {
        let words = |words: &[String]| -> Vec<String> {
            words.iter().map(|word| self.with_times(word)).collect()
        };
        let mut nfdump = Command::new("nfdump");
        nfdump.args(["-C", "none", "-r"]).arg(&self.theirs).args(words(&question.theirs));
        let ours = |option: &str, path: &Path| {
            let mut command = toptalk();
            command.args(["query", option]).arg(path).args(AS_NFDUMP).args(words(&question.ours));
            command
        };
        [nfdump, ours("-R", &self.ours), ours("-r", &self.theirs)].map(printed)
    }

    /// Replaces `{-61}` by a time of `-t`.
    fn with_times(&self, word: &str) -> String {
        let mut text = String::new();
        let mut rest = word;
        while let Some((before, (seconds, after))) =
            rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
        {
            let time = self.now.plus_ms(seconds.parse::<i64>().expect("seconds") * 1000);
            let stamp = jiff::Timestamp::from_millisecond(time.0).unwrap();
            text.push_str(before);
            text.push_str(&stamp.strftime("%Y/%m/%d.%H:%M:%S").to_string());
            rest = after;
        }
        text + rest
    }
}

fn printed(mut command: Command) -> Result<String, String> {
    let output = command.env("TZ", "UTC").env_remove("TOPTALK_TZ").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(text),
        false => Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// The uptime of the exporters when they report, in milliseconds.
const UP_MS: i64 = 3_000_000;

/// The datagrams by name of their kind.
fn sources(now: Time) -> Vec<(&'static str, Vec<Sent>)> {
    let boot = now.plus_ms(-UP_MS);
    let from = |last: u8, datagrams: Vec<Vec<u8>>| {
        datagrams.into_iter().map(move |bytes| (Ipv4Addr::new(127, 0, 0, last), bytes))
    };
    let v9 = |domain, last, seed| {
        let flows = both_ways(flows(200, true, seed, now));
        from(last, V9Encoder::new(domain).encode(now, boot, &flows, true))
    };
    let ipfix = |domain, last, seed| {
        let flows = both_ways(flows(200, true, seed, now));
        from(last, IpfixEncoder::new(domain).encode(now, &flows, true))
    };
    let v5 = V5Encoder::new(0x0102, 0).encode(now, boot, &both_ways(flows(400, false, 5, now)));
    vec![
        ("v5", from(1, v5).collect()),
        ("v9", v9(0x0102, 1, 9).chain(v9(7, 2, 10)).collect()),
        ("ipfix", ipfix(1, 1, 11).chain(ipfix(70_000, 3, 12)).collect()),
        ("rich", from(1, rich(397, now)).collect()),
    ]
}

/// Flows, every fourth with its reverse direction, which began earlier or later.
fn both_ways(mut flows: Vec<Flow>) -> Vec<Flow> {
    for number in (0..flows.len()).step_by(4) {
        let there = flows[number];
        let shift = if number % 8 == 0 { -53 } else { -9 };
        flows.push(Flow {
            next_hop: there.src,
            first: there.first.plus_ms(shift),
            last: there.last.plus_ms(-7),
            packets: there.packets + number as u64 % 3,
            bytes: there.bytes * 2,
            direction: 1 - there.direction,
            ..there.reversed()
        });
    }
    flows
}

/// Records with both programs.
pub fn archives(folder: &Path) -> Vec<Archive> {
    let record = |number: usize| {
        // Packet headers have whole seconds. They are those of now: nfdump does not correct the
        // times of exporters whose clock is wrong.
        let now = Time(Clock::start().now().0 / 1000 * 1000);
        let (name, datagrams) = sources(now).swap_remove(number);
        let (ours, theirs) = (folder.join(name).join("ours"), folder.join(name).join("theirs"));
        collect(&datagrams, &ours);
        let theirs = nfcapd::record(&datagrams, &[], &theirs);
        Archive { name, theirs, ours, now }
    };
    (0..sources(Time(0)).len()).map(record).collect()
}

/// The number of datagrams that fits into any receive buffer.
const ROOM: usize = 90;

/// Records with toptalk.
fn collect(datagrams: &[Sent], folder: &Path) {
    assert!(datagrams.len() <= ROOM, "{} datagrams at once", datagrams.len());
    let port = free_port();
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "--workers", "1"]);
    command.args(["-t", "86400", "-w"]).arg(folder);
    let running = Running::start(&mut command, "listening");
    let mut senders = Senders::new(port);
    datagrams.iter().for_each(|datagram| senders.send(datagram));
    let output = running.end(Signal::SIGTERM);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
