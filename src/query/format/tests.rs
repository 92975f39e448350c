//! Golden outputs of every format from handmade rows.

use super::*;
use crate::flow::field::FieldValue;
use crate::flow::{Flow, FlowExtras, Host, Sampling, Time};
use crate::query::answer::{ProtocolTotals, QueryEffort};
use crate::query::element::{aggregation, five_tuple, statistic};
use crate::query::{AnswerSums, StatOrder, StatRow};

const FIRST: Time = Time(1_700_000_000_010);

fn flow() -> Flow {
    Flow {
        src: Host::octets(10, 1, 0, 10),
        dst: Host::octets(203, 0, 113, 1),
        exporter: Host::octets(192, 0, 2, 1),
        first: FIRST,
        last: FIRST.plus_ms(230),
        arrival: FIRST.plus_ms(15_000),
        bytes: 780,
        packets: 7,
        input: 3,
        output: 4,
        sport: 40_000,
        dport: 80,
        proto: 6,
        tcp_flags: 0x13,
        ..Flow::EMPTY
    }
}

fn row(flow: Flow) -> AnswerRow {
    let (bytes, packets) = flow.scaled();
    let sums = AnswerSums { flows: 1, packets, bytes, first: flow.first, last: flow.last };
    AnswerRow {
        flow,
        extras: FlowExtras::NONE,
        sums,
        odd_times: false,
        out_packets: 0,
        out_bytes: 0,
    }
}

fn rows() -> Vec<AnswerRow> {
    let v6 = |text: &str| text.parse::<Host>().unwrap();
    let ping = Flow {
        src: v6("2001:db8:1::1"),
        dst: v6("2001:db8:ffff:ffff::80"),
        proto: 58,
        dport: 0x8000,
        sport: 0,
        bytes: 1_234_567,
        packets: 1,
        tcp_flags: 0,
        last: FIRST,
        sampling: Sampling::one_in(10),
        ..flow()
    };
    vec![row(flow()), row(ping)]
}

fn totals(rows: &[AnswerRow]) -> ProtocolTotals {
    let mut all = rows[0].sums;
    for row in &rows[1..] {
        all.flows += row.sums.flows;
        all.bytes += row.sums.bytes;
        all.packets += row.sums.packets;
    }
    ProtocolTotals {
        all: Some(all),
        tcp: [1, 7, 780],
        icmp: [1, 10, 12_345_670],
        ..ProtocolTotals::default()
    }
}

fn question(ask: QueryMode) -> ArchiveQuestion {
    ArchiveQuestion { no_dedup: false, ask, ..ArchiveQuestion::sums_of_everything() }
}

fn output(shape: &str) -> QueryOutput {
    let (shape, full6) = match shape {
        "" => (QueryFormat::Usual, false),
        text => QueryFormat::parse(text).unwrap(),
    };
    QueryOutput { shape, quiet: false, plain: false, full6, own_rates: false }
}

fn answer(tables: Vec<AnswerTable>) -> QueryAnswer {
    let effort = QueryEffort { files: 1, records: 2, bytes_read: 99, ..QueryEffort::default() };
    QueryAnswer { totals: totals(&rows()), tables, effort }
}

fn print(ask: QueryMode, output: &QueryOutput, tables: Vec<AnswerTable>) -> String {
    let question = question(ask);
    let answer = answer(tables);
    let mut printer = QueryPrinter::new(&question, output, TimeZone::UTC);
    let span = CoveredSpan::of(question.from, question.to, &answer.totals);
    printer.begin();
    if matches!(question.ask, QueryMode::Records { .. }) {
        rows().iter().for_each(|row| printer.row(row));
    }
    printer.tables(&answer, span);
    printer.end(&answer, span, 1_500);
    String::from_utf8(printer.written().clone()).unwrap()
}

fn list(shape: &str) -> String {
    print(QueryMode::Records { order: None, limit: 0 }, &output(shape), Vec::new())
}

const SUMMARY: &str = "\
Summary: total flows: 2, total bytes: 12.3 M, total packets: 17, avg bps: 429.4 M, avg pps: 73, avg bpp: 726261
Time window: 2023-11-14 22:13:20 - 2023-11-14 22:13:20
Total flows processed: 2, passed: 2, reported twice: 0, Files read: 1, skipped: 0, Bytes read: 99
Wall: 0.0015s flows/second: 1333.3
";

#[test]
fn lines_are_nfdumps() {
    let want = "\
Date first seen             Duration     Proto      Src IP Addr:Port          Dst IP Addr:Port   Packets    Bytes Flows
2023-11-14 22:13:20.010     00:00:00.230 TCP          10.1.0.10:40000 ->      203.0.113.1:80           7      780     1
2023-11-14 22:13:20.010     00:00:00.000 ICMP6    2001:db8:1::1.0     -> 2001:db..fff::80.128.0       10   12.3 M     1
";
    assert_eq!(list(""), format!("{want}{SUMMARY}"));
    assert_eq!(list("line"), list(""));
}

#[test]
fn headings_stand_where_nfdump_has_them() {
    let first = |shape| list(shape).lines().next().unwrap().to_owned();
    for (shape, want) in [
        (
            "long",
            "Date first seen             Duration     Proto      Src IP Addr:Port          Dst IP Addr:Port     Flags Tos  Packets    Bytes Flows",
        ),
        (
            "extended",
            "Date first seen             Duration     Proto      Src IP Addr:Port          Dst IP Addr:Port     Flags Tos  Packets    Bytes      pps      bps    Bpp Flows",
        ),
        (
            "biline",
            "Date first seen             Duration     Proto      Src IP Addr:Port           Dst IP Addr:Port   Out Pkt   In Pkt Out Byte  In Byte Flows",
        ),
        (
            "bilong",
            "Date first seen             Duration     Proto      Src IP Addr:Port           Dst IP Addr:Port     Flags Tos  Out Pkt   In Pkt Out Byte  In Byte Flows",
        ),
        (
            "line6",
            "Date first seen             Duration     Proto                             Src IP Addr:Port                                 Dst IP Addr:Port   Packets    Bytes Flows",
        ),
        (
            "fmt:%line6",
            "Date first seen             Duration     Proto                             Src IP Addr:Port                                 Dst IP Addr:Port   Packets    Bytes Flows",
        ),
        ("fmt:%sa|%sn|%odid", "     Src IP Addr      Src Network    obsDomainID"),
        ("csv:%ts,%sa", "ts,sa"),
    ] {
        assert_eq!(first(shape), want, "{shape}");
    }
}

#[test]
fn every_tag_is_as_wide_as_its_heading() {
    for tag in tag::TAGS {
        for full6 in [false, true] {
            let mut writer =
                RowWriter::new(RowStyle { full6, ..RowStyle::default() }, TimeZone::UTC);
            tag.write_heading(&mut writer);
            let heading = std::mem::take(&mut writer.out).len();
            tag.write(&mut writer, &rows()[0]);
            assert_eq!(writer.out.len(), heading, "%{}", tag.name);
        }
    }
    for name in layout::CSV.split(',') {
        assert!(tag::named(name).is_some(), "{name}");
    }
}

/// A row with values in all or some columns.
fn row_with(proto: u64, fields: &[crate::flow::field::Field]) -> AnswerRow {
    use crate::flow::field::{Field, FieldKind};
    use crate::query::record;
    let sums =
        AnswerSums { flows: 1, packets: 7, bytes: 999, first: Time(5_000), last: Time(9_000) };
    let mut row = record::row(sums);
    for (number, field) in fields.iter().enumerate() {
        let bits = if *field == Field::Proto { proto } else { 1 + number as u64 % 7 };
        let address = field.info().kind == FieldKind::Address;
        let host = if address { Host::octets(10, 0, 0, 1 + *field as u8) } else { Host(0) };
        record::put(&mut row, *field, bits, host);
    }
    row
}

#[test]
fn a_tag_needs_the_columns_that_it_says() {
    use crate::flow::field::{FIELDS, Field};
    let all: Vec<Field> = FIELDS.iter().map(|info| info.field).collect();
    let counted = crate::query::state::COUNTED;
    for proto in [6, 1] {
        for tag in tag::TAGS {
            // Each value is the same as among all fields.
            let full = row_with(proto, &all);
            let mut part = full;
            for field in all.iter().filter(|field| !tag.needs.contains(field)) {
                if !counted.contains(field) {
                    crate::query::record::put(&mut part, *field, 0, Host::UNSPECIFIED);
                }
            }
            for style in [RowStyle::default(), RowStyle::DATA] {
                let cell = |row: &AnswerRow| {
                    let mut writer = RowWriter::new(style, TimeZone::UTC);
                    tag.write(&mut writer, row);
                    String::from_utf8(std::mem::take(&mut writer.out)).unwrap()
                };
                assert_eq!(cell(&part), cell(&full), "%{}", tag.name);
            }
        }
    }
}

#[test]
fn csv_has_every_column_and_numbers_in_full() {
    let text = list("csv");
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out")
    );
    assert!(lines[0].ends_with("mpls10,ra,odid,tr,fl"));
    assert!(lines[1].starts_with("2023-11-14 22:13:20,2023-11-14 22:13:20,0.230,10.1.0.10,203.0.113.1,40000,80,TCP,...A..SF,0,0,7,780,0,0,3,4,"));
    assert!(lines[2].contains(",2001:db8:ffff:ffff::80,0,32768,ICMP6,........,0,0,10,12345670,"));
    for line in &lines[..3] {
        assert_eq!(line.split(',').count(), layout::CSV.split(',').count(), "{line}");
    }
    assert_eq!(lines[3..5], ["Summary", "flows,bytes,packets,avg_bps,avg_pps,avg_bpp"]);
    assert!(lines[5].starts_with("2,12346450,17,"), "{}", lines[5]);
}

#[test]
fn json_is_read_back() {
    let value: serde_json::Value = serde_json::from_str(&list("json")).unwrap();
    let one = &value[0];
    assert_eq!(one["first"], "2023-11-14T22:13:20.010Z");
    assert_eq!((&one["src4_addr"], &one["dst_port"]), (&"10.1.0.10".into(), &80.into()));
    assert_eq!(value[1]["src6_addr"], "2001:db8:1::1");
    assert_eq!((&value[1]["icmp_type"], &value[1]["in_bytes"]), (&128.into(), &12_345_670.into()));
    assert!(value[1].get("src4_addr").is_none() && one.get("in_src_mac").is_none());
    let text = list("ndjson");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(serde_json::from_str::<serde_json::Value>(lines[0]).unwrap(), *one);
}

fn destinations(shape: &str, ask: &str) -> String {
    let asked = statistic(ask).unwrap();
    let rows: Vec<StatRow> = rows()
        .iter()
        .map(|row| StatRow {
            value: FieldValue::Address(row.flow.dst),
            proto: None,
            sums: row.sums,
        })
        .collect();
    let table =
        AnswerTable::Statistic { asked: asked.clone(), order: StatOrder::Bytes, rows, groups: 2 };
    print(QueryMode::Statistics { asked: vec![asked], limit: 10 }, &output(shape), vec![table])
}

#[test]
fn statistics_are_nfdumps() {
    let want = "\
Top 10 Dst IP Addr ordered by bytes:
Date first seen                 Duration Proto       Dst IP Addr    Flows(%)     Packets(%)       Bytes(%)         pps      bps   bpp
2023-11-14 22:13:20.010     00:00:00.230 any         203.0.113.1        1(50.0)        7(41.2)      780( 0.0)       30    27130   111
2023-11-14 22:13:20.010     00:00:00.000 any    2001:db..fff::80        1(50.0)       10(58.8)   12.3 M(100.0)       43  429.4 M 1234567

";
    assert_eq!(destinations("", "dstip/bytes"), format!("{want}{SUMMARY}"));
}

#[test]
fn statistics_for_programs() {
    let text = destinations("csv", "dstip/bytes");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], stat::CSV);
    assert_eq!(
        lines[1],
        "2023-11-14 22:13:20,2023-11-14 22:13:20,0.230,any,203.0.113.1,1,50.0,7,41.2,780,0.0,30,27130,111"
    );
    let value: serde_json::Value = serde_json::from_str(&destinations("json", "dstip")).unwrap();
    assert_eq!((&value[0]["statistic"], &value[0]["order"]), (&"dstip".into(), &"bytes".into()));
    let row = &value[0]["rows"][0];
    assert_eq!((&row["value"], &row["bytes_percent"]), (&"203.0.113.1".into(), &0.0.into()));
    let text = destinations("ndjson", "dstip4/24");
    let value: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(value["value"], "203.0.113.1/24");
}

#[test]
fn groups_are_printed_by_the_fields_that_they_are_summed_by() {
    let group = |by: Aggregation, shape| {
        let table =
            AnswerTable::Rows { by: Some(by.clone()), order: None, rows: rows(), groups: 2 };
        print(QueryMode::Groups { by, order: None, limit: 0 }, &output(shape), vec![table])
    };
    let text = group(aggregation("srcip,dstport").unwrap(), "");
    assert!(text.starts_with("Date first seen             Duration           Src IP Addr Dst Pt   Packets    Bytes      bps    Bpp Flows\n"), "{text}");
    assert_eq!(group(five_tuple(), ""), list(""));
    let text = group(aggregation("srcnet,dstmask").unwrap(), "");
    assert!(text.starts_with("Date first seen             Duration           Src Network    DMask   Packets    Bytes      bps    Bpp Flows\n"), "{text}");
    let both = Aggregation { direction: FlowDirection::Both, ..five_tuple() };
    assert!(group(both, "").contains("<->"));
}

use crate::query::{Aggregation, FlowDirection};

#[test]
fn the_totals_alone() {
    let text = print(QueryMode::Summary, &output(""), Vec::new());
    assert!(text.starts_with("Flows: 2\nFlows_tcp: 1\nFlows_udp: 0\nFlows_icmp: 1\n"), "{text}");
    assert!(
        text.ends_with("First: 1700000000\nLast: 1700000000\nmsec_first: 10\nmsec_last: 240\n")
    );
    let value: serde_json::Value =
        serde_json::from_str(&print(QueryMode::Summary, &output("json"), Vec::new())).unwrap();
    assert_eq!(
        (&value["bytes_icmp"], &value["last"]),
        (&12_345_670.into(), &1_700_000_000_240i64.into())
    );
}

#[test]
fn extreme_numbers_and_times() {
    let mut writer = RowWriter::new(RowStyle::default(), TimeZone::UTC);
    let mut of = |write: &dyn Fn(&mut RowWriter)| {
        write(&mut writer);
        String::from_utf8(std::mem::take(&mut writer.out)).unwrap()
    };
    for (number, want) in [
        (0, "0"),
        (999_999, "999999"),
        (1_000_000, "1.0 M"),
        (1_450_000_000, "1.5 G"),
        (u64::MAX, "18446744.1 T"),
    ] {
        assert_eq!(of(&|writer| writer.scaled(number)), want);
    }
    assert_eq!(of(&|writer| writer.number(u64::MAX)), u64::MAX.to_string());
    for time in [i64::MIN, i64::MAX] {
        assert!(of(&|writer| writer.stamp(Time(time), true)).starts_with("0000-00-00 00:00:"));
    }
    assert_eq!(of(&|writer| writer.stamp(Time(-1), true)), "1969-12-31 23:59:59.999");
    assert_eq!(of(&|writer| writer.mac(0x00aa_bb00_0102)), "00:aa:bb:00:01:02");
    let sums = AnswerSums { first: Time(0), last: Time(93_784_567), ..rows()[0].sums };
    assert_eq!(of(&|writer| writer.duration(&sums)), "1d 02:03:04.567");
}

#[test]
fn other_formats_are_refused_with_similar_ones() {
    for (text, expected) in [
        ("lin", "try line"),
        ("pipe", "write csv"),
        ("fmt:%ts %bytes", "try byt"),
        ("fmt:%ts %gsap", "country"),
        ("fmt:hello", "at least one tag"),
        ("csv:ts,sa", "csv:%ts,%sa"),
        ("csv:", "at least one tag"),
        ("yaml", "known are"),
    ] {
        let message = QueryFormat::parse(text).expect_err(text).to_string();
        assert!(message.contains(expected), "{text}: {message}");
    }
}
