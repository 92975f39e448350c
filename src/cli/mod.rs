//! The command line: words to a checked [`Command`]. The only file that names clap.

mod attach;
mod collect;
mod collector;
mod command_line;
mod config;
mod convert;
mod doctor;
mod environment;
mod exporters;
mod filters;
mod generate;
mod given_flags;
mod groups;
mod inspect;
mod query;
mod record;
mod replay;
mod settings;
mod setup;
mod target;
mod top;
mod unsupported;
mod values;

pub use attach::{Attach, NO_NAMES, Serve};
pub use collect::Level;
pub use collect::{Collecting, HOOK_VARIABLES, Hook, HookPart, MARKS, pieces};
pub use collector::CollectConfig;
pub use command_line::{CommandLine, UsageError, WantedFile, check_together, read_from};
pub use config::Configure;
pub use convert::Convert;
pub use doctor::Doctor;
pub use environment::{Variables, unknown_variables};
pub use exporters::StateFolder;
pub use generate::{completions, man_pages};
pub use groups::GroupArg;
pub use inspect::Inspect;
pub use query::{Files, FilterFrom, Query, QueryAction, filter};
pub use replay::Replay;
pub use settings::{
    SettingDescription, SettingValue, ValueOrigin, check as check_file, described,
    mistakes as mistakes_in,
};
pub use setup::{Setup, Shell};
pub use target::Target;
pub use top::{Top, TopOutput};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use self::attach::AttachArgs;
use self::collector::{CollectArgs, RuleArgs};
use self::config::{ConfigVerb, FileArgs};
use self::filters::filter_help;
use self::given_flags::GivenFlags;
use self::groups::GroupArgs;
use self::record::{DemoRecordArgs, RecordArgs};
use self::values::sliding;
use crate::archive::recorder::RecorderConfig;
use crate::snapshot::Window;

/// What toptalk was asked to do.
#[derive(Clone, Debug)]
pub enum Command {
    Live(LiveCommand),
    Demo(LiveCommand, u64),
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
pub struct LiveCommand {
    pub collect: CollectConfig,
    pub window: Window,
    pub ascii: bool,
    /// Where snapshots are saved, `None` for the default folder.
    pub snapshots: Option<PathBuf>,
    pub record: Option<RecorderConfig>,
    pub attach: Attach,
}

/// Live top talkers from NetFlow, IPFIX and sFlow: who uses the line, right now.
#[derive(Parser)]
#[command(name = "toptalk", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "On the router: ip flow-export version 9 / ip flow-export destination HOST 2055.\n\
    Without a router: toptalk demo"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Verb>,
    #[command(flatten)]
    live: LiveArgs,
}

#[derive(Subcommand)]
enum Verb {
    /// The live screen over made-up traffic: real NetFlow over loopback, nothing to set up
    Demo(DemoArgs),
    /// Print one answer: of the collector that runs, else after collecting for a while
    #[command(after_long_help = filter_help())]
    Top(Box<top::TopArgs>),
    /// Receive, warn, record and serve screens, without one, as a service does; in nfcapd's words
    Collect(Box<collect::CollectingArgs>),
    /// Print every template, record and problem, from captures or live
    Inspect(inspect::InspectArgs),
    /// Ask what was recorded, by toptalk or by nfcapd, in nfdump's words
    #[command(after_long_help = query::help())]
    Query(Box<query::QueryArgs>),
    /// Send what was recorded once more, as NetFlow or IPFIX: an archive, files of nfcapd, a capture
    Replay(replay::ReplayArgs),
    /// Turn files of nfcapd, or segments of other slots, into segments of an archive
    Convert(convert::ConvertArgs),
    /// Check what usually goes wrong, and print what helps
    Doctor(doctor::DoctorArgs),
    /// What belongs around it: files for systemd, man pages, completions
    Setup(setup::SetupArgs),
    /// What the file of settings says, and whether it is right
    #[command(subcommand)]
    Config(ConfigVerb),
}

#[derive(Args)]
struct ScreenArgs {
    /// The window to begin with: 10s, 1m, 5m, 15m or 1h
    #[arg(long, value_name = "WINDOW", default_value = "1m", value_parser = sliding)]
    window: Window,
    /// Draw with ASCII characters only
    #[arg(long)]
    ascii: bool,
    /// Folder for snapshots saved with S [default: toptalk in the user's data folder]
    #[arg(long, value_name = "DIR")]
    snapshots: Option<PathBuf>,
}

#[derive(Args)]
struct LiveArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    collect: CollectArgs,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    screen: ScreenArgs,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    attach: AttachArgs,
}

#[derive(Args)]
struct DemoArgs {
    #[command(flatten)]
    file: FileArgs,
    /// The same seed gives the same site
    #[arg(long, value_name = "N", default_value_t = 2811)]
    seed: u64,
    #[command(flatten)]
    groups: GroupArgs,
    #[command(flatten)]
    screen: ScreenArgs,
    #[command(flatten)]
    record: DemoRecordArgs,
}

impl Cli {
    fn check(self, said: &GivenFlags) -> Result<Command, clap::Error> {
        Ok(match self.command {
            None => Command::Live(self.live.check(said)?),
            Some(Verb::Demo(words)) => {
                let live = LiveCommand {
                    collect: CollectConfig {
                        groups: words.groups.group,
                        state: StateFolder::Nowhere,
                        ..CollectConfig::default()
                    },
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

impl LiveArgs {
    fn check(self, said: &GivenFlags) -> Result<LiveCommand, clap::Error> {
        let mut collect = self.collect.check()?;
        collect.config.rules = self.rules.check();
        Ok(LiveCommand {
            collect,
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
