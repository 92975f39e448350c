//! Fuzz target: files of any kind, read and printed as a table and as JSON.

use std::ops::ControlFlow;

use toptalk::capture::{self, CaptureProblem, CapturedDatagram, ExpectedContent, Item};
use toptalk::inspect::{InspectFormat, Inspector};
use toptalk::wire::Policy;

use super::datagrams::START;

/// The first byte chooses what is expected; the rest is the file.
pub fn run(bytes: &[u8]) {
    let Some((choice, file)) = bytes.split_first() else { return };
    let meant =
        if choice & 1 == 0 { ExpectedContent::Messages } else { ExpectedContent::OneDatagram };
    let shape = if choice & 2 == 0 { InspectFormat::Ndjson } else { InspectFormat::Table };
    let (mut datagrams, mut problems): (Vec<CapturedDatagram>, Vec<CaptureProblem>) =
        Default::default();
    let mut take = |item| {
        match item {
            Item::Datagram(datagram) => datagrams.push(datagram),
            Item::Problem(problem) => problems.push(problem),
        }
        ControlFlow::Continue(())
    };
    let _ = capture::read(file, meant, &mut take);
    let payloads: usize = datagrams.iter().map(|datagram| datagram.payload.len()).sum();
    assert!(payloads <= file.len(), "{payloads} bytes out of {}", file.len());
    let mut inspector = Inspector::new(Policy::default(), shape);
    let mut out = Vec::new();
    for datagram in &datagrams {
        inspector.datagram(datagram, START, Some("a file"), &mut out).expect("a vector grows");
    }
    for problem in &problems {
        inspector.problem(problem, "a file", &mut out).expect("a vector grows");
    }
    inspector.finish(&mut out).expect("a vector grows");
    match shape {
        InspectFormat::Ndjson => lines_are_json(&out),
        InspectFormat::Table => nothing_moves_the_cursor(&out),
    }
}

fn lines_are_json(out: &[u8]) {
    for line in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let value: Result<serde_json::Value, _> = serde_json::from_slice(line);
        assert!(value.is_ok_and(|value| value.is_object()), "{}", String::from_utf8_lossy(line));
    }
}

/// Asserts that the output has no control characters: names in datagrams must not control the
/// terminal.
fn nothing_moves_the_cursor(out: &[u8]) {
    let text = std::str::from_utf8(out).expect("text");
    let command = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(command, None, "{text}");
}
