//! The command line: words to a checked [`Command`]. The only file that names clap.

mod attach;
mod collect;
mod convert;
mod doctor;
mod exporters;
mod filters;
mod groups;
mod inspect;
mod line;
mod query;
mod record;
mod refused;
mod replay;
mod settings;
mod setup;
mod top;
mod values;

pub use attach::{Attach, NO_NAMES, Serve};
pub use collect::Level;
pub use collect::{Collecting, Hook, MARKS, Piece, Repeat, pieces};
pub use convert::Convert;
pub use doctor::Doctor;
pub use groups::Group;
pub use inspect::Inspect;
pub use line::{Line, Refusal, Wanted, read_from};
pub use query::{Action, Files, FilterFrom, Query, filter};
pub use replay::Replay;
pub use settings::{
    Described, Origin, Value, check as check_file, described, mistakes as mistakes_in,
};
pub use setup::{Setup, Shell, completions, man_pages};
pub use top::{Output, Top};

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use self::attach::AttachWords;
use self::exporters::ExporterWords;
use self::filters::{filter_help, refused};
use self::groups::GroupWords;
use self::line::Said;
use self::record::{DemoRecordWords, RecordWords};
use self::values::{Link, lag, link, sliding, workers};
use crate::agg::{Config, DEFAULT_MAX_CONVERSATIONS, DEFAULT_MAX_HOSTS, LagRule, Rules};
use crate::archive::recorder::Settings;
use crate::flow::{LocalNetworks, Network};
use crate::ingest::{Listen, MAX_PORTS, Workers};
use crate::snapshot::Window;
use crate::units::parse_rate;
use crate::wire::Policy;

/// What toptalk was asked to do.
#[derive(Clone, Debug)]
pub enum Command {
    Live(Live),
    Demo(Live, u64),
    Top(Top),
    Collect(Box<Collecting>),
    Inspect(Inspect),
    Query(Box<Query>),
    Replay(Replay),
    Convert(Convert),
    Doctor(Doctor),
    Setup(Setup),
    Config(Configure),
}

/// What is asked of the file of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configure {
    /// Whether it is right; `None` for the one that would be taken.
    Check(Option<PathBuf>),
    /// Every setting, as this command line would have it.
    Show(Vec<OsString>),
}

/// Collecting with a screen.
#[derive(Clone, Debug)]
pub struct Live {
    pub listen: Listen,
    pub workers: Workers,
    /// Without groups: their files are still to be read.
    pub config: Config,
    pub groups: Vec<Group>,
    pub policy: Policy,
    pub state: State,
    /// Bytes that collecting may take, if that is said.
    pub memory: Option<u64>,
    pub window: Window,
    pub ascii: bool,
    /// Where snapshots are saved, `None` for the default folder.
    pub snapshots: Option<PathBuf>,
    pub record: Option<Settings>,
    pub attach: Attach,
}

/// Where what is learned of exporters is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Where such things are kept on this machine.
    #[default]
    Usual,
    Folder(PathBuf),
    Nowhere,
}

/// Live top talkers from NetFlow, IPFIX and sFlow: who uses the line, right now.
#[derive(Parser)]
#[command(name = "toptalk", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "On the router: ip flow-export version 9 / ip flow-export destination HOST 2055.\n\
    Without a router: toptalk demo"
)]
struct Words {
    #[command(subcommand)]
    command: Option<Verb>,
    #[command(flatten)]
    live: LiveWords,
}

#[derive(Subcommand)]
enum Verb {
    /// The live screen over made-up traffic: real NetFlow over loopback, nothing to set up
    Demo(DemoWords),
    /// Print one answer: of the collector that runs, else after collecting for a while
    #[command(after_long_help = filter_help())]
    Top(Box<top::TopWords>),
    /// Receive, warn, record and serve screens, without one, as a service does; in nfcapd's words
    Collect(Box<collect::CollectingWords>),
    /// Print every template, record and problem, from captures or live
    Inspect(inspect::InspectWords),
    /// Ask what was recorded, by toptalk or by nfcapd, in nfdump's words
    #[command(after_long_help = query::help())]
    Query(Box<query::QueryWords>),
    /// Send what was recorded once more, as NetFlow or IPFIX: an archive, files of nfcapd, a capture
    Replay(replay::ReplayWords),
    /// Turn files of nfcapd, or segments of other slots, into segments of an archive
    Convert(convert::ConvertWords),
    /// Check what usually goes wrong, and print what helps
    Doctor(doctor::DoctorWords),
    /// What belongs around it: files for systemd, man pages, completions
    Setup(setup::SetupWords),
    /// What the file of settings says, and whether it is right
    #[command(subcommand)]
    Config(settings::ConfigVerb),
}

/// What all who collect are told.
struct Collect {
    listen: Listen,
    workers: Workers,
    config: Config,
    groups: Vec<Group>,
    policy: Policy,
    state: State,
    memory: Option<u64>,
}

#[derive(Args)]
struct CollectWords {
    /// Port to listen on (UDP; IPFIX also over TCP), repeatable; one that is busy is an error [default: 2055, 4739 and 6343, of which a busy one is tried again every second and taken when it is free]
    #[arg(short, long, value_name = "PORT", env = "TOPTALK_PORT", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    port: Vec<u16>,
    /// Listen on this address only
    #[arg(short, long, value_name = "ADDRESS", env = "TOPTALK_BIND")]
    bind: Option<IpAddr>,
    /// Threads that decode and add up, each exporter always on the same one: `auto` for half as many as there are cores, 8 at most, or 1 to 16
    #[arg(long, value_name = "auto|N", env = "TOPTALK_WORKERS", default_value = "auto", value_parser = workers)]
    workers: Workers,
    #[command(flatten)]
    exporters: ExporterWords,
    /// Memory that collecting may take: 256M, 4G, at least 64M [default: half of what the machine or its control group has]
    #[arg(long, value_name = "SIZE", env = "TOPTALK_MEMORY", value_parser = record::memory)]
    memory: Option<u64>,
    #[command(flatten)]
    windows: WindowWords,
    #[command(flatten)]
    groups: GroupWords,
}

#[derive(Args)]
struct WindowWords {
    /// A network that is ours, repeatable [default: private and link-local networks]
    #[arg(long, value_name = "NET", env = "TOPTALK_LOCAL", value_delimiter = ',')]
    local: Vec<Network>,
    /// How far behind now windows end: `auto` from the exporters' reports, or seconds
    #[arg(long, value_name = "auto|SECONDS", env = "TOPTALK_LAG", default_value = "auto", value_parser = lag)]
    lag: LagRule,
    /// Hosts kept at most; traffic of further ones is in others
    #[arg(long, value_name = "N", env = "TOPTALK_MAX_HOSTS", default_value_t = DEFAULT_MAX_HOSTS)]
    max_hosts: usize,
    /// Conversations kept at most; traffic of further ones is in others
    #[arg(long, value_name = "N", env = "TOPTALK_MAX_CONVERSATIONS", default_value_t = DEFAULT_MAX_CONVERSATIONS)]
    max_conversations: usize,
    /// Count flows as often as they are reported, also those that came from another interface before
    #[arg(long, env = "TOPTALK_NO_DEDUP")]
    no_dedup: bool,
}

#[derive(Args)]
struct RuleWords {
    /// Warn of hosts that upload more than this: 80M, 1.5G (bit/s), 10MB/s
    #[arg(long, value_name = "RATE", env = "TOPTALK_ALERT_UP", value_parser = parse_rate)]
    alert_up: Option<u64>,
    /// Warn of hosts that download more than this
    #[arg(long, value_name = "RATE", env = "TOPTALK_ALERT_DOWN", value_parser = parse_rate)]
    alert_down: Option<u64>,
    /// The line's capacity; warned of at 90 % (one rate serves both directions)
    #[arg(long, value_name = "DOWN[/UP]", env = "TOPTALK_LINK", value_parser = link)]
    link: Option<Link>,
}

#[derive(Args)]
struct ScreenWords {
    /// The window to begin with: 10s, 1m, 5m, 15m or 1h
    #[arg(long, value_name = "WINDOW", env = "TOPTALK_WINDOW", default_value = "1m", value_parser = sliding)]
    window: Window,
    /// Draw with ASCII characters only
    #[arg(long, env = "TOPTALK_ASCII")]
    ascii: bool,
    /// Folder for snapshots saved with S [default: toptalk in the user's data folder]
    #[arg(long, value_name = "DIR", env = "TOPTALK_SNAPSHOTS")]
    snapshots: Option<PathBuf>,
}

#[derive(Args)]
struct LiveWords {
    #[command(flatten)]
    file: settings::FileWords,
    #[command(flatten)]
    collect: CollectWords,
    #[command(flatten)]
    rules: RuleWords,
    #[command(flatten)]
    screen: ScreenWords,
    #[command(flatten)]
    record: RecordWords,
    #[command(flatten)]
    attach: AttachWords,
}

#[derive(Args)]
struct DemoWords {
    #[command(flatten)]
    file: settings::FileWords,
    /// The same seed gives the same site
    #[arg(long, value_name = "N", default_value_t = 2811)]
    seed: u64,
    #[command(flatten)]
    groups: GroupWords,
    #[command(flatten)]
    screen: ScreenWords,
    #[command(flatten)]
    record: DemoRecordWords,
}

impl Words {
    fn check(self, said: &Said) -> Result<Command, clap::Error> {
        Ok(match self.command {
            None => Command::Live(self.live.check(said)?),
            Some(Verb::Demo(words)) => {
                let live = Live {
                    listen: Listen::default(),
                    workers: Workers::default(),
                    config: Config::default(),
                    groups: words.groups.group,
                    policy: Policy::default(),
                    state: State::Nowhere,
                    memory: None,
                    window: words.screen.window,
                    ascii: words.screen.ascii,
                    snapshots: words.screen.snapshots,
                    record: words.record.check(said)?,
                    attach: Attach::default(),
                };
                Command::Demo(live, words.seed)
            }
            Some(Verb::Top(words)) => Command::Top(words.check(said)?),
            Some(Verb::Collect(words)) => Command::Collect(Box::new(words.check(said)?)),
            Some(Verb::Inspect(words)) => Command::Inspect(words.check()),
            Some(Verb::Query(words)) => Command::Query(Box::new(words.check()?)),
            Some(Verb::Replay(words)) => Command::Replay(words.check()?),
            Some(Verb::Convert(words)) => Command::Convert(words.check()),
            Some(Verb::Doctor(words)) => Command::Doctor(words.check()?),
            Some(Verb::Setup(words)) => Command::Setup(words.check()),
            Some(Verb::Config(words)) => Command::Config(words.check()),
        })
    }
}

impl CollectWords {
    fn check(self) -> Result<Collect, clap::Error> {
        if self.port.len() > MAX_PORTS {
            return Err(wrong(format!("at most {MAX_PORTS} ports, found {}", self.port.len())));
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
        Ok(Collect { listen, workers: self.workers, config, groups, policy, state, memory })
    }
}

impl RuleWords {
    fn check(&self) -> Rules {
        Rules {
            host_up: self.alert_up,
            host_down: self.alert_down,
            link_up: self.link.map(|link| link.up),
            link_down: self.link.map(|link| link.down),
        }
    }
}

impl LiveWords {
    fn check(self, said: &Said) -> Result<Live, clap::Error> {
        let Collect { listen, workers, config, groups, policy, state, memory } =
            self.collect.check()?;
        let rules = self.rules.check();
        Ok(Live {
            listen,
            workers,
            config: Config { rules, ..config },
            groups,
            policy,
            state,
            memory,
            window: self.screen.window,
            ascii: self.screen.ascii,
            snapshots: self.screen.snapshots,
            record: self.record.check(said)?,
            attach: self.attach.check(said),
        })
    }
}

fn wrong(message: String) -> clap::Error {
    clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{message}\n"))
}

#[cfg(test)]
mod tests;
