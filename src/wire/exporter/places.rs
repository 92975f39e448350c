//! Decides which exporter loses its place when all places are taken.
//!
//! New exporters are in a queue, in the order in which they came. An exporter at the front that
//! was heard since it was queued goes to the end of the queue; one that was not heard loses its
//! place. An exporter that lost its place and comes back soon after is in a queue of its own,
//! with a quarter of the places, which a flood of new addresses does not reach. Exporters with a
//! history keep their places.
//!
//! Whether an exporter has sent flows makes no difference: a spoofed one can send flows as well,
//! and a router may send data long before its template.
//!
//! A decision costs one step for each exporter that was heard since it was queued, and that
//! exporter's own datagram has paid for this step. So no datagram causes a search through all
//! exporters, however many there are.

use std::collections::VecDeque;

use super::recently_displaced::RecentlyDisplaced;
use crate::flow::{Host, Time};

/// An exporter with a history loses its place only after this long a silence.
const SILENT_MS: i64 = 600_000;

/// Exporters that came back get this part of the places of new exporters: 1 / `BACK_PART`.
const BACK_PART: usize = 4;

/// Number of exporters with a history that are examined for a silent one.
const LOOKED_AT: usize = 8;

/// What is needed of an exporter to decide.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionFacts {
    /// Whether it has a history.
    pub is_known: bool,
    pub last_seen: Time,
}

/// An exporter in a queue, and when it was last heard before it was queued.
type Place = (Host, Time);

/// The queues.
#[derive(Debug, Default)]
pub struct ExporterPlaces {
    /// New exporters, and new exporters that came back.
    new: VecDeque<Place>,
    back: VecDeque<Place>,
    known: VecDeque<Host>,
    /// Addresses that lost their place recently.
    displaced: RecentlyDisplaced,
    /// Steps of all decisions.
    steps: u64,
}

impl ExporterPlaces {
    /// Adds an exporter.
    pub fn admit(&mut self, host: Host, now: Time) {
        let is_back = self.displaced.has(host);
        self.queue(is_back).push_back((host, now));
    }

    /// Adds an exporter with a history, from an earlier run.
    pub fn admit_known(&mut self, host: Host) {
        self.known.push_back(host);
    }

    /// Steps since the last call; tests check what decisions cost.
    pub fn take_steps(&mut self) -> u64 {
        std::mem::take(&mut self.steps)
    }

    /// Chooses the new exporter that loses its place; if there is no new exporter, an exporter
    /// with a history that is silent. It is removed from the queues.
    pub fn next(
        &mut self,
        now: Time,
        look: impl Fn(Host) -> Option<AdmissionFacts>,
    ) -> Option<Host> {
        let of_back = self.back.len() * BACK_PART > self.new.len() + self.back.len();
        let newcomer = self.of(of_back, &look).or_else(|| self.of(!of_back, &look));
        match newcomer {
            Some(host) => {
                self.steps += self.displaced.insert(host);
                Some(host)
            }
            None => self.silent(now, look),
        }
    }

    fn queue(&mut self, of_back: bool) -> &mut VecDeque<Place> {
        if of_back { &mut self.back } else { &mut self.new }
    }

    /// The next exporter of a queue: the first that was not heard since it was queued; if all
    /// were heard, the one at the front.
    fn of(
        &mut self,
        of_back: bool,
        look: &impl Fn(Host) -> Option<AdmissionFacts>,
    ) -> Option<Host> {
        for _ in 0..self.queue(of_back).len() {
            self.steps += 1;
            let (host, seen) = self.queue(of_back).pop_front()?;
            match look(host) {
                None => {}
                Some(AdmissionFacts { is_known: true, .. }) => self.known.push_back(host),
                Some(found) if found.last_seen <= seen => return Some(host),
                Some(found) => self.queue(of_back).push_back((host, found.last_seen)),
            }
        }
        self.queue(of_back).pop_front().map(|(host, _)| host)
    }

    /// Chooses an exporter with a history that has been silent for long, and removes it from its
    /// queue.
    pub fn silent(
        &mut self,
        now: Time,
        look: impl Fn(Host) -> Option<AdmissionFacts>,
    ) -> Option<Host> {
        for _ in 0..self.known.len().min(LOOKED_AT) {
            self.steps += 1;
            let host = self.known.pop_front()?;
            let Some(found) = look(host) else { continue };
            if now.since(found.last_seen) > SILENT_MS {
                return Some(host);
            }
            self.known.push_back(host);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Exporters by number.
    #[derive(Default)]
    struct Site(HashMap<Host, AdmissionFacts>);

    impl Site {
        fn hears(&mut self, n: u32, at: i64, is_known: bool) {
            self.0.insert(Host::v4(n), AdmissionFacts { is_known, last_seen: Time(at) });
        }

        fn next(&mut self, places: &mut ExporterPlaces, now: i64) -> Option<Host> {
            let gone = places.next(Time(now), |host| self.0.get(&host).copied())?;
            self.0.remove(&gone);
            Some(gone)
        }
    }

    #[test]
    fn new_exporters_take_turns_and_those_with_a_history_stay() {
        let (mut site, mut places) = (Site::default(), ExporterPlaces::default());
        for n in 0..100 {
            site.hears(n, 0, n < 10);
            places.admit(Host::v4(n), Time(0));
        }
        assert_eq!(site.next(&mut places, 1), Some(Host::v4(10)), "the first new exporter");
        // The next one is heard again, so its turn comes last.
        site.hears(11, 1, false);
        let gone: Vec<_> = (0..89).filter_map(|_| site.next(&mut places, 2)).collect();
        let turns: Vec<_> = (12..100).chain([11]).map(Host::v4).collect();
        assert_eq!(gone, turns);
        assert_eq!(site.0.len(), 10, "those with a history are left");
        site.hears(3, SILENT_MS, true);
        assert_eq!(site.next(&mut places, SILENT_MS), None, "not even for a new exporter");
        assert_eq!(site.next(&mut places, SILENT_MS + 1), Some(Host::v4(8)), "silent for long");
    }

    #[test]
    fn an_exporter_that_comes_back_has_a_place_that_new_addresses_do_not_reach() {
        let (mut site, mut places) = (Site::default(), ExporterPlaces::default());
        for n in 0..16 {
            site.hears(n, 0, false);
            places.admit(Host::v4(n), Time(0));
        }
        assert_eq!(site.next(&mut places, 1), Some(Host::v4(0)));
        // The first one comes back; it is silent from then on.
        site.hears(0, 2, false);
        places.admit(Host::v4(0), Time(2));
        for n in 16..1000 {
            assert!(site.next(&mut places, 3).is_some_and(|gone| gone != Host::v4(0)));
            site.hears(n, 3, false);
            places.admit(Host::v4(n), Time(3));
        }
        // When more than a quarter of the places belong to exporters that came back, one of
        // these loses its place.
        let mut gone = Vec::new();
        for n in 900..904 {
            gone.extend(site.next(&mut places, 4));
            site.hears(n, 4, false);
            places.admit(Host::v4(n), Time(4));
        }
        gone.extend(site.next(&mut places, 5));
        assert_eq!(gone.last(), Some(&Host::v4(0)), "{gone:?}");
    }

    #[test]
    fn a_decision_costs_what_was_heard_meanwhile() {
        let (mut site, mut places) = (Site::default(), ExporterPlaces::default());
        for n in 0..1000 {
            site.hears(n, 0, false);
            places.admit(Host::v4(n), Time(0));
        }
        // The first decision goes through the whole queue.
        site.next(&mut places, 1);
        places.take_steps();
        for n in 1000..20_000 {
            site.hears(n, i64::from(n), false);
            places.admit(Host::v4(n), Time(i64::from(n)));
            assert!(site.next(&mut places, i64::from(n)).is_some());
        }
        assert!(places.take_steps() < 3 * 19_000);
    }
}
