//! When what was recorded is due again.

use crate::flow::Time;

/// How fast to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As it was recorded, that many times faster: greater than 0.
    /// In the recorded rhythm, but faster.
    Recorded {
        /// How many times faster; greater than 0.
        speed: f64,
    },
    /// That many a second: flows, or datagrams that are sent as they are.
    Rate(u64),
    /// Without waiting.
    Fast,
}

/// When each thing that is sent is due, in order.
#[derive(Clone, Debug)]
pub struct Schedule {
    pace: Pace,
    /// When the first was recorded.
    began: Option<Time>,
    /// Sent so far.
    sent: u64,
    /// The last moment given.
    last: i64,
}

impl Schedule {
    /// A schedule at this pace, of which nothing is due yet.
    #[must_use]
    pub fn new(pace: Pace) -> Schedule {
        Schedule { pace, began: None, sent: 0, last: 0 }
    }

    /// Milliseconds after the start at which what was recorded at `recorded` is
    /// due: never earlier than what was asked for before, whatever the order.
    /// What has no time is due at once.
    pub fn due(&mut self, recorded: Option<Time>) -> i64 {
        let due = match self.pace {
            Pace::Fast => 0,
            Pace::Rate(rate) => {
                let ms = u128::from(self.sent) * 1000 / u128::from(rate.max(1));
                i64::try_from(ms).unwrap_or(i64::MAX)
            }
            Pace::Recorded { speed } => recorded.map_or(0, |recorded| {
                let began = *self.began.get_or_insert(recorded);
                // Saturates, as conversions from floating point do.
                (recorded.since(began) as f64 / speed) as i64
            }),
        };
        self.sent = self.sent.saturating_add(1);
        self.last = self.last.max(due);
        self.last
    }
}
