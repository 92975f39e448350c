//! Begins and ends the transport sessions of an exporter, within their number, and adds up what
//! is counted of them.

use super::numbering_time::NumberingTime;
use super::sequence::NumberingTotals;
use super::sessions::{DomainKey, IDLE_MS, MAX_SESSIONS, Session, WHOLE_ADDRESS};
use super::shared_limits::DecoderShare;
use super::shared_numbering::SharedNumbering;
use super::state::{Domain, ExporterState, NUMBERING_BYTES};
use crate::flow::Time;

impl ExporterState {
    /// A domain of a session that was not heard before. If its id is known of one session of an
    /// earlier run that was not heard yet, it may be the same process behind another port: it
    /// continues its numbers. If another session is heard, too, their numbers are compared.
    pub(super) fn begin_domain(&mut self, key: DomainKey) -> Domain {
        let mut domain = Domain::default();
        if !self.sessions.are_several() {
            return domain;
        }
        let of_others = |port: u16| DomainKey { port, id: key.id };
        let others = self.sessions.ports().map(of_others).filter(|other| *other != key);
        let (mut silent, mut heard) = (Vec::new(), Vec::new());
        for other in others {
            let Some(known) = self.domains.get(&other) else { continue };
            if known.resumed {
                silent.push(other);
            } else if known.moment != NumberingTime::default() {
                heard.push((known.moment.seen, other));
            }
        }
        let newest = heard.iter().max().and_then(|(_, other)| self.domains.get(other));
        if let Some(newest) = newest
            && !self.numberings.contains_key(&key.id)
        {
            let numbering = SharedNumbering::after(&newest.sequence);
            self.numberings.insert(key.id, numbering);
            self.beside += NUMBERING_BYTES;
        }
        if let [one] = silent[..]
            && let Some(known) = self.domains.get_mut(&one)
        {
            domain.sequence = std::mem::take(&mut known.sequence);
            domain.moment = std::mem::take(&mut known.moment);
            domain.resumed = std::mem::take(&mut known.resumed);
        }
        domain
    }

    /// The port that stands for the session of a datagram from `port`, and whether ports are not
    /// kept apart.
    pub fn session_of(&mut self, now: Time, port: u16, pool: &mut DecoderShare) -> (u16, bool) {
        if port == WHOLE_ADDRESS || self.sessions.known.contains_key(&port) {
            return (port, false);
        }
        if let Some(since) = self.sessions.merged {
            if now.since(since).saturating_abs() < IDLE_MS {
                return (WHOLE_ADDRESS, true);
            }
            self.sessions.merged = None;
        }
        if self.sessions.count() >= MAX_SESSIONS {
            self.end_idle_sessions(now, pool);
        }
        if self.sessions.count() >= MAX_SESSIONS {
            self.merge_sessions(now, pool);
            return (WHOLE_ADDRESS, true);
        }
        self.sessions.entry(port).last_seen = now;
        (port, false)
    }

    fn end_idle_sessions(&mut self, now: Time, pool: &mut DecoderShare) {
        pool.steps += self.sessions.known.len() as u64;
        let is_idle = |session: &Session| now.since(session.last_seen) > IDLE_MS;
        let idle = self.sessions.known.iter().filter(|(_, session)| is_idle(session));
        let idle: Vec<u16> = idle.map(|(port, _)| *port).collect();
        for port in idle.into_iter().filter(|port| *port != WHOLE_ADDRESS) {
            self.end_session(port, pool);
        }
    }

    /// From now on all ports are one session.
    fn merge_sessions(&mut self, now: Time, pool: &mut DecoderShare) {
        let before = self.numbering_totals();
        let numberings = std::mem::take(&mut self.numberings);
        let newest = self.sessions.newest().cloned().unwrap_or_default();
        let init = self.sessions.common_init();
        let ports: Vec<u16> = self.sessions.ports().skip(1).collect();
        for port in ports {
            self.hand_down(port, pool);
        }
        for (key, domain) in &mut self.domains {
            // Where ports continue each other's numbers, the numbers go on.
            let numbering = numberings.get(&key.id).map(|shared| shared.sequence.uncounted());
            domain.sequence = numbering.unwrap_or_default();
        }
        let whole = self.sessions.entry(WHOLE_ADDRESS);
        (whole.clock, whole.last_seen, whole.init) = (newest.clock, now, init);
        self.sessions.merged = Some(now);
        self.keep_totals(before);
    }

    /// Forgets a session: its templates are from now on those of the address, as far as others
    /// do not contradict.
    pub fn end_session(&mut self, port: u16, pool: &mut DecoderShare) {
        let before = self.numbering_totals();
        self.hand_down(port, pool);
        self.keep_totals(before);
    }

    /// The transport connection of a port was opened: its sequence numbers start again. An
    /// exporter that has closed a connection before has started again.
    pub fn connected(&mut self, port: u16) {
        let of_port = self.domains.iter_mut().filter(|(key, _)| key.port == port);
        of_port.for_each(|(_, domain)| domain.sequence.restart());
        if self.closed > 0 {
            self.closed -= 1;
            self.past.restarts = self.past.restarts.saturating_add(1);
        }
    }

    /// The transport connection of a port was closed: its session ends.
    pub fn disconnected(&mut self, port: u16, pool: &mut DecoderShare) {
        if port != WHOLE_ADDRESS && self.sessions.known.contains_key(&port) {
            self.closed = self.closed.saturating_add(1);
            self.end_session(port, pool);
        }
    }

    /// What was counted of sessions that are gone stays in the sums.
    fn keep_totals(&mut self, before: NumberingTotals) {
        let after = self.numbering_totals();
        self.past.lost += before.lost.saturating_sub(after.lost);
        self.past.missed += before.missed.saturating_sub(after.missed);
        self.past.restarts += before.restarts.saturating_sub(after.restarts);
    }

    fn hand_down(&mut self, port: u16, pool: &mut DecoderShare) {
        let Some(session) = self.sessions.known.remove(&port) else { return };
        let ids: Vec<u32> = self.ids_of(port);
        pool.steps += self.domains.len() as u64;
        let (mut gone, mut freed) = (0, 0);
        for id in ids {
            let Some(mut domain) = self.domains.remove(&DomainKey { port, id }) else { continue };
            let removed = domain.templates.forget_adopted();
            (gone, freed) = (gone + removed.0, freed + removed.1);
            let whole = DomainKey { port: WHOLE_ADDRESS, id };
            match self.domains.get_mut(&whole) {
                Some(older) => {
                    let removed = older.take_over(&mut domain);
                    self.rates.forget_domain(&domain.samplers);
                    (gone, freed) = (gone + removed.0, freed + removed.1);
                }
                None => {
                    self.domains.insert(whole, domain);
                    self.sessions.entry(WHOLE_ADDRESS).domains += 1;
                }
            }
        }
        let whole = self.sessions.entry(WHOLE_ADDRESS);
        whole.last_seen = whole.last_seen.max(session.last_seen);
        self.templates = self.templates.saturating_sub(gone);
        self.template_bytes = self.template_bytes.saturating_sub(freed);
        pool.templates.change(self.class, freed, 0);
        self.count_domains();
        self.settle(self.about.names(), pool);
    }

    /// The observation domains of a session.
    pub fn ids_of(&self, port: u16) -> Vec<u32> {
        self.domains.keys().filter(|key| key.port == port).map(|key| key.id).collect()
    }

    /// What sequence numbers say of all sessions together.
    #[must_use]
    pub fn numbering_totals(&self) -> NumberingTotals {
        let mut sum = self.past;
        let mut add = |totals: NumberingTotals| {
            sum.lost = sum.lost.saturating_add(totals.lost);
            sum.missed = sum.missed.saturating_add(totals.missed);
            sum.restarts = sum.restarts.saturating_add(totals.restarts);
        };
        let is_shared = |id| self.numberings.get(&id).is_some_and(|shared| shared.is_one());
        for (key, domain) in &self.domains {
            let totals = domain.sequence.totals();
            match is_shared(key.id) {
                true => add(NumberingTotals { missed: totals.missed, ..Default::default() }),
                false => add(totals),
            }
        }
        for shared in self.numberings.values().filter(|shared| shared.is_one()) {
            add(NumberingTotals { missed: 0, ..shared.sequence.totals() });
        }
        sum
    }
}

impl Domain {
    /// Takes over what an ended session knew; rates that are left there are dropped. Returns how many templates were dropped, and
    /// their bytes.
    fn take_over(&mut self, ended: &mut Domain) -> (usize, usize) {
        if self.samplers.scopes().next().is_none() {
            self.samplers = std::mem::take(&mut ended.samplers);
        }
        if self.init != ended.init {
            self.init = None;
        }
        self.templates.take_over(&mut ended.templates)
    }
}
