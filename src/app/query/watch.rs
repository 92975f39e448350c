//! Handles Ctrl-C and the progress bar while files are read.

use std::io::IsTerminal;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::app::stop::StopSignal;
use crate::clock::Clock;
use crate::query::Progress;

/// Interval at which signals and progress are checked.
const EVERY: Duration = Duration::from_millis(50);

/// Queries that take less time, in microseconds, have no progress bar.
const BAR_AFTER_US: u64 = 500_000;

/// Runs until `done` is dropped. The bar is hidden before and after.
pub(super) fn watch(
    progress: &Progress,
    stop: &StopSignal,
    clock: &Clock,
    bar: &ProgressBar,
    done: &Receiver<()>,
) {
    let begun = clock.micros();
    let wants_bar = std::io::stderr().is_terminal();
    let mut shown = false;
    while done.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        if stop.code().is_some() {
            progress.stop.store(true, Relaxed);
        }
        if wants_bar && clock.micros() - begun > BAR_AFTER_US {
            if !shown {
                shown = true;
                bar.reset();
                bar.set_style(style());
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            bar.set_length(progress.files.load(Relaxed));
            bar.set_position(progress.done.load(Relaxed));
            let records = progress.records.load(Relaxed);
            bar.set_message(format!("{} records", crate::units::short(records)));
        }
    }
    if shown {
        bar.finish_and_clear();
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {pos}/{len} files, {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
