//! What users reported of other collectors in public threads, made anew by hand. The table in
//! docs/CORPUS.md tells the same: source, situation, right value, verdict.

use crate::common::sets::{Datagram, Spec, VARIABLE, counted, iana, of};
use toptalk::flow::{Flow, Host, Spread, Time};
use toptalk::wire::{Cause, Decoder};

const NOW: i64 = 1_800_000_000_000;
const SECONDS: u32 = (NOW / 1000) as u32;
const UPTIME: u32 = 3_600_000;

/// Source and destination of every record by hand.
const ENDS: [u8; 8] = [192, 0, 2, 1, 198, 51, 100, 1];
/// The two addresses, bytes and packets.
const PLAIN: [Spec; 4] = [iana(8, 4), iana(12, 4), iana(1, 4), iana(2, 4)];

/// What one flow must show.
type Shown = fn(&Flow) -> String;

/// Where it was reported, the datagrams, what is compared, the right value of each flow.
type Situation = (&'static str, Vec<Datagram>, Shown, &'static [&'static str]);

fn v9(domain: u32) -> Datagram {
    Datagram::v9(domain, SECONDS, UPTIME, 1)
}

fn ipfix(domain: u32) -> Datagram {
    Datagram::ipfix(domain, SECONDS, 0)
}

fn data(more: &[&[u8]]) -> Vec<u8> {
    [&ENDS[..], &more.concat()].concat()
}

fn word(value: u32) -> [u8; 4] {
    value.to_be_bytes()
}

fn plain(bytes: u32, packets: u32) -> Vec<u8> {
    data(&[&word(bytes), &word(packets)])
}

fn fields(more: &[Spec]) -> Vec<Spec> {
    [&PLAIN[..2], more].concat()
}

fn counts(flow: &Flow) -> String {
    format!("{} bytes {} packets", flow.bytes, flow.packets)
}

fn ways(flow: &Flow) -> String {
    format!("{} > {}: {}", flow.src, flow.dst, counts(flow))
}

fn rate(flow: &Flow) -> String {
    format!("1:{}", flow.sampling.rate().unwrap_or(0))
}

fn port(flow: &Flow) -> String {
    format!("proto {} dport {}", flow.proto, flow.dport)
}

fn interfaces(flow: &Flow) -> String {
    let bytes = flow.sampling.scale(flow.bytes);
    format!("{bytes} bytes, {} to {}", flow.input, flow.output)
}

/// Start and end in milliseconds from the export.
fn times(flow: &Flow) -> String {
    format!("{} bytes {}..{}", flow.bytes, flow.first.0 - NOW, flow.last.0 - NOW)
}

#[rustfmt::skip]
fn of_rates() -> Vec<Situation> {
    let announced = |scope: Spec, more: &[Spec], record: &[u8]| {
        ipfix(0).options(301, 1, &[&[scope], more].concat()).set(301, record)
            .template(300, &PLAIN).set(300, &plain(1500, 1))
    };
    let samplers = [&[0, 0, 0, 7, 1][..], &word(2000), &[0, 0, 0, 7, 2], &word(4000)].concat();
    let by_sampler = [data(&[&word(100), &[2]]), data(&[&word(100), &[1]])].concat();
    vec![
        ("https://github.com/akvorado/akvorado/issues/89", vec![
            v9(6).options(301, 1, &[iana(1, 4), iana(48, 1), iana(50, 4)])
                .set(301, &[&[0, 0, 0, 7, 1][..], &word(100), &[0, 0, 0]].concat()),
            v9(0).template(300, &PLAIN).set(300, &plain(1500, 1)),
        ], rate, &["1:100"]),
        ("https://github.com/akvorado/akvorado/issues/997", vec![
            v9(0).options(301, 1, &[iana(1, 4), iana(48, 1), iana(50, 4)])
                .set(301, &[samplers, vec![0; 2]].concat())
                .template(300, &fields(&[iana(1, 4), iana(48, 1)])).set(300, &[by_sampler, vec![0; 2]].concat()),
        ], rate, &["1:4000", "1:2000"]),
        ("https://github.com/phaag/nfdump/issues/187", vec![
            ipfix(0).options(301, 1, &[iana(149, 4), iana(35, 1), iana(34, 4)])
                .set(301, &[&[0, 0, 0, 0, 0][..], &word(10_922), &[0, 0, 0, 0, 2], &word(0)].concat())
                .template(300, &PLAIN).set(300, &plain(1500, 1)),
        ], rate, &["1:10922"]),
        ("https://github.com/phaag/nfdump/issues/231", vec![
            announced(iana(144, 4), &[iana(34, 4)], &[word(9), word(1000)].concat()),
        ], rate, &["1:1000"]),
        ("https://github.com/phaag/nfdump/issues/410", vec![
            announced(iana(149, 4), &[iana(305, 4), iana(306, 4)], &[word(0), word(1), word(4999)].concat()),
        ], rate, &["1:5000"]),
        ("https://github.com/pmacct/pmacct/issues/764", vec![
            announced(iana(149, 4), &[iana(335, VARIABLE), iana(304, 2), iana(309, 4), iana(310, 4)],
                &[&word(0)[..], &counted(b"sampler", false), &[0, 3], &word(1), &word(1000)].concat()),
        ], rate, &["1:1000"]),
    ]
}

#[rustfmt::skip]
fn of_counters() -> Vec<Situation> {
    let wide = fields(&[iana(1, 8), iana(2, 8)]);
    let both = fields(&[iana(231, 4), iana(232, 4), iana(298, 4), iana(299, 4)]);
    let yaf = fields(&[iana(1, 8), iana(2, 8), of(29305, 1, 8), of(29305, 2, 8)]);
    let long = |value: u64| value.to_be_bytes();
    vec![
        ("https://github.com/phaag/nfdump/issues/45", vec![
            v9(0).template(300, &wide).set(300, &data(&[&long(72), &long(1)])),
        ], counts, &["72 bytes 1 packets"]),
        ("https://github.com/logstash-plugins/logstash-codec-netflow/issues/112", vec![
            v9(0).template(300, &both).set(300, &data(&[&word(100), &word(9000), &word(3), &word(7)])),
        ], ways, &[
            "192.0.2.1 > 198.51.100.1: 100 bytes 3 packets",
            "198.51.100.1 > 192.0.2.1: 9000 bytes 7 packets",
        ]),
        ("https://github.com/elastic/beats/pull/14111", vec![
            ipfix(0).template(300, &yaf)
                .set(300, &data(&[&long(132), &long(2), &long(200), &long(3)])),
        ], ways, &[
            "192.0.2.1 > 198.51.100.1: 132 bytes 2 packets",
            "198.51.100.1 > 192.0.2.1: 200 bytes 3 packets",
        ]),
        ("https://github.com/ntop/nProbe/issues/559", vec![
            v9(0).template(300, &PLAIN).set(300, &[plain(64, 1), plain(98, 1), plain(76, 1)].concat()),
        ], ways, &[
            "192.0.2.1 > 198.51.100.1: 64 bytes 1 packets",
            "192.0.2.1 > 198.51.100.1: 98 bytes 1 packets",
            "192.0.2.1 > 198.51.100.1: 76 bytes 1 packets",
        ]),
    ]
}

#[rustfmt::skip]
fn of_templates() -> Vec<Situation> {
    let odd = fields(&[iana(1, 4), iana(2, 4), iana(4, 1)]);
    let record = |bytes| data(&[&word(bytes), &word(1), &[6]]);
    vec![
        ("https://github.com/logstash-plugins/logstash-codec-netflow/issues/58", vec![
            ipfix(0).template(300, &odd)
                .set(300, &[record(40), record(50), record(60), vec![0]].concat()),
        ], counts, &["40 bytes 1 packets", "50 bytes 1 packets", "60 bytes 1 packets"]),
        ("https://github.com/pmacct/pmacct/issues/439", vec![
            ipfix(0).set(256, &plain(1500, 1)),
        ], counts, &[]),
        ("https://github.com/elastic/beats/pull/13821", vec![
            Datagram::ipfix(1, SECONDS, 5).template(300, &PLAIN).set(300, &plain(100, 1)),
            Datagram::ipfix(2, SECONDS, 90_000).template(300, &fields(&[iana(2, 4), iana(1, 4)]))
                .set(300, &data(&[&word(2), &word(200)])),
            Datagram::ipfix(1, SECONDS, 6).set(300, &plain(300, 3)),
            Datagram::ipfix(2, SECONDS, 90_001).set(300, &data(&[&word(4), &word(400)])),
        ], counts, &["100 bytes 1 packets", "200 bytes 2 packets", "300 bytes 3 packets", "400 bytes 4 packets"]),
        ("https://github.com/phaag/nfdump/issues/346", vec![
            v9(0).template(300, &fields(&[iana(1, 4), iana(4, 1)])).set(300, &data(&[&word(84), &[1]])),
        ], port, &["proto 1 dport 0"]),
        ("https://github.com/pmacct/pmacct/issues/924", vec![
            ipfix(0).template(300, &fields(&[iana(4, 1), iana(176, 1), iana(177, 1)]))
                .set(300, &data(&[&[1, 3, 1]])),
        ], port, &["proto 1 dport 769"]),
    ]
}

#[rustfmt::skip]
fn of_times() -> Vec<Situation> {
    let uptimes = fields(&[iana(1, 4), iana(22, 4), iana(21, 4)]);
    let at = |first: u32, last: u32| data(&[&word(116), &word(first), &word(last)]);
    let same = (NOW as u64 - 5000).to_be_bytes();
    vec![
        ("https://github.com/netsampler/goflow2/pull/325", vec![
            v9(0).template(300, &uptimes).set(300, &at(UPTIME - 12_345, UPTIME - 45)),
        ], times, &["116 bytes -12345..-45"]),
        ("https://github.com/djmdjm/softflowd/issues/8", vec![
            v9(0).template(300, &uptimes).set(300, &at(UPTIME - 1000, UPTIME - 1061)),
        ], passed, &["116 of 116 bytes passed at the end, which is -1061"]),
        ("https://github.com/irino/softflowd/issues/58", vec![
            ipfix(0).template(300, &uptimes).set(300, &at(UPTIME - 3000, UPTIME - 1000)),
        ], |flow| format!("{} bytes, ends near its arrival: {}", flow.bytes, (flow.last.0 - NOW).abs() <= 10_000),
            &["116 bytes, ends near its arrival: true"]),
        ("https://github.com/phaag/nfdump/issues/166", vec![
            ipfix(0).template(300, &fields(&[iana(1, 4), iana(152, 8), iana(153, 8)]))
                .set(300, &data(&[&word(1500), &same, &same])),
        ], times, &["1500 bytes -5000..-5000"]),
    ]
}

/// The bytes that every answer gives to the millisecond of the end, and the end.
fn passed(flow: &Flow) -> String {
    let end = flow.last;
    let at_end = Spread::new(flow.first, end).between(flow.bytes, end, end.plus_ms(1));
    format!("{at_end} of {} bytes passed at the end, which is {}", flow.bytes, end.0 - NOW)
}

/// An sFlow datagram with one flow sample of a raw header.
fn sflow(rate: u32, expanded: bool, ports: [u32; 2], protocol: u32, header: &[u8]) -> Vec<u8> {
    let mut padded = header.to_vec();
    padded.resize(header.len().next_multiple_of(4), 0);
    let [input, output] = ports;
    let sample: Vec<u32> = match expanded {
        true => vec![1, 0, 3, rate, 1000, 0, 0, input, 0, output, 1],
        false => vec![1, 3, rate, 1000, 0, input, output, 1],
    };
    let length = padded.len() as u32;
    let raw = [1, 16 + length, protocol, 1522, 4, header.len() as u32];
    let kind = if expanded { 3 } else { 1 };
    let head = [5, 1, 0xc000_0207, 0, 1, UPTIME, 1, kind, 4 * sample.len() as u32 + 24 + length];
    let words = head.iter().chain(&sample).chain(&raw);
    let mut bytes: Vec<u8> = words.flat_map(|word| word.to_be_bytes()).collect();
    bytes.extend(padded);
    bytes
}

/// An IPv4 header of 1500 bytes and the ports of TCP.
fn packet() -> Vec<u8> {
    let ip = [&[0x45, 0, 5, 0xdc, 0, 0, 0, 0, 64, 6, 0, 0][..], &ENDS].concat();
    let tcp = [&[0x1f, 0x90, 0, 80][..], &[0; 8], &[0x50, 16, 0, 0, 0, 0, 0, 0]].concat();
    [ip, tcp].concat()
}

/// An Ethernet frame with these tags, of type IPv4.
fn frame(tags: &[u8]) -> Vec<u8> {
    [&[2; 12][..], tags, &[8, 0], &packet()].concat()
}

fn decode(datagrams: &[Vec<u8>], shown: Shown) -> Vec<String> {
    let mut decoder = Decoder::new();
    let mut flows = Vec::new();
    for datagram in datagrams {
        decoder.decode(Time(NOW), Host::octets(192, 0, 2, 7), datagram, &mut flows);
    }
    flows.iter().map(shown).collect()
}

#[test]
fn flows_of_reported_situations_are_right() {
    let all = [of_rates(), of_counters(), of_templates(), of_times()].concat();
    assert_eq!(all.len(), 19);
    for (source, datagrams, shown, right) in all {
        let bytes: Vec<Vec<u8>> = datagrams.into_iter().map(Datagram::bytes).collect();
        assert_eq!(decode(&bytes, shown), right, "{source}");
        told(source);
    }
}

#[test]
fn samples_of_reported_situations_are_right() {
    let own = 0x3fff_ffff;
    let qinq = frame(&[0x81, 0, 0, 9, 0x81, 0, 0, 30]);
    let ends: Shown = |flow| format!("{} > {} port {}", flow.src, flow.dst, flow.dport);
    let all: [(&str, Vec<u8>, Shown, &str); 6] = [
        (
            "akvorado/issues/153",
            sflow(1, false, [2, own], 1, &frame(&[])),
            counts,
            "1522 bytes 1 packets",
        ),
        (
            "akvorado/issues/493",
            sflow(1, false, [2, 3], 11, &packet()),
            ends,
            "192.0.2.1 > 198.51.100.1 port 80",
        ),
        (
            "akvorado/issues/370",
            sflow(1000, true, [29_001, 1_285_816_721], 1, &frame(&[])),
            interfaces,
            "1522000 bytes, 29001 to 1285816721",
        ),
        (
            "akvorado/issues/2071",
            sflow(1, false, [0, 0], 1, &frame(&[])),
            counts,
            "1522 bytes 1 packets",
        ),
        (
            "fastnetmon/pull/735",
            sflow(1, false, [2, 3], 1, &qinq),
            ends,
            "192.0.2.1 > 198.51.100.1 port 80",
        ),
        ("ntopng/issues/681", sflow(512, false, [2, 3], 1, &frame(&[])), rate, "1:512"),
    ];
    for (source, datagram, shown, right) in all {
        assert_eq!(decode(&[datagram], shown), [right], "{source}");
        told(source);
    }
}

#[test]
fn what_is_odd_about_reported_situations_is_told() {
    let causes = [
        ("softflowd/issues/8", Cause::FirstAfterLast),
        ("softflowd/issues/58", Cause::GuessedTimes),
        ("pmacct/issues/439", Cause::NoTemplate),
    ];
    for (source, cause) in causes {
        let all = [of_templates(), of_times()].concat();
        let (_, datagrams, ..) = all.into_iter().find(|(name, ..)| name.ends_with(source)).unwrap();
        let mut decoder = Decoder::new();
        let exporter = Host::octets(192, 0, 2, 7);
        for datagram in datagrams {
            let bytes = datagram.bytes();
            let report = decoder.decode(Time(NOW), exporter, &bytes, &mut Vec::new());
            assert_eq!(report.causes.get(cause), 1, "{source}");
        }
    }
}

/// The document has the source in a row of its table.
fn told(source: &str) {
    let text = include_str!("../../../docs/CORPUS.md");
    assert!(text.contains(&format!("{source}>")), "{source} is missing in docs/CORPUS.md");
}
