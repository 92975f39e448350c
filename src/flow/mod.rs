//! Flow records, which all other modules use.
//!
//! A [`Flow`] is a unidirectional flow record as the exporter sent it, with the exporter's times
//! and unscaled counters. The values to correct it (sampling rate, clock offset, arrival time) are
//! separate fields.

mod clock;
pub mod column;
mod duplicate;
mod ends;
mod extras;
pub mod field;
mod groups;
mod host;
mod local;
pub mod named;
pub mod protocol;
mod record;
mod sampling;
mod sender_address;
pub mod service;
mod spread;
pub mod stored;
mod text;
mod time;
mod vector;

pub use clock::CLOCK_OFF_MS;
pub use duplicate::Duplicate;
pub use ends::FlowEnds;
pub use extras::{FlowExtras, MPLS_LABELS};
pub use groups::{Area, NetworkGroups};
pub use host::{Host, Network, NetworkError};
pub use local::{LocalNetworks, TrafficClass};
pub use protocol::{Protocol, SequenceUnit};
pub use record::{Member, len_of};
pub use sampling::{RateDoubt, Sampling};
pub use sender_address::SenderAddress;
pub use spread::Spread;
pub use text::{FlowText, MAX_TEXT};
pub use time::Time;

use self::record::record;
use self::stored::Fixed;

record! {
    /// A unidirectional flow record. Counters are not scaled by sampling.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flow (EMPTY) {
        /// Source address.
        pub src: Host,
        /// Destination address.
        pub dst: Host,
        /// Address of the next hop, [`Host::UNSPECIFIED`] if not reported.
        pub next_hop: Host,
        /// Address of the sender of the datagram.
        pub exporter: Host,
        /// Time of the first packet by the exporter's clock. sFlow does not report it, so that is
        /// the arrival.
        pub first: Time,
        /// Time of the last packet by the exporter's clock.
        pub last: Time,
        /// When the datagram arrived, by the collector's clock.
        pub arrival: Time,
        /// Milliseconds to add to the exporter's times to get the collector's time.
        pub clock_offset: i64,
        /// Bytes as reported.
        pub bytes: u64,
        /// Packets as reported.
        pub packets: u64,
        /// Observation domain (IPFIX), source id (v9), engine type and id (v5), sub-agent
        /// (sFlow).
        pub domain: u32,
        /// Sampling rate.
        pub sampling: Sampling,
        /// SNMP index of the input interface, 0 if not reported.
        pub input: u32,
        /// SNMP index of the output interface, 0 if not reported.
        pub output: u32,
        /// AS number of the source.
        pub src_as: u32,
        /// AS number of the destination.
        pub dst_as: u32,
        /// Which [`FlowExtras`] of the batch belongs to the flow: its index plus 1, or 0 for none.
        /// See [`extras_of`].
        pub more: u32,
        /// Source port.
        pub sport: u16,
        /// Destination port; for ICMP, type * 256 + code.
        pub dport: u16,
        /// VLAN id, 0 if not reported.
        pub vlan: u16,
        /// IANA protocol number.
        pub proto: u8,
        /// TCP flags of all packets.
        pub tcp_flags: u8,
        /// Type of service.
        pub tos: u8,
        /// Prefix length of the source.
        pub src_mask: u8,
        /// Prefix length of the destination.
        pub dst_mask: u8,
        /// IE 61: 0 ingress, 1 egress, [`Flow::NO_DIRECTION`] if not reported.
        pub direction: u8 = Flow::NO_DIRECTION,
        /// Whether the record has its own times; if not, they were set to the arrival.
        pub timed: bool = true,
        /// Whether the same flow was reported before.
        pub duplicate: Duplicate,
    }
    unstored {
        /// Whether the record is a sampled packet (sFlow, RFC 5476), or was made from packets of a
        /// sampler whose rate is not known yet. It is set while a datagram is decoded and is not
        /// stored in files.
        pub packet_sample: bool = false,
        /// Whether the [`FlowExtras`] of the flow have the inside address of an end
        /// ([`Flow::ends`]). Flows without one need not look them up.
        pub translated: bool = false,
        /// Whether the [`FlowExtras`] of the flow say that it stands for several flows
        /// ([`FlowExtras::flows`]).
        pub is_many: bool = false,
        /// Whether the times were computed from a clock with steps of a second (header of
        /// NetFlow v9): two reports of a flow may then differ by a second. Not stored.
        pub coarse_clock: bool = false,
        /// The source port of the exporter's transport session (RFC 7011, section 3.4.1), 0 if
        /// it is not known. Not stored.
        pub session: u16 = 0,
    }
}

/// The extra fields of `flow` in its batch; [`FlowExtras::NONE`] if it has none.
#[must_use]
pub fn extras_of<'a>(flow: &Flow, batch: &'a [FlowExtras]) -> &'a FlowExtras {
    let place = (flow.more as usize).checked_sub(1);
    place.and_then(|place| batch.get(place)).unwrap_or(&FlowExtras::NONE)
}

impl Flow {
    /// Value of [`Flow::direction`] if the exporter did not report it.
    pub const NO_DIRECTION: u8 = 255;

    /// The number of flows that the record stands for; `batch` has the extra fields of its
    /// batch.
    #[inline]
    #[must_use]
    pub fn count(&self, batch: &[FlowExtras]) -> u64 {
        if self.is_many { extras_of(self, batch).flows() } else { 1 }
    }

    /// The same conversation in the other direction: addresses, ports, masks, AS numbers and
    /// interfaces are swapped. ICMP type and code stay. The caller sets the counters.
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

    /// Bytes and packets multiplied by the sampling rate.
    #[must_use]
    pub fn scaled(&self) -> (u64, u64) {
        (self.sampling.scale(self.bytes), self.sampling.scale(self.packets))
    }

    /// Maximum distance of a flow's time from its arrival to be plausible, in milliseconds.
    pub const PLAUSIBLE_MS: i64 = 24 * 3_600_000;

    /// Whether the flow ended more than a day from its arrival, with the exporter's clock
    /// corrected. Then its times are wrong, or it was sent again much later.
    #[must_use]
    pub fn is_far_off(&self) -> bool {
        !is_plausible(self.last, self.arrival, self.clock_offset)
    }

    /// `last - first` in milliseconds, 0 if they are in the wrong order.
    #[must_use]
    pub fn duration_ms(&self) -> i64 {
        self.last.since(self.first).max(0)
    }
}

/// Whether a time of a flow is within a day of its arrival, with the exporter's clock
/// corrected by
/// `clock_offset` milliseconds.
#[must_use]
pub fn is_plausible(time: Time, arrival: Time, clock_offset: i64) -> bool {
    arrival.since(time.plus_ms(clock_offset)).saturating_abs() <= Flow::PLAUSIBLE_MS
}
