//! Who has to make room when all places for exporters are taken.
//!
//! Three queues, each in the order in which they came to it: those that never sent
//! a flow, those that did but have no history, and those with a history. Who is at
//! the front of a queue and was heard meanwhile goes to its end; who was not makes
//! room. Newcomers so take turns among themselves, and those with a history stay.
//!
//! Finding one costs a step for each exporter that was heard meanwhile, which its
//! own datagram has paid for: however many come, no datagram costs a look at all
//! exporters.

use std::collections::VecDeque;

use crate::flow::{Host, Time};

/// An exporter with a history that has been silent for this long may have to make
/// room.
const SILENT_MS: i64 = 600_000;

/// Of this many places one is left to those that sent no flow yet, so that a
/// router whose template comes a while before its data is not always the first to
/// go.
const QUIET_PART: usize = 16;

/// Exporters with a history that are looked at for one that has fallen silent.
const LOOKED_AT: usize = 8;

/// How an exporter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It never sent a flow.
    Quiet,
    /// It sent flows, but has no history.
    Young,
    /// It has a history.
    Known,
}

/// What is to be known of an exporter to decide.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub standing: Standing,
    pub last_seen: Time,
}

/// An exporter in a queue, and when it had last been heard as it came there.
type Place = (Host, Time);

/// The queues.
#[derive(Debug, Default)]
pub struct Places {
    quiet: VecDeque<Place>,
    young: VecDeque<Place>,
    known: VecDeque<Place>,
    /// How many steps all decisions took.
    steps: u64,
}

impl Places {
    /// An exporter came.
    pub fn admit(&mut self, host: Host, now: Time) {
        self.quiet.push_back((host, now));
    }

    /// An exporter with a history came: from an earlier run.
    pub fn admit_known(&mut self, host: Host, last_seen: Time) {
        self.known.push_back((host, last_seen));
    }

    /// Looks since the last call, for tests of what decisions cost.
    pub fn take_steps(&mut self) -> u64 {
        std::mem::take(&mut self.steps)
    }

    /// Who makes room at `now`. It has no place any more.
    pub fn next(&mut self, now: Time, look: impl Fn(Host) -> Option<Look>) -> Option<Host> {
        let all = self.quiet.len() + self.young.len() + self.known.len();
        let quiet_first = self.quiet.len() > all / QUIET_PART;
        let first = if quiet_first { Standing::Quiet } else { Standing::Young };
        let second = if quiet_first { Standing::Young } else { Standing::Quiet };
        self.of(first, &look)
            .or_else(|| self.of(second, &look))
            .or_else(|| self.silent(now, &look))
            .or_else(|| self.known.pop_front().map(|(host, _)| host))
    }

    fn queue(&mut self, standing: Standing) -> &mut VecDeque<Place> {
        match standing {
            Standing::Quiet => &mut self.quiet,
            Standing::Young => &mut self.young,
            Standing::Known => &mut self.known,
        }
    }

    /// The next of a queue of newcomers: one that was not heard meanwhile, or when
    /// all were, the one whose turn it is.
    fn of(&mut self, standing: Standing, look: &impl Fn(Host) -> Option<Look>) -> Option<Host> {
        for _ in 0..self.queue(standing).len() {
            self.steps += 1;
            let (host, seen) = self.queue(standing).pop_front()?;
            let Some(found) = look(host) else { continue };
            if found.standing == standing && found.last_seen <= seen {
                return Some(host);
            }
            self.queue(found.standing).push_back((host, found.last_seen));
        }
        self.queue(standing).pop_front().map(|(host, _)| host)
    }

    /// One with a history that has been silent for long.
    fn silent(&mut self, now: Time, look: &impl Fn(Host) -> Option<Look>) -> Option<Host> {
        for _ in 0..self.known.len().min(LOOKED_AT) {
            self.steps += 1;
            let (host, _) = self.known.pop_front()?;
            let Some(found) = look(host) else { continue };
            if now.since(found.last_seen) > SILENT_MS {
                return Some(host);
            }
            self.known.push_back((host, found.last_seen));
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
    struct Site(HashMap<Host, Look>);

    impl Site {
        fn hears(&mut self, n: u32, at: i64, standing: Standing) {
            self.0.insert(Host::v4(n), Look { standing, last_seen: Time(at) });
        }

        fn next(&mut self, places: &mut Places, now: i64) -> Option<Host> {
            let gone = places.next(Time(now), |host| self.0.get(&host).copied())?;
            self.0.remove(&gone);
            Some(gone)
        }
    }

    #[test]
    fn newcomers_take_turns_and_those_with_a_history_stay() {
        let (mut site, mut places) = (Site::default(), Places::default());
        for n in 0..100 {
            site.hears(n, 0, if n < 10 { Standing::Known } else { Standing::Young });
            places.admit(Host::v4(n), Time(0));
        }
        assert_eq!(site.next(&mut places, 1), Some(Host::v4(10)), "the first newcomer");
        // The next one is heard again: its turn comes last.
        site.hears(11, 1, Standing::Young);
        let gone: Vec<_> = (0..89).filter_map(|_| site.next(&mut places, 2)).collect();
        let turns: Vec<_> = (12..100).chain([11]).map(Host::v4).collect();
        assert_eq!(gone, turns);
        assert_eq!(site.0.len(), 10, "those with a history are left");
        site.hears(3, SILENT_MS, Standing::Known);
        assert_eq!(site.next(&mut places, SILENT_MS + 1), Some(Host::v4(0)), "silent for long");
    }

    #[test]
    fn who_never_sent_a_flow_goes_first_but_for_a_few() {
        let (mut site, mut places) = (Site::default(), Places::default());
        for n in 0..160 {
            site.hears(n, 0, if n < 60 { Standing::Young } else { Standing::Quiet });
            places.admit(Host::v4(n), Time(0));
        }
        let mut gone = Vec::new();
        for _ in 0..100 {
            gone.extend(site.next(&mut places, 1));
        }
        let quiet = |host: &&Host| **host >= Host::v4(60);
        let young_first = gone.iter().position(|host| *host < Host::v4(60));
        assert!(young_first.is_some_and(|at| at > 80), "{young_first:?}");
        assert!(gone.iter().filter(quiet).count() < 100);
    }

    #[test]
    fn a_decision_costs_what_was_heard_meanwhile() {
        let (mut site, mut places) = (Site::default(), Places::default());
        for n in 0..1000 {
            site.hears(n, 0, Standing::Young);
            places.admit(Host::v4(n), Time(0));
        }
        // The first decision sorts them in.
        site.next(&mut places, 1);
        places.take_steps();
        for n in 1000..20_000 {
            site.hears(n, i64::from(n), Standing::Quiet);
            places.admit(Host::v4(n), Time(i64::from(n)));
            assert!(site.next(&mut places, i64::from(n)).is_some());
        }
        assert!(places.take_steps() < 3 * 19_000);
    }
}
