//! The fixed parts of an sFlow version 5 datagram (sflow_version_5.txt, section 5;
//! sflow_drops.txt).
//!
//! sFlow is XDR: the datagram begins with the version and the agent's address, which has 4
//! to 20 bytes with its type. What comes after it is here, with offsets from the end of the
//! address.

use super::fixed::{FieldLayout, FixedLayout, WireValue, fills, layout};

layout! {
    /// The header of a datagram after the agent's address (`sample_datagram_v5`).
    SflowHeaderEnd from 0 to 16 {
        /// Sub-agent id.
        0 sub_agent: u32,
        /// Number of the datagram among those of the sub-agent.
        4 sequence: u32,
        /// Milliseconds since the agent started.
        8 uptime: u32,
        /// Samples that follow.
        12 samples: u32,
    }

    /// Header of a sample (`sample_record`) and of a record within a sample (`flow_record`,
    /// `counter_record`).
    OpaqueHeader from 0 to 8 {
        /// Enterprise * 4096 + format.
        0 format: u32,
        /// Bytes that follow.
        4 length: u32,
    }

    /// A flow sample without its records (`flow_sample`, format 1).
    FlowSampleHeader from 0 to 32 {
        /// Number of the sample among those of its data source.
        0 sequence: u32,
        /// Data source: class (upper 8 bits) and index (lower 24 bits).
        4 source: u32,
        /// Sampling rate: one packet in this many.
        8 rate: u32,
        /// Packets that could have been sampled.
        12 pool: u32,
        /// Samples that the agent dropped for lack of resources.
        16 drops: u32,
        /// Input interface: format (upper 2 bits) and value (lower 30 bits).
        20 input: u32,
        /// Output interface: format (upper 2 bits) and value (lower 30 bits).
        24 output: u32,
        /// Records that follow.
        28 records: u32,
    }

    /// An expanded flow sample without its records (`flow_sample_expanded`, format 3).
    ExpandedFlowSampleHeader from 0 to 44 {
        /// Number of the sample among those of its data source.
        0 sequence: u32,
        /// Data source: class (upper 32 bits) and index (lower 32 bits).
        4 source: u64,
        /// Sampling rate: one packet in this many.
        12 rate: u32,
        /// Packets that could have been sampled.
        16 pool: u32,
        /// Samples that the agent dropped for lack of resources.
        20 drops: u32,
        /// Input interface: format (upper 32 bits) and value (lower 32 bits).
        24 input: u64,
        /// Output interface: format (upper 32 bits) and value (lower 32 bits).
        32 output: u64,
        /// Records that follow.
        40 records: u32,
    }

    /// A counter sample without its records (`counters_sample`, format 2).
    CounterSampleHeader from 0 to 12 {
        /// Number of the sample among those of its data source.
        0 sequence: u32,
        /// Data source: class (upper 8 bits) and index (lower 24 bits).
        4 source: u32,
        /// Records that follow.
        8 records: u32,
    }

    /// An expanded counter sample without its records (`counters_sample_expanded`, format 4).
    ExpandedCounterSampleHeader from 0 to 16 {
        /// Number of the sample among those of its data source.
        0 sequence: u32,
        /// Data source: class (upper 32 bits) and index (lower 32 bits).
        4 source: u64,
        /// Records that follow.
        12 records: u32,
    }

    /// A sample of a dropped packet without its records (`discarded_packet`, format 5).
    DiscardSampleHeader from 0 to 32 {
        /// Number of the sample among those of its data source.
        0 sequence: u32,
        /// Data source: class (upper 32 bits) and index (lower 32 bits).
        4 source: u64,
        /// Dropped packets that were not reported.
        12 drops: u32,
        /// ifIndex of the input interface.
        16 input: u32,
        /// ifIndex of the output interface.
        20 output: u32,
        /// Why the packet was dropped.
        24 reason: u32,
        /// Records that follow.
        28 records: u32,
    }

    /// The first bytes of a sampled packet, without these bytes (`sampled_header`, flow
    /// data format 1).
    RawPacketHeader from 0 to 16 {
        /// Protocol of the first header: 1 Ethernet, 11 IPv4, 12 IPv6 and so on.
        0 protocol: u32,
        /// Bytes of the frame on the wire.
        4 frame_length: u32,
        /// Bytes that the agent removed from the end of the frame before sampling.
        8 stripped: u32,
        /// Bytes of the packet that follow.
        12 length: u32,
    }

    /// Generic interface counters (`if_counters`, counter data format 1). A value of all
    /// ones means that the agent does not know the counter.
    InterfaceCountersRecord from 0 to 88 {
        /// ifIndex.
        0 index: u32,
        /// ifType.
        4 kind: u32,
        /// ifSpeed in bit/s.
        8 speed: u64,
        /// 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out.
        16 direction: u32,
        /// Bit 0: ifAdminStatus is up; bit 1: ifOperStatus is up.
        20 status: u32,
        /// ifInOctets.
        24 in_octets: u64,
        /// ifInUcastPkts.
        32 in_unicast: u32,
        /// ifInMulticastPkts.
        36 in_multicast: u32,
        /// ifInBroadcastPkts.
        40 in_broadcast: u32,
        /// ifInDiscards.
        44 in_discards: u32,
        /// ifInErrors.
        48 in_errors: u32,
        /// ifInUnknownProtos.
        52 in_unknown: u32,
        /// ifOutOctets.
        56 out_octets: u64,
        /// ifOutUcastPkts.
        64 out_unicast: u32,
        /// ifOutMulticastPkts.
        68 out_multicast: u32,
        /// ifOutBroadcastPkts.
        72 out_broadcast: u32,
        /// ifOutDiscards.
        76 out_discards: u32,
        /// ifOutErrors.
        80 out_errors: u32,
        /// ifPromiscuousMode.
        84 promiscuous: u32,
    }
}
