//! The protocols in which exporters report flows.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serializer};

/// A protocol in which an exporter reports flows. The IP protocol of a flow is a number
/// ([`Flow::proto`](super::Flow::proto)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// NetFlow version 1 (Cisco), without sequence numbers.
    Netflow1,
    /// NetFlow version 5 (Cisco).
    Netflow5,
    /// NetFlow version 7 (Cisco, Catalyst switches).
    Netflow7,
    /// NetFlow version 9 (RFC 3954).
    Netflow9,
    /// IPFIX (RFC 7011).
    Ipfix,
    /// sFlow version 5 (`sflow_version_5.txt`).
    Sflow5,
}

/// What the sequence numbers of a protocol count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceUnit {
    /// Flow records.
    Flows,
    /// Data records, including those of options templates.
    Records,
    /// Datagrams.
    Datagrams,
}

impl SequenceUnit {
    /// The plural in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SequenceUnit::Flows => "flows",
            SequenceUnit::Records => "records",
            SequenceUnit::Datagrams => "datagrams",
        }
    }
}

impl Protocol {
    /// All protocols, the oldest first.
    pub const ALL: [Protocol; 6] = [
        Protocol::Netflow1,
        Protocol::Netflow5,
        Protocol::Netflow7,
        Protocol::Netflow9,
        Protocol::Ipfix,
        Protocol::Sflow5,
    ];

    /// The name in JSON, CSV, metrics and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Netflow1 => "netflow1",
            Protocol::Netflow5 => "netflow5",
            Protocol::Netflow7 => "netflow7",
            Protocol::Netflow9 => "netflow9",
            Protocol::Ipfix => "ipfix",
            Protocol::Sflow5 => "sflow5",
        }
    }

    /// The protocol with this [`name`](Protocol::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// The version in the header of its datagrams.
    #[must_use]
    pub fn version(self) -> u16 {
        match self {
            Protocol::Netflow1 => 1,
            Protocol::Netflow5 | Protocol::Sflow5 => 5,
            Protocol::Netflow7 => 7,
            Protocol::Netflow9 => 9,
            Protocol::Ipfix => 10,
        }
    }

    /// The unit of its sequence numbers; datagrams if it has none.
    #[must_use]
    pub fn sequence_unit(self) -> SequenceUnit {
        match self {
            Protocol::Netflow5 | Protocol::Netflow7 => SequenceUnit::Flows,
            Protocol::Ipfix => SequenceUnit::Records,
            Protocol::Netflow1 | Protocol::Netflow9 | Protocol::Sflow5 => SequenceUnit::Datagrams,
        }
    }

    /// Whether records are described by templates.
    #[must_use]
    pub fn has_templates(self) -> bool {
        matches!(self, Protocol::Netflow9 | Protocol::Ipfix)
    }
}

/// Serializes the name of a protocol, or an empty string for none; for `serde(with)`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(
    protocol: &Option<Protocol>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(protocol.map_or("", Protocol::name))
}

/// Deserializes a name written by [`serialize`]. An unknown name is read as none.
///
/// # Errors
/// Those of the deserializer.
pub fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Protocol>, D::Error> {
    let name = Cow::<str>::deserialize(deserializer)?;
    Ok(Protocol::from_name(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for protocol in Protocol::ALL {
            assert_eq!(Protocol::from_name(protocol.name()), Some(protocol));
        }
        assert_eq!((Protocol::from_name(""), Protocol::from_name("netflow")), (None, None));
    }
}
