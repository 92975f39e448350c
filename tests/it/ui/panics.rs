//! A panic in a collecting thread does not disturb the screen.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::terminal::{PATIENCE, Terminal, command};
use toptalk::ui::term;

/// Tells this program that it runs in the terminal.
const INSIDE: &str = "TOPTALK_TEST_INSIDE";

/// Holds the terminal while another thread panics and continues, like a worker.
fn inside() {
    let screen = term::enter().unwrap();
    let write = |text: &str| {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap();
    };
    write("\x1b[H\x1b[2JTHE SCREEN");
    let work = || {
        let guarded = |n: usize| catch_unwind(AssertUnwindSafe(|| panic!("defect {n}")));
        (0..1000).filter(|n| guarded(*n).is_err()).count()
    };
    let worker = std::thread::Builder::new().name("worker-1".to_owned()).spawn(work).unwrap();
    let survived = worker.join().unwrap();
    // The end of a frame, as the screen writes it.
    write(&format!("\r\nsurvived {survived}\x1b[?2026l"));
    std::io::stdin().read_exact(&mut [0]).unwrap();
    drop(screen);
}

#[test]
fn the_screen_stays_and_panic_messages_come_after_it() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let folder = tempfile::tempdir().unwrap();
    let own = std::env::current_exe().unwrap();
    let words =
        ["--exact", "ui::panics::the_screen_stays_and_panic_messages_come_after_it", "--nocapture"];
    let mut command = command(own.to_str().unwrap(), &words, folder.path());
    command.env(INSIDE, "1");
    let mut terminal = Terminal::start(command, 80, 1000);
    terminal.wait("survived 1000");
    let lines: Vec<String> = terminal.text().lines().map(|line| line.trim_end().into()).collect();
    assert_eq!(lines[..2], ["THE SCREEN", "survived 1000"]);
    assert!(lines[2..].iter().all(String::is_empty), "{lines:?}");
    terminal.press("q");
    let done = |terminal: &Terminal| terminal.text().contains("test result: ok");
    let text = terminal.wait_for(PATIENCE, "the end", done);
    let screen = terminal.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor(), "the terminal is restored");
    let message = text.matches("thread 'worker-1'").count();
    // They are bounded, however often it happens.
    assert!(text.contains("defect 0") && (10..500).contains(&message), "{message} times");
}
