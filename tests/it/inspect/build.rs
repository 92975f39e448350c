//! Writes captures: packets of every link type, in every file format.

use std::net::IpAddr;

/// Capture time of the first packet in every capture, in milliseconds since 1970.
pub const TIME_MS: u64 = 1_700_000_005_250;

/// A UDP packet, beginning with its IP header.
pub fn udp(source: IpAddr, sport: u16, dport: u16, payload: &[u8]) -> Vec<u8> {
    ip(source, 17, &segment(sport, dport, payload))
}

/// A UDP header with its payload.
pub fn segment(sport: u16, dport: u16, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    for half in [sport, dport, 8 + payload.len() as u16, 0] {
        segment.extend(half.to_be_bytes());
    }
    segment.extend(payload);
    segment
}

/// An IP packet to 192.0.2.200 or 2001:db8::200.
pub fn ip(source: IpAddr, proto: u8, content: &[u8]) -> Vec<u8> {
    match source {
        IpAddr::V4(_) => fragment(source, proto, 0, 0, false, content),
        IpAddr::V6(source) => {
            let mut packet = vec![0x60, 0, 0, 0];
            packet.extend((content.len() as u16).to_be_bytes());
            packet.extend([proto, 64]);
            packet.extend(source.octets());
            packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0]);
            packet.extend(content);
            packet
        }
    }
}

/// A fragment of a packet, at offset `at`.
pub fn fragment(
    source: IpAddr,
    proto: u8,
    id: u16,
    at: u16,
    more: bool,
    content: &[u8],
) -> Vec<u8> {
    match source {
        IpAddr::V4(source) => {
            let mut packet = vec![0x45, 0];
            packet.extend((20 + content.len() as u16).to_be_bytes());
            packet.extend(id.to_be_bytes());
            packet.extend(((at / 8) | (u16::from(more) << 13)).to_be_bytes());
            packet.extend([64, proto, 0, 0]);
            packet.extend(source.octets());
            packet.extend([192, 0, 2, 200]);
            packet.extend(content);
            packet
        }
        IpAddr::V6(_) => {
            let mut piece = vec![proto, 0];
            piece.extend((at | u16::from(more)).to_be_bytes());
            piece.extend(u32::from(id).to_be_bytes());
            piece.extend(content);
            ip(source, 44, &piece)
        }
    }
}

/// The packet behind the header of a link type (tcpdump.org/linktypes.html).
pub fn link(link: u16, packet: &[u8]) -> Vec<u8> {
    let six = packet[0] >> 4 == 6;
    let ether_type: [u8; 2] = if six { [0x86, 0xdd] } else { [8, 0] };
    let mut frame = match link {
        0 => (if six { 10u32 } else { 2 }).to_le_bytes().to_vec(),
        108 => (if six { 24u32 } else { 2 }).to_be_bytes().to_vec(),
        1 => [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], &ether_type].concat(),
        9 => vec![0xff, 0x03, 0, if six { 0x57 } else { 0x21 }],
        113 => [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0][..], &ether_type].concat(),
        276 => {
            let rest = [0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
            [&ether_type[..], &rest].concat()
        }
        _ => Vec::new(),
    };
    frame.extend(packet);
    frame
}

/// Format of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Micro { big: bool },
    Nano { big: bool },
    Next { big: bool },
}

impl Format {
    pub const ALL: [Format; 6] = [
        Format::Micro { big: false },
        Format::Micro { big: true },
        Format::Nano { big: false },
        Format::Nano { big: true },
        Format::Next { big: false },
        Format::Next { big: true },
    ];

    fn big(self) -> bool {
        let (Format::Micro { big } | Format::Nano { big } | Format::Next { big }) = self;
        big
    }

    fn word(self, word: u32) -> [u8; 4] {
        if self.big() { word.to_be_bytes() } else { word.to_le_bytes() }
    }

    fn half(self, half: u16) -> [u8; 2] {
        if self.big() { half.to_be_bytes() } else { half.to_le_bytes() }
    }

    /// A capture of packets with a millisecond between them.
    pub fn file(self, link: u16, packets: &[Vec<u8>]) -> Vec<u8> {
        match self {
            Format::Next { .. } => self.next(link, packets),
            _ => self.classic(link, packets),
        }
    }

    fn classic(self, link: u16, packets: &[Vec<u8>]) -> Vec<u8> {
        let nano = matches!(self, Format::Nano { .. });
        let mut file = Vec::new();
        file.extend(self.word(if nano { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }));
        file.extend(self.half(2));
        file.extend(self.half(4));
        for word in [0, 0, 65535, u32::from(link)] {
            file.extend(self.word(word));
        }
        for (index, packet) in packets.iter().enumerate() {
            let ms = TIME_MS + index as u64;
            let units = if nano { 1_000_000 } else { 1000 };
            let length = packet.len() as u32;
            for word in [(ms / 1000) as u32, (ms % 1000) as u32 * units, length, length] {
                file.extend(self.word(word));
            }
            file.extend(packet);
        }
        file
    }

    fn next(self, link: u16, packets: &[Vec<u8>]) -> Vec<u8> {
        let mut file = Vec::new();
        let version = [self.half(1), self.half(0)].concat();
        let section = [&self.word(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat();
        file.extend(self.block(0x0a0d_0d0a, &section));
        // Option 9: times in nanoseconds; then the end of options.
        let mut interface = [self.half(link), self.half(0)].concat();
        interface.extend(self.word(0));
        interface.extend([self.half(9), self.half(1)].concat());
        interface.extend([9, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(self.block(1, &interface));
        for (index, packet) in packets.iter().enumerate() {
            let units = (TIME_MS + index as u64) * 1_000_000;
            let length = packet.len() as u32;
            let mut block = Vec::new();
            for word in [0, (units >> 32) as u32, units as u32, length, length] {
                block.extend(self.word(word));
            }
            block.extend(packet);
            block.resize(block.len().next_multiple_of(4), 0);
            file.extend(self.block(6, &block));
        }
        file
    }

    fn block(self, kind: u32, content: &[u8]) -> Vec<u8> {
        let length = self.word(12 + content.len() as u32);
        [&self.word(kind)[..], &length, content, &length].concat()
    }
}
