//! What an exporter reports about itself in options data: interfaces, applications, statistics,
//! timeouts.

use std::collections::BTreeMap;

use super::interfaces::{Interfaces, clean};
use crate::wire::template::{FieldSpec, Template};

/// Maximum number of applications per exporter; Cisco's NBAR2 table has about 1,600.
pub const MAX_APPLICATIONS: usize = 4096;

/// Declares the counters that an exporter keeps about its own work, with their elements.
macro_rules! statistics {
    ($($id:literal $name:ident $label:literal;)*) => {
        /// An exporter's counters of its own work; `None` for those that it does not send.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Statistics { $(#[doc = $label] pub $name: Option<u64>),* }

        impl Statistics {
            /// Stores a value. Returns whether the element is one of these counters.
            fn learn(&mut self, id: u16, value: u64) -> bool {
                match id {
                    $($id => self.$name = Some(value),)*
                    _ => return false,
                }
                true
            }

            /// The counters that were sent, with their descriptions.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$(($label, self.$name)),*].into_iter().filter_map(|(l, v)| Some((l, v?)))
            }
        }
    };
}

// IANA elements of the exporting and metering process statistics (RFC 7011, section 4) and of
// the flow cache.
statistics! {
    36 active_timeout_s "active timeout in seconds";
    37 idle_timeout_s "idle timeout in seconds";
    40 exported_bytes "bytes exported";
    41 exported_messages "messages exported";
    42 exported_flows "flow records exported";
    163 observed_flows "flows observed";
    164 ignored_packets "packets ignored by the meter";
    165 ignored_bytes "bytes ignored by the meter";
    166 unsent_flows "flow records not sent";
    167 unsent_packets "packets in flow records not sent";
    168 unsent_bytes "bytes in flow records not sent";
}

/// Everything an exporter reported about itself.
#[derive(Debug)]
pub struct ExporterOptions {
    /// Interfaces with their names and counters.
    pub interfaces: Interfaces,
    /// Counters of the exporter's own work.
    pub statistics: Statistics,
    /// Start of the exporter in milliseconds since 1970, if the last options records had it. The
    /// observation domain at hand takes it.
    pub init: Option<i64>,
    applications: BTreeMap<u64, Box<str>>,
    /// Number of further applications that memory allows for.
    room: usize,
    /// Applications that were not stored for lack of room.
    pub refused: u64,
}

impl Default for ExporterOptions {
    fn default() -> ExporterOptions {
        ExporterOptions {
            interfaces: Interfaces::default(),
            statistics: Statistics::default(),
            init: None,
            applications: BTreeMap::new(),
            room: usize::MAX,
            refused: 0,
        }
    }
}

/// Information elements that are read from options records.
mod id {
    pub const SCOPE_INTERFACE: u16 = 2;
    pub const INGRESS_INTERFACE: u16 = 10;
    pub const EGRESS_INTERFACE: u16 = 14;
    pub const INTERFACE_NAME: u16 = 82;
    pub const INTERFACE_DESCRIPTION: u16 = 83;
    pub const APPLICATION_DESCRIPTION: u16 = 94;
    pub const APPLICATION_ID: u16 = 95;
    pub const APPLICATION_NAME: u16 = 96;
    pub const SYSTEM_INIT: u16 = 160;
}

/// A big-endian number of any length. Of more than 8 bytes the last 8 count.
pub(in crate::wire) fn number(value: &[u8]) -> u64 {
    value.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

impl ExporterOptions {
    /// Stores what an options record says.
    pub fn learn(&mut self, template: &Template, record: &[u8]) {
        let mut interface = None;
        let mut application = None;
        let mut texts: [Option<&[u8]>; 3] = [None; 3];
        for (index, (field, value)) in template.values(record).enumerate() {
            let FieldSpec { pen: 0, id, .. } = *field else { continue };
            if value.is_empty() {
                continue;
            }
            if template.is_scope_type(index) {
                if id == id::SCOPE_INTERFACE {
                    interface = Some(number(value) as u32);
                }
                continue;
            }
            match id {
                id::INGRESS_INTERFACE => interface = Some(number(value) as u32),
                id::EGRESS_INTERFACE => {
                    interface.get_or_insert(number(value) as u32);
                }
                id::INTERFACE_NAME => texts[0] = Some(value),
                id::INTERFACE_DESCRIPTION => texts[1] = Some(value),
                id::APPLICATION_ID => application = Some(number(value)),
                id::APPLICATION_NAME => texts[2] = Some(value),
                id::APPLICATION_DESCRIPTION => texts[2] = texts[2].or(Some(value)),
                id::SYSTEM_INIT => {
                    let init = i64::try_from(number(value)).ok();
                    self.init = init.filter(|init| *init > 0);
                }
                _ => {
                    self.statistics.learn(id, number(value));
                }
            }
        }
        let [name, description, application_name] = texts;
        if let Some(interface) = interface {
            if let Some(name) = name {
                self.interfaces.name(interface, &text(name));
            }
            if let Some(description) = description {
                self.interfaces.describe(interface, &text(description));
            }
        }
        if let Some((application, name)) = application.zip(application_name) {
            self.name_application(application, &text(name));
        }
    }

    /// Number of stored names, of interfaces and of applications.
    #[must_use]
    pub fn names(&self) -> usize {
        self.interfaces.len() + self.applications.len()
    }

    /// Allows `more` further names, within the limits of each kind.
    pub fn allow(&mut self, more: usize) {
        self.room = self.applications.len().saturating_add(more);
        self.interfaces.allow(more);
    }

    /// Forgets all names until they are announced again.
    pub fn forget_names(&mut self) {
        self.interfaces = Interfaces::default();
        self.applications.clear();
    }

    /// Sets the name of an application.
    pub(in crate::wire) fn name_application(&mut self, application: u64, name: &str) {
        let full = self.applications.len() >= self.room.min(MAX_APPLICATIONS);
        if full && !self.applications.contains_key(&application) {
            self.refused += 1;
            return;
        }
        self.applications.insert(application, clean(name).into());
    }

    /// The name of an application (RFC 6759: the upper byte of its id is the engine).
    #[must_use]
    pub fn application(&self, id: u64) -> Option<&str> {
        self.applications.get(&id).map(AsRef::as_ref)
    }

    /// All application names, by id.
    #[must_use]
    pub fn application_list(&self) -> Vec<(u64, String)> {
        self.applications.iter().map(|(id, name)| (*id, name.to_string())).collect()
    }

    /// Number of applications with a name.
    #[must_use]
    pub fn applications(&self) -> usize {
        self.applications.len()
    }
}

/// A name without the zeros that pad it to the length of its field.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::template::{Scopes, TemplateKind};

    fn learn(about: &mut ExporterOptions, scopes: Scopes, fields: &[(u16, &[u8])]) {
        let specs: Vec<FieldSpec> = fields
            .iter()
            .map(|(id, value)| FieldSpec { pen: 0, id: *id, length: value.len() as u16 })
            .collect();
        let record: Vec<u8> = fields.iter().flat_map(|(_, value)| value.to_vec()).collect();
        about.learn(&Template::compile(TemplateKind::Options, &specs, 1, scopes).unwrap(), &record);
    }

    #[test]
    fn interfaces_are_named_by_scope_type_and_by_element() {
        let mut about = ExporterOptions::default();
        learn(
            &mut about,
            Scopes::Types,
            &[(2, &[0, 7]), (82, b"Gi0/1\0\0"), (83, b"to the\x1b LAN")],
        );
        learn(&mut about, Scopes::Elements, &[(10, &[0, 0, 0, 9]), (82, b"eth9")]);
        learn(&mut about, Scopes::Types, &[(1, &[0, 0, 0, 0]), (10, &[3]), (82, b"Vlan3\0")]);
        let names: Vec<_> =
            about.interfaces.iter().map(|(index, i)| (index, i.name.to_string())).collect();
        assert_eq!(names.len(), 3);
        for (index, name) in [(3, "Vlan3"), (7, "Gi0/1"), (9, "eth9")] {
            assert!(names.contains(&(index, name.to_owned())), "{names:?}");
        }
    }

    #[test]
    fn applications_and_statistics_are_stored() {
        let mut about = ExporterOptions::default();
        learn(&mut about, Scopes::Types, &[(1, &[0]), (95, &[3, 0, 0, 80]), (96, b"http\0\0")]);
        assert_eq!(about.application(0x0300_0050), Some("http"));
        learn(
            &mut about,
            Scopes::Elements,
            &[(149, &[0, 1]), (42, &[1, 0]), (166, &[7]), (36, &[60])],
        );
        let got: Vec<u64> = about.statistics.iter().map(|(_, value)| value).collect();
        assert_eq!(got, [60, 256, 7]);
        learn(&mut about, Scopes::Elements, &[(149, &[1]), (160, &[0, 0, 1, 0x8b, 0, 0, 0, 0])]);
        assert_eq!(about.init, Some(0x018b_0000_0000));
        for id in 0..MAX_APPLICATIONS as u32 + 10 {
            learn(&mut about, Scopes::Types, &[(1, &[0]), (95, &id.to_be_bytes()), (96, b"x")]);
        }
        assert_eq!(about.applications(), MAX_APPLICATIONS);
        assert!(about.refused > 0);
    }
}
