//! Other programs read segments, from Python: DuckDB, pyarrow, Polars, and ClickHouse as chdb
//! (whose tests are in `.ci/left-out`).

use crate::common;
use crate::common::formats;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use toptalk::archive::macros::{Dialect, macros};
use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::flow::{Duplicate, Flow, FlowExtras, Host, Time};

const START: i64 = 1_800_000_000_000;

/// More than a page, with addresses of both families and one flow with a MAC address.
fn flows() -> (Vec<Flow>, Vec<FlowExtras>) {
    let flow = |i: u64| Flow {
        src: Host::octets(10, 0, (i >> 8) as u8, i as u8),
        dst: if i.is_multiple_of(4) {
            Host(0x2001_0db8 << 96 | u128::from(i % 5))
        } else {
            Host::octets(192, 0, 2, (i % 7) as u8)
        },
        arrival: Time(START + i as i64),
        first: Time(START + i as i64 - 2000),
        last: Time(START + i as i64 - 500),
        bytes: i * 100,
        packets: i % 1000 + 1,
        sport: (i * 7) as u16,
        dport: 443,
        proto: 6,
        domain: 4_000_000_000,
        duplicate: Duplicate::of(u8::from(i % 10 == 9)),
        more: u32::from(i == 70_000),
        ..Flow::EMPTY
    };
    let more = FlowExtras { in_src_mac: 0x00a0_b0c0_d0e0, ..FlowExtras::NONE };
    ((0..100_000).map(flow).collect(), vec![more])
}

/// Runs a script next to a folder `archive`, with the path of a segment in it; returns its
/// output, or why it could not run.
fn python(module: &str, script: &str) -> Result<String, String> {
    let has = Command::new("python3").args(["-c", &format!("import {module}")]).output();
    match has {
        Ok(output) if output.status.success() => {}
        _ => return Err(format!("python3 with {module} is not installed")),
    }
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive/2027/01/15");
    std::fs::create_dir_all(&archive).unwrap();
    // The open journal is in the same folder, and readers must ignore it.
    std::fs::write(archive.join("flows.202701150805Z.journal"), b"TTJOURN").unwrap();
    let path = archive.join("flows.202701150800Z.parquet");
    let (flows, more) = flows();
    let slot = SlotInfo { start: Time(START), length_ms: 300_000 };
    encode(&flows, &more, &slot, std::fs::File::create(&path).unwrap()).unwrap();
    let mut command = Command::new("python3");
    command.current_dir(folder.path()).arg("-c").arg(script).arg(&path);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{module}: {errors}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The sums that a correct reader computes, a number per line.
fn expected() -> String {
    let (flows, _) = flows();
    let sum = |get: &dyn Fn(&Flow) -> u64| flows.iter().map(get).sum::<u64>().to_string();
    [
        flows.len().to_string(),
        sum(&|f| f.bytes),
        sum(&|f| f.packets),
        sum(&|f| f.sport.into()),
        sum(&|f| f.duplicate.into()),
        sum(&|f| f.domain.into()),
        (START + 99_999).to_string(),
    ]
    .join("\n")
}

/// The destination with the most bytes, and their number.
fn top() -> String {
    let mut sums = BTreeMap::new();
    for flow in flows().0.iter().filter(|flow| !flow.duplicate.is_set()) {
        *sums.entry(flow.dst).or_insert(0) += flow.bytes;
    }
    let (host, bytes) = sums.into_iter().max_by_key(|(_, bytes)| *bytes).unwrap();
    format!("{host} {bytes}")
}

/// Checks that a script prints the sums that a correct reader computes.
fn reads_segments(test: &str, module: &str, script: &str) {
    match python(module, script) {
        Ok(found) => assert_eq!(found, expected()),
        Err(why) => common::skip(test, &why),
    }
}

#[test]
fn duckdb_reads_segments() {
    let script = r#"
import duckdb, sys
path = sys.argv[1]
row = duckdb.sql(f"""SELECT count(*), sum(bytes)::HUGEINT, sum(packets)::HUGEINT, sum(sport)::HUGEINT,
    count(*) FILTER (duplicate > 0), sum(domain)::HUGEINT, epoch_ms(max(arrival)) FROM '{path}'""").fetchall()[0]
print(*row, sep="\n")
"#;
    reads_segments("duckdb_reads_segments", "duckdb", script);
}

#[test]
fn pyarrow_reads_segments() {
    let script = r#"
import pyarrow.parquet as pq, pyarrow.compute as pc, sys
t = pq.ParquetFile(sys.argv[1], page_checksum_verification=True).read()
print(t.num_rows, pc.sum(t["bytes"]), pc.sum(t["packets"]), pc.sum(t["sport"]),
    pc.sum(t["duplicate"]), pc.sum(t["domain"]), pc.max(t["arrival"]).value, sep="\n")
assert pq.ParquetFile(sys.argv[1]).metadata.metadata[b"toptalk.archive"] == b"3"
"#;
    reads_segments("pyarrow_reads_segments", "pyarrow", script);
}

#[test]
fn polars_reads_segments() {
    let script = r#"
import polars as pl, sys
t = pl.read_parquet(sys.argv[1])
print(t.height, t["bytes"].sum(), t["packets"].sum(), t["sport"].cast(pl.Int64).sum(),
    t["duplicate"].sum(), t["domain"].cast(pl.Int64).sum(),
    t["arrival"].dt.epoch("ms").max(), sep="\n")
"#;
    reads_segments("polars_reads_segments", "polars", script);
}

#[test]
fn duckdb_prints_addresses_in_the_usual_form() {
    let texts = [
        "192.0.2.1",
        "0.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "2001:db8::1",
        "2001:db8:0:1:1:1:1:1",
        "2001:db8::1:0:0:1",
        "fe80::a0b:c0d",
        "1:2:3:4:5:6:7:8",
        "1:0:0:2:0:0:0:3",
        "abcd::",
    ];
    let literals: Vec<String> = texts
        .iter()
        .map(|text| {
            let host: Host = text.parse().unwrap();
            let hex: String = host.0.to_be_bytes().iter().map(|b| format!("{b:02X}")).collect();
            format!("addr_text(unhex('{hex}'))")
        })
        .collect();
    let script = format!(
        r#"
import duckdb, sys
duckdb.sql(r'''{}''')
print(*duckdb.sql("SELECT {}").fetchall()[0], sep="\n")
print(duckdb.sql("SELECT mac_text(176980848608::UBIGINT)").fetchall()[0][0])
print(*duckdb.sql(f"""SELECT addr_text(dst), sum(bytes)::HUGEINT AS b FROM '{{sys.argv[1]}}'
    WHERE duplicate = 0 GROUP BY dst ORDER BY b DESC LIMIT 1""").fetchall()[0])
assert duckdb.sql(f"SELECT mac_text(max(in_src_mac)) FROM '{{sys.argv[1]}}'").fetchall()[0][0] \
    == "00:a0:b0:c0:d0:e0"
"#,
        macros(Dialect::DuckDb),
        literals.join(", "),
    );
    match python("duckdb", &script) {
        Ok(found) => {
            let mut expected = texts.map(|text| text.parse::<Host>().unwrap().to_string()).to_vec();
            expected.push("00:29:34:e1:6f:e0".into());
            expected.push(top());
            assert_eq!(found.lines().collect::<Vec<_>>(), expected);
        }
        Err(why) => common::skip("duckdb_prints_addresses_in_the_usual_form", &why),
    }
}

#[test]
fn clickhouse_reads_segments() {
    let script = format!(
        r#"
import sys
from chdb.session import Session
session = Session()
for statement in r'''{}'''.split(";"):
    if statement.strip():
        session.query(statement)
path = sys.argv[1]
print(str(session.query(f"""SELECT count(), sum(bytes), sum(packets), sum(sport), countIf(duplicate > 0),
    sum(domain), toUnixTimestamp64Milli(max(arrival)) FROM file('{{path}}', Parquet)""")).strip()
    .replace(",", "\n"))
print(str(session.query(f"""SELECT addr_text(dst), sum(bytes) AS b FROM file('{{path}}', Parquet)
    WHERE duplicate = 0 GROUP BY dst ORDER BY b DESC LIMIT 1""")).strip().replace(",", " ").replace('"', ""))
"#,
        macros(Dialect::ClickHouse),
    );
    match python("chdb", &script) {
        Ok(found) => assert_eq!(found, format!("{}\n{}", expected(), top())),
        Err(why) => common::skip("clickhouse_reads_segments", &why),
    }
}

/// The example of docs/ARCHIVE.md for a program, unchanged.
fn example(program: &str) -> String {
    let text = include_str!("../../docs/ARCHIVE.md");
    let section = text.split("\n## Asking other programs\n").nth(1).unwrap();
    let after = section.split(&format!("\n{program}")).nth(1).unwrap();
    let block = after.split("```").nth(1).unwrap();
    block.split_once('\n').unwrap().1.to_owned()
}

/// Checks that the example for a module prints the destination with the most bytes.
fn example_works(test: &str, module: &str, script: &str) {
    let top = top();
    let (host, bytes) = top.split_once(' ').unwrap();
    match python(module, script) {
        Ok(found) => {
            let line = found.lines().find(|line| line.contains(host));
            assert!(line.is_some_and(|line| line.contains(bytes)), "{module}: {found}");
        }
        Err(why) => common::skip(test, &why),
    }
}

#[test]
fn examples_of_the_document_run_as_written() {
    let test = "examples_of_the_document_run_as_written";
    let duckdb = format!(
        "import duckdb\nduckdb.sql(r'''{}''')\nduckdb.sql('''{}''').show()",
        macros(Dialect::DuckDb),
        example("DuckDB")
    );
    example_works(test, "duckdb", &duckdb);
    example_works(test, "polars", &example("Polars"));
    example_works(test, "pandas", &example("pandas"));
}

#[test]
fn clickhouse_example_of_the_document_runs_as_written() {
    let script = format!(
        r#"
from chdb.session import Session
session = Session()
for statement in r'''{}'''.split(";"):
    if statement.strip():
        session.query(statement)
print(session.query(r'''{}'''.strip().rstrip(";")))
"#,
        macros(Dialect::ClickHouse),
        example("ClickHouse")
    );
    example_works("clickhouse_example_of_the_document_runs_as_written", "chdb", &script);
}

/// A folder with segments of version 1 and of version 2.
#[test]
fn duckdb_reads_a_folder_of_both_versions() {
    let old = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/formats/1/flows.202611240340Z.parquet"
    );
    let script = format!(
        r#"
import duckdb, os, shutil, sys
new = os.path.dirname(sys.argv[1])
duckdb.sql(r'''{}''')
def ask(files):
    print(*duckdb.sql(f"""SELECT count(*), sum(bytes)::HUGEINT, sum(flow_count)::HUGEINT,
        count(*) FILTER (user <> '') FROM flows('{{files}}') WHERE duplicate = 0""").fetchall()[0])
ask(f"{{new}}/*.parquet")
shutil.copy({old:?}, f"{{new}}/flows.202701150700Z.parquet")
ask(f"{{new}}/*.parquet")
print(*duckdb.sql(f"""SELECT count(*), sum(bytes)::HUGEINT FROM '{{new}}/*.parquet'
    WHERE duplicate = 0""").fetchall()[0])
"#,
        macros(Dialect::DuckDb),
    );
    let (flows, _) = flows();
    let (mut count, mut bytes) = (0, 0);
    for flow in flows.iter().filter(|flow| !flow.duplicate.is_set()) {
        (count, bytes) = (count + 1, bytes + flow.bytes);
    }
    let new = format!("{count} {bytes} {count} 0");
    let counted: Vec<_> = formats::flows().0;
    for flow in counted.iter().filter(|flow| !flow.duplicate.is_set()) {
        (count, bytes) = (count + 1, bytes + flow.bytes);
    }
    match python("duckdb", &script) {
        Ok(found) => assert_eq!(
            found.lines().collect::<Vec<_>>(),
            [new, format!("{count} {bytes} {count} 0"), format!("{count} {bytes}")]
        ),
        Err(why) => common::skip("duckdb_reads_a_folder_of_both_versions", &why),
    }
}

#[test]
fn what_is_not_ours_is_said() {
    let error = toptalk::archive::segment::footer(Path::new("Cargo.toml")).unwrap_err();
    assert!(error.to_string().contains("Parquet"), "{error}");
}
