//! Runs toptalk and other programs as processes, without sleeping.

use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The program under test.
pub fn toptalk() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toptalk"));
    // Neither the user's variables nor those of the tests (TOPTALK_NO_SKIP, TOPTALK_CORPUS) are
    // passed on; toptalk would warn about the latter.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TOPTALK_") {
            command.env_remove(name);
        }
    }
    // The user's settings are not used.
    command.env("TOPTALK_CONFIG", "/dev/null");
    // State stays within the test, and no other collector is found.
    for name in ["NO_STATE", "NO_ATTACH", "NO_SERVE"] {
        command.env(format!("TOPTALK_{name}"), "true");
    }
    command
}

/// Whether a program is installed. Skips the test with a message if not.
pub fn have(test: &str, program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        super::skip(test, &format!("{program} is not installed"));
    }
    found
}

/// The library that sets the clock of one process. Skips the test if it is not installed.
pub fn libfaketime(test: &str) -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    let mut places =
        folders.flatten().map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let found = places.find(|path| path.exists());
    if found.is_none() {
        super::skip(test, "libfaketime is not installed");
    }
    found
}

/// A UDP port of 127.0.0.1 that was free when this was called.
pub fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A process that ends with the test.
pub struct Running {
    child: Option<Child>,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Running {
    /// Starts a command and waits until it prints a word on stderr.
    pub fn start(command: &mut Command, until: &str) -> Running {
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.expect("it starts");
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut running = Running { child: Some(child), stderr };
        running.wait_for(until);
        running
    }

    /// Waits until it prints a word on stderr.
    pub fn wait_for(&mut self, word: &str) {
        let mut said = String::new();
        while !said.lines().any(|line| line.contains(word)) {
            let read = self.stderr.read_line(&mut said).unwrap();
            assert!(read > 0, "the process ended before it printed `{word}`: {said}");
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.as_ref().unwrap().id() as i32)
    }

    /// Sends a signal and waits for the process to end.
    pub fn end(mut self, signal: Signal) -> Output {
        kill(self.pid(), signal).unwrap();
        let child = self.child.take().unwrap();
        let mut output = child.wait_with_output().unwrap();
        self.stderr.read_to_end(&mut output.stderr).unwrap();
        output
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
