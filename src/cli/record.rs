//! The flags for recording.

use std::path::PathBuf;

use clap::Args;

use super::given_flags::{GivenFlags, flags_of, listed};
use super::unsupported::wrong;
use super::values::whole;
use crate::archive::expire::ExpireLimits;
use crate::archive::name::Hierarchy;
use crate::archive::recorder::{MAX_SLOT_SECONDS, RecorderConfig};
use crate::config::memory::LEAST;

/// The flags for recording of the live screen and `top`.
#[derive(Args)]
pub(super) struct RecordArgs {
    /// Record all flows into this folder
    #[arg(short = 'w', long, value_name = "DIR")]
    record: Option<PathBuf>,
    #[command(flatten)]
    how: RecordingArgs,
}

/// The flags for recording of `demo`. Its folder has no environment variable: with
/// `TOPTALK_RECORD` the generated flows would get into the archive of the real ones.
#[derive(Args)]
pub(super) struct DemoRecordArgs {
    /// Record the generated flows into this folder; use one without real flows
    #[arg(short = 'w', long, value_name = "DIR")]
    record: Option<PathBuf>,
    #[command(flatten)]
    how: RecordingArgs,
}

/// The flags for how files are written, whatever folder they are written to.
#[derive(Args, Clone)]
pub(super) struct RecordingArgs {
    /// Start new files after this many seconds, 1 to 86400, aligned to the clock; this time span is called a slot
    #[arg(short = 't', long = "slot", value_name = "SECONDS", default_value_t = 300, value_parser = slot)]
    slot: u32,
    /// Layout of date folders (UTC), as nfcapd's -S: 0 none, 1 year/month/day, up to 8 (listed in docs/ARCHIVE.md, which a package installs in /usr/share/doc/toptalk)
    #[arg(short = 'S', long, value_name = "0-8", default_value = "0")]
    hierarchy: Hierarchy,
    /// Seconds between fsyncs of recorded flows, 0 to 3600; 0 leaves it to the operating system
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = sync)]
    sync: u32,
    /// Delete recorded files that are older than this: 30d, 12h, 4w
    #[arg(long, value_name = "AGE", value_parser = age)]
    expire_age: Option<i64>,
    /// Delete the oldest files when the archive is larger than this: 50G, 1.5T (powers of 1000)
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    expire_size: Option<u64>,
}

impl RecordArgs {
    /// # Errors
    /// When flags for recording are on the command line and nothing is recorded.
    pub(super) fn check(self, said: &GivenFlags) -> Result<Option<RecorderConfig>, clap::Error> {
        self.how.record(self.record, said)
    }
}

impl DemoRecordArgs {
    /// # Errors
    /// As those of [`RecordArgs::check`].
    pub(super) fn check(self, said: &GivenFlags) -> Result<Option<RecorderConfig>, clap::Error> {
        self.how.record(self.record, said)
    }
}

impl RecordingArgs {
    fn record(
        self,
        folder: Option<PathBuf>,
        said: &GivenFlags,
    ) -> Result<Option<RecorderConfig>, clap::Error> {
        let Some(folder) = folder else {
            let flags = flags_of::<RecordingArgs>();
            let flags =
                listed(flags.iter().map(String::as_str).filter(|flag| said.has_typed(flag)));
            if flags.is_empty() {
                return Ok(None);
            }
            return Err(wrong(format!("{flags}: nothing is recorded; add -w DIR to record")));
        };
        Ok(Some(self.check(folder)))
    }

    /// How much of the archive is kept.
    pub(super) fn limits(&self) -> ExpireLimits {
        ExpireLimits { age_ms: self.expire_age, bytes: self.expire_size }
    }

    pub(super) fn check(self, folder: PathBuf) -> RecorderConfig {
        let limits = self.limits();
        RecorderConfig {
            slot_seconds: self.slot,
            hierarchy: self.hierarchy,
            sync_ms: i64::from(self.sync) * 1000,
            limits,
            ..RecorderConfig::new(folder)
        }
    }
}

fn slot(text: &str) -> Result<u32, String> {
    whole(text, 1..=MAX_SLOT_SECONDS, " of seconds")
}

fn sync(text: &str) -> Result<u32, String> {
    whole(text, 0..=3600, " of seconds")
}

/// A number with one of these units, times the factor of the unit.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(at)?;
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    let value = (number.parse::<f64>().ok()? * *factor as f64).round();
    (1.0..=1e18).contains(&value).then_some(value as u64)
}

pub(super) fn age(text: &str) -> Result<i64, String> {
    const HOUR: u64 = 3_600_000;
    let units = [("m", 60_000), ("h", HOUR), ("d", 24 * HOUR), ("w", 7 * 24 * HOUR)];
    // nfexpire has upper-case letters, too. M is refused: it may mean months or minutes.
    let is_month = text.ends_with('M');
    let ms = scaled(text, &units).filter(|_| !is_month).and_then(|ms| i64::try_from(ms).ok());
    ms.ok_or_else(|| format!("expected an age such as 12h, 30d or 4w, found `{text}`"))
}

/// A size of data, in powers of 1000.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let units =
        [("", 1), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000)];
    let bare = text.strip_suffix('B').unwrap_or(text);
    scaled(bare, &units)
        .ok_or_else(|| format!("expected a size such as 50G or 800M, found `{text}`"))
}

/// A size of memory, at least [`LEAST`].
pub(super) fn memory(text: &str) -> Result<u64, String> {
    let bytes = bytes(text)?;
    if bytes < LEAST {
        return Err(format!("expected at least {}M, found `{text}`", LEAST / 1_000_000));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use crate::cli::{Command, read_from};

    #[test]
    fn words_become_settings() {
        let words = "toptalk collect -p 2055 -w /a -t 60 -S 2 --sync 0 --expire-age 30d \
                     --expire-size 1.5T --allow 10.0.0.0/8";
        let Ok(Command::Collect(collect)) = read_from(words.split_whitespace()) else { panic!() };
        let record = &collect.record.rest.as_ref().unwrap().settings;
        assert_eq!((record.slot_seconds, record.sync_ms), (60, 0));
        assert_eq!(record.hierarchy, "2".parse().unwrap());
        assert_eq!(record.limits.age_ms, Some(30 * 86_400_000));
        assert_eq!(record.limits.bytes, Some(1_500_000_000_000));
        assert_eq!(
            (collect.collect.listen.ports.as_slice(), collect.collect.policy.allow.len()),
            (&[2055][..], 1)
        );
        for verb in ["", "demo ", "top "] {
            let line = format!("toptalk {verb}-w /a -t 1 --expire-size 800MB");
            let record = match read_from(line.split_whitespace()).unwrap() {
                Command::Live(live) | Command::Demo(live, _) => live.record,
                Command::Top(top) => top.record,
                _ => panic!("{line}"),
            };
            let record = record.unwrap();
            assert_eq!((record.slot_seconds, record.sync_ms), (1, 1000));
            assert_eq!(record.limits.bytes, Some(800_000_000));
        }
        let Ok(Command::Live(live)) = read_from(["toptalk"]) else { panic!() };
        assert_eq!(live.record, None);
        for (verb, has) in [("collect", true), ("top", true), ("demo", false)] {
            let help = read_from(["toptalk", verb, "--help"]).unwrap_err();
            assert_eq!(help.contains("TOPTALK_RECORD"), has, "{verb}");
        }
    }

    #[test]
    fn flags_on_recording_are_refused_where_nothing_is_recorded() {
        for verb in ["", "demo ", "top "] {
            for (words, flags) in [
                ("-t 60", "--slot"),
                ("-S 2", "--hierarchy"),
                ("--sync 0", "--sync"),
                ("--expire-size 1G --expire-age 3d", "--expire-age, --expire-size"),
            ] {
                let line = format!("toptalk {verb}{words}");
                let message = read_from(line.split_whitespace()).expect_err(&line);
                let expected = format!("{flags}: nothing is recorded; add -w DIR to record");
                assert!(message.contains(&expected), "{line}: {message}");
            }
        }
    }

    #[test]
    fn wrong_words_are_refused_with_what_was_expected() {
        for (words, expected) in [
            ("collect -w /a -t 0", "seconds from 1 to 86400, found `0`"),
            ("collect -w /a -S 9", "0 to 8"),
            ("-w /a --expire-age 30", "12h, 30d"),
            ("-w /a --expire-age d", "12h, 30d"),
            // It may mean months or minutes.
            ("-w /a --expire-age 6M", "12h, 30d"),
            ("-w /a --expire-size 0", "50G"),
            ("-w /a --expire-size 5X", "50G"),
            ("-w /a --expire-size 1e99T", "50G"),
        ] {
            let words = format!("toptalk {words}");
            let message = read_from(words.split_whitespace()).expect_err(&words);
            assert!(message.contains(expected), "{words}: {message}");
        }
    }
}
