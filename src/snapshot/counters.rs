//! Counters of traffic: total, by direction, and by class.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use crate::flow::TrafficClass;

/// Counted traffic. All values except `raw_bytes` are multiplied by the known sampling
/// rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Bytes, multiplied by the sampling rate.
    pub bytes: u64,
    /// Bytes as the exporter reported them.
    pub raw_bytes: u64,
    /// Packets, multiplied by the sampling rate.
    pub packets: u64,
    /// Flow records, counted when they end.
    pub flows: u64,
}

impl Counters {
    /// Whether everything is 0.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Counters::default()
    }

    /// The difference to `part`, 0 where `part` is larger.
    #[must_use]
    pub fn less(&self, part: &Counters) -> Counters {
        Counters {
            bytes: self.bytes.saturating_sub(part.bytes),
            raw_bytes: self.raw_bytes.saturating_sub(part.raw_bytes),
            packets: self.packets.saturating_sub(part.packets),
            flows: self.flows.saturating_sub(part.flows),
        }
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Counters) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.raw_bytes = self.raw_bytes.saturating_add(other.raw_bytes);
        self.packets = self.packets.saturating_add(other.packets);
        self.flows = self.flows.saturating_add(other.flows);
    }
}

impl Add for Counters {
    type Output = Counters;

    fn add(mut self, other: Counters) -> Counters {
        self += other;
        self
    }
}

/// Traffic in both directions, seen from a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpDown {
    /// Sent by the host.
    pub up: Counters,
    /// Received by the host.
    pub down: Counters,
}

impl UpDown {
    /// Both directions together.
    #[must_use]
    pub fn sum(&self) -> Counters {
        self.up + self.down
    }

    /// The same traffic, seen from the other host.
    #[must_use]
    pub fn swapped(self) -> UpDown {
        UpDown { up: self.down, down: self.up }
    }

    /// The maximum of each counter.
    #[must_use]
    pub fn at_least(&self, other: &UpDown) -> UpDown {
        let higher = |a: &Counters, b: &Counters| *a + b.less(a);
        UpDown { up: higher(&self.up, &other.up), down: higher(&self.down, &other.down) }
    }

    /// The difference to `part`, 0 where `part` is larger.
    #[must_use]
    pub fn less(&self, part: &UpDown) -> UpDown {
        UpDown { up: self.up.less(&part.up), down: self.down.less(&part.down) }
    }
}

impl AddAssign for UpDown {
    fn add_assign(&mut self, other: UpDown) {
        self.up += other.up;
        self.down += other.down;
    }
}

/// Traffic by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassTotals {
    /// From local to remote hosts.
    pub up: Counters,
    /// From remote to local hosts.
    pub down: Counters,
    /// Between local hosts.
    pub internal: Counters,
    /// Between remote hosts.
    pub transit: Counters,
}

impl ClassTotals {
    /// The counters of one class.
    #[must_use]
    pub fn of(&self, class: TrafficClass) -> &Counters {
        match class {
            TrafficClass::Up => &self.up,
            TrafficClass::Down => &self.down,
            TrafficClass::Internal => &self.internal,
            TrafficClass::Transit => &self.transit,
        }
    }

    /// The counters of one class, mutable.
    pub fn of_mut(&mut self, class: TrafficClass) -> &mut Counters {
        match class {
            TrafficClass::Up => &mut self.up,
            TrafficClass::Down => &mut self.down,
            TrafficClass::Internal => &mut self.internal,
            TrafficClass::Transit => &mut self.transit,
        }
    }

    /// The sum of all classes.
    #[must_use]
    pub fn sum(&self) -> Counters {
        self.up + self.down + self.internal + self.transit
    }
}
