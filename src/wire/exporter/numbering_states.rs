//! Saves the sequence numbers of exporters when a run ends, so that the next run can count what
//! arrived between the two runs as a gap.
//!
//! They are saved every half second, in a file of their own. After a kill, datagrams of the last
//! second may be counted as missed although they arrived.

use serde::{Deserialize, Serialize};

use super::numbering::Numbering;
use super::numbering_time::NumberingTime;
use super::sequence::Sequence;
use super::sessions::{DomainKey, MAX_SESSIONS, WHOLE_ADDRESS};
use super::shared_limits::ExporterClass;
use super::state::{Domain, ExporterState, MAX_DOMAINS, MAX_SESSION_DOMAINS};
use crate::flow::{Host, Time};
use crate::wire::Decoder;

/// Version of the format. Nothing is restored from another version.
const VERSION: u32 = 1;

/// Maximum number of numberings that a decoder saves: many times those of a large site.
const MAX_SAVED: usize = 16_384;

/// Maximum age of a saved state. In an older state counters have wrapped and routers were
/// replaced.
const MAX_AGE_MS: i64 = 7 * 24 * 3_600_000;

/// The saved numberings of all exporters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberingStates {
    /// The exporters; those with a history come first.
    pub exporters: Vec<ExporterNumbering>,
}

/// The saved numberings of one exporter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExporterNumbering {
    /// Source address of the exporter's datagrams.
    pub address: Host,
    /// Whether the exporter has a history, as in [`SavedState`](super::saved_state::SavedState).
    #[serde(default = "super::saved_state::yes")]
    pub known: bool,
    /// One entry for each observation domain or sFlow agent.
    pub lines: Vec<NumberingState>,
}

/// One saved numbering: of an observation domain, or of an sFlow agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberingState {
    /// The sFlow agent; `None` for an observation domain.
    pub agent: Option<Host>,
    /// The port of the session; 0 for the address as a whole, for sFlow, and in older files.
    #[serde(default)]
    pub port: u16,
    /// The observation domain, or the agent's sub-agent.
    pub id: u32,
    /// Arrival of the newest datagram, in milliseconds since 1970.
    pub seen_ms: i64,
    /// Export time of the newest datagram by the exporter's clock, in milliseconds since 1970;
    /// `None` for sFlow.
    pub exported_ms: Option<i64>,
    /// Uptime of the exporter in that datagram in milliseconds, if its header has it.
    pub uptime: Option<u32>,
    /// The numbering that the exporter uses, if it was detected.
    pub way: Option<Numbering>,
    /// The next number of each sender.
    pub expected: Vec<u32>,
}

/// Why saved numberings cannot be restored.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberingStatesError {
    /// The file does not begin like a file of numberings.
    #[error("expected what toptalk saves, found something else")]
    Foreign,
    /// The file is of this other version.
    #[error("it is of version {0}, expected {VERSION}")]
    Version(u32),
    /// The checksum is wrong, or the content cannot be read.
    #[error("its checksum is wrong: it was damaged")]
    Damaged,
}

impl NumberingStates {
    /// The content of the file: a line with version and checksum, then JSON.
    ///
    /// # Errors
    /// When the numberings cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let body = serde_json::to_vec(self)?;
        let head = format!("toptalk-sequences {VERSION} {:08x}\n", crc32fast::hash(&body));
        Ok([head.into_bytes(), body].concat())
    }

    /// Reads the content of a file.
    ///
    /// # Errors
    /// When it is damaged, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<NumberingStates, NumberingStatesError> {
        let end =
            bytes.iter().position(|byte| *byte == b'\n').ok_or(NumberingStatesError::Foreign)?;
        let (head, body) = bytes.split_at(end);
        let body = body.get(1..).unwrap_or_default();
        let head = std::str::from_utf8(head).map_err(|_| NumberingStatesError::Foreign)?;
        let words: Vec<&str> = head.split(' ').collect();
        let [name, version, sum] = words[..] else { return Err(NumberingStatesError::Foreign) };
        let version: u32 = version.parse().map_err(|_| NumberingStatesError::Foreign)?;
        if name != "toptalk-sequences" {
            return Err(NumberingStatesError::Foreign);
        }
        if version != VERSION {
            return Err(NumberingStatesError::Version(version));
        }
        if sum != format!("{:08x}", crc32fast::hash(body)) {
            return Err(NumberingStatesError::Damaged);
        }
        serde_json::from_slice(body).map_err(|_| NumberingStatesError::Damaged)
    }
}

impl Decoder {
    /// The numberings of all exporters as they are now.
    #[must_use]
    pub fn standing(&self) -> Vec<ExporterNumbering> {
        let mut room = MAX_SAVED;
        let mut all = Vec::new();
        let all_of = |known: bool| {
            self.exporters.iter().filter(move |(_, exporter)| exporter.has_history() == known)
        };
        // Exporters without a history come last: an attacker can make many of them.
        for (address, exporter) in all_of(true).chain(all_of(false)) {
            let mut lines = lines(exporter);
            lines.truncate(room);
            room -= lines.len();
            if !lines.is_empty() {
                let known = exporter.has_history();
                all.push(ExporterNumbering { address: *address, known, lines });
            }
        }
        all
    }

    /// Continues saved numberings, as far as their exporters are allowed and there is room. To
    /// be called after [`Decoder::restore`], before the first datagram.
    pub fn resume(&mut self, now: Time, standing: &[ExporterNumbering]) {
        let mut standing: Vec<&ExporterNumbering> = standing.iter().collect();
        standing.sort_by_key(|one| !one.known);
        for ExporterNumbering { address, known: has_history, lines } in standing {
            let known = self.exporters.contains_key(address);
            let is_full = self.pool.exporters.room_of(ExporterClass::New) == 0;
            if !self.policy.allows(*address) || !known && is_full {
                continue;
            }
            let Decoder { exporters, pool, places, .. } = self;
            let exporter = exporters.entry(*address).or_insert_with(|| {
                let given_rate = self.policy.rate_of(*address);
                let last_seen = lines.iter().map(|line| Time(line.seen_ms)).max();
                let last_seen = last_seen.unwrap_or(now);
                let is_named = self.policy.names(*address);
                let is_known =
                    (*has_history || is_named) && pool.exporters.room_of(ExporterClass::Known) > 0;
                let class = if is_known { ExporterClass::Known } else { ExporterClass::New };
                pool.exporters.change(class, 0, 1);
                match class {
                    ExporterClass::Known => places.admit_known(*address),
                    ExporterClass::New => places.admit(*address, last_seen),
                }
                ExporterState { given_rate, is_named, last_seen, class, ..ExporterState::default() }
            });
            let fresh = |line: &&NumberingState| now.since(Time(line.seen_ms)) < MAX_AGE_MS;
            for line in lines.iter().filter(fresh) {
                exporter.counters.heard_earlier(Time(line.seen_ms));
                take_over(now, exporter, line);
            }
            exporter.count_domains();
            exporter.settle(exporter.about.names(), pool);
            exporter.note(*address, pool);
        }
    }
}

fn lines(exporter: &ExporterState) -> Vec<NumberingState> {
    let line = |agent, key: DomainKey, moment: NumberingTime, sequence: &Sequence| {
        let (way, expected) = sequence.save();
        let said = !expected.is_empty() && moment.seen != Time::default();
        said.then(|| NumberingState {
            agent,
            port: key.port,
            id: key.id,
            seen_ms: moment.seen.0,
            exported_ms: moment.exported.map(|time| time.0),
            uptime: moment.uptime,
            way,
            expected,
        })
    };
    let domains = exporter.domains.iter();
    let domains = domains.filter_map(|(key, one)| line(None, *key, one.moment, &one.sequence));
    let agents = exporter.agents.sequences();
    let agents = agents.filter_map(|((agent, id), moment, one)| {
        line(Some(agent), DomainKey { port: WHOLE_ADDRESS, id }, moment, one)
    });
    domains.chain(agents).collect()
}

fn take_over(now: Time, exporter: &mut ExporterState, line: &NumberingState) {
    let moment = NumberingTime {
        seen: Time(line.seen_ms),
        exported: line.exported_ms.map(Time),
        uptime: line.uptime,
    };
    let down_ms = now.since(moment.seen);
    let sequence = Sequence::resume(line.way, &line.expected, down_ms);
    match line.agent {
        Some(agent) => exporter.agents.resume((agent, line.id), moment, sequence),
        None => {
            let key = DomainKey { port: line.port, id: line.id };
            let is_new = !exporter.domains.contains_key(&key);
            let has_session = exporter.sessions.known.contains_key(&key.port);
            let is_full = exporter.domains.len() >= MAX_SESSION_DOMAINS
                || !has_session && exporter.sessions.count() >= MAX_SESSIONS;
            if is_new && is_full || exporter.sessions.entry(key.port).domains >= MAX_DOMAINS {
                return;
            }
            let session = exporter.sessions.entry(key.port);
            session.domains += usize::from(is_new);
            session.last_seen = session.last_seen.max(moment.seen);
            let domain: &mut Domain = exporter.domains.entry(key).or_default();
            domain.sequence = sequence;
            domain.moment = moment;
            domain.resumed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Flow;
    use crate::wire::encode::{V5Encoder, V9Encoder};

    const START: Time = Time(1_800_000_000_000);
    const BOOT: Time = Time(1_799_990_000_000);

    fn standing() -> NumberingStates {
        let mut decoder = Decoder::new();
        for datagram in V9Encoder::new(7).encode(START, BOOT, &[], true) {
            decoder.decode(START, Host::octets(192, 0, 2, 1), &datagram, &mut Vec::new());
        }
        let (src, dst) = (Host::octets(192, 0, 2, 3), Host::octets(192, 0, 2, 4));
        let flow = Flow { src, dst, first: BOOT, last: START, ..Flow::EMPTY };
        for datagram in V5Encoder::new(0, 0).encode(START, BOOT, &[flow; 40]) {
            decoder.decode(START, Host::octets(192, 0, 2, 2), &datagram, &mut Vec::new());
        }
        let mut exporters = decoder.standing();
        exporters.sort_by_key(|one| one.address);
        NumberingStates { exporters }
    }

    #[test]
    fn every_bit_that_is_flipped_is_found_and_the_rest_comes_back() {
        let standing = standing();
        assert_eq!(standing.exporters.len(), 2);
        assert_eq!(standing.exporters[1].lines[0].expected, [40]);
        let bytes = standing.to_bytes().unwrap();
        assert_eq!(NumberingStates::from_bytes(&bytes), Ok(standing));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(NumberingStates::from_bytes(&damaged).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(NumberingStates::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn an_exporter_whose_uptime_grows_with_either_clock_was_not_restarted() {
        let at = |seen: i64, exported: i64, uptime: u32| NumberingTime {
            seen: Time(seen),
            exported: Some(Time(exported)),
            uptime: Some(uptime),
        };
        let before = at(0, 5_000, u32::MAX - 999);
        let hour = 3_600_000;
        // The uptime wraps between the two runs.
        assert_eq!(before.goes_on_at(&at(hour, hour + 5_000, 3_599_000)), Some(true));
        assert_eq!(before.goes_on_at(&at(hour, 99 * hour, 3_599_000)), Some(true), "its clock set");
        assert_eq!(
            before.goes_on_at(&at(99 * hour, hour + 5_000, 3_599_000)),
            Some(true),
            "by the collector's clock"
        );
        assert_eq!(before.goes_on_at(&at(hour, hour + 5_000, 1_000_000)), Some(false));
        let ipfix = NumberingTime { uptime: None, ..before };
        assert_eq!(ipfix.goes_on_at(&NumberingTime { uptime: None, ..before }), None);
    }

    #[test]
    fn what_is_resumed_has_limits_and_follows_the_rules() {
        let line = |id: u32| NumberingState {
            port: 0,
            agent: None,
            id,
            seen_ms: START.0,
            exported_ms: None,
            uptime: None,
            way: Some(Numbering::Records),
            expected: vec![7; 1000],
        };
        let lines: Vec<NumberingState> = (0..1000).map(line).collect();
        let exporters = (0..crate::wire::MAX_EXPORTERS as u32 + 9)
            .map(|n| ExporterNumbering { address: Host::v4(n), known: true, lines: Vec::new() })
            .chain([ExporterNumbering { address: Host::v4(0), known: true, lines }]);
        let exporters: Vec<_> = exporters.collect();
        let mut decoder = Decoder::new();
        decoder.resume(START, &exporters);
        assert_eq!(decoder.exporters.len(), crate::wire::MAX_EXPORTERS);
        assert_eq!(decoder.exporters[&Host::v4(0)].domains.len(), MAX_DOMAINS);
        assert!(decoder.standing()[0].lines[0].expected.len() <= 16);
        // A week later the saved state is too old.
        let mut decoder = Decoder::new();
        decoder.resume(START.plus_ms(MAX_AGE_MS), &exporters[..1]);
        assert!(decoder.standing().is_empty());
    }
}
