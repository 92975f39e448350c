//! The flows of a provider, pane by pane, and their true sums.

use toptalk::flow::{Flow, Time};

use crate::Args;
use crate::common::site::{Site, Zipf};
use crate::common::{Random, START};

/// Length of the panes in which conversations are active.
pub const PANE_MS: i64 = 2_000;

/// Maximum number of panes in which a conversation is active.
const ACTIVE: u64 = 3;

/// Sums of the flows of one class so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub bytes: u64,
    pub packets: u64,
    pub flows: u64,
}

/// The source of the site's flows.
enum Source {
    /// Every conversation in its panes: those of pane `p` are `list[starts[p]..starts[p +
    /// 1]]`.
    Scheduled { starts: Vec<u32>, list: Vec<u32>, hosts: Zipf },
    /// Busy conversations more often. Hosts with odd numbers begin at half time, when a
    /// flood has filled every table.
    Drawn,
}

pub struct Feed {
    site: Site,
    source: Source,
    random: Random,
    panes: u64,
    per_pane: u64,
    spoof: u64,
    spoofed: u64,
    local: bool,
    /// Bytes up and down of every host of the site.
    pub hosts: Vec<[u64; 2]>,
    pub up: Sum,
    pub down: Sum,
}

impl Feed {
    pub fn new(args: &Args) -> Feed {
        let panes = args.minutes * 60_000 / PANE_MS as u64;
        let source = if args.spoof > 0 { Source::Drawn } else { schedule(args, panes) };
        let mut hosts = vec![[0; 2]; args.hosts as usize];
        // Touched now, so that it does not count as memory of the windows.
        hosts.fill([1; 2]);
        hosts.fill([0; 2]);
        Feed {
            site: Site::new(args.hosts, args.conversations, args.zipf, 0.0, args.shape),
            source,
            random: Random(args.seed),
            panes,
            per_pane: args.flows_per_second * PANE_MS as u64 / 1000,
            spoof: args.spoof,
            spoofed: 0,
            local: args.spoof_local,
            hosts,
            up: Sum::default(),
            down: Sum::default(),
        }
    }

    pub fn panes(&self) -> u64 {
        self.panes
    }

    pub fn address(&self, host: usize) -> toptalk::flow::Host {
        self.site.address(host as u64)
    }

    /// Number of conversations of each of the first hosts, if all of them appear.
    pub fn conversations(&self, hosts: usize) -> Option<Vec<u64>> {
        let Source::Scheduled { hosts: zipf, .. } = &self.source else { return None };
        let mut counts = vec![0; hosts.min(self.hosts.len())];
        for conversation in 0..self.site.conversations {
            let host = host_of(zipf, self.site.hosts, conversation);
            if let Some(count) = counts.get_mut(host as usize) {
                *count += 1;
            }
        }
        Some(counts)
    }

    /// The flows that arrive during a pane, in order. They are shorter than the pane and
    /// end before they arrive.
    pub fn pane(&mut self, pane: u64, flows: &mut Vec<Flow>) {
        flows.clear();
        let flood = self.spoof * (pane + 1) / self.panes - self.spoofed;
        let count = match (&self.source, self.scheduled(pane).len() as u64) {
            (Source::Scheduled { .. }, 0) => 0,
            (_, scheduled) => self.per_pane.max(scheduled),
        };
        let begin = START + pane as i64 * PANE_MS;
        // The flood is interleaved: one flow of it whenever one is due.
        let (all, mut done) = (count + flood, 0);
        for index in 0..all {
            let arrival = Time(begin + PANE_MS * index as i64 / all as i64);
            let flow = if done < flood && index * flood >= done * all {
                done += 1;
                self.forged(arrival)
            } else {
                self.own(pane, index - done, count, arrival)
            };
            let first = flow.first.max(Time(begin));
            flows.push(Flow { first, arrival, ..flow });
        }
    }

    /// The conversations that are active in a pane.
    fn scheduled(&self, pane: u64) -> &[u32] {
        match &self.source {
            Source::Scheduled { starts, list, .. } => {
                &list[starts[pane as usize] as usize..starts[pane as usize + 1] as usize]
            }
            Source::Drawn => &[],
        }
    }

    /// A flow of the site, number `index` of `count` in this pane.
    fn own(&mut self, pane: u64, index: u64, count: u64, arrival: Time) -> Flow {
        let scheduled = self.scheduled(pane);
        let listed = index * scheduled.len() as u64 / count;
        let (conversation, host) = match (&self.source, scheduled.get(listed as usize)) {
            (Source::Scheduled { hosts, .. }, Some(conversation)) => {
                let conversation = u64::from(*conversation);
                (conversation, host_of(hosts, self.site.hosts, conversation))
            }
            _ => {
                let conversation = self.site.conversation(&mut self.random);
                let host = self.site.host_of(conversation);
                let early = 2 * pane < self.panes;
                (conversation, if early { host & !1 } else { host })
            }
        };
        let flow = self.site.flow(&mut self.random, host, conversation, arrival);
        self.count(&flow, Some(host), flow.dport == 443);
        flow
    }

    fn forged(&mut self, arrival: Time) -> Flow {
        let (flow, host) = self.site.spoofed(&mut self.random, self.spoofed, self.local, arrival);
        self.spoofed += 1;
        self.count(&flow, host, self.local);
        flow
    }

    fn count(&mut self, flow: &Flow, host: Option<u64>, up: bool) {
        let sum = if up { &mut self.up } else { &mut self.down };
        sum.bytes += flow.bytes;
        sum.packets += flow.packets;
        sum.flows += 1;
        if let Some(host) = host {
            self.hosts[host as usize][usize::from(!up)] += flow.bytes;
        }
    }
}

/// The host of a conversation: every host has one, and busy ones have most of the others.
fn host_of(zipf: &Zipf, hosts: u64, conversation: u64) -> u64 {
    if conversation < hosts { conversation } else { zipf.draw(&mut Random(conversation)) }
}

/// Distributes the conversations over the panes: each over one, two or three.
fn schedule(args: &Args, panes: u64) -> Source {
    let active = |conversation: u64| {
        let mut random = Random(conversation ^ args.seed << 32);
        let times = random.next() % ACTIVE + 1;
        (0..times).map(move |_| (random.next() % panes) as usize)
    };
    let mut starts = vec![0u32; panes as usize + 1];
    (0..args.conversations).flat_map(active).for_each(|pane| starts[pane + 1] += 1);
    for pane in 1..starts.len() {
        starts[pane] += starts[pane - 1];
    }
    let mut next = starts.clone();
    let mut list = vec![0; starts[panes as usize] as usize];
    for conversation in 0..args.conversations {
        for pane in active(conversation) {
            list[next[pane] as usize] = conversation as u32;
            next[pane] += 1;
        }
    }
    Source::Scheduled { starts, list, hosts: Zipf::new(args.hosts, args.zipf) }
}
