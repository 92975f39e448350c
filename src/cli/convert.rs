//! The arguments of `toptalk convert`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::query::Files;
use crate::archive::name::Hierarchy;
use crate::archive::recorder::MAX_SLOT_SECONDS;

/// Converting files of nfcapd, or segments, into segments of another folder.
#[derive(Clone, Debug)]
pub struct Convert {
    /// The files to convert.
    pub files: Files,
    /// The folder of the archive to write to.
    pub folder: PathBuf,
    /// The date folders of the archive.
    pub hierarchy: Hierarchy,
    /// The length of a slot in seconds, for segments and for files whose names have no time.
    pub slot_seconds: u32,
    /// The time zone in which nfcapd named its files; `None` for that of this machine.
    pub zone: Option<String>,
}

#[derive(Args)]
#[command(group(ArgGroup::new("input").required(true).args(["one", "range"])))]
pub(super) struct ConvertArgs {
    /// File or folder to convert
    #[arg(short = 'r', value_name = "FILE")]
    one: Option<PathBuf>,
    /// Files to convert: DIR, DIR/FIRST:LAST, DIR/SUB/FIRST:SUB/LAST or DIR/FIRST, as in query
    #[arg(short = 'R', value_name = "FILES", conflicts_with = "one")]
    range: Option<String>,
    /// Several folders, /a/b:c:d for /a/b, /a/c and /a/d; -r and -R are then names within each of them
    #[arg(short = 'M', value_name = "DIRS")]
    folders: Option<String>,
    /// Folder of the archive to write to; it must exist, and no collector may be recording into it
    #[arg(short = 'w', value_name = "DIR")]
    write: PathBuf,
    /// Layout of date folders (UTC), as nfcapd's -S: 0 none, 1 year/month/day, up to 8 (listed in docs/ARCHIVE.md, which a package installs in /usr/share/doc/toptalk)
    #[arg(short = 'S', value_name = "N", default_value = "0")]
    hierarchy: Hierarchy,
    /// Seconds of time that one written file (a slot) covers, if the input is an archive of toptalk or files whose names have no time; nfcapd's files keep theirs
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SLOT_SECONDS)))]
    slot: u32,
    /// Time zone in which nfcapd named its files, as in Europe/Berlin [default: that of this machine]
    #[arg(long, value_name = "ZONE", env = "TOPTALK_TZ")]
    tz: Option<String>,
}

impl ConvertArgs {
    pub(super) fn check(self) -> Convert {
        Convert {
            files: Files { one: self.one, range: self.range, folders: self.folders },
            folder: self.write,
            hierarchy: self.hierarchy,
            slot_seconds: self.slot,
            zone: self.tz,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, read_from};

    fn convert(words: &[&str]) -> Result<Convert, String> {
        match read_from(["toptalk", "convert"].iter().chain(words).copied())? {
            Command::Convert(convert) => Ok(convert),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_become_settings() {
        let words = ["-R", "/srv/nf", "-w", "/new", "-S", "1", "--slot", "60", "--tz", "UTC"];
        let asked = convert(&words).unwrap();
        assert_eq!(asked.files.range.as_deref(), Some("/srv/nf"));
        assert_eq!((asked.folder, asked.slot_seconds), (PathBuf::from("/new"), 60));
        assert_eq!((asked.hierarchy, asked.zone.as_deref()), ("1".parse().unwrap(), Some("UTC")));
        let asked = convert(&["-r", "a", "-w", "b"]).unwrap();
        assert_eq!((asked.files.one, asked.slot_seconds), (Some(PathBuf::from("a")), 300));
    }

    #[test]
    fn wrong_words_are_refused_with_what_was_expected() {
        for (words, expected) in [
            (&["-w", "b"][..], "-R <FILES>"),
            (&["-r", "a"], "-w <DIR>"),
            (&["-r", "a", "-R", "b", "-w", "c"], "cannot be used"),
            (&["-r", "a", "-w", "b", "-S", "9"], "0 to 8"),
            (&["-r", "a", "-w", "b", "--slot", "0"], "1..=86400"),
        ] {
            let message = convert(words).unwrap_err();
            assert!(message.contains(expected), "{words:?}: {message}");
        }
    }
}
