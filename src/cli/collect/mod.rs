//! The words of `toptalk collect`: those of nfcapd, as far as they mean something.

#[cfg(test)]
mod tests;
mod unsupported;
mod values;

pub use values::{HOOK_VARIABLES, Hook, HookPart, Level, MARKS, pieces};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Command};

use self::unsupported::UnsupportedFlags;
use self::values::{
    AssumedRate, NamedSource, Split, buffer, hook, hook_limit, ident, level, rate, repeat, source,
};
use super::attach::{Serve, ServeArgs};
use super::collector::{CollectArgs, CollectConfig, RuleArgs};
use super::config::FileArgs;
use super::given_flags::{GivenFlags, flags_of, listed};
use super::record::RecordingArgs;
use super::target::Target;
use super::unsupported::wrong;
use super::values::metrics;
use crate::archive::recorder::RecorderConfig;
use crate::flow::{Network, Sampling};
use crate::ingest::{Listen, MAX_FOLDERS, MAX_REPEATS, RecordFolder, RecordPlan};
use crate::wire::Policy;
use crate::wire::policy::GivenRate;

/// Collecting without a screen, into an archive if there is to be one.
#[derive(Clone, Debug)]
pub struct Collecting {
    pub collect: CollectConfig,
    pub record: RecordPlan,
    pub hook: Option<Hook>,
    pub repeat: Vec<Target>,
    pub level: Level,
    /// Where screens may attach.
    pub serve: Serve,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// What the user should know of his words.
    pub notes: Vec<String>,
}

#[derive(Args)]
pub(super) struct CollectingArgs {
    #[command(flatten)]
    refused: UnsupportedFlags,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    collect: CollectArgs,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    more: ListenArgs,
    #[command(flatten)]
    folders: FolderArgs,
    #[command(flatten)]
    how: RecordingArgs,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    beside: ServiceArgs,
}

#[derive(Args)]
struct ListenArgs {
    /// Listen on IPv4 only
    #[arg(short = '4', conflicts_with = "v6")]
    v4: bool,
    /// Listen on IPv6 only
    #[arg(short = '6')]
    v6: bool,
    /// The receive buffer that is asked of the kernel: 64M, 4000000 [default: 64 MiB]
    #[arg(short = 'B', long, value_name = "BYTES", value_parser = buffer)]
    buffer: Option<usize>,
    /// The sampling rate of exporters that announce none; negative: of all, whatever they announce
    #[arg(short = 's', long = "assume-sampling", value_name = "RATE", allow_negative_numbers = true, value_parser = rate)]
    rate: Option<AssumedRate>,
}

#[derive(Args)]
struct FolderArgs {
    /// The folder of the archive; beside -l only the word of nfcapd 1.6 for slots aligned to the clock, as they always are
    #[arg(short = 'w', value_name = "DIR", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "not given, given, given with a folder")]
    write: Option<Option<PathBuf>>,
    /// The folder of the archive, as nfcapd 1.6 calls it
    #[arg(short = 'l', value_name = "DIR")]
    log: Option<PathBuf>,
    /// The folder of the archive; -w and -l go before it
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// A folder for each exporter in this one, named by its address; goes before --record
    #[arg(short = 'M', long, value_name = "DIR")]
    record_each: Option<PathBuf>,
    /// An exporter with its name and its folder, repeatable; only such exporters are listened to, and those of --allow
    #[arg(short = 'n', long, value_name = "IDENT,ADDRESS,DIR", value_parser = source)]
    source: Vec<NamedSource>,
    /// What the log and the hook call the archive [default: none]
    #[arg(short = 'I', long, value_name = "IDENT", value_parser = ident)]
    ident: Option<String>,
}

#[derive(Args)]
struct ServiceArgs {
    /// Expire after each slot, as --expire-age and --expire-size do anyway
    #[arg(short = 'e')]
    expire: bool,
    /// nfcapd's letters for compression: files are always compressed
    #[arg(short = 'z', hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    z: Option<String>,
    #[arg(short = 'y', hide = true)]
    y: bool,
    #[arg(short = 'j', hide = true)]
    j: bool,
    /// Run this for each finished file: %f the file, %d its folder, %t its slot, %u the same in seconds since 1970, %i the name; without a shell
    #[arg(short = 'x', long, value_name = "COMMAND", value_parser = hook)]
    hook: Option<Split>,
    /// Seconds after which a hook is ended
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = hook_limit)]
    hook_limit: u32,
    /// Send every datagram on as it came, repeatable
    #[arg(short = 'R', long, value_name = "HOST/PORT", value_delimiter = ',', value_parser = repeat)]
    repeat: Vec<Target>,
    /// What is logged: error, warn, info, debug or trace, each with those before it
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = level)]
    log_level: Level,
    /// Serve metrics for Prometheus at http://ADDRESS/metrics; a port alone is one of 127.0.0.1
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = metrics)]
    metrics: Option<SocketAddr>,
}

impl CollectingArgs {
    pub(super) fn check(self, said: &GivenFlags) -> Result<Collecting, clap::Error> {
        let all = CollectingArgs::augment_args(Command::new("collect"));
        self.refused.check(&all).map_err(wrong)?;
        let mut collect = self.collect.check()?;
        collect.listen = self.more.listen(collect.listen)?;
        let allowed = !collect.policy.allow.is_empty();
        collect.policy = self.more.policy(collect.policy);
        collect.config.rules = self.rules.check();
        let record = self.folders.plan(&self.how, allowed).map_err(wrong)?;
        if self.beside.expire && !self.how.limits().is_any() {
            let text = "-e: how much is to be kept? Write --expire-age 30d or --expire-size 50G";
            return Err(wrong(text.to_owned()));
        }
        if self.beside.repeat.len() > MAX_REPEATS {
            let found = self.beside.repeat.len();
            return Err(wrong(format!("-R: expected at most {MAX_REPEATS}, found {found}")));
        }
        let packs = self.beside.z.is_some() || self.beside.y || self.beside.j;
        let packs = packs.then(|| {
            "-z, -y and -j have nothing to choose: files are always compressed (zstd)".to_owned()
        });
        let idle = idle(said, !record.is_empty(), self.beside.hook.is_some());
        let limit = Duration::from_secs(self.beside.hook_limit.into());
        Ok(Collecting {
            collect,
            record,
            hook: self.beside.hook.map(|split| Hook { words: split.0, limit }),
            repeat: self.beside.repeat,
            level: self.beside.log_level,
            serve: self.serve.check(),
            metrics: self.beside.metrics,
            notes: packs.into_iter().chain(idle).collect(),
        })
    }
}

/// Flags that only matter where flows are recorded, besides those of [`RecordingArgs`].
const RECORDING: [&str; 2] = ["ident", "hook"];

/// What was given and has nothing to do, if anything.
fn idle(said: &GivenFlags, records: bool, has_hook: bool) -> Option<String> {
    let limit = ["hook-limit"];
    let how = flags_of::<RecordingArgs>();
    let how: Vec<&str> = how.iter().map(String::as_str).collect();
    let (flags, why) = match (records, has_hook) {
        (false, _) => {
            ([&how, &RECORDING[..], &limit].concat(), "nothing is recorded; -w DIR would")
        }
        (true, false) => (limit.to_vec(), "there is no --hook"),
        (true, true) => return None,
    };
    let given = listed(flags.into_iter().filter(|flag| said.has(flag)));
    (!given.is_empty()).then(|| format!("{given}: nothing to do, {why}"))
}

impl Collecting {
    /// What holds for exporters where this is recorded: named ones may always send.
    #[must_use]
    pub fn policy_for(&self, plan: &RecordPlan) -> Policy {
        let mut policy = self.collect.policy.clone();
        policy.allow.extend(plan.sources.iter().map(|(host, _)| Network::single(*host)));
        policy
    }
}

impl ListenArgs {
    /// The addresses that are listened on.
    fn listen(&self, listen: Listen) -> Result<Listen, clap::Error> {
        let address = match (listen.address, self.v4, self.v6) {
            (None, true, _) => Some(Ipv4Addr::UNSPECIFIED.into()),
            (None, _, true) => Some(Ipv6Addr::UNSPECIFIED.into()),
            (Some(IpAddr::V6(address)), true, _) => {
                return Err(wrong(format!(
                    "-4: expected an IPv4 address behind -b, found {address}"
                )));
            }
            (Some(IpAddr::V4(address)), _, true) => {
                return Err(wrong(format!(
                    "-6: expected an IPv6 address behind -b, found {address}"
                )));
            }
            (address, ..) => address,
        };
        Ok(Listen { address, v6_only: self.v6, buffer: self.buffer, ..listen })
    }

    fn policy(&self, mut policy: Policy) -> Policy {
        match self.rate {
            Some(AssumedRate::Assumed(rate)) => policy.assumed = Sampling::one_in(rate),
            // What --sampling says of one exporter still goes before it.
            Some(AssumedRate::Given(rate)) => {
                let given = GivenRate { exporter: None, rate: Sampling::one_in(rate) };
                policy.sampling.push(given);
            }
            None => {}
        }
        policy
    }
}

impl FolderArgs {
    fn plan(self, how: &RecordingArgs, allowed: bool) -> Result<RecordPlan, String> {
        let aligned = matches!(self.write, Some(None));
        let folder = match (self.log, self.write) {
            (Some(_), Some(Some(found))) => {
                return Err(format!(
                    "-w beside -l takes no folder: expected an option behind it, found `{}`",
                    found.display()
                ));
            }
            (Some(folder), _) | (None, Some(Some(folder))) => Some(folder),
            (None, _) => None,
        };
        if folder.is_some() && self.record_each.is_some() {
            return Err("-M makes a folder for each exporter: leave out -w DIR and -l DIR".into());
        }
        let each = self.record_each.map(|folder| how.clone().check(folder));
        let folder = folder.or(self.record).filter(|_| each.is_none());
        let ident = self.ident.unwrap_or_default();
        let rest = folder.map(|folder| RecordFolder { settings: how.clone().check(folder), ident });
        let place = |source: NamedSource| {
            let settings = how.clone().check(source.folder);
            (source.address, RecordFolder { settings, ident: source.ident })
        };
        let sources: Vec<_> = self.source.into_iter().map(place).collect();
        let plan = RecordPlan { sources, each, rest };
        if plan.is_empty() && aligned {
            return Err(
                "-w: expected a folder to record into behind it, -w DIR, or -l DIR beside it"
                    .into(),
            );
        }
        if allowed && !plan.sources.is_empty() && plan.each.is_none() && plan.rest.is_none() {
            return Err(
                "--allow beside -n: expected a folder for the other exporters, -w DIR or -M DIR"
                    .into(),
            );
        }
        check_sources(&plan).map(|()| plan)
    }
}

/// One folder has one recorder, and one exporter one folder.
fn check_sources(plan: &RecordPlan) -> Result<(), String> {
    if plan.sources.len() > MAX_FOLDERS {
        return Err(format!("-n: expected at most {MAX_FOLDERS}, found {}", plan.sources.len()));
    }
    let folder = |place: &RecordFolder| -> RecorderConfig { place.settings.clone() };
    let mut folders: Vec<PathBuf> = plan.rest.iter().map(|place| folder(place).folder).collect();
    let mut addresses = Vec::new();
    for (address, place) in &plan.sources {
        if addresses.contains(address) {
            return Err(format!("-n: expected one folder for {address}, found a second one"));
        }
        if folders.contains(&place.settings.folder) {
            let folder = place.settings.folder.display();
            return Err(format!(
                "-n: expected a folder of its own for {address}, found {folder} twice"
            ));
        }
        addresses.push(*address);
        folders.push(place.settings.folder.clone());
    }
    Ok(())
}
