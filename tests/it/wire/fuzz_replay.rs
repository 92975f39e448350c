//! Runs every input of the fuzzers' corpora, and the seeds that the fuzzers start with.
//!
//! `TOPTALK_FUZZ_SEEDS=folder cargo test --test it the_seeds_are_fine` writes the seeds to
//! `folder/<target>/`.

use crate::fuzz_targets;
use crate::fuzz_targets::seeds as files;
use crate::inspect::build;

use std::path::{Path, PathBuf};

use crate::fuzz_targets::sets::{Datagram, iana, of};
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::encode::{IpfixEncoder, SampledFlow, SflowEncoder, V5Encoder, V9Encoder};
use toptalk::wire::interfaces::InterfaceCounters;

const NOW: Time = fuzz_targets::datagrams::START;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

#[test]
fn no_input_that_the_fuzzer_kept_fails() {
    for (target, run) in fuzz_targets::TARGETS {
        let mut inputs = 0;
        for entry in std::fs::read_dir(corpus(target)).into_iter().flatten() {
            run(&std::fs::read(entry.unwrap().path()).unwrap());
            inputs += 1;
        }
        println!("{target}: {inputs} inputs");
        assert!(inputs > 0, "no corpus of {target}");
    }
}

/// A few flows of both address families.
fn flows(count: u32) -> Vec<Flow> {
    let flow = |n: u32| Flow {
        src: if n % 3 == 2 { Host(0x2001_0db8 << 96 | u128::from(n)) } else { Host::v4(n) },
        dst: Host::octets(198, 51, 100, n as u8),
        first: NOW.plus_ms(-5000),
        last: NOW.plus_ms(-1000),
        bytes: u64::from(n) * 1000,
        packets: u64::from(n),
        sport: 443,
        proto: 6,
        ..Flow::EMPTY
    };
    (1..=count).map(flow).collect()
}

/// Datagrams of every kind: those of the encoders, and some that the encoders do not make.
fn datagrams() -> Vec<Vec<u8>> {
    let boot = NOW.plus_ms(-5_000_000);
    let mut sent = V5Encoder::new(1, 100).encode(NOW, boot, &flows(4));
    sent.extend(V9Encoder::new(1).announcing(10).encode(NOW, boot, &flows(4), true));
    sent.extend(IpfixEncoder::new(1).announcing(10).encode(NOW, &flows(4), true));
    let mut uptime = IpfixEncoder::new(1).uptime(boot);
    let late = uptime.encode(NOW, &flows(3), false);
    sent.extend(late.into_iter().chain(uptime.encode(NOW, &flows(2), true)));
    let seconds = (NOW.0 / 1000) as u32;
    let biflow = [iana(8, 4), iana(12, 4), iana(82, 65535), iana(1, 4), of(29_305, 1, 4)];
    let mut record = vec![10, 0, 0, 1, 10, 0, 0, 2, 4, b'e', b't', b'h', b'0'];
    record.extend([0, 0, 1, 0, 0, 0, 2, 0]);
    let message = Datagram::ipfix(1, seconds, 0).template(300, &biflow);
    sent.push(message.set(300, &record).template(300, &[]).bytes());
    let names = [iana(10, 4), iana(82, 8), iana(83, 8)];
    let options = Datagram::v9(1, seconds, 5_000_000, 7).options(301, 1, &names);
    sent.push(options.set(301, b"\0\0\0\x01eth0\0\0\0\0outside\0").bytes());
    let mut frame =
        vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6];
    frame.extend([0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 187, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2]);
    let packet = Datagram::ipfix(1, seconds, 9).template(302, &[iana(315, frame.len() as u16)]);
    sent.push(packet.set(302, &frame).bytes());
    let sampled = flows(4).into_iter().map(|flow| SampledFlow { flow, frame_length: 600 });
    let mut agent = SflowEncoder::new(Host::octets(192, 0, 2, 9), 0);
    sent.extend(agent.encode(
        5_000_000,
        &sampled.collect::<Vec<_>>(),
        &[(3, InterfaceCounters::default())],
    ));
    sent
}

/// Files of every format, each behind the byte that chooses how it is read.
fn captures(datagrams: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let from = |n: usize| [192, 0, 2, n as u8].into();
    let whole = |n: usize| build::udp(from(n), 40_000, 2055, &datagrams[n]);
    let mut packets: Vec<Vec<u8>> = (0..datagrams.len()).map(whole).collect();
    let segment = build::segment(40_000, 4739, &datagrams[2]);
    let (one, two) = segment.split_at(segment.len() / 2 / 8 * 8);
    packets.push(build::fragment(from(1), 17, 7, 0, true, one));
    packets.push(build::fragment(from(1), 17, 7, one.len() as u16, false, two));
    let mut files: Vec<Vec<u8>> = [0, 1, 9, 101, 108, 113, 276]
        .iter()
        .zip(build::Format::ALL.iter().cycle())
        .map(|(link, format)| {
            let framed: Vec<Vec<u8>> = packets.iter().map(|p| build::link(*link, p)).collect();
            format.file(*link, &framed)
        })
        .collect();
    files.push(datagrams.iter().filter(|d| d.starts_with(&[0, 10])).flatten().copied().collect());
    files.extend_from_slice(datagrams);
    let choices = (0..4u8).cycle();
    files.into_iter().zip(choices).map(|(file, choice)| [vec![choice], file].concat()).collect()
}

/// The seeds of a target.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let datagrams = datagrams();
    match target {
        "datagrams" => {
            let choices = [0u8, 4, 8 + 1, 12 + 2, 0, 224, 192 + 1, 16 + 3, 20];
            let all: Vec<(u8, Vec<u8>)> =
                choices.into_iter().cycle().zip(datagrams.clone()).collect();
            let single =
                all.iter().map(|one| fuzz_targets::datagrams::script(std::slice::from_ref(one)));
            single.chain([fuzz_targets::datagrams::script(&all)]).collect()
        }
        "differential" => {
            let v9 = V9Encoder::new(1).encode(NOW, NOW.plus_ms(-5_000_000), &flows(30), true);
            let ipfix = IpfixEncoder::new(1).encode(NOW, &flows(30), true);
            let single = datagrams.into_iter().map(|datagram| vec![datagram]);
            single
                .chain([v9, ipfix])
                .map(|sent| fuzz_targets::differential::script(&sent))
                .collect()
        }
        "captures" => captures(&datagrams),
        "archive" => files::archive(),
        "query" => files::query(),
        "work" => fuzz_targets::work::seeds(),
        // The inputs of the other targets are choices, which cannot be written by hand.
        _ => {
            let byte = |n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8;
            let from = |start: u32| (start..start + 400).map(byte).collect();
            (0..16).map(|seed| from(seed * 1000)).collect()
        }
    }
}

#[test]
fn the_seeds_are_fine() {
    let folder = std::env::var_os("TOPTALK_FUZZ_SEEDS").map(PathBuf::from);
    for (target, run) in fuzz_targets::TARGETS {
        for (number, seed) in seeds(target).iter().enumerate() {
            run(seed);
            if let Some(folder) = &folder {
                let folder = folder.join(target);
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join(format!("seed-{number:02}")), seed).unwrap();
            }
        }
    }
}
