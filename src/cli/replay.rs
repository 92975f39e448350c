//! The arguments of `toptalk replay`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::filters::refused;
use super::query::Files;
use super::target::Target;
use super::unsupported::wrong;
use crate::filter::Filter;
use crate::replay::{Pace, ReplayProtocol};

/// Sending recorded flows again.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Captures and files of archives, in order; `-` is a capture from the standard input.
    pub files: Vec<PathBuf>,
    /// Files of an archive.
    pub archive: Option<Files>,
    /// The time zone in which nfcapd named its files; `None` for that of this machine.
    pub zone: Option<String>,
    /// The collector to send to.
    pub to: Target,
    /// The protocol to send with; `None` to send the datagrams of captures unchanged.
    pub what: Option<ReplayProtocol>,
    /// The speed of sending.
    pub pace: Pace,
    /// Whether flows keep their recorded times.
    pub keep_times: bool,
    /// Which flows are sent.
    pub filter: Filter,
}

#[derive(Args)]
pub(super) struct ReplayArgs {
    /// Archive file, nfcapd file or capture; repeatable; - is a capture from standard input
    #[arg(short = 'r', long = "read", value_name = "FILE", required_unless_present = "range")]
    read: Vec<PathBuf>,
    /// Archive files: DIR, DIR/FIRST:LAST, DIR/SUB/FIRST:SUB/LAST or DIR/FIRST, as in query
    #[arg(short = 'R', value_name = "FILES", conflicts_with = "read")]
    range: Option<String>,
    /// Several folders, /a/b:c:d for /a/b, /a/c and /a/d; -R is then a name within each of them
    #[arg(short = 'M', value_name = "DIRS", requires = "range", conflicts_with = "read")]
    folders: Option<String>,
    /// Time zone in which nfcapd named its files, as in Europe/Berlin [default: that of this machine]
    #[arg(long, value_name = "ZONE", env = "TOPTALK_TZ")]
    tz: Option<String>,
    /// Collector to send to
    #[arg(long, value_name = "HOST:PORT", value_parser = target)]
    to: Target,
    /// Protocol to send flows with [default: ipfix for archives; datagrams of captures are sent unchanged]
    #[arg(long = "as", value_name = "PROTOCOL")]
    what: Option<SendAs>,
    /// Send this many times faster than recorded, as in 10x [default: as recorded]
    #[arg(long, value_name = "FACTOR", value_parser = speed, conflicts_with_all = ["rate", "fast"])]
    speed: Option<f64>,
    /// Send this many flows per second (datagrams, if they are sent unchanged)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "fast")]
    rate: Option<u64>,
    /// Send as fast as possible
    #[arg(long)]
    fast: bool,
    /// Keep the recorded times of the flows; otherwise they are shifted to the present
    #[arg(long)]
    keep_times: bool,
    /// Send only flows that match, as in `net 10.0.0.0/8 and not port 22`
    filter: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum SendAs {
    V5,
    V9,
    Ipfix,
}

impl ReplayArgs {
    pub(super) fn check(self) -> Result<Replay, clap::Error> {
        let text = self.filter.join(" ");
        let filter = Filter::parse(&text).map_err(|error| wrong(refused(&text, &error)))?;
        Ok(Replay {
            files: self.read,
            archive: self.range.map(|range| Files {
                one: None,
                range: Some(range),
                folders: self.folders,
            }),
            zone: self.tz,
            to: self.to,
            what: self.what.map(|what| match what {
                SendAs::V5 => ReplayProtocol::V5,
                SendAs::V9 => ReplayProtocol::V9,
                SendAs::Ipfix => ReplayProtocol::Ipfix,
            }),
            pace: match (self.speed, self.rate, self.fast) {
                (_, _, true) => Pace::Fast,
                (_, Some(rate), _) => Pace::Rate(rate),
                (speed, ..) => Pace::Recorded { speed: speed.unwrap_or(1.0) },
            },
            keep_times: self.keep_times,
            filter,
        })
    }
}

/// `10x`, `0.5x` or a bare number.
fn speed(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix(['x', 'X']).unwrap_or(text).parse::<f64>().ok();
    number
        .filter(|speed| (0.001..=1e6).contains(speed))
        .ok_or_else(|| format!("expected 0.001x to 1000000x, as in 10x, found `{text}`"))
}

fn target(text: &str) -> Result<Target, String> {
    Target::parse(text, ':')
        .ok_or_else(|| format!("expected HOST:PORT, as in 127.0.0.1:2055, found `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, read_from};

    fn replay(words: &[&str]) -> Result<Replay, String> {
        match read_from(["toptalk", "replay"].iter().chain(words).copied())? {
            Command::Replay(replay) => Ok(replay),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_become_settings() {
        let plain = replay(&["-r", "a", "-r", "b", "--to", "127.0.0.1:2055"]).unwrap();
        assert_eq!((plain.files.len(), plain.what, plain.keep_times), (2, None, false));
        assert_eq!(plain.pace, Pace::Recorded { speed: 1.0 });
        assert!(plain.filter.is_any());
        let to = ["-r", "a", "--to", "[::1]:9995"];
        for (words, pace) in [
            (&["--speed", "10x"][..], Pace::Recorded { speed: 10.0 }),
            (&["--speed", "0.5"], Pace::Recorded { speed: 0.5 }),
            (&["--rate", "300"], Pace::Rate(300)),
            (&["--fast"], Pace::Fast),
        ] {
            assert_eq!(replay(&[&to[..], words].concat()).unwrap().pace, pace);
        }
        let words = [&to[..], &["--as", "v5", "--keep-times", "proto", "tcp"]].concat();
        let asked = replay(&words).unwrap();
        assert_eq!((asked.what, asked.keep_times), (Some(ReplayProtocol::V5), true));
        assert!(!asked.filter.is_any());
    }

    #[test]
    fn wrong_words_are_refused_with_what_was_expected() {
        let file = ["-r", "a"];
        for (words, expected) in [
            (&["--to", "127.0.0.1"][..], "HOST:PORT"),
            (&["--to", ":5"], "HOST:PORT"),
            (&["--to", "a:0"], "HOST:PORT"),
            (&[], "--to"),
            (&["--to", "a:1", "--speed", "0x"], "10x"),
            (&["--to", "a:1", "--speed", "nan"], "10x"),
            (&["--to", "a:1", "--speed", "2x", "--fast"], "cannot be used"),
            (&["--to", "a:1", "--as", "v8"], "ipfix"),
            (&["--to", "a:1", "-M", "/b"], "cannot be used"),
            (&["--to", "a:1", "sorce", "port", "5"], "sorce"),
        ] {
            let message = replay(&[&file[..], words].concat()).unwrap_err();
            assert!(message.contains(expected), "{words:?}: {message}");
        }
    }
}
