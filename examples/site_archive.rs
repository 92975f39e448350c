//! Writes a generated site's flows of a day, or of any time, as an archive.
//!
//! `site_archive --to DIR --flows 20000000 --slots 20` writes twenty segments of five
//! minutes with a million flows each,
//! always the same for the same seed. `benches/query.py` measures queries over it.

#[path = "../benches/common/mod.rs"]
mod common;

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use toptalk::archive::name;
use toptalk::archive::segment::{self, SlotInfo};
use toptalk::flow::{Flow, Host, Time};

use common::site::{MAX_CONVERSATIONS, MAX_HOSTS, Site};
use common::{Random, Shape};

/// 2026-11-23, 00:00 UTC.
const START: i64 = 1_795_392_000;

/// Writes a generated site's flows as an archive.
#[derive(Debug, Parser)]
struct Args {
    /// Folder of the archive; created if it does not exist
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[arg(long, default_value_t = 20_000_000)]
    flows: u64,
    /// Slots among which they are divided equally
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    slots: u64,
    /// Length of a slot in seconds
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(i64).range(1..=86_400))]
    slot: i64,
    /// Start of the first slot, seconds since 1970
    #[arg(long, default_value_t = START)]
    start: i64,
    #[arg(long, default_value_t = 25_000, value_parser = clap::value_parser!(u64).range(1..=MAX_HOSTS))]
    hosts: u64,
    #[arg(long, default_value_t = 400_000, value_parser = clap::value_parser!(u64).range(1..=MAX_CONVERSATIONS))]
    conversations: u64,
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    zipf: f64,
    /// Share of hosts with IPv6, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    ipv6: f64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(bytes) => {
            println!("{} flows, {bytes} bytes", args.flows);
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("site_archive: {}: {why}", args.to.display());
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> io::Result<u64> {
    fs::create_dir_all(&args.to)?;
    let site = Site::new(args.hosts, args.conversations, args.zipf, args.ipv6, Shape::Mixed);
    let mut random = Random(args.seed);
    let (mut bytes, mut flows) = (0, Vec::new());
    for slot in 0..args.slots {
        let count = args.flows * (slot + 1) / args.slots - args.flows * slot / args.slots;
        let start = Time((args.start + slot as i64 * args.slot) * 1000);
        flows.clear();
        flows.extend((0..count).map(|at| {
            let arrival = start.plus_ms((at * args.slot as u64 * 1000 / count) as i64);
            draw(&site, &mut random, arrival)
        }));
        bytes += write(&args.to, start, args.slot, &flows)?;
    }
    Ok(bytes)
}

fn write(folder: &Path, start: Time, seconds: i64, flows: &[Flow]) -> io::Result<u64> {
    let path = folder.join(name::segment(start, seconds % 60 != 0, 1));
    let info = SlotInfo { start, length_ms: seconds * 1000 };
    let out = BufWriter::new(File::create(&path)?);
    segment::encode(flows, &[], &info, out).map_err(io::Error::other)?;
    Ok(path.metadata()?.len())
}

/// A flow of the site with typical values: ports that change with every connection, a few services,
/// protocols, flags and AS numbers.
fn draw(site: &Site, random: &mut Random, arrival: Time) -> Flow {
    let conversation = site.conversation(random);
    let last = arrival.plus_ms(-((random.next() % 1000) as i64));
    let flow = site.flow(random, site.host_of(conversation), conversation, last);
    let mut services = Random(conversation ^ 0x5eed);
    let (proto, service) = match services.next() % 100 {
        0..60 => (6, 443),
        60..75 => (17, 443),
        75..85 => (17, 53),
        85..90 => (6, 80),
        90..93 => (6, 22),
        93..95 => (1, 0),
        _ => (6, 1024 + (services.next() % 20_000) as u16),
    };
    let client = 32_768 + (random.next() % 28_232) as u16;
    let up = flow.dport == 443;
    let (sport, dport) = match (proto, up) {
        (1, _) => (0, if up { 0x0800 } else { 0 }),
        (_, true) => (client, service),
        (_, false) => (service, client),
    };
    let number = 64_512 + (services.next() % 3000) as u32;
    Flow {
        proto,
        sport,
        dport,
        arrival,
        tcp_flags: if proto == 6 {
            [0x1b, 0x1a, 0x1f, 0x02][(random.next() % 4) as usize]
        } else {
            0
        },
        tos: if services.next().is_multiple_of(10) { 0xb8 } else { 0 },
        input: if up { 1 } else { 2 },
        output: if up { 2 } else { 1 },
        src_as: if up { 0 } else { number },
        dst_as: if up { number } else { 0 },
        src_mask: if up { 24 } else { 16 },
        dst_mask: if up { 16 } else { 24 },
        next_hop: if up { Host::octets(192, 0, 2, 254) } else { Host::octets(192, 0, 2, 1) },
        direction: u8::from(!up),
        ..flow
    }
}
