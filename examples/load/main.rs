//! Sends generated flows to a collector and prints exactly what it sent.
//!
//! `load --port 2055 --rate 300000 --seconds 30` sends NetFlow v9 to this machine for half
//! a minute and prints its
//! totals as a line of JSON. `--help` describes the options.

#[path = "../../benches/common/mod.rs"]
mod common;
mod pool;
mod send;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};
use toptalk::clock::Clock;
use toptalk::flow::Time;

use common::site::{MAX_CONVERSATIONS, MAX_HOSTS, MAX_SPOOFED, MAX_SPOOFED_LOCAL, Site};
use common::{Random, Shape};
use pool::{Drawn, Format, Head, Pool};
use send::{Sender, Stream};

/// Number of flows that are generated and encoded in advance: twice the number of
/// conversations, within these
/// bounds (64 bytes each, and 24 to count them).
const POOL: (u64, u64) = (1_000_000, 8_000_000);

/// Number of datagrams of forged sources that are encoded in advance.
const FLOOD_POOL: u64 = 512;

/// Uptime of the exporters in milliseconds.
const UPTIME_MS: i64 = 3_600_000;

/// Number of busiest hosts in the output.
const TOP: usize = 20;

/// Sends generated flows to a collector and prints what it sent as JSON.
#[derive(Debug, Parser)]
struct Args {
    /// Port of the collector
    #[arg(long, default_value_t = 2055)]
    port: u16,
    /// Address of the collector
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    to: IpAddr,
    #[arg(long, value_enum, default_value_t = Format::V9)]
    format: Format,
    /// Flows per second; 0 is as fast as possible
    #[arg(long, default_value_t = 100_000)]
    rate: u64,
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Local hosts
    #[arg(long, default_value_t = 25_000, value_parser = clap::value_parser!(u64).range(1..=MAX_HOSTS))]
    hosts: u64,
    /// Conversations, at least as many as hosts
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=MAX_CONVERSATIONS))]
    conversations: u64,
    /// How unequal conversations are: the exponent of Zipf's law, 0 is equal
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    zipf: f64,
    /// Share of hosts with IPv6, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    ipv6: f64,
    /// Exporters; if there are several, each has its own address from 127.0.0.2 on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=500))]
    exporters: u32,
    #[arg(long, value_enum, default_value_t = Shape::Mixed)]
    shape: Shape,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also send one small flow from each of this many forged addresses outside the site to hosts
    /// inside, rounded up to whole datagrams
    #[arg(long, value_name = "N", default_value_t = 0)]
    spoof: u64,
    /// The forged addresses are inside the local network and send to the outside
    #[arg(long)]
    spoof_local: bool,
}

impl Args {
    /// Checks for options that cannot be combined.
    fn check(&self) -> Result<(), &'static str> {
        let most = if self.spoof_local { MAX_SPOOFED_LOCAL } else { MAX_SPOOFED };
        let wrong = [
            (self.hosts > self.conversations, "--conversations must be at least --hosts"),
            (!(0.0..=1.0).contains(&self.ipv6), "--ipv6 is a share from 0 to 1"),
            (self.format == Format::V5 && self.ipv6 > 0.0, "NetFlow v5 does not support IPv6"),
            (!(0.0..=10.0).contains(&self.zipf), "--zipf is from 0 to 10"),
            (!(0.001..=86_400.0).contains(&self.seconds), "--seconds is from 0.001 to 86400"),
            (self.exporters > 1 && !is_loopback_v4(self.to), "several exporters need 127.0.0.1"),
            (self.spoof > most, "--spoof is larger than the number of forged addresses"),
            (self.spoof > 0 && self.ipv6 > 0.9, "--spoof needs hosts with IPv4"),
        ];
        wrong.into_iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, why)| Err(why))
    }
}

fn is_loopback_v4(address: IpAddr) -> bool {
    address.is_ipv4() && address.is_loopback()
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = args.check().map_err(str::to_owned).and_then(|()| {
        let to = SocketAddr::new(args.to, args.port);
        run(&args).map_err(|error| format!("cannot send to {to}: {error}"))
    });
    match done {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("load: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> std::io::Result<Value> {
    let clock = Clock::start();
    let epoch = clock.now();
    let head = Head { format: args.format, boot: epoch.plus_ms(-UPTIME_MS) };
    let site = Site::new(args.hosts, args.conversations, args.zipf, args.ipv6, args.shape);
    let mut random = Random(args.seed);
    let mut streams = vec![site_stream(args, &site, &mut random, head, epoch)];
    if args.spoof > 0 {
        streams.push(flood(args, &site, &mut random, head, epoch));
    }
    let mut sender = Sender::new(SocketAddr::new(args.to, args.port), args.exporters, head, clock)?;
    let seconds = send::run(&mut sender, &mut streams, args.seconds)?;
    Ok(report(args, &site, &streams, sender.datagrams, seconds))
}

/// The traffic of the site.
fn site_stream(args: &Args, site: &Site, random: &mut Random, head: Head, epoch: Time) -> Stream {
    let total = (args.rate > 0).then(|| (args.rate as f64 * args.seconds).ceil() as u64);
    let count = (2 * args.conversations).clamp(POOL.0, POOL.1).min(total.unwrap_or(u64::MAX));
    let mut pool = Pool::new(head, epoch, None);
    for _ in 0..count {
        let conversation = site.conversation(random);
        let host = site.host_of(conversation);
        let last = epoch.plus_ms(-((random.next() % 1000) as i64));
        let flow = site.flow(random, host, conversation, last);
        let up = flow.dport == 443;
        let (packets, bytes) = (flow.packets as u32, flow.bytes);
        pool.push(flow, Drawn { host: Some(host as u32), up, packets, bytes });
    }
    pool.finish();
    Stream { pool, rate: total.map(|_| args.rate as f64), total, sent: 0 }
}

/// The flood of forged sources, spread over the whole time.
fn flood(args: &Args, site: &Site, random: &mut Random, head: Head, epoch: Time) -> Stream {
    let mut pool = Pool::new(head, epoch, Some(args.spoof_local));
    let total = args.spoof.next_multiple_of(pool.capacity());
    for number in 0..total.min(FLOOD_POOL * pool.capacity()) {
        let (flow, host) = site.spoofed(random, number, args.spoof_local, epoch);
        let host = host.map(|host| host as u32);
        let (packets, bytes) = (flow.packets as u32, flow.bytes);
        pool.push(flow, Drawn { host, up: args.spoof_local, packets, bytes });
    }
    pool.finish();
    let rate = (args.rate > 0).then(|| total as f64 / args.seconds);
    Stream { pool, rate, total: Some(total), sent: 0 }
}

/// Flows, packets and bytes of a class.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
struct Sum {
    flows: u64,
    packets: u64,
    bytes: u64,
}

fn report(args: &Args, site: &Site, streams: &[Stream], datagrams: u64, seconds: f64) -> Value {
    let mut classes = [Sum::default(); 2];
    let mut hosts = vec![[0u64; 2]; args.hosts as usize];
    for (drawn, times) in streams.iter().flat_map(|stream| stream.pool.sent()) {
        let sum = &mut classes[usize::from(drawn.up)];
        sum.flows += times;
        sum.packets += times * u64::from(drawn.packets);
        sum.bytes += times * drawn.bytes;
        if let Some(host) = drawn.host {
            hosts[host as usize][usize::from(drawn.up)] += times * drawn.bytes;
        }
    }
    let [down, up] = classes;
    let mut ranks: Vec<usize> = (0..hosts.len()).collect();
    ranks.sort_by_key(|host| (std::cmp::Reverse(hosts[*host][0] + hosts[*host][1]), *host));
    let top: Vec<Value> = ranks
        .into_iter()
        .take(TOP)
        .map(|host| {
            let [down, up] = hosts[host];
            let address = site.address(host as u64).to_string();
            json!({ "address": address, "bytes": up + down, "up": up, "down": down })
        })
        .collect();
    let flows = up.flows + down.flows;
    json!({
        "flows": flows,
        "packets": up.packets + down.packets,
        "bytes": up.bytes + down.bytes,
        "up": up,
        "down": down,
        "spoofed": streams.get(1).map_or(0, |flood| flood.sent),
        "datagrams": datagrams,
        "seconds": seconds,
        "rate": flows as f64 / seconds,
        "top": top,
    })
}
