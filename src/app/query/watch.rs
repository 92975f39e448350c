//! Looks on while files are read: Ctrl-C, and a bar when it takes its time.

use std::io::IsTerminal;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::app::stop::Stop;
use crate::clock::Clock;
use crate::query::Progress;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(50);

/// What is done sooner needs no bar.
const BAR_AFTER_US: u64 = 500_000;

/// Looks on until `done` is dropped.
pub(super) fn watch(progress: &Progress, stop: &Stop, clock: &Clock, done: &Receiver<()>) {
    let begun = clock.micros();
    let wants_bar = std::io::stderr().is_terminal();
    let mut bar: Option<ProgressBar> = None;
    while done.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        if stop.code().is_some() {
            progress.stop.store(true, Relaxed);
        }
        if wants_bar && clock.micros() - begun > BAR_AFTER_US {
            let bar = bar.get_or_insert_with(new_bar);
            bar.set_length(progress.files.load(Relaxed));
            bar.set_position(progress.done.load(Relaxed));
            let records = progress.records.load(Relaxed);
            bar.set_message(format!("{} records", crate::units::short(records)));
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files, {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
