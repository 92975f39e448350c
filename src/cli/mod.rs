//! The command line: words to a checked [`Command`]. The only file that names clap.

mod attach;
mod collect;
mod collector;
mod config;
mod convert;
mod doctor;
mod exporters;
mod filters;
mod generate;
mod groups;
mod inspect;
mod line;
mod query;
mod record;
mod refused;
mod replay;
mod said;
mod settings;
mod setup;
mod target;
mod top;
mod values;

pub use attach::{Attach, NO_NAMES, Serve};
pub use collect::Level;
pub use collect::{Collecting, Hook, MARKS, Piece, pieces};
pub use config::Configure;
pub use convert::Convert;
pub use doctor::Doctor;
pub use exporters::State;
pub use generate::{completions, man_pages};
pub use groups::Group;
pub use inspect::Inspect;
pub use line::{Line, Refusal, Wanted, read_from};
pub use query::{Action, Files, FilterFrom, Query, filter};
pub use replay::Replay;
pub use settings::{
    Described, Origin, Value, check as check_file, described, mistakes as mistakes_in,
};
pub use setup::{Setup, Shell};
pub use target::Target;
pub use top::{Output, Top};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use self::attach::AttachWords;
use self::collector::{Collect, CollectWords, RuleWords};
use self::config::{ConfigVerb, FileWords};
use self::filters::filter_help;
use self::groups::GroupWords;
use self::record::{DemoRecordWords, RecordWords};
use self::said::Said;
use self::values::sliding;
use crate::agg::Config;
use crate::archive::recorder::Settings;
use crate::ingest::{Listen, Workers};
use crate::snapshot::Window;
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
    Config(ConfigVerb),
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
    file: FileWords,
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
    file: FileWords,
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

#[cfg(test)]
mod tests;
