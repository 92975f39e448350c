//! The three formats of an answer.

mod groups;

use proptest::prelude::*;

use jiff::tz::TimeZone;

use super::csv::guarded;
use super::*;
use crate::filter::Filter;
use crate::flow::{Host, Protocol, Time};
use crate::snapshot::{
    AnswerSpan, ClassTotals, Completeness, ConversationRow, Counters, DropCount, ExporterHealth,
    Health, HostDetail, HostRow, Ranking, Reach, SamplingState, Snapshot, Subject, TrafficPath,
    UpDown, View, Window,
};

fn counters(bytes: u64, flows: u64) -> Counters {
    Counters { bytes, raw_bytes: bytes / 2, packets: bytes / 100, flows }
}

fn sample() -> Snapshot {
    let row = |last, up, down| HostRow {
        host: Host::octets(10, 20, 3, last),
        traffic: UpDown { up: counters(up, 3), down: counters(down, 4) },
        missing: 0,
    };
    let rows = vec![row(17, 705_000_000, 15_000_000), row(104, 30_000_000, 31_000_000)];
    let others = UpDown { up: counters(1000, 1), down: counters(2000, 2) };
    let mut total = others;
    rows.iter().for_each(|row| total += row.traffic);
    Snapshot {
        captured_at: Time(1_700_000_065_000),
        view: View { window: Window::Minute, subject: Subject::Hosts, ..View::default() },
        span: AnswerSpan {
            start: Time(1_700_000_000_000),
            end: Time(1_700_000_060_000),
            ..AnswerSpan::default()
        },
        totals: ClassTotals {
            up: total.up,
            down: total.down,
            internal: counters(6_000_000, 9),
            transit: Counters::default(),
        },
        hosts: Ranking { rows, others, total, count: 5 },
        notes: vec!["sampled \u{1b}[31mhosts".to_owned()],
        health: Health {
            exporters: vec![
                ExporterHealth {
                    address: Host::octets(192, 0, 2, 1),
                    protocol: Some(Protocol::Netflow9),
                    datagrams: 7,
                    flows: 99,
                    lost: 2,
                    templates: 3,
                    sampling: SamplingState::Announced(100),
                    clock_offset_ms: -20,
                    ..ExporterHealth::default()
                },
                ExporterHealth { protocol: Some(Protocol::Netflow5), ..ExporterHealth::default() },
            ],
            dropped: vec![DropCount {
                cause: "truncated".into(),
                explanation: "the datagram ends too early".into(),
                count: 4,
            }],
            ..Health::default()
        },
        ..Snapshot::default()
    }
}

fn drilled() -> Snapshot {
    let host = Host::octets(10, 20, 3, 17);
    let row = |proto, port, bytes| ConversationRow {
        peer: "2001:db8::9".parse().unwrap(),
        proto,
        port,
        reach: Reach::Line,
        traffic: UpDown { up: counters(bytes, 1), down: Counters::default() },
        first_pane: Time(1_700_000_000_000),
        last_pane: Time(1_700_000_010_000),
        via: (proto == 6).then_some(TrafficPath { exporter: host, input: 3, output: 7 }),
    };
    let rows = vec![row(6, 443, 500), row(1, 0, 300), row(17, 0, 200)];
    let total = UpDown { up: counters(1000, 3), down: Counters::default() };
    let conversations = Ranking { rows, others: UpDown::default(), total, count: 3 };
    let mut snapshot = sample();
    snapshot.view.subject = Subject::Host(host);
    snapshot.detail = Some(HostDetail { host, conversations, ..HostDetail::default() });
    snapshot
}

fn csv_of(snapshot: &Snapshot) -> String {
    let mut out = Vec::new();
    write_csv(snapshot, &TimeZone::UTC, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_table_is_aligned_and_shows_the_rest_as_others() {
    let mut snapshot = sample();
    snapshot.view.filter = Filter::parse("tcp").unwrap();
    let want = "\
ADDRESS       UP/s  DOWN/s     UP   DOWN  FLOWS
10.20.3.17   94.0M   2.00M   705M  15.0M      7
10.20.3.104  4.00M   4.13M  30.0M  31.0M      7
others 3       133     267  1.00k  2.00k      3
total        98.0M   6.13M   735M  46.0M     17
internal      800k       -  6.00M      -      9
window 1m from 2023-11-14T22:13:20.000Z to 2023-11-14T22:14:20.000Z, complete
filter proto tcp
exporters 2: 192.0.2.1 netflow9 1:100 lost 2; :: netflow5 sampling unknown lost 0; lost in total 2
dropped 4 truncated: the datagram ends too early
note sampled  [31mhosts
";
    assert_eq!(text(&snapshot, &TimeZone::UTC), want);
}

#[test]
fn a_drill_down_prints_its_conversations() {
    let shown = text(&drilled(), &TimeZone::UTC);
    let want = "\
host 10.20.3.17
PEER         PORT       PROTO  UP/s  DOWN/s     UP  DOWN  FLOWS
2001:db8::9  443 https  tcp      67       0    500     0      1
2001:db8::9  -          icmp     40       0    300     0      1
2001:db8::9  other      udp      27       0    200     0      1
others 0                          0       0      0     0      0
total                           133       0  1.00k     0      3
";
    assert!(shown.starts_with(want), "{shown}");
}

#[test]
fn json_has_its_keys_in_order() {
    let shown = json(&sample(), &TimeZone::UTC);
    let want = concat!(
        r#"{"schema":"toptalk.top/1","captured_at":"2023-11-14T22:14:25.000Z","#,
        r#""window":{"name":"1m","start":"2023-11-14T22:13:20.000Z","#,
        r#""end":"2023-11-14T22:14:20.000Z","complete":true},"#,
        r#""totals":{"up":{"bytes":735001000,"raw_bytes":367500500,"packets":7350010,"flows":7},"#,
    );
    assert!(shown.starts_with(want), "{shown}");
    let host = concat!(
        r#""hosts":[{"address":"10.20.3.17","up":{"bytes":705000000,"raw_bytes":352500000,"#,
        r#""packets":7050000,"flows":3,"bps":94000000},"down":{"bytes":15000000,"#,
    );
    assert!(shown.contains(host), "{shown}");
    let tail = concat!(
        r#""exporters":[{"address":"192.0.2.1","protocol":"netflow9","datagrams":7,"flows":99,"#,
        r#""lost":2,"doubled":0,"templates":3,"sampling":100,"clock_offset_ms":-20,"#,
        r#""active_timeout_ms":null,"export_delay_ms":null},"#,
        r#"{"address":"::","protocol":"netflow5","datagrams":0,"flows":0,"#,
        r#""lost":0,"doubled":0,"templates":0,"sampling":null,"clock_offset_ms":0,"#,
        r#""active_timeout_ms":null,"export_delay_ms":null}],"#,
        r#""workers":0,"dropped":{"truncated":4},"noticed":{},"notes":["sampled \u001b[31mhosts"]}"#,
    );
    assert!(shown.ends_with(tail), "{shown}");
    let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let totals: Vec<&String> = value["totals"].as_object().unwrap().keys().collect();
    assert_eq!(totals, ["down", "internal", "transit", "up"]);
    assert_eq!(value["others"]["down"]["bps"], 267);
}

#[test]
fn csv_repeats_the_times_and_ends_with_the_sums() {
    let shown = csv_of(&sample());
    let want = "\
captured_at,window_start,window_end,complete,row,address,\
up_bps,up_bytes,up_raw_bytes,up_packets,up_flows,\
down_bps,down_bytes,down_raw_bytes,down_packets,down_flows,missing_bytes
T,host,10.20.3.17,94000000,705000000,352500000,7050000,3,2000000,15000000,7500000,150000,4,0
T,host,10.20.3.104,4000000,30000000,15000000,300000,3,4133333,31000000,15500000,310000,4,0
T,others,,133,1000,500,10,1,267,2000,1000,20,2,
T,total,,98000133,735001000,367500500,7350010,7,6133600,46002000,23001000,460020,10,
T,internal,,800000,6000000,3000000,60000,9,,,,,,
T,transit,,0,0,0,0,0,,,,,,
";
    let times = "2023-11-14T22:14:25.000Z,2023-11-14T22:13:20.000Z,2023-11-14T22:14:20.000Z,true";
    assert_eq!(shown, want.replace('T', times));
}

#[test]
fn csv_of_a_drill_down_names_both_ends() {
    let mut snapshot = drilled();
    snapshot.span.completeness = Completeness::Filling { known_ms: 12_000 };
    let shown = csv_of(&snapshot);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 6);
    assert!(lines[1].contains(
        ",false,conversation,10.20.3.17,2001:db8::9,tcp,443,https,line,67,500,250,5,1,0,0,0,0,0,2023"
    ));
    assert!(lines[1].ends_with(",10.20.3.17,3,7"), "{}", lines[1]);
    assert!(lines[2].ends_with(",,,"), "{}", lines[2]);
    assert!(lines[3].contains(",udp,0,other,line,"));
    assert!(lines[5].contains(",total,10.20.3.17,,,,,,133,1000,500,10,3,0,0,0,0,0,,"));
    let names: Vec<&str> = CONVERSATION_COLUMNS.iter().map(|column| column.name).collect();
    assert_eq!(lines[0], names.join(","));
}

#[test]
fn cells_that_a_spreadsheet_would_execute_are_guarded() {
    for (cell, want) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "-1"),
        ("-1+1", "'-1+1"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("\t=1", "'=1"),
        ("\rx", "'x"),
        ("\u{1b}=1", "'=1"),
        ("a\nb\0c", "abc"),
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("", ""),
    ] {
        assert_eq!(guarded(cell), want, "{cell:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = write_csv(&sample(), &TimeZone::UTC, Full).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}

proptest! {
    #[test]
    fn rows_and_others_of_a_csv_sum_up_to_its_total(
        figures in prop::collection::vec((0u64..1 << 50, 0u64..1 << 50), 0..40),
        listed in 0usize..40,
    ) {
        let both = |(up, down)| UpDown { up: counters(up, 1), down: counters(down, 1) };
        let mut table = Ranking { count: figures.len(), ..Ranking::default() };
        for (index, figure) in figures.into_iter().enumerate() {
            table.total += both(figure);
            if index < listed {
                let host = Host::v4(index as u32);
                table.rows.push(HostRow { host, traffic: both(figure), missing: 0 });
            } else {
                table.others += both(figure);
            }
        }
        let snapshot = Snapshot { hosts: table, ..sample() };
        let written = csv_of(&snapshot);
        for name in ["up_bytes", "up_raw_bytes", "up_flows", "down_bytes", "down_packets"] {
            let at = HOST_COLUMNS.iter().position(|column| column.name == name).unwrap();
            let (mut sum, mut total) = (0, 0);
            let mut reader = ::csv::Reader::from_reader(written.as_bytes());
            for record in reader.records().map(Result::unwrap) {
                let value: u64 = record[at].parse().unwrap_or(0);
                match &record[4] {
                    "host" | "others" => sum += value,
                    "total" => total += value,
                    _ => {}
                }
            }
            prop_assert_eq!(sum, total, "{}", name);
        }
    }
}

#[test]
fn exporters_are_saved_with_their_state() {
    let mut snapshot = sample();
    snapshot.view.subject = Subject::Exporters;
    snapshot.health.exporters = vec![ExporterHealth {
        protocol: Some(Protocol::Ipfix),
        datagrams: 7,
        held: 2,
        sampling: SamplingState::Given(512),
        clock_offset_ms: -41,
        last_seen: snapshot.captured_at,
        ..ExporterHealth::default()
    }];
    let csv = csv_of(&snapshot);
    let mut lines = csv.lines();
    let names: Vec<&str> = EXPORTER_COLUMNS.iter().map(|column| column.name).collect();
    assert_eq!(lines.next(), Some(names.join(",").as_str()));
    let row = lines.next().unwrap();
    for cell in [",ipfix,DEGR,", "2 data sets wait", ",512,given,-41,"] {
        assert!(row.contains(cell), "{cell}: {row}");
    }
    assert_eq!(lines.next(), None);
}
