//! The flags of every command that collects.

use std::net::IpAddr;

use clap::Args;

use super::exporters::{ExporterArgs, StateFolder};
use super::groups::{GroupArg, GroupArgs};
use super::record;
use super::unsupported::wrong;
use super::values::{Link, address, lag, link, port, rows, workers};
use crate::agg::{Config, DEFAULT_MAX_CONVERSATIONS, DEFAULT_MAX_HOSTS, LagRule, Rules};
use crate::flow::{LocalNetworks, Network};
use crate::ingest::{Listen, MAX_PORTS, Workers};
use crate::units::parse_rate;
use crate::wire::Policy;

/// What every command that collects is configured with.
#[derive(Clone, Debug, Default)]
pub struct CollectConfig {
    /// Where datagrams are received.
    pub listen: Listen,
    /// The threads that decode.
    pub workers: Workers,
    /// The live windows. Their groups are not filled in: the files are still to be read.
    pub config: Config,
    /// Networks with names, and files of them.
    pub groups: Vec<GroupArg>,
    /// Which exporters are accepted, and their sampling rates.
    pub policy: Policy,
    /// Where templates and other state of exporters are saved.
    pub state: StateFolder,
    /// The memory that collecting may use, in bytes; `None` for the default.
    pub memory: Option<u64>,
    /// Whether a flow that several exporters report is counted once.
    pub count_once: bool,
}

#[derive(Args)]
pub(super) struct CollectArgs {
    /// Port to listen on (UDP; IPFIX also over TCP), repeatable; must be free at the start [default: 2055, 4739 and 6343; of these, a busy one is tried again every second]
    #[arg(short, long, value_name = "PORT", value_delimiter = ',', value_parser = port)]
    pub(super) port: Vec<u16>,
    /// Listen on this address only [default: all addresses]
    #[arg(short, long, value_name = "ADDRESS", value_parser = address)]
    pub(super) bind: Option<IpAddr>,
    /// Number of decoding threads, 1 to 16, or `auto` for half the number of cores, at most 8; one exporter is always decoded by one thread
    #[arg(long, value_name = "auto|N", default_value = "auto", value_parser = workers)]
    pub(super) workers: Workers,
    #[command(flatten)]
    pub(super) exporters: ExporterArgs,
    /// Memory that collecting may use, at least 64M: for example 256M or 4G (powers of 1000) [default: half of the machine's memory, or of its control group's limit if that is less]
    #[arg(long, value_name = "SIZE", value_parser = record::memory)]
    pub(super) memory: Option<u64>,
    #[command(flatten)]
    pub(super) windows: WindowArgs,
    #[command(flatten)]
    pub(super) groups: GroupArgs,
}

#[derive(Args)]
pub(super) struct WindowArgs {
    /// Local network, repeatable; traffic from it is upload, traffic to it download [default: private and link-local networks]
    #[arg(long, value_name = "NET", value_delimiter = ',')]
    pub(super) local: Vec<Network>,
    /// Delay of the time windows, 0 to 300 seconds, so that flows that are reported late are still counted; `auto` measures it from the exporters
    #[arg(long, value_name = "auto|SECONDS", default_value = "auto", value_parser = lag)]
    pub(super) lag: LagRule,
    /// Maximum number of hosts in memory; the traffic of further hosts is counted in `others`
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_HOSTS, value_parser = rows)]
    pub(super) max_hosts: usize,
    /// Maximum number of conversations in memory; the traffic of further ones is counted in `others`
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_CONVERSATIONS, value_parser = rows)]
    pub(super) max_conversations: usize,
    /// Count every report of a flow; without this, a flow that an exporter reports at two interfaces is counted once
    #[arg(long)]
    pub(super) no_dedup: bool,
    /// Count a flow that several exporters report once; without this, each exporter's report is counted, and a note says how much they have in common
    #[arg(long)]
    pub(super) count_once: bool,
}

#[derive(Args)]
pub(super) struct RuleArgs {
    /// Warn when the upload of a host, averaged over one minute, exceeds this: 80M, 1.5G (bit/s), 10MB/s (bytes)
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(super) alert_up: Option<u64>,
    /// Warn when the download of a host, averaged over one minute, exceeds this: 80M, 1.5G (bit/s), 10MB/s (bytes)
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(super) alert_down: Option<u64>,
    /// Capacity of the line: one rate for both directions, or DOWN/UP, as in 1G/200M (bit/s); warn when a direction reaches 90 % of it
    #[arg(long, value_name = "DOWN[/UP]", value_parser = link)]
    pub(super) link: Option<Link>,
}

impl CollectArgs {
    pub(super) fn check(self) -> Result<CollectConfig, clap::Error> {
        if self.port.len() > MAX_PORTS {
            return Err(wrong(format!("at most {MAX_PORTS} ports, found {}", self.port.len())));
        }
        if self.windows.no_dedup && self.windows.count_once {
            return Err(wrong(
                "--no-dedup counts every report and --count-once does not".to_owned(),
            ));
        }
        let mut ports = self.port;
        ports.sort_unstable();
        ports.dedup();
        let config = Config {
            local: LocalNetworks::new(self.windows.local),
            max_hosts: self.windows.max_hosts,
            max_conversations: self.windows.max_conversations,
            lag: self.windows.lag,
            no_dedup: self.windows.no_dedup,
            ..Config::default()
        };
        let (policy, state) = self.exporters.check();
        let groups = self.groups.group;
        let listen = Listen { address: self.bind, ports, ..Listen::default() };
        let memory = self.memory;
        let (workers, count_once) = (self.workers, self.windows.count_once);
        Ok(CollectConfig { listen, workers, config, groups, policy, state, memory, count_once })
    }
}

impl RuleArgs {
    pub(super) fn check(&self) -> Rules {
        Rules {
            host_up: self.alert_up,
            host_down: self.alert_down,
            link_up: self.link.map(|link| link.up),
            link_down: self.link.map(|link| link.down),
        }
    }
}
