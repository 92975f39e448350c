//! The arguments of `toptalk collect`: the options of nfcapd that apply, and those of toptalk.

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

/// Collecting without a screen, optionally recording.
#[derive(Clone, Debug)]
pub struct Collecting {
    /// How to collect.
    pub collect: CollectConfig,
    /// Which flows are recorded into which folders; may be empty.
    pub record: RecordPlan,
    /// The command to run for each finished file.
    pub hook: Option<Hook>,
    /// The collectors that every datagram is forwarded to.
    pub repeat: Vec<Target>,
    /// The least severe level that is logged.
    pub level: Level,
    /// The socket for screens that attach.
    pub serve: Serve,
    /// The address at which metrics are served.
    pub metrics: Option<SocketAddr>,
    /// Warnings about arguments that have no effect.
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
    /// Listen on IPv4 addresses only
    #[arg(short = '4', conflicts_with = "v6")]
    v4: bool,
    /// Listen on IPv6 addresses only
    #[arg(short = '6')]
    v6: bool,
    /// Size of the receive buffer of each port in bytes, from 4096 to 1G: for example 4000000 or 64M [default: 64 MiB]
    #[arg(short = 'B', long, value_name = "BYTES", value_parser = buffer)]
    buffer: Option<usize>,
    /// Sampling rate of exporters that announce none; a negative rate (-N) is the same as --sampling N: used for all exporters, whatever they announce, but those to which --sampling gives a rate of their own
    #[arg(short = 's', long = "assume-sampling", value_name = "RATE", allow_negative_numbers = true, value_parser = rate)]
    rate: Option<AssumedRate>,
}

#[derive(Args)]
struct FolderArgs {
    /// Folder to record into; with -l, -w needs no value, as in nfcapd 1.6
    #[arg(short = 'w', value_name = "DIR", num_args = 0..=1)]
    #[expect(
        clippy::option_option,
        reason = "without the flag, the flag alone, the flag with a folder"
    )]
    write: Option<Option<PathBuf>>,
    /// Folder to record into, as in nfcapd 1.6
    #[arg(short = 'l', value_name = "DIR")]
    log: Option<PathBuf>,
    /// Folder to record into; -w and -l take precedence
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Folder in which each exporter has its own folder, named after its address; takes precedence over --record
    #[arg(short = 'M', long, value_name = "DIR")]
    record_each: Option<PathBuf>,
    /// Name, address and folder of an exporter, repeatable; only these exporters and those of --allow are accepted
    #[arg(short = 'n', long, value_name = "IDENT,ADDRESS,DIR", value_parser = source)]
    source: Vec<NamedSource>,
    /// Name of the archive, for the log and for %i of the hook [default: no name]
    #[arg(short = 'I', long, value_name = "IDENT", value_parser = ident)]
    ident: Option<String>,
}

#[derive(Args)]
struct ServiceArgs {
    /// Accepted for nfcapd's sake; needs --expire-age or --expire-size, which also work without it
    #[arg(short = 'e')]
    expire: bool,
    /// nfcapd's options for compression; files of toptalk are always compressed
    #[arg(short = 'z', hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    z: Option<String>,
    #[arg(short = 'y', hide = true)]
    y: bool,
    #[arg(short = 'j', hide = true)]
    j: bool,
    /// Command to run for each finished file, without a shell: %f is the file, %d its folder, %t the start of its slot (2026-04-10T12:30:00Z), %u the same as Unix time, %i the name of the archive
    #[arg(short = 'x', long, value_name = "COMMAND", value_parser = hook)]
    hook: Option<Split>,
    /// Seconds after which a running hook is killed, 1 to 86400
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = hook_limit)]
    hook_limit: u32,
    /// Forward every datagram unchanged to this collector, repeatable
    #[arg(short = 'R', long, value_name = "HOST/PORT", value_delimiter = ',', value_parser = repeat)]
    repeat: Vec<Target>,
    /// Log messages of this level and above: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = level)]
    log_level: Level,
    /// Serve Prometheus metrics at http://ADDRESS:PORT/metrics [default address: 127.0.0.1]
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
            let text = "-e needs a limit: add --expire-age 30d or --expire-size 50G";
            return Err(wrong(text.to_owned()));
        }
        if self.beside.repeat.len() > MAX_REPEATS {
            let found = self.beside.repeat.len();
            return Err(wrong(format!("-R: expected at most {MAX_REPEATS}, found {found}")));
        }
        let packs = self.beside.z.is_some() || self.beside.y || self.beside.j;
        let packs = packs
            .then(|| "-z, -y and -j have no effect: files are always compressed (zstd)".to_owned());
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

/// The warning about flags that have no effect, if there are any.
fn idle(said: &GivenFlags, records: bool, has_hook: bool) -> Option<String> {
    let limit = ["hook-limit"];
    let how = flags_of::<RecordingArgs>();
    let how: Vec<&str> = how.iter().map(String::as_str).collect();
    let (flags, why) = match (records, has_hook) {
        (false, _) => {
            ([&how, &RECORDING[..], &limit].concat(), "nothing is recorded; add -w DIR to record")
        }
        (true, false) => (limit.to_vec(), "there is no --hook"),
        (true, true) => return None,
    };
    let given = listed(flags.into_iter().filter(|flag| said.has(flag)));
    (!given.is_empty()).then(|| format!("{given}: no effect, {why}"))
}

impl Collecting {
    /// The policy for exporters. Exporters that `-n` names are always accepted.
    #[must_use]
    pub fn policy_for(&self, plan: &RecordPlan) -> Policy {
        let mut policy = self.collect.policy.clone();
        policy.allow.extend(plan.sources.iter().map(|(host, _)| Network::single(*host)));
        policy
    }
}

impl ListenArgs {
    /// The addresses to listen on.
    fn listen(&self, listen: Listen) -> Result<Listen, clap::Error> {
        let address = match (listen.address, self.v4, self.v6) {
            (None, true, _) => Some(Ipv4Addr::UNSPECIFIED.into()),
            (None, _, true) => Some(Ipv6Addr::UNSPECIFIED.into()),
            (Some(IpAddr::V6(address)), true, _) => {
                return Err(wrong(format!(
                    "-4: expected an IPv4 address after -b, found {address}"
                )));
            }
            (Some(IpAddr::V4(address)), _, true) => {
                return Err(wrong(format!(
                    "-6: expected an IPv6 address after -b, found {address}"
                )));
            }
            (address, ..) => address,
        };
        Ok(Listen { address, v6_only: self.v6, buffer: self.buffer, ..listen })
    }

    fn policy(&self, mut policy: Policy) -> Policy {
        match self.rate {
            Some(AssumedRate::Assumed(rate)) => policy.assumed = Sampling::one_in(rate),
            // A rate that --sampling gives for one exporter takes precedence.
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
                    "-w takes no folder when -l is given, found `{}`",
                    found.display()
                ));
            }
            (Some(folder), _) | (None, Some(Some(folder))) => Some(folder),
            (None, _) => None,
        };
        if folder.is_some() && self.record_each.is_some() {
            return Err("-M creates a folder for each exporter: remove -w DIR and -l DIR".into());
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
                "-w: expected a folder to record into, -w DIR, or -l DIR in addition".into()
            );
        }
        if allowed && !plan.sources.is_empty() && plan.each.is_none() && plan.rest.is_none() {
            return Err(
                "--allow with -n: expected a folder for the other exporters, -w DIR or -M DIR"
                    .into(),
            );
        }
        check_sources(&plan).map(|()| plan)
    }
}

/// Checks that no two exporters have the same folder, and no exporter two folders.
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
                "-n: expected a separate folder for {address}, found {folder} twice"
            ));
        }
        addresses.push(*address);
        folders.push(place.settings.folder.clone());
    }
    Ok(())
}
