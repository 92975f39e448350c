//! Real exporters on loopback, in every protocol they support: the flows, packets and bytes are
//! exactly those of the capture they read.

use crate::common;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::process::{Running, free_port, have, toptalk};
use nix::sys::signal::Signal;
use serde_json::Value;

/// The arguments of an exporter, for a port and a folder for its files.
type Arguments = fn(&Sender<'_>, u16) -> Vec<String>;

/// An exporter that reads a capture.
struct Sender<'a> {
    capture: &'a Path,
    folder: &'a Path,
    /// The varying options: a version, further options.
    options: &'a [&'a str],
}

/// Flows, packets and bytes.
type Sums = (u64, u64, u64);

fn run(program: &str, arguments: &[String]) {
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    // sfprobe ends with status 1 at the end of its capture.
    assert!(status.code().is_some_and(|code| code <= 1), "{program}: {status}");
}

/// `-c none` keeps softflowd from waiting for a control connection, `-a` keeps the times of the
/// capture.
fn softflowd(sender: &Sender<'_>, port: u16) -> Vec<String> {
    let pid = sender.folder.join("softflowd.pid");
    let capture = sender.capture.display().to_string();
    let mut arguments: Vec<String> = vec!["-r".into(), capture, "-n".into()];
    arguments.push(format!("127.0.0.1:{port}"));
    arguments.extend(["-a", "-d", "-c", "none", "-p"].map(String::from));
    arguments.push(pid.display().to_string());
    arguments.extend(sender.options.iter().map(|option| (*option).to_owned()));
    arguments
}

fn configured(sender: &Sender<'_>, lines: &str) -> Vec<String> {
    let path = sender.folder.join("pmacctd.conf");
    let capture = sender.capture.display();
    std::fs::write(&path, format!("daemonize: false\npcap_savefile: {capture}\n{lines}")).unwrap();
    vec!["-f".into(), path.display().to_string()]
}

fn nfprobe(sender: &Sender<'_>, port: u16) -> Vec<String> {
    let timeouts = "tcp=3:tcp.rst=3:tcp.fin=3:udp=3:icmp=3:general=3:maxlife=5:expint=2";
    configured(
        sender,
        &format!(
            "plugins: nfprobe[a]\nnfprobe_receiver[a]: 127.0.0.1:{port}\n\
             nfprobe_version[a]: {}\nnfprobe_timeouts[a]: {timeouts}\n\
             aggregate[a]: src_host,dst_host,src_port,dst_port,proto,tos\n",
            sender.options[0]
        ),
    )
}

/// Every packet is sampled, so that the sums are known.
fn sfprobe(sender: &Sender<'_>, port: u16) -> Vec<String> {
    configured(
        sender,
        &format!(
            "plugins: sfprobe[a]\nsfprobe_receiver[a]: 127.0.0.1:{port}\n\
             sfprobe_agentip[a]: 127.0.0.1\nsampling_rate[a]: 1\n"
        ),
    )
}

fn nfreplay(sender: &Sender<'_>, port: u16) -> Vec<String> {
    let file = sender.capture.display().to_string();
    let mut arguments: Vec<String> = vec!["-r".into(), file, "-H".into(), "127.0.0.1".into()];
    arguments.extend(["-p".into(), port.to_string(), "-d".into(), "500".into(), "-v".into()]);
    arguments.extend(sender.options.iter().map(|option| (*option).to_owned()));
    arguments
}

/// The output of `toptalk top` for what a program sends to its port.
fn top(program: &str, arguments: Arguments, sender: &Sender<'_>) -> Value {
    top_of(|port| run(program, &arguments(sender, port)))
}

/// The output of `toptalk top` for what is sent.
fn top_of(send: impl FnOnce(u16)) -> Value {
    let port = free_port();
    let mut command = toptalk();
    command.args(["top", "-b", "127.0.0.1", "--for", "2h", "-o", "json", "-p"]);
    // Every record has to be counted: a recorded archive contains some twice.
    command.arg(port.to_string()).args(["--window", "all", "--no-dedup"]);
    let running = Running::start(&mut command, "listening");
    send(port);
    // Datagrams in the kernel's buffer are still processed.
    let output = running.end(Signal::SIGINT);
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn sums(answer: &Value) -> Sums {
    let sum = |what: &str| {
        let totals = answer["totals"].as_object().unwrap();
        totals.values().map(|class| class[what].as_u64().unwrap()).sum()
    };
    (sum("flows"), sum("packets"), sum("bytes"))
}

fn check(program: &str, arguments: Arguments, sender: &Sender<'_>, protocol: &str, want: Sums) {
    let answer = top(program, arguments, sender);
    let what = format!("{program} {:?} of {}", sender.options, sender.capture.display());
    assert_eq!(sums(&answer), want, "{what}: {answer}");
    assert_eq!(answer["exporters"][0]["protocol"], protocol, "{what}");
    assert_eq!(answer["exporters"][0]["lost"], 0, "{what}");
    assert_eq!(answer["dropped"], serde_json::json!({}), "{what}");
}

/// A capture and its totals: of IPv4 alone, and of both families.
struct Capture {
    path: std::path::PathBuf,
    v4: Sums,
    all: Sums,
}

/// The capture of the tests, and the one of the corpus if it is available.
fn captures(folder: &Path) -> Vec<Capture> {
    let path = folder.join("capture.pcap");
    let truth = common::capture::write(&path, 40);
    let own = (truth.flows, truth.packets, truth.bytes);
    let mut captures = vec![Capture { path, v4: own, all: own }];
    if let Some(corpus) = common::corpus("exporters on a capture of real traffic") {
        captures.push(Capture {
            path: corpus.join("live_traffic.pcap"),
            v4: (81, 607, 329_128),
            all: (105, 631, 330_472),
        });
    }
    captures
}

#[test]
fn softflowd_is_exact_in_every_protocol() {
    if !have("softflowd_is_exact_in_every_protocol", "softflowd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for Capture { path, v4, all } in captures(folder.path()) {
        let (_, packets, bytes) = all;
        let cases: [(&[&str], &str, Sums); 7] = [
            (&["-v", "1"], "netflow1", v4),
            (&["-v", "5"], "netflow5", v4),
            (&["-v", "9"], "netflow9", all),
            (&["-v", "10"], "ipfix", all),
            (&["-v", "10", "-b"], "ipfix", all),
            (&["-v", "10", "-A", "milli", "-T", "ether", "-6"], "ipfix", all),
            // One packet section in each record.
            (&["-v", "psamp"], "ipfix", (packets, packets, bytes)),
        ];
        for (options, protocol, want) in cases {
            let sender = Sender { capture: &path, folder: folder.path(), options };
            check("softflowd", softflowd, &sender, protocol, want);
        }
    }
}

#[test]
fn softflowds_sampling_is_announced() {
    if !have("softflowds_sampling_is_announced", "softflowd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let captures = captures(folder.path());
    for version in ["9", "10"] {
        let options = ["-v", version, "-s", "10", "-T", "ether", "-6"];
        let sender =
            Sender { capture: &captures[0].path, folder: folder.path(), options: &options };
        let answer = top("softflowd", softflowd, &sender);
        assert_eq!(answer["exporters"][0]["sampling"], 10, "v{version}");
        let totals = answer["totals"].as_object().unwrap();
        let sum = |what: &str| -> u64 {
            totals.values().map(|class| class[what].as_u64().unwrap()).sum()
        };
        assert!(sum("raw_bytes") > 0);
        assert_eq!(sum("bytes"), 10 * sum("raw_bytes"), "v{version}");
    }
}

#[test]
fn pmacctd_is_exact_in_every_protocol() {
    if !have("pmacctd_is_exact_in_every_protocol", "pmacctd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for Capture { path, v4, all } in captures(folder.path()) {
        let cases: [(&str, &str, Sums); 3] =
            [("5", "netflow5", v4), ("9", "netflow9", all), ("10", "ipfix", all)];
        for (version, protocol, want) in cases {
            let options = [version];
            let sender = Sender { capture: &path, folder: folder.path(), options: &options };
            check("pmacctd", nfprobe, &sender, protocol, want);
        }
    }
}

/// The number of flow samples in a datagram of an agent with an IPv4 address; it may also
/// contain counter samples.
fn flow_samples(datagram: &[u8]) -> u64 {
    let word = |at: usize| u32::from_be_bytes(datagram[at..at + 4].try_into().unwrap());
    let mut at = 28;
    let mut count = 0;
    for _ in 0..word(24) {
        count += u64::from([1, 3].contains(&word(at)));
        at += 8 + word(at + 4) as usize;
    }
    count
}

#[test]
fn every_sample_of_sfprobe_is_counted() {
    if !have("every_sample_of_sfprobe_is_counted", "pmacctd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let capture = &captures(folder.path())[0];
    let sender = Sender { capture: &capture.path, folder: folder.path(), options: &[] };
    // sfprobe does not send its last samples, so the samples that are sent are counted here,
    // too.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    run("pmacctd", &sfprobe(&sender, socket.local_addr().unwrap().port()));
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 65_536];
    let mut datagrams = Vec::new();
    while let Ok(length) = socket.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
    let samples: u64 = datagrams.iter().map(|datagram| flow_samples(datagram)).sum();
    // As many as fitted into the receive buffer.
    assert!(samples > 100, "{samples}");
    let answer = top_of(|port| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for datagram in &datagrams {
            socket.send_to(datagram, ("127.0.0.1", port)).unwrap();
        }
    });
    assert_eq!((sums(&answer).0, sums(&answer).1), (samples, samples));
    assert_eq!(answer["exporters"][0]["protocol"], "sflow5");
    assert_eq!(answer["exporters"][0]["lost"], 0);
    assert_eq!(answer["dropped"], serde_json::json!({}));
    for host in answer["hosts"].as_array().unwrap() {
        let last = host["address"].as_str().unwrap().rsplit('.').next().unwrap();
        // IP and UDP headers, the payload, and the frame with its checksum.
        let frame = 28 + 100 + last.parse::<u64>().unwrap() + 18;
        let up = &host["up"];
        assert_eq!(up["bytes"].as_u64(), up["packets"].as_u64().map(|n| n * frame), "{host}");
    }
}

#[test]
fn nfreplay_is_exact() {
    let name = "nfreplay_is_exact";
    if !have(name, "nfreplay") {
        return;
    }
    let Some(corpus) = common::corpus(name) else { return };
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, &str, &str, Sums); 4] = [
        ("v2_synthetic_none.nfcapd", "9", "netflow9", (105, 631, 330_472)),
        ("v2_synthetic_none.nfcapd", "5", "netflow5", (81, 607, 329_128)),
        ("v2_sample.nfcapd", "9", "netflow9", (3018, 43_558, 27_576_229)),
        ("v2_sample.nfcapd", "5", "netflow5", (2288, 0, 0)),
    ];
    for (file, version, protocol, want) in cases {
        let options = [version];
        let capture = corpus.join("nfcapd").join(file);
        let sender = Sender { capture: &capture, folder: folder.path(), options: &options };
        if want.1 > 0 {
            check("nfreplay", nfreplay, &sender, protocol, want);
        } else {
            // nfdump does not give the sums of its IPv4 records. Some flows ended before the hour
            // that the windows hold, so those that arrived are counted.
            let answer = top("nfreplay", nfreplay, &sender);
            assert_eq!(answer["exporters"][0]["flows"], want.0);
        }
    }
}
