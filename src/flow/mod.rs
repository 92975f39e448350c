//! What a flow is: the record every room of the house passes around.
//!
//! A [`Flow`] is one unidirectional flow record as the exporter sent it, with
//! nothing corrected: its own times, its own unscaled counters. What is needed
//! to correct it (sampling rate, clock offset, arrival time) travels beside it.

pub mod column;
mod duplicate;
mod extras;
pub mod field;
mod groups;
mod host;
mod local;
pub mod named;
pub mod protocol;
mod record;
mod sampling;
pub mod service;
pub mod stored;
mod text;
mod time;
mod vector;

pub use duplicate::Duplicate;
pub use extras::{FlowExtras, MPLS_LABELS};
pub use groups::{Area, NetworkGroups};
pub use host::{Host, Network, NetworkError};
pub use local::{LocalNetworks, TrafficClass};
pub use protocol::{Protocol, SequenceUnit};
pub use record::{Member, len_of};
pub use sampling::Sampling;
pub use text::{FlowText, MAX_TEXT};
pub use time::Time;

use self::record::record;
use self::stored::Fixed;

record! {
    /// One unidirectional flow record.
    ///
    /// Counters are unscaled. Addresses of both families are a [`Host`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flow (EMPTY) {
        /// Source and destination address.
        pub src: Host,
        pub dst: Host,
        /// Next hop router, [`Host::UNSPECIFIED`] when not reported.
        pub next_hop: Host,
        /// Address the datagram came from.
        pub exporter: Host,
        /// First and last packet by the exporter's clock; sFlow has none, the arrival
        /// is taken.
        pub first: Time,
        pub last: Time,
        /// When the datagram reached this host, by our clock.
        pub arrival: Time,
        /// What to add to the exporter's times to get ours, in milliseconds.
        pub clock_offset: i64,
        pub bytes: u64,
        pub packets: u64,
        /// Observation domain (IPFIX), source id (v9), engine type and id (v5),
        /// sub-agent (sFlow).
        pub domain: u32,
        pub sampling: Sampling,
        /// SNMP interface index.
        pub input: u32,
        pub output: u32,
        pub src_as: u32,
        pub dst_as: u32,
        /// Which [`More`] of the batch it came in belongs to it: its place counted
        /// from 1, or 0 for none. See [`more_of`].
        pub more: u32,
        /// Transport ports; an ICMP type and code stand in `dport` as type * 256 + code.
        pub sport: u16,
        pub dport: u16,
        pub vlan: u16,
        /// IANA protocol number.
        pub proto: u8,
        pub tcp_flags: u8,
        pub tos: u8,
        pub src_mask: u8,
        pub dst_mask: u8,
        /// IE 61: 0 ingress, 1 egress, [`Flow::NO_DIRECTION`] when not reported.
        pub direction: u8 = Flow::NO_DIRECTION,
        /// Whether first and last are the record's own, not made up from its arrival.
        pub timed: bool = true,
        /// Whether the same flow was reported before: counted once, unless asked otherwise.
        pub duplicate: Duplicate,
    }
    unstored {
        /// Whether it is one sampled packet (sFlow, RFC 5476), not a flow that its exporter
        /// added up, or was made of packets that a sampler chose whose rate is not known yet.
        /// Known while a datagram is decoded; files do not keep it.
        pub packet_sample: bool = false,
    }
}

/// What came with `flow`, out of what came with its batch.
#[must_use]
pub fn extras_of<'a>(flow: &Flow, batch: &'a [FlowExtras]) -> &'a FlowExtras {
    let place = (flow.more as usize).checked_sub(1);
    place.and_then(|place| batch.get(place)).unwrap_or(&FlowExtras::NONE)
}

impl Flow {
    /// Value of [`Flow::direction`] when the exporter did not say.
    pub const NO_DIRECTION: u8 = 255;

    /// The same conversation seen from the other end: addresses, ports, masks,
    /// AS numbers and interfaces change places; ICMP's type and code stay where
    /// they are. Counters are to be filled in.
    #[must_use]
    pub fn reversed(&self) -> Flow {
        let icmp = self.proto == 1 || self.proto == 58;
        let (sport, dport) = if icmp { (self.sport, self.dport) } else { (self.dport, self.sport) };
        Flow {
            src: self.dst,
            dst: self.src,
            next_hop: Host::UNSPECIFIED,
            input: self.output,
            output: self.input,
            src_as: self.dst_as,
            dst_as: self.src_as,
            sport,
            dport,
            src_mask: self.dst_mask,
            dst_mask: self.src_mask,
            direction: Flow::NO_DIRECTION,
            ..*self
        }
    }

    /// Bytes and packets times the sampling rate.
    #[must_use]
    pub fn scaled(&self) -> (u64, u64) {
        (self.sampling.scale(self.bytes), self.sampling.scale(self.packets))
    }

    /// How far from its arrival a time of a flow may lie to be plausible, in milliseconds.
    pub const PLAUSIBLE_MS: i64 = 24 * 3_600_000;

    /// Whether it ended more than a day from its arrival, the exporter's clock
    /// corrected: its times are wrong, or it was sent again long after.
    #[must_use]
    pub fn is_far_off(&self) -> bool {
        !is_plausible(self.last, self.arrival, self.clock_offset)
    }

    /// `last - first` in milliseconds, 0 when they are the wrong way round.
    #[must_use]
    pub fn duration_ms(&self) -> i64 {
        self.last.since(self.first).max(0)
    }
}

/// Whether a time of a flow lies within a day of its arrival, once the exporter's clock
/// is corrected by `clock_offset` milliseconds.
#[must_use]
pub fn is_plausible(time: Time, arrival: Time, clock_offset: i64) -> bool {
    arrival.since(time.plus_ms(clock_offset)).saturating_abs() <= Flow::PLAUSIBLE_MS
}
