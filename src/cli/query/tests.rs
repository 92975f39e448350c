//! Words of `toptalk query` that are understood, and words that are not.

use super::*;
use crate::cli::{Command, read_from};
use crate::flow::field::Field;

fn read(words: &[&str]) -> Result<Query, String> {
    let words: Vec<&str> = ["toptalk", "query"].iter().chain(words).copied().collect();
    match read_from(words)? {
        Command::Query(query) => Ok(*query),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_model_users_questions_run_as_written() {
    let range = "/srv/netflow/cisco/nfcapd.201604101200:nfcapd.201604171200";
    let query = read(&["-R", range, "-s", "dstip", "-O", "bytes", "-n", "10"]).unwrap();
    assert_eq!(query.files.range.as_deref(), Some(range));
    let QueryMode::Statistics { asked, limit: 10 } = query.ask else { panic!() };
    assert_eq!((asked[0].element.name, &asked[0].orders[..]), ("dstip", &[StatOrder::Bytes][..]));
    let words = ["-R", range, "-s", "srcip", "-O", "bytes", "-n", "50", "dst ip 192.168.1.20"];
    let query = read(&words).unwrap();
    let FilterFrom::Words(filter) = query.filter else { panic!() };
    assert_eq!(filter, Filter::parse("dst ip 192.168.1.20").unwrap());
    let words = "-s dstip -O bytes -n 100 -o csv dst net 192.168.1.0/24";
    let query = read(&words.split(' ').collect::<Vec<_>>()).unwrap();
    assert!(matches!(query.output.shape, QueryFormat::Csv(None)));
    assert!(matches!(query.ask, QueryMode::Statistics { limit: 100, .. }));
}

#[test]
fn statistics_take_their_order_from_their_own_word_first() {
    let query = read(&["-s", "srcip/flows", "-s", "ip:p", "-s", "record", "-O", "bps"]).unwrap();
    let QueryMode::Statistics { asked, limit: 10 } = query.ask else { panic!() };
    let orders: Vec<_> = asked.iter().map(|one| one.orders[0]).collect();
    assert_eq!(orders, [StatOrder::Flows, StatOrder::Bps, StatOrder::Bps]);
    assert!(asked[1].by_protocol && asked[2].by.is_some() && asked[0].by.is_none());
    let query = read(&["-s", "record/bytes", "-A", "srcip"]).unwrap();
    let QueryMode::Statistics { asked, .. } = query.ask else { panic!() };
    assert_eq!(asked[0].by.as_ref().unwrap().parts[0].field, Field::Src);
}

#[test]
fn lists_and_sums() {
    let ask = |words: &[&str]| read(words).unwrap().ask;
    assert_eq!(ask(&[]), QueryMode::Records { order: None, limit: 0 });
    let by_time = QueryMode::Records { order: Some(StatOrder::First), limit: 5 };
    assert_eq!(ask(&["-c", "5", "-O", "tstart"]), by_time);
    assert_eq!(ask(&["-c", "5", "-n", "3"]), QueryMode::Records { order: None, limit: 3 });
    let QueryMode::Groups { by, limit: 0, .. } = ask(&["-b"]) else { panic!() };
    assert_eq!(by.direction, FlowDirection::Both);
    let QueryMode::Groups { by, .. } = ask(&["-B", "-b"]) else { panic!() };
    assert_eq!(by.direction, FlowDirection::ToServer);
    assert_eq!(ask(&["-I"]), QueryMode::Summary);
    assert_eq!(ask(&["-o", "null"]), QueryMode::Summary);
    assert!(read(&["-o", "long6"]).unwrap().output.full6);
}

#[test]
fn times_and_windows() {
    let query = read(&["--from", "2h", "--to", "now"]).unwrap();
    assert_eq!(
        (query.from, query.to),
        (Some(WrittenTime::Ago(7_200_000)), Some(WrittenTime::Ago(0)))
    );
    assert_eq!(read(&["-t", "-10"]).unwrap().window, Some(TimeWindow::Tail(10_000)));
    let query = read(&["-t", "2026/04/10.12:30"]).unwrap();
    assert!(query.from.is_some() && query.to.is_none() && query.window.is_none());
}

#[test]
fn what_is_done_besides_asking() {
    let action = |words: &[&str]| read(words).unwrap().action;
    assert_eq!(action(&["-Z", "port", "443"]), QueryAction::CheckFilter(Some("port 443".into())));
    assert_eq!(action(&["-Z", "no filter"]), QueryAction::CheckFilter(Some("no filter".into())));
    assert_eq!(action(&["-Z", "-f", "x"]), QueryAction::CheckFilter(None));
    assert_eq!(action(&["-v", "x.parquet"]), QueryAction::Verify("x.parquet".into()));
    assert_eq!(action(&["--macros", "duckdb"]), QueryAction::Macros(Dialect::DuckDb));
    assert!(matches!(read(&["-f", "x"]).unwrap().filter, FilterFrom::File(_)));
    let both = read(&["-f", "x", "tcp"]).unwrap();
    assert!(matches!(both.filter, FilterFrom::Words(_)));
    assert_eq!(both.notes.len(), 1, "the file is not read, which is said");
    assert!(read(&["-f", "x"]).unwrap().notes.is_empty());
}

#[test]
fn other_words_are_refused_with_advice() {
    for (words, expected) in [
        (&["-m"][..], "-O tstart"),
        (&["-z=lz4"], "leave it out"),
        (&["-D", "8.8.8.8"], "not looked up"),
        (&["-s", "dtsip"], "try dstip"),
        (&["-s", "dstip/tstart"], "-O tstart"),
        (&["-O", "bites"], "bytes"),
        (&["-A", "srcprot"], "srcport"),
        (&["-A", "srcip", "-b"], "leave out -A"),
        (&["-s", "dstip", "-a"], "leave them out"),
        (&["-s", "dstip", "-c", "5"], "-n"),
        (&["-a", "-c", "5"], "-n"),
        (&["-o", "lin"], "try line"),
        (&["-o", "fmt:%bytes"], "try byt"),
        (&["-t", "yesterday"], "YYYY/MM/dd"),
        (&["--from", "soon"], "yesterday"),
        (&["--threads", "0"], "1 to 64"),
        (&["-r", "a", "-R", "b"], "cannot be used"),
        (&["-I", "-a"], "cannot be used"),
        (&["-v", "x.parquet", "port", "80"], "cannot be used"),
        (&["-v", "x.parquet", "-R", "/a"], "cannot be used"),
        (&["--macros", "duckdb", "-s", "srcip"], "cannot be used"),
        (&["-I", "-c", "5"], "-c stops a list"),
        (&["-o", "null", "-c", "5"], "-c stops a list"),
        (&["-w", "x.parquet", "-o", "json"], "-o parquet"),
        (&["# port 443"], "`any`"),
        (&["  "], "`any`"),
        (&["prot 443"], "^^^^"),
    ] {
        let message = read(words).expect_err(&words.join(" "));
        assert!(message.contains(expected), "{words:?}: {message}");
    }
    let nine = ["-s", "ip"].repeat(9);
    assert!(read(&nine).unwrap_err().contains("at most 8"));
}

#[test]
fn a_wrong_filter_is_pointed_at_in_its_line() {
    let message = filter("tcp and\n  prot 443 # web\n").unwrap_err();
    assert!(message.starts_with("line 2: "), "{message}");
    assert!(message.contains("\n    prot 443 # web\n    ^^^^"), "{message}");
    let message = filter("tcp and").unwrap_err();
    assert!(message.ends_with("tcp and\n         ^"), "{message}");
}
