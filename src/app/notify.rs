//! Messages to the service manager (sd_notify(3)): ready, watchdog, status, stopping.
//!
//! Without a service manager nothing happens. The program never waits for it: a message that
//! it does not accept at once is sent again later, and lost messages are counted.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::ingest::{LostMessageCounters, LostMessages};

/// Number of watchdog messages within the time limit of the service manager.
const SIGNS: u32 = 4;

/// How long a failed start waits before it exits under a service manager, which would restart
/// it at once: the unit has a short `RestartSec`, for restarts after a kill.
pub const AFTER_FAILED_START: Duration = Duration::from_secs(5);

/// Whether a service manager started this process and expects messages.
#[must_use]
pub fn is_service() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty())
}

/// The service manager, if there is one.
#[derive(Debug)]
pub struct Manager {
    pulse: Option<Watchdog>,
    line: Option<ManagerSocket>,
}

impl Manager {
    /// The service manager that the environment names. Lost messages are counted.
    #[must_use]
    pub fn of_environment(losses: LostMessageCounters) -> Manager {
        let pulse = sd_notify::watchdog_enabled().map(Watchdog::new);
        let address = std::env::var("NOTIFY_SOCKET").ok();
        Manager {
            pulse,
            line: address.and_then(|address| ManagerSocket::open(&address, losses).ok()),
        }
    }

    /// Reports that the ports are open; also after a reload.
    pub fn ready(&mut self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// Reports that the settings are being read again; `ready` follows.
    pub fn reloading(&mut self) {
        // systemd from 253 on needs the time to wait for the end of a reload.
        let now = NotifyState::monotonic_usec_now().into_iter();
        self.tell(&std::iter::once(NotifyState::Reloading).chain(now).collect::<Vec<_>>());
    }

    /// Sets the status line that `systemctl status` shows.
    pub fn status(&mut self, line: &str) {
        self.tell(&[NotifyState::Status(line)]);
    }

    /// Reports that the shutdown has begun.
    pub fn stopping(&mut self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// Sends a watchdog message if one is due and the collecting threads have published since
    /// the last one. `beats` counts what they published, `micros` is running time in
    /// microseconds. Also sends messages that are still waiting.
    pub fn alive(&mut self, beats: u64, micros: u64) {
        if self.pulse.as_mut().is_some_and(|pulse| pulse.is_due(beats, micros)) {
            self.tell(&[NotifyState::Watchdog]);
        } else if let Some(line) = &mut self.line {
            line.send();
        }
    }

    fn tell(&mut self, states: &[NotifyState<'_>]) {
        if let Some(line) = &mut self.line {
            line.push(states.iter().map(|state| format!("{state}\n")).collect());
            line.send();
        }
    }
}

/// The socket of the service manager, and the waiting messages.
#[derive(Debug)]
struct ManagerSocket {
    socket: UnixDatagram,
    address: SocketAddr,
    waiting: VecDeque<String>,
    losses: LostMessageCounters,
}

impl ManagerSocket {
    /// Opens a path, or with `@` an abstract name (unix(7)).
    fn open(address: &str, losses: LostMessageCounters) -> io::Result<ManagerSocket> {
        let address = match address.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(ManagerSocket { socket, address, waiting: VecDeque::new(), losses })
    }

    /// Queues a message in place of a waiting one of the same kind. There are at most five
    /// kinds.
    fn push(&mut self, message: String) {
        let kind = |message: &str| message.split('=').next().map(str::to_owned);
        self.waiting.retain(|waits| kind(waits) != kind(&message));
        self.waiting.push_back(message);
    }

    /// Sends the waiting messages, as far as they are accepted at once.
    fn send(&mut self) {
        while let Some(message) = self.waiting.front() {
            match self.socket.send_to_addr(message.as_bytes(), &self.address) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Collecting goes on without the service manager.
                Err(_) => self.losses.add(LostMessages::Manager, 1),
            }
            self.waiting.pop_front();
        }
    }
}

/// When the next watchdog message is due.
#[derive(Debug)]
struct Watchdog {
    every_micros: u64,
    /// The time of the last message, and `beats` at that time.
    last: Option<(u64, u64)>,
}

impl Watchdog {
    fn new(patience: Duration) -> Watchdog {
        let every = (patience / SIGNS).as_micros();
        Watchdog { every_micros: u64::try_from(every).unwrap_or(u64::MAX), last: None }
    }

    fn is_due(&mut self, beats: u64, micros: u64) -> bool {
        let due = self.last.is_none_or(|(then, known)| {
            micros.saturating_sub(then) >= self.every_micros && beats != known
        });
        if due {
            self.last = Some((micros, beats));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_needs_time_and_something_new() {
        let mut pulse = Watchdog::new(Duration::from_secs(8));
        let given: Vec<bool> = [
            (1, 0),
            // Too soon, then due.
            (2, 1_999_999),
            (9, 2_000_000),
            (10, 2_000_001),
            // Nothing was published for however long: no sign.
            (9, 60_000_000),
            (9, 61_000_000),
            (10, 61_000_001),
        ]
        .into_iter()
        .map(|(beats, micros)| pulse.is_due(beats, micros))
        .collect();
        assert_eq!(given, [true, false, true, false, false, false, true]);
    }

    /// A service manager that reads when it is told to, with a full queue.
    fn stuck(folder: &std::path::Path) -> (UnixDatagram, Manager, LostMessageCounters, usize) {
        let path = folder.join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let other = UnixDatagram::unbound().unwrap();
        other.set_nonblocking(true).unwrap();
        let full = (0..).take_while(|_| other.send_to(b"x", &path).is_ok()).count();
        let losses = LostMessageCounters::default();
        let line = ManagerSocket::open(path.to_str().unwrap(), losses.clone()).unwrap();
        (manager, Manager { pulse: None, line: Some(line) }, losses, full)
    }

    #[test]
    fn a_manager_that_does_not_read_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (reader, mut manager, losses, full) = stuck(folder.path());
        manager.ready();
        manager.alive(1, 1);
        let mut bytes = [0; 100];
        let mut next = || {
            let length = reader.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..length].to_vec()).unwrap()
        };
        for _ in 0..full {
            assert_eq!(next(), "x");
        }
        // It is told as soon as it reads again.
        manager.alive(2, 2);
        assert_eq!((next().as_str(), losses.of(LostMessages::Manager)), ("READY=1\n", 0));
    }

    #[test]
    fn the_newest_of_each_kind_waits_and_a_manager_that_is_gone_ends_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (reader, mut manager, losses, _) = stuck(folder.path());
        for line in ["one", "two", "three"] {
            manager.reloading();
            manager.status(line);
            manager.ready();
        }
        let waiting = &manager.line.as_ref().unwrap().waiting;
        let kinds: Vec<&str> = waiting.iter().map(|text| text.get(..6).unwrap()).collect();
        assert_eq!(kinds, ["RELOAD", "STATUS", "READY="]);
        assert_eq!(waiting[1], "STATUS=three\n");
        drop(reader);
        manager.alive(1, 1);
        assert_eq!(losses.of(LostMessages::Manager), 3);
        assert!(manager.line.is_some_and(|line| line.waiting.is_empty()));
    }

    #[test]
    fn abstract_names_begin_with_an_at() {
        let name = format!("toptalk-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let reader = UnixDatagram::bind_addr(&address).unwrap();
        let line =
            ManagerSocket::open(&format!("@{name}"), LostMessageCounters::default()).unwrap();
        Manager { pulse: None, line: Some(line) }.ready();
        let mut bytes = [0; 100];
        let length = reader.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"READY=1\n");
    }
}
