//! Encodes NetFlow, IPFIX and sFlow by hand, for datagrams that no encoder sends.

/// A set of NetFlow v9 or IPFIX.
pub fn set(id: u16, content: &[u8]) -> Vec<u8> {
    let length = (content.len() + 4) as u16;
    [&id.to_be_bytes(), &length.to_be_bytes(), content].concat()
}

/// An IPFIX message (RFC 7011, 3.1).
pub fn ipfix(seconds: u32, sequence: u32, domain: u32, sets: &[u8]) -> Vec<u8> {
    let mut out = [10u16.to_be_bytes(), ((sets.len() + 16) as u16).to_be_bytes()].concat();
    for word in [seconds, sequence, domain] {
        out.extend(word.to_be_bytes());
    }
    out.extend(sets);
    out
}

/// A NetFlow v9 datagram (RFC 3954, 5.1) with `count` records.
pub fn v9(seconds: u32, sequence: u32, source: u32, count: u16, sets: &[u8]) -> Vec<u8> {
    let mut out = [9u16.to_be_bytes(), count.to_be_bytes()].concat();
    for word in [3_600_000, seconds, sequence, source] {
        out.extend(u32::to_be_bytes(word));
    }
    out.extend(sets);
    out
}

/// A template record: its id and its fields.
pub fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let mut out = [id.to_be_bytes(), (fields.len() as u16).to_be_bytes()].concat();
    for (field, length) in fields {
        out.extend(field.to_be_bytes());
        out.extend(length.to_be_bytes());
    }
    out
}

/// A NetFlow v5 datagram with one flow between two addresses.
pub fn v5(seconds: u32, sequence: u32, src: [u8; 4], dst: [u8; 4]) -> Vec<u8> {
    let mut out = [5u16.to_be_bytes(), 1u16.to_be_bytes()].concat();
    for word in [3_600_000, seconds, 0, sequence, 0] {
        out.extend(u32::to_be_bytes(word));
    }
    out.extend([src, dst, [0; 4]].concat());
    out.extend([0, 1, 0, 2]);
    for word in [1u32, 1000, 3_598_000, 3_599_000] {
        out.extend(word.to_be_bytes());
    }
    out.extend([0x9c, 0x40, 1, 187, 0, 0x10, 6, 0, 0, 0, 0, 0, 24, 24, 0, 0]);
    out
}
