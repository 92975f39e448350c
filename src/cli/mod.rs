//! The command line: arguments, environment variables and the settings file become a
//! checked [`Command`]. No other room uses clap.

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

/// The command that the command line asks for, with its checked arguments.
#[derive(Clone, Debug)]
pub enum Command {
    /// The live screen.
    Live(LiveCommand),
    /// The live screen with generated traffic, and the seed of the generator.
    Demo(LiveCommand, u64),
    /// `toptalk top`.
    Top(Top),
    /// `toptalk collect`.
    Collect(Box<Collecting>),
    /// `toptalk inspect`.
    Inspect(Inspect),
    /// `toptalk query`.
    Query(Box<Query>),
    /// `toptalk replay`.
    Replay(Replay),
    /// `toptalk convert`.
    Convert(Convert),
    /// `toptalk doctor`.
    Doctor(Doctor),
    /// `toptalk setup`.
    Setup(Setup),
    /// `toptalk config`.
    Config(Configure),
}

/// The live screen: attached to a collector, or collecting in this process.
#[derive(Clone, Debug)]
pub struct LiveCommand {
    /// How to collect, where no collector is attached to.
    pub collect: CollectConfig,
    /// The time window that the screen starts with.
    pub window: Window,
    /// Whether the screen is drawn with ASCII characters only.
    pub ascii: bool,
    /// The folder for snapshots; `None` for the default folder.
    pub snapshots: Option<PathBuf>,
    /// How to record; `None` to record nothing.
    pub record: Option<RecorderConfig>,
    /// Which collector to attach to.
    pub attach: Attach,
}

/// Live top talkers from NetFlow, IPFIX and sFlow: who uses the line, right now.
#[derive(Parser)]
#[command(name = "toptalk", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Without a command, toptalk shows the live screen of the collector that runs on this machine; \
    if none runs, it collects by itself. With -p, -b, -w or --no-attach it always does; a running collector \
    uses its own settings, and toptalk says which options are not used.\n\
    On a Cisco IOS router (HOST is this machine):\n  \
    ip flow-export version 9\n  \
    ip flow-export destination HOST 2055\n  \
    and on the inside interface: ip flow ingress, ip flow egress\n\
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
    /// Show the live screen with generated traffic, sent as NetFlow over loopback; needs no setup
    Demo(DemoArgs),
    /// Print the top talkers once: from the running collector, otherwise after collecting for 10 s
    #[command(after_long_help = filter_help())]
    Top(Box<top::TopArgs>),
    /// Collect as a service: receive, warn, record; `toptalk` then shows the live screen; takes nfcapd's options, too
    Collect(Box<collect::CollectingArgs>),
    /// Print every template, record and problem in captures or in live traffic
    Inspect(inspect::InspectArgs),
    /// Query flows that toptalk or nfcapd recorded, with nfdump's options and filters
    #[command(after_long_help = query::help())]
    Query(Box<query::QueryArgs>),
    /// Send recorded flows again as NetFlow or IPFIX: from an archive, files of nfcapd or a capture
    Replay(replay::ReplayArgs),
    /// Convert files of nfcapd into files of an archive (segments), or change the slot length of an archive
    Convert(convert::ConvertArgs),
    /// Check for common problems and print the commands that solve them
    Doctor(doctor::DoctorArgs),
    /// Generate systemd units, man pages and shell completions
    Setup(setup::SetupArgs),
    /// Check the settings file, or print the settings in effect
    #[command(subcommand)]
    Config(ConfigVerb),
}

#[derive(Args)]
struct ScreenArgs {
    /// Time window that the screen starts with: 10s, 1m, 5m, 15m or 1h
    #[arg(long, value_name = "WINDOW", default_value = "1m", value_parser = sliding)]
    window: Window,
    /// Draw with ASCII characters only
    #[arg(long)]
    ascii: bool,
    /// Folder for the snapshots that the key S saves [default: toptalk in the user's data folder]
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
    /// Seed of the traffic generator; the same seed gives the same network
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
