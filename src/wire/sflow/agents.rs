//! The state of the sFlow agents behind one address: sequence numbers, sampling rates and
//! dropped samples.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::sample::Sample;
use crate::flow::{Host, Sampling, Time};
use crate::wire::exporter::numbering::Numbering;
use crate::wire::exporter::numbering_time::NumberingTime;
use crate::wire::exporter::sequence::{Sequence, is_restart};

/// Maximum number of agents and sub-agents behind one address: line cards, or the switches
/// behind a relay. Samples of further agents are decoded all the same.
pub const MAX_AGENTS: usize = 64;

/// Maximum number of data sources behind one address, of all its agents together: as many as
/// interfaces of an exporter.
pub const MAX_SOURCES: usize = 4096;

/// Cost of an agent and of a data source in bytes, with their places in the tables.
const AGENT_BYTES: usize = size_of::<Agent>() + 256;
const SOURCE_BYTES: usize = 2 * size_of::<((u32, u32), DataSource)>();

/// The agents behind one address.
#[derive(Debug, Default)]
pub struct Agents {
    /// The position in `agents` of each agent and sub-agent.
    known: HashMap<(Host, u32), usize, RandomState>,
    agents: Vec<Agent>,
    /// The position of the agent of the newest datagram, whose samples follow. `None` when the
    /// datagram is of an agent for which there was no room.
    current: Option<usize>,
    sources: usize,
    /// Bytes of memory for further agents and sources.
    room: usize,
}

/// The state of one sub-agent.
#[derive(Debug, Default)]
struct Agent {
    sequence: Sequence,
    /// Times in its newest datagram.
    moment: NumberingTime,
    /// Whether `moment` is from an earlier run.
    resumed: bool,
    /// Data sources by class and index.
    sources: HashMap<(u32, u32), DataSource, RandomState>,
    dropped: u64,
    /// Whether any source has sampled packets on their way in, and on their way out.
    directions: [bool; 2],
    /// Samples whose packet is sampled at its other interface, too.
    twice: u64,
}

/// A data source: rate and drops in its newest flow sample.
#[derive(Clone, Copy, Debug)]
struct DataSource {
    rate: u32,
    drops: u32,
    /// Whether it has sampled packets on their way in, and on their way out.
    directions: [bool; 2],
}

impl Agents {
    /// Allows `bytes` bytes of memory for further agents and sources.
    pub(in crate::wire) fn allow(&mut self, bytes: usize) {
        self.room = bytes;
    }

    /// Approximate memory of the agents and sources in bytes.
    pub(in crate::wire) fn bytes(&self) -> usize {
        self.agents.len() * AGENT_BYTES + self.sources * SOURCE_BYTES
    }

    /// Forgets all agents with their sources: their sequence numbers start again.
    pub(in crate::wire) fn forget(&mut self) {
        *self = Agents { room: self.room, ..Agents::default() };
    }

    /// Takes the header of a datagram into account.
    pub(super) fn datagram(&mut self, now: Time, agent: (Host, u32), sequence: u32, uptime: u32) {
        self.current = self.known.get(&agent).copied();
        if self.current.is_none() && self.room >= AGENT_BYTES {
            self.current = self.add(agent);
            let taken = if self.current.is_some() { AGENT_BYTES } else { 0 };
            self.room = self.room.saturating_sub(taken);
        }
        let Some(agent) = self.current.and_then(|at| self.agents.get_mut(at)) else { return };
        let moment = NumberingTime { seen: now, exported: None, uptime: Some(uptime) };
        let before = std::mem::replace(&mut agent.moment, moment);
        let went_on = std::mem::take(&mut agent.resumed).then(|| before.goes_on_at(&moment));
        let restarted = match went_on.flatten() {
            Some(went_on) => !went_on,
            None => is_restart(before.uptime.unwrap_or(0), uptime),
        };
        if went_on.flatten() == Some(true) {
            agent.sequence.went_on();
        }
        if restarted {
            agent.sequence.restart();
            self.sources = self.sources.saturating_sub(agent.sources.len());
            // The memory is freed as well, so that emptying the table again costs nothing.
            agent.sources = HashMap::default();
        }
        agent.sequence.datagram(Numbering::Datagrams, sequence, None);
    }

    /// Adds an agent and returns its position, `None` when there are too many.
    fn add(&mut self, agent: (Host, u32)) -> Option<usize> {
        let at = self.agents.len();
        if at >= MAX_AGENTS {
            return None;
        }
        self.known.insert(agent, at);
        self.agents.push(Agent::default());
        Some(at)
    }

    /// Every agent with its sequence numbers and the times in its newest datagram.
    pub(in crate::wire) fn sequences(
        &self,
    ) -> impl Iterator<Item = ((Host, u32), NumberingTime, &Sequence)> {
        let agents = self.known.iter().filter_map(|(key, at)| Some((*key, self.agents.get(*at)?)));
        agents.map(|(key, agent)| (key, agent.moment, &agent.sequence))
    }

    /// Continues the sequence numbers of an agent from an earlier run.
    pub(in crate::wire) fn resume(
        &mut self,
        agent: (Host, u32),
        moment: NumberingTime,
        sequence: Sequence,
    ) {
        let at = self.known.get(&agent).copied().or_else(|| self.add(agent));
        if let Some(agent) = at.and_then(|at| self.agents.get_mut(at)) {
            (agent.moment, agent.sequence, agent.resumed) = (moment, sequence, true);
        }
    }

    /// Takes the rate, the direction and the drops of a flow sample of the newest datagram into
    /// account.
    pub(super) fn sample(&mut self, sample: &Sample, rate: Sampling, direction: u8) {
        let Some(agent) = self.current.and_then(|at| self.agents.get_mut(at)) else { return };
        let rate = rate.rate().unwrap_or(0);
        let mut new = DataSource { rate, drops: sample.drops, directions: [false; 2] };
        let key = (sample.source_class, sample.source_index);
        let direction = usize::from(direction);
        if let Some(samples) = new.directions.get_mut(direction) {
            *samples = true;
            agent.directions[direction] = true;
            // Most agents sample packets on their way in only, which needs no search.
            if agent.directions == [true; 2] {
                // The other end of the packet's way through the device.
                let other = if direction == 0 { sample.output } else { sample.input };
                let other = agent.sources.get(&(0, other));
                let twice = other.is_some_and(|other| other.directions[1 - direction]);
                agent.twice = agent.twice.saturating_add(u64::from(twice));
            }
        }
        match agent.sources.get_mut(&key) {
            Some(source) => {
                // A late sample has fewer drops than the one before it; it adds none.
                let more = new.drops.wrapping_sub(source.drops);
                if more < u32::MAX / 2 {
                    agent.dropped = agent.dropped.saturating_add(u64::from(more));
                    let [into, out] = source.directions;
                    new.directions = [new.directions[0] || into, new.directions[1] || out];
                    *source = new;
                }
            }
            None if self.room < SOURCE_BYTES || self.sources >= MAX_SOURCES => {}
            None => {
                agent.sources.insert(key, new);
                self.sources += 1;
                self.room -= SOURCE_BYTES;
            }
        }
    }

    /// Datagrams that never arrived, of all agents.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let lost = self.agents.iter().map(|agent| agent.sequence.lost());
        lost.fold(0, u64::saturating_add)
    }

    /// Datagrams that were sent between an earlier run and this one, while no collector was
    /// running.
    #[must_use]
    pub fn missed(&self) -> u64 {
        let missed = self.agents.iter().map(|agent| agent.sequence.missed());
        missed.fold(0, u64::saturating_add)
    }

    /// How often the sequence numbers of any agent started again.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        let restarts = self.agents.iter().map(|agent| agent.sequence.restarts());
        restarts.fold(0, u32::saturating_add)
    }

    /// Samples that the agents dropped for lack of resources since their first flow sample.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let dropped = self.agents.iter().map(|agent| agent.dropped);
        dropped.fold(0, u64::saturating_add)
    }

    /// Samples whose packet is sampled on its way in and on its way out.
    #[must_use]
    pub fn twice(&self) -> u64 {
        let twice = self.agents.iter().map(|agent| agent.twice);
        twice.fold(0, u64::saturating_add)
    }

    /// The sampling rate of every data source.
    pub fn rates(&self) -> impl Iterator<Item = u32> {
        let sources = self.agents.iter().flat_map(|agent| agent.sources.values());
        sources.map(|source| source.rate).filter(|rate| *rate > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: (Host, u32) = (Host::octets(10, 0, 0, 1), 7);

    fn sample(agent: (Host, u32), source_index: u32, drops: u32) -> Sample {
        let (agent, sub_agent) = agent;
        Sample { agent, sub_agent, source_index, drops, rate: source_index, ..Sample::default() }
    }

    fn take(agents: &mut Agents, sample: &Sample) {
        agents.sample(sample, sample.judged_rate().0, sample.direction());
    }

    #[test]
    fn datagrams_and_dropped_samples_are_counted_by_agent() {
        let mut agents = Agents { room: usize::MAX, ..Agents::default() };
        let other = (AGENT.0, 8);
        for (agent, number) in [(AGENT, 10), (other, 500), (AGENT, 13), (other, 501)] {
            agents.datagram(Time(1), agent, number, 70_000 + number);
        }
        assert_eq!(agents.lost(), 2);
        agents.datagram(Time(1), AGENT, 1, 5);
        assert_eq!(agents.lost(), 2, "started again");

        for (index, drops) in [(2, 1000), (3, 5), (2, 1004), (2, 1001), (3, 5), (2, 1005)] {
            take(&mut agents, &sample(AGENT, index, drops));
        }
        assert_eq!(agents.dropped(), 5);
        let mut rates: Vec<u32> = agents.rates().collect();
        rates.sort_unstable();
        assert_eq!(rates, [2, 3]);
    }

    #[test]
    fn sums_that_an_attacker_drives_up_saturate() {
        let mut agents = Agents { room: usize::MAX, ..Agents::default() };
        for sub_agent in 0..2 {
            agents.datagram(Time(1), (AGENT.0, sub_agent), 1, 5);
            take(&mut agents, &sample((AGENT.0, sub_agent), 2, 0));
        }
        for agent in &mut agents.agents {
            agent.dropped = u64::MAX - 1;
        }
        assert_eq!(agents.dropped(), u64::MAX);
    }

    #[test]
    fn there_are_limits() {
        let mut agents = Agents { room: usize::MAX, ..Agents::default() };
        for sub_agent in 0..MAX_AGENTS as u32 + 5 {
            agents.datagram(Time(1), (AGENT.0, sub_agent), 1, 1_000_000);
            for source in 1..200 {
                take(&mut agents, &sample((AGENT.0, sub_agent), source, 0));
            }
        }
        assert_eq!(agents.agents.len(), MAX_AGENTS);
        assert_eq!(agents.rates().count(), MAX_SOURCES);
        agents.datagram(Time(1), (AGENT.0, 0), 2, 10);
        assert!(agents.rates().count() < MAX_SOURCES, "a restart makes room");
    }
}
