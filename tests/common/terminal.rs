//! Runs toptalk in a pseudo-terminal, and reads its screen with vt100.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use toptalk::clock::Clock;

/// Time limit for an event. Nothing waits that long unless something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The bytes at the end of every frame.
const FRAME_END: &[u8] = b"\x1b[?2026l";

/// A command for the terminal with a clean environment.
pub fn command(program: &str, words: &[&str], folder: &Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(program);
    command.args(words);
    command.env_clear();
    for name in ["PATH", "TZ"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("LANG", "C.UTF-8");
    command.env("TERM", "xterm-256color");
    command.env("HOME", folder);
    command.cwd(folder);
    command
}

/// `toptalk demo` with the seed of the tests.
pub fn demo(words: &[&str], folder: &Path) -> CommandBuilder {
    let words = [&["demo", "--seed", "7"], words].concat();
    command(env!("CARGO_BIN_EXE_toptalk"), &words, folder)
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: u32,
    /// The screen after the end.
    pub text: String,
}

/// A running program and its terminal.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Option<Box<dyn Child + Send + Sync>>,
    bytes: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    /// All bytes it has written.
    written: Vec<u8>,
    modes: String,
}

impl Terminal {
    /// Starts a command on a terminal of the given size.
    pub fn start(command: CommandBuilder, columns: u16, lines: u16) -> Terminal {
        let pair = native_pty_system().openpty(size(columns, lines)).unwrap();
        let modes = modes(&*pair.master);
        let child = pair.slave.spawn_command(command).expect("it starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        let parser = vt100::Parser::new(whole(lines), whole(columns), 0);
        let (master, child) = (pair.master, Some(child));
        Terminal { master, keys, child, bytes, parser, written: Vec::new(), modes }
    }

    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// The lines on the screen, without trailing spaces.
    pub fn text(&self) -> String {
        let (_, width) = self.screen().size();
        let rows = self.screen().rows(0, width.get());
        rows.map(|row| row.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }

    /// All bytes written so far.
    pub fn written(&self) -> &[u8] {
        &self.written
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until `shown` is true for a complete frame, and returns the frame.
    pub fn wait_until(&mut self, what: &str, shown: impl Fn(&str) -> bool) -> String {
        self.wait_for(PATIENCE, what, |terminal| {
            terminal.written.ends_with(FRAME_END) && shown(&terminal.text())
        })
    }

    /// Waits until a complete frame contains this text, and returns the frame.
    pub fn wait(&mut self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Waits until the bytes sent to the terminal fulfil a condition, at most for
    /// `patience`.
    pub fn wait_for(
        &mut self,
        patience: Duration,
        what: &str,
        done: impl Fn(&Terminal) -> bool,
    ) -> String {
        let clock = Clock::start();
        while !done(self) {
            let left = patience.saturating_sub(Duration::from_micros(clock.micros()));
            let Ok(bytes) = self.bytes.recv_timeout(left) else {
                panic!("waited for `{what}` in vain, on the screen is\n{}", self.text());
            };
            self.take(&bytes);
        }
        self.text()
    }

    fn take(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        self.written.extend(bytes);
    }

    /// Changes the size of the terminal. The program is notified by a signal.
    pub fn resize(&mut self, columns: u16, lines: u16) {
        self.parser.screen_mut().set_size(whole(lines), whole(columns));
        self.master.resize(size(columns, lines)).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().and_then(|child| child.process_id()).unwrap();
        kill(Pid::from_raw(id as i32), signal).unwrap();
    }

    /// Waits for the end, and checks that the terminal is in its former state.
    pub fn end(mut self) -> Ended {
        // The reader ends when no process has the terminal open any more.
        let clock = Clock::start();
        while let Some(left) = PATIENCE.checked_sub(Duration::from_micros(clock.micros())) {
            match self.bytes.recv_timeout(left) {
                Ok(bytes) => self.take(&bytes),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(_) => panic!("it does not end, on the screen is\n{}", self.text()),
            }
        }
        let status = self.child.take().unwrap().wait().unwrap();
        let screen = self.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is left");
        assert!(!screen.hide_cursor(), "the cursor is back");
        assert!(!screen.bracketed_paste(), "pastes come as they are");
        assert_eq!(modes(&*self.master), self.modes, "the terminal is in its former mode");
        let text = String::from_utf8_lossy(&self.written);
        assert!(!text.contains("panicked"), "{}", self.text());
        Ended { code: status.exit_code(), text: self.text() }
    }

    /// Closes the terminal, as closing its window does, and waits for the end.
    pub fn close(mut self) -> u32 {
        let mut child = self.child.take().unwrap();
        // The reader releases the terminal with the next frame.
        drop(self);
        let (sender, status) = channel();
        std::thread::spawn(move || sender.send(child.wait()));
        status.recv_timeout(PATIENCE).expect("it ends").unwrap().exit_code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The mode of the terminal: echo, line editing and everything else.
fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("the terminal has modes"))
}

fn whole(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

fn size(columns: u16, lines: u16) -> PtySize {
    PtySize { rows: lines, cols: columns, pixel_width: 0, pixel_height: 0 }
}
