//! What the service manager is told (sd_notify): ready, alive, going away.
//!
//! Where none asked to be told, nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// Signs of life in the time after which the service manager loses patience.
const SIGNS: u32 = 4;

/// A start that failed waits for so long before it ends where a service manager starts
/// the next one at once: the unit's `RestartSec` is short for the sake of kills.
pub const AFTER_FAILED_START: Duration = Duration::from_secs(5);

/// Whether a service manager runs us that wants to be told.
#[must_use]
pub fn is_service() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty())
}

/// The service manager, if one runs us.
#[derive(Debug)]
pub struct Manager {
    pulse: Option<Pulse>,
}

impl Manager {
    /// Whoever the environment names.
    #[must_use]
    pub fn of_environment() -> Manager {
        Manager { pulse: sd_notify::watchdog_enabled().map(Pulse::new) }
    }

    /// Ports are open and whatever comes is taken in; also after a reload.
    pub fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// Settings are being read anew; `ready` follows.
    pub fn reloading(&self) {
        // Asked of by those who wait for the end of a reload, since systemd 253.
        let now = NotifyState::monotonic_usec_now().into_iter();
        tell(&std::iter::once(NotifyState::Reloading).chain(now).collect::<Vec<_>>());
    }

    /// One line on how it goes, which `systemctl status` shows.
    pub fn status(&self, line: &str) {
        tell(&[NotifyState::Status(line)]);
    }

    /// The end has begun.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// Gives a sign of life when one is due and those who collect have published
    /// since the last: `beats` counts how often, `micros` is running time.
    pub fn alive(&mut self, beats: u64, micros: u64) {
        if self.pulse.as_mut().is_some_and(|pulse| pulse.is_due(beats, micros)) {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

/// A manager that is gone is no reason to stop collecting.
fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

/// When the next sign of life is due.
#[derive(Debug)]
struct Pulse {
    every_micros: u64,
    /// When the last was given, and the beats until then.
    last: Option<(u64, u64)>,
}

impl Pulse {
    fn new(patience: Duration) -> Pulse {
        let every = (patience / SIGNS).as_micros();
        Pulse { every_micros: u64::try_from(every).unwrap_or(u64::MAX), last: None }
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
        let mut pulse = Pulse::new(Duration::from_secs(8));
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
}
