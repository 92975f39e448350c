//! What the header of a datagram says, read without decoding the rest: what
//! `inspect` shows, and by what it dates datagrams that come without a time.

use super::bytes::{u16_at, u32_at};
use crate::flow::{Host, Protocol, Time};

/// Type of sFlow's agent addresses: IPv4, IPv6 (sflow_version_5.txt, section 5).
const SFLOW_V4: u32 = 1;
const SFLOW_V6: u32 = 2;

/// What a datagram's header says, as far as every protocol says it.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageHeader {
    pub protocol: Protocol,
    pub domain: u32,
    /// When the datagram left, by the exporter's clock.
    pub exported: Time,
    /// Milliseconds since the exporter started, if the header says so.
    pub uptime: Option<u32>,
}

/// A header, as far as the protocol has what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramHeader {
    pub protocol: Protocol,
    pub version: u16,
    /// Observation domain, source id, engine type and id, sub-agent.
    pub domain: u32,
    /// In the protocol's own unit: flows, datagrams or records.
    pub sequence: Option<u32>,
    /// When it left, by the exporter's clock.
    pub exported: Option<Time>,
    /// Milliseconds since the exporter started.
    pub uptime: Option<u32>,
    /// The agent that sFlow names.
    pub agent: Option<Host>,
}

impl DatagramHeader {
    /// Reads the header at the start of `bytes`. `None` when it is of no version
    /// that is known, or ends too early.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<DatagramHeader> {
        let version = u16_at(bytes, 0)?;
        let word = |at| u32_at(bytes, at);
        let seconds = |at| Some(i64::from(word(at)?) * 1000);
        let fixed = |protocol| {
            let ms = seconds(8)? + i64::from(word(12)?) / 1_000_000;
            let (uptime, exported) = (Some(word(4)?), Some(Time(ms)));
            let empty = DatagramHeader::of(protocol, version);
            Some(DatagramHeader { exported, uptime, ..empty })
        };
        match version {
            1 => fixed(Protocol::Netflow1),
            5 => Some(DatagramHeader {
                domain: u32::from(u16_at(bytes, 20)?),
                sequence: Some(word(16)?),
                ..fixed(Protocol::Netflow5)?
            }),
            7 => Some(DatagramHeader { sequence: Some(word(16)?), ..fixed(Protocol::Netflow7)? }),
            9 => Some(DatagramHeader {
                domain: word(16)?,
                sequence: Some(word(12)?),
                exported: Some(Time(seconds(8)?)),
                uptime: Some(word(4)?),
                ..DatagramHeader::of(Protocol::Netflow9, version)
            }),
            10 => Some(DatagramHeader {
                domain: word(12)?,
                sequence: Some(word(8)?),
                exported: Some(Time(seconds(4)?)),
                ..DatagramHeader::of(Protocol::Ipfix, version)
            }),
            0 if word(0)? == 5 => DatagramHeader::sflow(bytes),
            _ => None,
        }
    }

    fn of(protocol: Protocol, version: u16) -> DatagramHeader {
        DatagramHeader {
            protocol,
            version,
            domain: 0,
            sequence: None,
            exported: None,
            uptime: None,
            agent: None,
        }
    }

    /// sFlow: the length of the agent's address moves what is behind it.
    fn sflow(bytes: &[u8]) -> Option<DatagramHeader> {
        let (agent, at) = match u32_at(bytes, 4)? {
            SFLOW_V4 => (Some(Host::v4(u32_at(bytes, 8)?)), 12),
            SFLOW_V6 => {
                let octets: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
                (Some(Host(u128::from_be_bytes(octets))), 24)
            }
            0 => (None, 8),
            _ => return None,
        };
        Some(DatagramHeader {
            domain: u32_at(bytes, at)?,
            sequence: Some(u32_at(bytes, at + 4)?),
            uptime: Some(u32_at(bytes, at + 8)?),
            agent,
            ..DatagramHeader::of(Protocol::Sflow5, 5)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[u32]) -> Vec<u8> {
        list.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn every_protocol_says_its_own() {
        let five = words(&[5 << 16 | 1, 7000, 100, 25_000_000, 42, 0x0102_0000]);
        let read = DatagramHeader::read(&five).unwrap();
        assert_eq!(
            (read.protocol, read.domain, read.sequence),
            (Protocol::Netflow5, 0x102, Some(42))
        );
        assert_eq!((read.exported, read.uptime), (Some(Time(100_025)), Some(7000)));
        let nine = words(&[9 << 16 | 1, 7000, 100, 42, 3]);
        let read = DatagramHeader::read(&nine).unwrap();
        assert_eq!((read.protocol, read.domain, read.sequence), (Protocol::Netflow9, 3, Some(42)));
        let ten = words(&[10 << 16 | 16, 100, 42, 3]);
        let read = DatagramHeader::read(&ten).unwrap();
        assert_eq!((read.exported, read.uptime, read.domain), (Some(Time(100_000)), None, 3));
        let sflow = words(&[5, 1, 0x0a00_0001, 2, 42, 7000, 0]);
        let read = DatagramHeader::read(&sflow).unwrap();
        assert_eq!(
            (read.protocol, read.agent),
            (Protocol::Sflow5, Some(Host::octets(10, 0, 0, 1)))
        );
        assert_eq!((read.domain, read.sequence, read.exported), (2, Some(42), None));
        for datagram in [five, nine, ten, sflow] {
            for end in 0..datagram.len() - 4 {
                let _ = DatagramHeader::read(&datagram[..end]);
            }
            assert_eq!(DatagramHeader::read(&datagram[..15]), None);
        }
        assert_eq!(DatagramHeader::read(&words(&[8 << 16, 0, 0, 0])), None);
    }
}
