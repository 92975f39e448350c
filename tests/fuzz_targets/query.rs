//! Fuzz target: arguments of `toptalk query`: filters, statistics, times, files, formats.

use std::path::Path;

use jiff::tz::TimeZone;
use toptalk::archive::name::{self, Hierarchy};
use toptalk::cli;
use toptalk::filter::Filter;
use toptalk::flow::{Flow, Host, Time};
use toptalk::query::element::{aggregation, element, statistic};
use toptalk::query::format::{LineLayout, QueryFormat, RowStyle, RowWriter};
use toptalk::query::when::{End, WrittenTime, window};
use toptalk::query::{AnswerRow, AnswerSums, files, order};

use super::datagrams::START;

/// The first byte chooses what the rest is: a filter, one argument, or a command line of
/// arguments with zeros between them.
pub fn run(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match choice % 3 {
        0 => filter(&text),
        1 => word(&text),
        _ => words(&text),
    }
}

/// A filter is printed and read again: it must print the same and mean the same.
fn filter(text: &str) {
    let read = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(error.at.start <= error.at.end && error.at.end <= text.len(), "{error:?}");
            // Formatting the message slices the filter, whatever characters it has.
            assert!(cli::filter(text).is_err());
            return;
        }
    };
    let printed = read.to_string();
    let again = Filter::parse(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"));
    assert_eq!(again.to_string(), printed, "of {text}");
    for flow in flows() {
        assert_eq!(read.matches(&flow), again.matches(&flow), "{text}: {flow:?}");
    }
}

/// A few flows that differ in many fields.
fn flows() -> [Flow; 3] {
    let flow = Flow {
        src: Host::octets(10, 1, 2, 3),
        dst: Host::octets(203, 0, 113, 1),
        first: START,
        last: START.plus_ms(1500),
        bytes: 1_000_000,
        packets: 1000,
        sport: 40_000,
        dport: 443,
        proto: 6,
        tcp_flags: 0x12,
        ..Flow::EMPTY
    };
    let dst = Host(0x2001_0db8 << 96 | 7);
    // Start and end exchanged, and numbers that overflow sums and rates.
    let odd = Flow { dst, first: Time(i64::MAX), last: Time(i64::MIN), ..flow };
    let most = Flow { bytes: u64::MAX, packets: u64::MAX, sport: 0, proto: 1, ..odd };
    [flow, odd, most]
}

fn word(text: &str) {
    if let Ok(known) = element(text) {
        assert!(known.name.len() <= text.len().max(known.name.len()));
    }
    let _ = (statistic(text), aggregation(text), order::parse(text), QueryFormat::parse(text));
    let zones = [TimeZone::UTC, TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone")];
    for zone in &zones {
        for (end, now) in [(End::From, START), (End::To, Time(i64::MAX)), (End::To, Time(0))] {
            let _ = WrittenTime::parse(text).map(|when| when.resolve(end, now, zone));
        }
        let _ = files::range(text, zone, &|path| path == Path::new("a"));
    }
    let _ = (window(text), files::folders(text), text.parse::<Hierarchy>());
    let named = name::parse(text);
    assert!(!(named.is_some() && name::is_temporary(text)), "{text} is both");
    for layout in [LineLayout::parse(text), LineLayout::csv(text)].into_iter().flatten() {
        lines(&layout);
    }
}

/// Prints rows of any values in a format.
fn lines(layout: &LineLayout) {
    let mut pen = RowWriter::new(RowStyle::default(), TimeZone::UTC);
    layout.heading(&mut pen);
    for flow in flows() {
        let (bytes, packets) = flow.scaled();
        let sums = AnswerSums { flows: 1, packets, bytes, first: flow.first, last: flow.last };
        let more = toptalk::flow::FlowExtras::NONE;
        let row = AnswerRow {
            flow,
            extras: more,
            sums,
            odd_times: false,
            out_packets: packets,
            out_bytes: bytes,
        };
        layout.row(&mut pen, &row);
        layout.csv_row(&mut pen, &row);
    }
    assert!(std::str::from_utf8(&pen.out).is_ok());
}

fn words(text: &str) {
    for verb in ["query", "replay", "convert", "collect"] {
        let words = ["toptalk", verb].into_iter().chain(text.split('\0'));
        if let Err(message) = cli::read_from(words) {
            assert!(!message.is_empty());
        }
    }
}
