//! What an exporter reports about its interfaces: names from options data or sFlow port names,
//! counters from sFlow.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::coverage::Coverage;
use crate::flow::{Flow, Time};
use crate::text;

/// Maximum number of interfaces per exporter. A chassis full of line cards has some hundreds of
/// ports, with VLANs and tunnels a few thousand. At about 700 bytes each this is 3 MB at most.
pub const MAX_INTERFACES: usize = 4096;

/// Maximum length of an interface name or description in characters; ifAlias has 64 (RFC 2863).
pub const MAX_INTERFACE_TEXT: usize = 64;

/// Counters of an interface since it last started to count, `None` for counters that the
/// exporter does not have (sflow_version_5.txt, `if_counters`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCounters {
    /// IANA ifType: 6 Ethernet, 24 loopback, 161 aggregate.
    pub kind: u32,
    /// Nominal speed in bit/s, 0 when not known.
    pub speed: u64,
    /// 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out.
    pub direction: u32,
    /// Bit 0: administratively up; bit 1: operationally up.
    pub status: u32,
    /// ifInOctets.
    pub in_octets: Option<u64>,
    /// ifInUcastPkts.
    pub in_unicast: Option<u32>,
    /// ifInMulticastPkts.
    pub in_multicast: Option<u32>,
    /// ifInBroadcastPkts.
    pub in_broadcast: Option<u32>,
    /// ifInDiscards.
    pub in_discards: Option<u32>,
    /// ifInErrors.
    pub in_errors: Option<u32>,
    /// ifInUnknownProtos.
    pub in_unknown: Option<u32>,
    /// ifOutOctets.
    pub out_octets: Option<u64>,
    /// ifOutUcastPkts.
    pub out_unicast: Option<u32>,
    /// ifOutMulticastPkts.
    pub out_multicast: Option<u32>,
    /// ifOutBroadcastPkts.
    pub out_broadcast: Option<u32>,
    /// ifOutDiscards.
    pub out_discards: Option<u32>,
    /// ifOutErrors.
    pub out_errors: Option<u32>,
    /// 0 unknown, 1 on, 2 off.
    pub promiscuous: u32,
}

impl InterfaceCounters {
    /// Whether the interface is up, administratively and operationally.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.status & 3 == 3
    }
}

/// What is known of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Short name such as `eth0` or `GigabitEthernet0/1`, empty when not known.
    pub name: String,
    /// Description that the router's administrator wrote, empty when not known.
    pub description: String,
    /// Nominal speed in bit/s, 0 when not known.
    pub speed: u64,
    /// The newest counters, with the time they arrived.
    pub counters: Option<(Time, InterfaceCounters)>,
    /// Received bit/s between the last two counter samples. `None` before the second sample, or
    /// when the counter was reset between them.
    pub in_rate: Option<u64>,
    /// Sent bit/s between the last two counter samples, `None` as for `in_rate`.
    pub out_rate: Option<u64>,
    /// The comparison of its counters with flows, once it has sent counters.
    pub coverage: Option<Box<Coverage>>,
}

/// The interfaces of one exporter, by ifIndex. If one address relays several devices, their
/// interfaces of the same index count as one.
#[derive(Debug, Default)]
pub struct Interfaces {
    known: HashMap<u32, Interface, RandomState>,
    generation: u64,
    refused: u64,
    /// Number of interfaces that memory allows for, if less than the limit.
    room: Option<usize>,
    /// Whether an interface has counters to compare flows with.
    has_counters: bool,
}

impl Interfaces {
    /// Sets the short name of an interface. Control characters are removed; a name is cut to
    /// [`MAX_INTERFACE_TEXT`] characters.
    pub fn name(&mut self, index: u32, name: &str) {
        self.text(index, name, |interface| &mut interface.name);
    }

    /// Sets the description of an interface, cleaned and cut like a name.
    pub fn describe(&mut self, index: u32, description: &str) {
        self.text(index, description, |interface| &mut interface.description);
    }

    fn text(&mut self, index: u32, text: &str, part: fn(&mut Interface) -> &mut String) {
        let text = clean(text);
        if text.is_empty() {
            return;
        }
        let Some(interface) = self.entry(index) else { return };
        let known = part(interface);
        if *known != text {
            *known = text;
            self.generation += 1;
        }
    }

    /// Stores counters that arrived at `now`. Counters that are not newer than the stored ones
    /// are ignored.
    pub fn count(&mut self, index: u32, counters: InterfaceCounters, now: Time) {
        let Some(interface) = self.entry(index) else { return };
        if let Some((before, old)) = &interface.counters {
            let elapsed = now.since(*before);
            if elapsed <= 0 {
                return;
            }
            interface.in_rate = rate(old.in_octets, counters.in_octets, elapsed);
            interface.out_rate = rate(old.out_octets, counters.out_octets, elapsed);
        }
        if counters.speed > 0 {
            interface.speed = counters.speed;
        }
        let octets = [counters.in_octets, counters.out_octets];
        interface.coverage.get_or_insert_default().counted(now, octets);
        interface.counters = Some((now, counters));
        self.has_counters = true;
        self.generation += 1;
    }

    /// Whether flows can be compared with counters.
    #[must_use]
    pub fn has_counters(&self) -> bool {
        self.has_counters
    }

    /// Takes a flow into account that is compared with the counters of its interfaces.
    pub fn cover(&mut self, flow: &Flow) {
        if let Some(coverage) = self.coverage_of(flow.input) {
            coverage.entered(flow);
        }
        if let Some(coverage) = self.coverage_of(flow.output) {
            coverage.left(flow);
        }
    }

    fn coverage_of(&mut self, index: u32) -> Option<&mut Coverage> {
        self.known.get_mut(&index)?.coverage.as_deref_mut()
    }

    /// The interface of an index, which is added if there is room.
    fn entry(&mut self, index: u32) -> Option<&mut Interface> {
        let room = self.room.unwrap_or(MAX_INTERFACES).min(MAX_INTERFACES);
        if self.known.len() >= room && !self.known.contains_key(&index) {
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        Some(self.known.entry(index).or_default())
    }

    /// Number of known interfaces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no interface is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Allows `more` further interfaces, within the limit.
    pub fn allow(&mut self, more: usize) {
        self.room = Some(self.known.len().saturating_add(more));
    }

    /// The interface with this ifIndex.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Interface> {
        self.known.get(&index)
    }

    /// Every interface with its ifIndex, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Interface)> {
        self.known.iter().map(|(index, interface)| (*index, interface))
    }

    /// A number that changes with every change of an interface.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// How often something was not stored because there were too many interfaces.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// Bit/s between two octet counters, `elapsed` milliseconds apart. `None` when the counter went
/// back: it was reset, and its last value before the reset is unknown. The counters have 64 bits
/// and do not wrap in the life of a device.
fn rate(before: Option<u64>, after: Option<u64>, elapsed: i64) -> Option<u64> {
    let octets = u128::from(after?.checked_sub(before?)?);
    let elapsed = u128::try_from(elapsed).ok()?;
    let rate = (octets * 8000).checked_div(elapsed)?;
    Some(u64::try_from(rate).unwrap_or(u64::MAX))
}

/// The text without control characters and of bounded length, safe to show in a terminal.
pub(in crate::wire) fn clean(name: &str) -> String {
    let clean = text::clean(name);
    clean.trim().chars().take(MAX_INTERFACE_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(received: u64, sent: u64) -> InterfaceCounters {
        InterfaceCounters {
            in_octets: Some(received),
            out_octets: Some(sent),
            speed: 1_000_000_000,
            ..InterfaceCounters::default()
        }
    }

    fn rates(interfaces: &Interfaces) -> (Option<u64>, Option<u64>) {
        let interface = interfaces.get(3).unwrap();
        (interface.in_rate, interface.out_rate)
    }

    #[test]
    fn rates_are_those_of_the_last_two_samples() {
        let mut interfaces = Interfaces::default();
        interfaces.count(3, octets(1000, 0), Time(10_000));
        assert_eq!(rates(&interfaces), (None, None));
        interfaces.count(3, octets(3_501_000, 25), Time(30_000));
        assert_eq!(rates(&interfaces), (Some(1_400_000), Some(10)));
        assert_eq!(interfaces.get(3).unwrap().speed, 1_000_000_000);

        let generation = interfaces.generation();
        interfaces.count(3, octets(9_000_000, 0), Time(30_000));
        interfaces.count(3, octets(9_000_000, 0), Time(20_000));
        assert_eq!(rates(&interfaces), (Some(1_400_000), Some(10)), "not newer");
        assert_eq!(interfaces.generation(), generation);

        interfaces.count(3, octets(5, 1025), Time(31_000));
        assert_eq!(rates(&interfaces), (None, Some(8000)), "one started again");
        interfaces.count(3, InterfaceCounters::default(), Time(32_000));
        assert_eq!(rates(&interfaces), (None, None), "none given");
        interfaces.count(3, octets(0, 0), Time(33_000));
        interfaces.count(3, octets(u64::MAX, 1), Time(33_001));
        assert_eq!(rates(&interfaces), (Some(u64::MAX), Some(8000)), "no overflow");
    }

    #[test]
    fn texts_are_fit_for_a_terminal() {
        let mut interfaces = Interfaces::default();
        interfaces.name(1, " eth0\u{1b}[31m\0\0");
        interfaces.describe(1, "up\u{202e}link\u{9b}\t to Köln\n");
        let interface = interfaces.get(1).unwrap();
        assert_eq!((&*interface.name, &*interface.description), ("eth0[31m", "uplink to Köln"));
        interfaces.name(2, &"ö".repeat(1000));
        assert_eq!(interfaces.get(2).unwrap().name.chars().count(), MAX_INTERFACE_TEXT);
        let generation = interfaces.generation();
        interfaces.name(2, &"ö".repeat(90));
        interfaces.name(2, "\0\0");
        assert_eq!(interfaces.generation(), generation, "nothing new, nothing at all");
        interfaces.name(2, "ge-0/0/1");
        assert_ne!(interfaces.generation(), generation);
    }

    #[test]
    fn there_is_a_limit() {
        let mut interfaces = Interfaces::default();
        for index in 0..=MAX_INTERFACES as u32 {
            interfaces.name(index, "port");
        }
        assert_eq!((interfaces.iter().count(), interfaces.refused()), (MAX_INTERFACES, 1));
        interfaces.count(7, octets(1, 1), Time(0));
        assert!(interfaces.get(7).unwrap().counters.is_some(), "known ones go on");
    }
}
