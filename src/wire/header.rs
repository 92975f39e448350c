//! Reads the header of a datagram without decoding the rest. `inspect` shows it, and takes
//! the export time of datagrams that have no arrival time from it.

use super::bytes::{u16_at, u32_at};
use super::layout::fixed::FixedLayout;
use super::layout::netflow::{FixedHeaderStart, IpfixHeader, V5HeaderEnd, V7HeaderEnd, V9Header};
use super::layout::sflow::SflowHeaderEnd;
use super::sflow::xdr::Xdr;
use crate::flow::{Host, Protocol, Time};

/// The header fields that the decoder needs, of NetFlow and IPFIX.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageHeader {
    pub protocol: Protocol,
    pub domain: u32,
    /// Export time, by the exporter's clock.
    pub exported: Time,
    /// Milliseconds since the exporter started; IPFIX does not have it.
    pub uptime: Option<u32>,
}

impl MessageHeader {
    /// From the header of NetFlow version 1, 5 or 7; the engine is the observation domain.
    #[inline]
    pub(super) fn fixed(
        protocol: Protocol,
        engine: u16,
        header: &FixedHeaderStart,
    ) -> MessageHeader {
        let ms = i64::from(header.seconds) * 1000 + i64::from(header.nanoseconds) / 1_000_000;
        MessageHeader {
            protocol,
            domain: u32::from(engine),
            exported: Time(ms),
            uptime: Some(header.uptime),
        }
    }

    /// From the header of NetFlow version 9.
    pub(super) fn v9(header: &V9Header) -> MessageHeader {
        MessageHeader {
            protocol: Protocol::Netflow9,
            domain: header.source_id,
            exported: Time(i64::from(header.seconds) * 1000),
            uptime: Some(header.uptime),
        }
    }

    /// From the header of an IPFIX message.
    pub(super) fn ipfix(header: &IpfixHeader) -> MessageHeader {
        MessageHeader {
            protocol: Protocol::Ipfix,
            domain: header.domain,
            exported: Time(i64::from(header.seconds) * 1000),
            uptime: None,
        }
    }
}

/// The header of a datagram of any protocol; `None` for fields that the protocol does not
/// have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramHeader {
    /// Protocol of the datagram.
    pub protocol: Protocol,
    /// Version in the header.
    pub version: u16,
    /// Observation domain (IPFIX), source id (v9), engine type * 256 + engine id (v5),
    /// sub-agent (sFlow); 0 for v1 and v7.
    pub domain: u32,
    /// Sequence number, in the unit of the protocol: flows (v5, v7), datagrams (v9, sFlow)
    /// or data records (IPFIX).
    pub sequence: Option<u32>,
    /// Export time, by the exporter's clock.
    pub exported: Option<Time>,
    /// Milliseconds since the exporter or the sFlow agent started.
    pub uptime: Option<u32>,
    /// Address of the sFlow agent.
    pub agent: Option<Host>,
}

impl DatagramHeader {
    /// Reads the header at the start of `bytes`. Returns `None` when the version is unknown
    /// or the header is not complete.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<DatagramHeader> {
        let version = u16_at(bytes, 0)?;
        let fixed = |protocol, engine| {
            let header = FixedHeaderStart::read(bytes)?;
            Some(MessageHeader::fixed(protocol, engine, &header))
        };
        let (message, sequence) = match version {
            1 => (fixed(Protocol::Netflow1, 0)?, None),
            5 => {
                let end = V5HeaderEnd::read(bytes)?;
                (fixed(Protocol::Netflow5, end.engine)?, Some(end.sequence))
            }
            7 => {
                let end = V7HeaderEnd::read(bytes)?;
                (fixed(Protocol::Netflow7, 0)?, Some(end.sequence))
            }
            9 => {
                let header = V9Header::read(bytes)?;
                (MessageHeader::v9(&header), Some(header.sequence))
            }
            10 => {
                let header = IpfixHeader::read(bytes)?;
                (MessageHeader::ipfix(&header), Some(header.sequence))
            }
            0 if u32_at(bytes, 0)? == 5 => return DatagramHeader::sflow(bytes),
            _ => return None,
        };
        Some(DatagramHeader {
            protocol: message.protocol,
            version,
            domain: message.domain,
            sequence,
            exported: Some(message.exported),
            uptime: message.uptime,
            agent: None,
        })
    }

    /// Reads the header of sFlow version 5.
    fn sflow(bytes: &[u8]) -> Option<DatagramHeader> {
        let mut rest = Xdr(bytes.get(4..)?);
        let has_agent = u32_at(rest.0, 0)? != 0;
        let agent = rest.address()?;
        let header = SflowHeaderEnd::read(rest.0)?;
        Some(DatagramHeader {
            protocol: Protocol::Sflow5,
            version: 5,
            domain: header.sub_agent,
            sequence: Some(header.sequence),
            exported: None,
            uptime: Some(header.uptime),
            agent: has_agent.then_some(agent),
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
    fn the_header_of_every_protocol_is_read() {
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
