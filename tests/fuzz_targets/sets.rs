//! Writes datagrams of sets field by field: NetFlow v9 and IPFIX with any templates.

/// The length of a field of variable length (RFC 7011, section 7).
pub const VARIABLE: u16 = 65535;

/// A field of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Enterprise number, 0 for IANA; always 0 in v9.
    pub pen: u32,
    pub id: u16,
    pub length: u16,
}

/// A field of IANA.
pub const fn iana(id: u16, length: u16) -> Spec {
    Spec { pen: 0, id, length }
}

/// A field of an enterprise.
pub const fn of(pen: u32, id: u16, length: u16) -> Spec {
    Spec { pen, id, length }
}

/// A datagram that is being written.
#[derive(Clone, Debug)]
pub struct Datagram {
    bytes: Vec<u8>,
    ipfix: bool,
}

impl Datagram {
    /// An IPFIX message exported at `exported` seconds; `sequence` counts data records.
    pub fn ipfix(domain: u32, exported: u32, sequence: u32) -> Datagram {
        let mut bytes = vec![0, 10, 0, 0];
        for word in [exported, sequence, domain] {
            bytes.extend(word.to_be_bytes());
        }
        Datagram { bytes, ipfix: true }
    }

    /// A NetFlow v9 datagram; `sequence` counts datagrams.
    pub fn v9(domain: u32, exported: u32, uptime: u32, sequence: u32) -> Datagram {
        let mut bytes = vec![0, 9, 0, 1];
        for word in [uptime, exported, sequence, domain] {
            bytes.extend(word.to_be_bytes());
        }
        Datagram { bytes, ipfix: false }
    }

    /// Whether it is an IPFIX message.
    pub fn is_ipfix(&self) -> bool {
        self.ipfix
    }

    /// Appends a set with this content.
    pub fn set(mut self, id: u16, content: &[u8]) -> Datagram {
        self.bytes.extend(id.to_be_bytes());
        self.bytes.extend((content.len() as u16 + 4).to_be_bytes());
        self.bytes.extend(content);
        self
    }

    /// Appends a set with one template; without fields it is a withdrawal.
    pub fn template(self, id: u16, fields: &[Spec]) -> Datagram {
        let set = if self.ipfix { 2 } else { 0 };
        let content = [numbers(&[id, fields.len() as u16]), self.specs(fields)].concat();
        self.set(set, &content)
    }

    /// Appends a set with one options template; the first `scope` fields are scope fields.
    pub fn options(self, id: u16, scope: usize, fields: &[Spec]) -> Datagram {
        let counts = match self.ipfix {
            true => [id, fields.len() as u16, scope as u16],
            false => [id, 4 * scope as u16, 4 * (fields.len() - scope) as u16],
        };
        let content = [numbers(&counts), self.specs(fields)].concat();
        let set = if self.ipfix { 3 } else { 1 };
        self.set(set, &content)
    }

    fn specs(&self, fields: &[Spec]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for Spec { pen, id, length } in fields {
            let own = self.ipfix && *pen > 0;
            bytes.extend((id | if own { 0x8000 } else { 0 }).to_be_bytes());
            bytes.extend(length.to_be_bytes());
            if own {
                bytes.extend(pen.to_be_bytes());
            }
        }
        bytes
    }

    /// The bytes of the datagram, with its length in the header if the header has one.
    pub fn bytes(mut self) -> Vec<u8> {
        if self.ipfix {
            let length = self.bytes.len() as u16;
            self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
        }
        self.bytes
    }
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// A value of variable length: its length in one byte or in three, and its bytes.
pub fn counted(value: &[u8], long: bool) -> Vec<u8> {
    let mut bytes = match u8::try_from(value.len()) {
        Ok(length) if length < 255 && !long => vec![length],
        _ => [vec![255], numbers(&[value.len() as u16])].concat(),
    };
    bytes.extend(value);
    bytes
}
