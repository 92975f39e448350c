//! Prometheus' own checker reads the metrics of toptalk.

use std::io::Write;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use toptalk::clock::Clock;

use crate::common::archive::v5;
use crate::common::process::{Running, free_port, have, toptalk};
use crate::common::traffic::{one_flow, send};
use crate::common::{metrics, wait_until};

#[test]
fn promtool_finds_nothing_wrong_with_a_scrape() {
    if !have("promtool_finds_nothing_wrong_with_a_scrape", "promtool") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (port, served) = (free_port(), metrics::free_port());
    let mut collect = toptalk();
    collect.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "-w"]);
    collect.arg(folder.path()).args(["--metrics", &served.to_string()]);
    let running = Running::start(&mut collect, "metrics at");
    send(port, &v5(&[one_flow(Clock::start().now()); 45]));
    send(port, &[vec![0xff; 40]]);
    // All series have values: of the recording, of an exporter, of a cause.
    wait_until("the figures", || {
        metrics::scraped(served, "toptalk_recording_flows_total") == Some(45)
            && metrics::scraped(served, "toptalk_dropped_total{cause=\"unknown_version\"}")
                == Some(1)
    });
    let text = metrics::scrape(served);
    assert_eq!(running.end(Signal::SIGTERM).status.code(), Some(0));
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = promtool.stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let message = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&message));
}
