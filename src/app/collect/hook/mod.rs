//! The hook: a command that is run for each finished file.
//!
//! One command runs at a time, without a shell and with a time limit. Its arguments are the
//! words of `--hook` with the marks (`%f`) replaced; the same values are in its environment.
//! While it runs, a bounded number of files waits. The first lines of its output are logged.

mod output;

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

use self::output::HookOutput;
use crate::cli::{self, Hook, HookPart};
use crate::ingest::{Finished, LostMessageCounters, LostMessages};
use crate::units;

/// Maximum number of files that wait for the hook: those of an hour in twenty folders.
const WAITING: usize = 256;

/// The hook and its queue.
pub(super) struct Hooks {
    queue: mpsc::Sender<Finished>,
    task: JoinHandle<()>,
    losses: LostMessageCounters,
}

impl Hooks {
    /// Starts the task that runs the hook. Called within a runtime. Files for which the hook
    /// is not run are counted.
    pub(super) fn start(hook: Hook, losses: LostMessageCounters) -> Hooks {
        let (queue, mut waiting) = mpsc::channel::<Finished>(WAITING);
        let counts = losses.clone();
        let task = tokio::spawn(async move {
            while let Some(finished) = waiting.recv().await {
                run(&hook, &finished, &counts).await;
            }
        });
        Hooks { queue, task, losses }
    }

    /// Queues a file for the hook.
    pub(super) fn push(&self, finished: Finished) {
        if let Err(mpsc::error::TrySendError::Full(finished)) = self.queue.try_send(finished) {
            let file = finished.file.display();
            self.losses.add(LostMessages::Hook, 1);
            warn!(%file, waiting = WAITING, "hook: not run for this file, too many files are waiting");
        }
    }

    /// Waits for the queued files, but no longer than this.
    pub(super) async fn end(self, patience: Duration) {
        let Hooks { queue, mut task, .. } = self;
        drop(queue);
        if tokio::time::timeout(patience, &mut task).await.is_err() {
            warn!("hook: killed, because the collector ends");
            task.abort();
            // Dropping the task kills the process. This waits for the task to be dropped.
            let _ = task.await;
        }
    }
}

async fn run(hook: &Hook, finished: &Finished, losses: &LostMessageCounters) {
    let words: Vec<String> = hook.words.iter().map(|word| filled(word, finished)).collect();
    let Some((program, arguments)) = words.split_first() else { return };
    let file = finished.file.display();
    let tell = |line: &str| info!(%file, "hook: output: {line}");
    let opened = HookOutput::open(tell).and_then(|(output, [out, err])| {
        let mut command = Command::new(program);
        command.args(arguments).envs(variables(finished)).stdin(Stdio::null());
        command.stdout(out).stderr(err).process_group(0).kill_on_drop(true);
        command.spawn().map(|child| (output, child))
    });
    let (mut output, mut child) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            losses.add(LostMessages::Hook, 1);
            warn!(%file, command = %program, %error, "hook: cannot be started");
            return;
        }
    };
    let group = ProcessGroup(child.id());
    let over = async {
        tokio::select! {
            status = child.wait() => status,
            never = output.read() => match never {},
        }
    };
    match tokio::time::timeout(hook.limit, over).await {
        Ok(Ok(status)) => {
            // Processes that the hook left running are not killed.
            std::mem::forget(group);
            end(output, finished, losses);
            ended(status, finished);
        }
        Ok(Err(error)) => warn!(%file, %error, "hook: cannot be waited for"),
        Err(_) => {
            drop(group);
            let _ = child.wait().await;
            end(output, finished, losses);
            let seconds = hook.limit.as_secs();
            warn!(%file, command = %program, seconds, "hook: took too long and was killed");
        }
    }
}

/// Reads the rest of the output and reports how many lines were not logged.
fn end(output: HookOutput<impl FnMut(&str)>, finished: &Finished, losses: &LostMessageCounters) {
    let cut = output.end();
    if cut > 0 {
        losses.add(LostMessages::HookOutput, cut);
        let file = finished.file.display();
        info!(%file, lines = cut, "hook: further lines of output are not logged");
    }
}

fn ended(status: ExitStatus, finished: &Finished) {
    let file = finished.file.display();
    if status.success() {
        debug!(%file, "hook: done");
    } else {
        warn!(%file, %status, "hook: failed");
    }
}

/// The process group of a hook, which is killed when this is dropped.
struct ProcessGroup(Option<u32>);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        let number = self.0.and_then(|number| i32::try_from(number).ok());
        if let Some(group) = number.and_then(rustix::process::Pid::from_raw) {
            // The group may no longer exist.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// The values that the hook gets: the letter as in nfcapd, the variable and the value.
fn told(finished: &Finished) -> [(char, &'static str, String); 5] {
    let file = finished.file.strip_prefix(&finished.folder).unwrap_or(&finished.file);
    [
        ('f', "TOPTALK_FILE", file.display().to_string()),
        ('d', "TOPTALK_FOLDER", finished.folder.display().to_string()),
        ('t', "TOPTALK_SLOT", units::rfc3339(finished.slot)),
        ('u', "TOPTALK_UNIX", finished.slot.0.div_euclid(1000).to_string()),
        ('i', "TOPTALK_IDENT", finished.ident.clone()),
    ]
}

fn variables(finished: &Finished) -> Vec<(&'static str, String)> {
    let flows = ("TOPTALK_FLOWS", finished.flows.to_string());
    told(finished).into_iter().map(|(_, name, value)| (name, value)).chain([flows]).collect()
}

/// A word with its marks replaced. The result is always one argument.
fn filled(word: &str, finished: &Finished) -> String {
    let told = told(finished);
    let value = |mark: char| {
        let known = told.iter().find(|(letter, ..)| *letter == mark);
        known.map_or("", |(_, _, value)| value.as_str())
    };
    // Unknown marks were an error of the command line.
    let filled = cli::pieces(word).map(|piece| match piece {
        HookPart::Text(text) => text,
        HookPart::Mark(mark) => value(mark),
        HookPart::Open => "%",
    });
    filled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Time;

    #[test]
    fn marks_are_filled_in_and_stay_one_word() {
        let finished = Finished {
            ident: "r1".to_owned(),
            folder: "/srv/a b".into(),
            file: "/srv/a b/2026/flows.202611240340Z.parquet".into(),
            slot: Time(1_795_491_600_000),
            flows: 7,
        };
        let word = filled("%d/%f %i %u %t 100%%", &finished);
        let file = "/srv/a b/2026/flows.202611240340Z.parquet";
        assert_eq!(word, format!("{file} r1 1795491600 2026-11-24T03:40:00.000Z 100%"));
        assert_eq!(filled("%%s%%%i%%", &finished), "%s%r1%", "a doubled mark is no mark");
        let letters = told(&finished).map(|(letter, ..)| letter);
        assert_eq!(letters, cli::MARKS, "those that the command line lets pass");
        let variables = variables(&finished);
        assert!(variables.contains(&("TOPTALK_FLOWS", "7".to_owned())));
        let names: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, cli::HOOK_VARIABLES, "those that the command line knows");
    }
}
