//! The collector that is flooded.

use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use toptalk::clock::Clock;

/// Time limit for starting and ending.
const LIMIT: Duration = Duration::from_secs(60);

/// A `toptalk collect` with its own folder.
pub struct Collector {
    child: Child,
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Collector {
    /// Starts it on `port` of 127.0.0.1 and waits until it answers.
    pub fn start(program: &Path, port: u16, buffer: u32) -> io::Result<Collector> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let child = Command::new(program)
            .args(["collect", "-b", "127.0.0.1", "-p", &port.to_string()])
            .args(["-B", &buffer.to_string(), "-t", "300", "--state"])
            .arg(at("state"))
            .arg("--socket")
            .arg(at("socket"))
            .arg("-w")
            .arg(at("archive"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(at("log"))?)
            .spawn()?;
        let mut collector = Collector { child, program: program.to_owned(), folder };
        let clock = Clock::start();
        while UnixStream::connect(collector.socket()).is_err() {
            if u128::from(clock.micros()) > LIMIT.as_micros()
                || collector.child.try_wait()?.is_some()
            {
                let log = std::fs::read_to_string(collector.folder.path().join("log"))?;
                return Err(io::Error::other(format!("the collector did not start: {log}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(collector)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// A handle to request answers from another thread.
    pub fn asker(&self) -> Asker {
        Asker { program: self.program.clone(), socket: self.socket(), pid: self.child.id() }
    }

    /// Ends it. Returns whether it ended by itself with success.
    pub fn stop(&mut self) -> io::Result<bool> {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let clock = Clock::start();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            if u128::from(clock.micros()) > LIMIT.as_micros() {
                self.child.kill()?;
                self.child.wait()?;
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Number of recorded flows that match `filter`.
    pub fn recorded(&self, filter: &str) -> io::Result<u64> {
        let output = Command::new(&self.program)
            .args(["query", "--no-attach", "-I", "-o", "json", "-R"])
            .arg(self.folder.path().join("archive"))
            .arg(filter)
            .output()?;
        let answer: Value = serde_json::from_slice(&output.stdout).map_err(io::Error::other)?;
        Ok(answer["flows"].as_u64().unwrap_or(0))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Requests answers from a running collector.
#[derive(Clone)]
pub struct Asker {
    program: PathBuf,
    socket: PathBuf,
    pid: u32,
}

impl Asker {
    /// The answer of `top` for matching flows; `None` if there is none.
    pub fn top(&self, window: &str, filter: &str) -> Option<Value> {
        let mut command = Command::new(&self.program);
        command.args(["top", "-o", "json", "--window", window, "--socket"]).arg(&self.socket);
        let output = command.arg(filter).stderr(Stdio::null()).output().ok()?;
        serde_json::from_slice(&output.stdout).ok()
    }

    /// A value of /proc/PID/status in kB: `VmRSS` is the current memory, `VmHWM` the peak.
    pub fn memory_kb(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid));
        let status = status.unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(what)).unwrap_or("");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0)
    }
}
