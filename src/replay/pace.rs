//! Computes when each recorded flow or datagram is due.

use crate::flow::Time;

/// How fast to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// With the intervals of the recording, divided by `speed`.
    Recorded {
        /// How many times faster; greater than 0.
        speed: f64,
    },
    /// This many per second: flows, or datagrams that are sent unchanged.
    Rate(u64),
    /// Without waiting.
    Fast,
}

/// Computes when each item is due, in order.
#[derive(Clone, Debug)]
pub struct Schedule {
    pace: Pace,
    /// When the first item was recorded.
    began: Option<Time>,
    /// Number of items so far.
    sent: u64,
    /// The latest due time so far.
    last: i64,
}

impl Schedule {
    /// A schedule at this pace, of which nothing is due yet.
    #[must_use]
    pub fn new(pace: Pace) -> Schedule {
        Schedule { pace, began: None, sent: 0, last: 0 }
    }

    /// When the item recorded at `recorded` is due, in milliseconds after the start. It is never
    /// before an item that was asked for earlier. An item without a time is due at once.
    pub fn due(&mut self, recorded: Option<Time>) -> i64 {
        let due = match self.pace {
            Pace::Fast => 0,
            Pace::Rate(rate) => {
                let ms = u128::from(self.sent) * 1000 / u128::from(rate.max(1));
                i64::try_from(ms).unwrap_or(i64::MAX)
            }
            Pace::Recorded { speed } => recorded.map_or(0, |recorded| {
                let began = *self.began.get_or_insert(recorded);
                // Conversions from floating point saturate.
                (recorded.since(began) as f64 / speed) as i64
            }),
        };
        self.sent = self.sent.saturating_add(1);
        self.last = self.last.max(due);
        self.last
    }
}
