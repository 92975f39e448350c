//! The real program in a real terminal, from the first frame to the last.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use crate::common::terminal::{PATIENCE, Terminal, command, demo};
use nix::sys::signal::Signal;

const ESC: &str = "\x1b";
const CTRL_C: &str = "\x03";
const CTRL_Z: &str = "\x1a";

/// The demo, after it shows its hosts.
fn started(folder: &Path) -> Terminal {
    let mut terminal = Terminal::start(demo(&[], folder), 80, 24);
    rows(&mut terminal);
    terminal
}

/// Waits for hosts in both panes.
fn rows(terminal: &mut Terminal) -> String {
    terminal.wait_until("hosts", |text| panes(text).iter().all(|pane| !pane.is_empty()))
}

#[test]
fn a_session_from_the_first_row_to_the_last_key() {
    let folder = tempfile::tempdir().unwrap();
    let saves = folder.path().join("saves");
    let words = ["--snapshots", saves.to_str().unwrap()];
    let mut terminal = Terminal::start(demo(&words, folder.path()), 80, 24);
    let text = rows(&mut terminal);
    assert!(text.starts_with("toptalk "), "{text}");
    assert!(text.contains("demo: a simulated site"), "the demo is labelled\n{text}");
    assert!(terminal.screen().alternate_screen() && terminal.screen().hide_cursor());
    look_at_one_host(&mut terminal);
    filter_for_a_port(&mut terminal);
    read_the_help(&mut terminal);
    terminal.press("w");
    terminal.wait("  5m to ");
    save_the_view(&mut terminal, &saves);
    terminal.press("q");
    terminal.wait("press q again to quit");
    terminal.press("q");
    let ended = terminal.end();
    assert_eq!(ended.code, 0);
    assert_eq!(ended.text.trim(), "", "the screen is empty afterwards");
}

fn look_at_one_host(terminal: &mut Terminal) {
    terminal.press("\r");
    let text = terminal.wait_until("a conversation", |text| !conversations(text).is_empty());
    assert!(text.starts_with("All > 10.20."), "{text}");
    terminal.press(ESC);
    terminal.wait("UPLOADERS");
}

fn filter_for_a_port(terminal: &mut Terminal) {
    // The backup is far ahead of all others, and does not use the port.
    let backup_leads = |text: &str| panes(text)[0].first().map(|host| host == "10.20.3.17");
    terminal.wait_until("the backup", |text| backup_leads(text) == Some(true));
    terminal.press("/");
    terminal.wait("filter:\n");
    terminal.press("port 44x");
    terminal.wait("expected ");
    terminal.press("\x7f3");
    terminal.wait("filter: port 443\n");
    terminal.press("\r");
    terminal.wait_until("the filter in force", |text| {
        text.contains("filter: port 443  sort: ") && backup_leads(text) == Some(false)
    });
    terminal.press("\r");
    terminal.wait_until("conversations of port 443 only", |text| {
        let ports = conversations(text);
        !ports.is_empty() && ports.iter().all(|port| port == "443")
    });
    terminal.press(ESC);
    terminal.wait("UPLOADERS");
    terminal.press(ESC);
    terminal.wait("filter: none");
}

fn read_the_help(terminal: &mut Terminal) {
    terminal.press("?");
    let text = terminal.wait("toptalk > Help");
    assert!(text.contains("open the selected host"), "{text}");
    terminal.press("?");
    terminal.wait("UPLOADERS");
}

/// Saves the view while it is frozen, so that screen and file show the same time.
fn save_the_view(terminal: &mut Terminal, folder: &Path) {
    terminal.press(" ");
    terminal.wait("FROZEN");
    // High enough for every host.
    terminal.resize(100, 150);
    terminal.wait_until("the end of a high screen", |text| footer(text, 149));
    terminal.press("S");
    let text = terminal.wait_until("the path", |text| text.contains(".csv"));
    let name = text.split("/toptalk-").nth(1).unwrap().split(".csv").next().unwrap();
    let rows = read(&folder.join(format!("toptalk-{name}.csv")));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "no temporary file is left");
    for (shown, column) in panes(&text).into_iter().zip(["up_bytes", "down_bytes"]) {
        let listed = rows.iter().filter(|row| row["row"] == "host" && number(row, column) > 0);
        let listed: BTreeSet<_> = listed.map(|row| row["address"].clone()).collect();
        assert!(listed.len() > 4, "{column}: {listed:?}");
        assert_eq!(BTreeSet::from_iter(shown), listed, "{column}\n{text}");
        let total: u64 = sum(&rows, "total", column);
        assert_eq!(sum(&rows, "host", column) + sum(&rows, "others", column), total);
        assert!(total > 0);
    }
    terminal.press(" ");
    terminal.wait_until("the screen resumes", |text| !text.contains("FROZEN"));
}

/// Whether the keys are on this line, counted from 0.
fn footer(text: &str, line: usize) -> bool {
    text.lines().nth(line).is_some_and(|line| line.starts_with("Enter drill"))
}

type Row = std::collections::HashMap<String, String>;

fn read(path: &Path) -> Vec<Row> {
    csv::Reader::from_path(path).unwrap().deserialize().collect::<Result<_, _>>().unwrap()
}

fn number(row: &Row, column: &str) -> u64 {
    row[column].parse().unwrap()
}

fn sum(rows: &[Row], kind: &str, column: &str) -> u64 {
    rows.iter().filter(|row| row["row"] == kind).map(|row| number(row, column)).sum()
}

/// The addresses in the left and in the right pane that are not cut.
fn panes(text: &str) -> [Vec<String>; 2] {
    let mut panes = [Vec::new(), Vec::new()];
    for line in text.lines() {
        let Some((left, right)) = line.split_once('│') else { continue };
        for (half, pane) in [left, right].into_iter().zip(&mut panes) {
            let words = half.split([' ', '!', '>']);
            pane.extend(words.filter(|word| word.parse::<IpAddr>().is_ok()).map(str::to_owned));
        }
    }
    panes
}

/// The ports of the conversations on the screen of one host.
fn conversations(text: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| !line.contains("PEER "));
    let cells = lines.skip(1).map(|line| line.split([' ', '>']).filter(|cell| !cell.is_empty()));
    let rows = cells.map(|cells| cells.map(str::to_owned).collect::<Vec<_>>());
    rows.filter(|cells| cells.first().is_some_and(|peer| peer.parse::<IpAddr>().is_ok()))
        .map(|cells| cells[1].clone())
        .collect()
}

#[test]
fn the_backup_of_the_demo_raises_an_alert() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = started(folder.path());
    let patience = Duration::from_secs(90);
    let raised = |terminal: &Terminal| terminal.text().contains(" ALERT");
    terminal.wait_for(patience, "an alert", raised);
    terminal.wait_until("what it is about", |text| text.contains("10.20.3.17 up "));
    terminal.press(CTRL_C);
    assert_eq!(terminal.end().code, 0);
}

#[test]
fn it_follows_the_size_of_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = started(folder.path());
    terminal.resize(160, 50);
    terminal.wait_until("a footer on line 50", |text| footer(text, 49));
    terminal.resize(20, 5);
    terminal.wait_until("a small screen", |text| {
        text.starts_with("toptalk") && text.contains("\nOUT") && text.contains("10.20.")
    });
    terminal.resize(1, 1);
    terminal.wait_until("the smallest screen", |text| text.len() == 1);
    terminal.resize(80, 24);
    terminal.wait_until("the former screen", |text| footer(text, 23));
    terminal.press(CTRL_C);
    assert_eq!(terminal.end().code, 0);
}

#[test]
fn signals_end_it_and_restore_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    for (signal, code) in [
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 129),
        (Signal::SIGINT, 130),
        (Signal::SIGQUIT, 131),
        (Signal::SIGABRT, 134),
        (Signal::SIGUSR1, 138),
        (Signal::SIGALRM, 142),
    ] {
        let terminal = started(folder.path());
        terminal.signal(signal);
        assert_eq!(terminal.end().code, code, "{signal}");
    }
}

#[test]
fn it_ends_with_its_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let code = started(folder.path()).close();
    assert!([0, 129].contains(&code), "{code}");
}

#[test]
fn a_shell_gets_the_terminal_while_the_program_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let script = "set -m; \"$0\" demo --seed 7; echo in the shell; read x; fg; echo code $?";
    let words = ["-c", script, env!("CARGO_BIN_EXE_toptalk")];
    let mut terminal = Terminal::start(command("sh", &words, folder.path()), 80, 24);
    rows(&mut terminal);
    terminal.press(CTRL_Z);
    terminal.wait_for(PATIENCE, "the shell", |terminal| {
        !terminal.screen().alternate_screen() && terminal.text().contains("in the shell")
    });
    assert!(!terminal.screen().hide_cursor());
    terminal.press("\n");
    rows(&mut terminal);
    assert!(terminal.screen().alternate_screen());
    // Not Ctrl-C: after SIGCONT the mode is set again, and is not raw for a moment.
    terminal.press("q");
    terminal.wait("press q again to quit");
    terminal.press("q");
    let ended = terminal.end();
    assert!(ended.text.contains("code 0"), "{}", ended.text);
}
