//! Sends at a steady rate.

use std::time::Duration;

use toptalk::clock::Clock;

/// Only this much delay in microseconds is caught up, so that a flood has no longer bursts
/// than that.
const CATCH_UP_US: f64 = 5_000.0;

/// Determines when the next datagram is due.
pub struct Pacer {
    clock: Clock,
    gap_us: f64,
    next_us: f64,
}

impl Pacer {
    /// A pacer for `rate` datagrams per second.
    pub fn new(rate: f64) -> Pacer {
        Pacer { clock: Clock::start(), gap_us: 1e6 / rate, next_us: 0.0 }
    }

    /// Waits until the next datagram is due.
    pub fn wait(&mut self) {
        let now = self.clock.micros() as f64;
        self.next_us = (self.next_us + self.gap_us).max(now - CATCH_UP_US);
        if self.next_us > now {
            std::thread::sleep(Duration::from_micros((self.next_us - now) as u64));
        }
    }
}
