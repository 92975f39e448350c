//! Names of the elements in NetFlow v9 and IPFIX templates.
//!
//! They are for showing templates and records to people. The elements that the decoder uses
//! are in [`element`](super::element). Names are those of the IANA registry "IPFIX
//! Information Elements", so that also templates with unused elements can be read.

mod iana;
mod information_element;
mod vendor;

pub use iana::REGISTRY;
pub use information_element::{ElementType, RegistryEntry};
pub use vendor::{VENDORS, VERSION9, Vendor};

/// Enterprise number of reverse elements (RFC 5103): the IANA element of the same id,
/// counted on the packets of the opposite direction.
pub const REVERSE: u32 = 29305;

/// The base number of nProbe's own elements in NetFlow v9.
pub const NTOP_V9: u16 = 57472;

/// Enterprise number of the maker of nProbe.
pub const NTOP: u32 = 35632;

/// The element `id` of enterprise `pen`; 0 is IANA. For a reverse element it is the entry
/// of the forward element; [`name`] tells both apart.
#[must_use]
pub fn entry(pen: u32, id: u16) -> Option<&'static RegistryEntry> {
    match pen {
        0 | REVERSE => find(REGISTRY, id),
        _ => find(enterprise(pen)?.elements, id),
    }
}

/// The field type `id` of NetFlow v9.
#[must_use]
pub fn entry_v9(id: u16) -> Option<&'static RegistryEntry> {
    find(VERSION9, id)
        .or_else(|| find(REGISTRY, id))
        .or_else(|| entry(NTOP, id.checked_sub(NTOP_V9)?))
}

/// The name of element `id` of enterprise `pen`, or its numbers when it has no name.
#[must_use]
pub fn name(pen: u32, id: u16) -> String {
    match (pen, entry(pen, id)) {
        (REVERSE, Some(entry)) => {
            let (first, rest) = entry.name.split_at(1);
            format!("reverse{}{rest}", first.to_ascii_uppercase())
        }
        (_, Some(entry)) => entry.name.to_owned(),
        (0, None) => format!("ie{id}"),
        (_, None) => format!("pen{pen}.{id}"),
    }
}

/// The name of field type `id` of NetFlow v9, or its number when it has no name.
#[must_use]
pub fn name_v9(id: u16) -> String {
    entry_v9(id).map_or_else(|| format!("type{id}"), |entry| entry.name.to_owned())
}

/// The name of scope type `id` in options templates of NetFlow v9. Scope types have numbers
/// of their own (RFC 3954, section 6.1).
#[must_use]
pub fn scope_v9(id: u16) -> Option<&'static str> {
    match id {
        1 => Some("system"),
        2 => Some("interface"),
        3 => Some("lineCard"),
        4 => Some("cache"),
        5 => Some("template"),
        _ => None,
    }
}

/// The name of an enterprise.
#[must_use]
pub fn vendor(pen: u32) -> Option<&'static str> {
    enterprise(pen).map(|vendor| vendor.name)
}

fn enterprise(pen: u32) -> Option<&'static Vendor> {
    VENDORS.binary_search_by_key(&pen, |vendor| vendor.pen).ok().map(|at| &VENDORS[at])
}

fn find(table: &'static [RegistryEntry], id: u16) -> Option<&'static RegistryEntry> {
    table.binary_search_by_key(&id, |entry| entry.id).ok().map(|at| &table[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_without_doubles() {
        assert!(VENDORS.windows(2).all(|pair| pair[0].pen < pair[1].pen));
        let tables = VENDORS.iter().map(|vendor| vendor.elements).chain([REGISTRY, VERSION9]);
        for table in tables {
            for pair in table.windows(2) {
                assert!(pair[0].id < pair[1].id, "{:?} before {:?}", pair[0], pair[1]);
            }
        }
        let mut names: Vec<&str> = REGISTRY.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), REGISTRY.len(), "two elements of one name");
    }

    #[test]
    fn well_known_elements_have_their_names_and_types() {
        let known = [
            (1, "octetDeltaCount", ElementType::Unsigned),
            (8, "sourceIPv4Address", ElementType::V4),
            (27, "sourceIPv6Address", ElementType::V6),
            (34, "samplingInterval", ElementType::Unsigned),
            (56, "sourceMacAddress", ElementType::Mac),
            (82, "interfaceName", ElementType::Text),
            (95, "applicationId", ElementType::Octets),
            (150, "flowStartSeconds", ElementType::Seconds),
            (153, "flowEndMilliseconds", ElementType::Milliseconds),
            (154, "flowStartMicroseconds", ElementType::Microseconds),
            (157, "flowEndNanoseconds", ElementType::Nanoseconds),
            (230, "natEvent", ElementType::Unsigned),
            (276, "dataRecordsReliability", ElementType::Boolean),
            (291, "basicList", ElementType::List),
            (311, "samplingProbability", ElementType::Float),
            (315, "dataLinkFrameSection", ElementType::Octets),
            (434, "mibObjectValueInteger", ElementType::Signed),
            (533, "pathDelaySumDeltaMicroseconds", ElementType::Unsigned),
        ];
        for (id, name, kind) in known {
            assert_eq!(entry(0, id), Some(&RegistryEntry { id, name, kind }));
        }
        for id in [0, 105, 416, 32767, 65535] {
            assert_eq!(entry(0, id), None);
        }
    }

    #[test]
    fn elements_of_enterprises_have_the_names_of_their_vendors() {
        assert_eq!(name(0, 1), "octetDeltaCount");
        assert_eq!(name(0, 105), "ie105");
        assert_eq!(name(REVERSE, 1), "reverseOctetDeltaCount");
        assert_eq!(name(REVERSE, 236), "reverseVRFname");
        assert_eq!(name(REVERSE, 105), "pen29305.105");
        assert_eq!(name(35632, 118), "l7Proto");
        assert_eq!(name(35632, 57590), "pen35632.57590");
        assert_eq!(name(6876, 889), "vxlanExportRole");
        assert_eq!(name(12, 8), "pen12.8", "an IANA name must not leak into an enterprise");
        assert_eq!(vendor(9), Some("Cisco"));
        assert_eq!(vendor(14988), Some("MikroTik"));
        assert_eq!(vendor(0), None);
    }

    #[test]
    fn version_nine_has_names_of_its_own() {
        assert_eq!(name_v9(1), "octetDeltaCount");
        assert_eq!(name_v9(33002), "firewallExtendedEvent");
        assert_eq!(name_v9(40000), "username");
        assert_eq!(name_v9(57590), "l7Proto", "nProbe counts from 57472");
        assert_eq!(name_v9(20000), "type20000");
        assert_eq!(scope_v9(2), Some("interface"));
        assert_eq!(scope_v9(6), None);
    }
}
