//! The elements that name the application or the user of a flow.

/// Enterprise numbers of Palo Alto and of ntop.
const PALO_ALTO: u32 = 25461;
const NTOP: u32 = 35632;

/// What an element tells about the application or the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameElement {
    /// The id of the application (RFC 6759): one byte for the classification engine, the rest
    /// for the selector.
    AppId,
    /// The name of the application.
    AppName,
    /// The name of the user.
    User,
}

impl NameElement {
    /// What an element tells; numbers from 32768 on are those of NetFlow v9.
    pub(super) fn of(pen: u32, id: u16) -> Option<NameElement> {
        match (pen, id) {
            (0, 95) => Some(NameElement::AppId),
            // applicationName; App-ID of Palo Alto, in IPFIX 15 bits of its number; L7_PROTO_NAME
            // of nProbe.
            (0, 96 | 56701 | 57591) | (PALO_ALTO, 23933) | (NTOP, 119) => {
                Some(NameElement::AppName)
            }
            // userName; the AAA user of Cisco ASA; User-ID of Palo Alto.
            (0, 371 | 40000 | 56702) | (PALO_ALTO, 23934) => Some(NameElement::User),
            _ => None,
        }
    }
}
