//! The arguments of `toptalk inspect`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::flow::{Host, Network, Sampling};
use crate::ingest::Listen;
use crate::inspect::InspectFormat;
use crate::wire::Policy;
use crate::wire::policy::GivenRate;

/// Printing the contents of datagrams.
#[derive(Clone, Debug)]
pub struct Inspect {
    /// The files to read, in order; `-` is the standard input.
    pub files: Vec<PathBuf>,
    /// Where to listen, instead of reading files.
    pub listen: Option<Listen>,
    /// The number of datagrams after which to stop.
    pub count: Option<u64>,
    /// The output format.
    pub shape: InspectFormat,
    /// Which exporters are accepted, and their sampling rates.
    pub policy: Policy,
}

#[derive(Args)]
pub(super) struct InspectArgs {
    /// Captures (.pcap, .pcapng), IPFIX files, or files with one raw datagram; - is standard input
    #[arg(value_name = "FILE", required_unless_present = "port", conflicts_with = "port")]
    files: Vec<PathBuf>,
    /// Listen on this UDP port until Ctrl-C, instead of reading files
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Listen on this address only [default: all addresses]
    #[arg(short, long, value_name = "ADDRESS", env = "TOPTALK_BIND")]
    bind: Option<IpAddr>,
    /// Stop after this many datagrams
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Output format: a table, or one JSON object per line
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
    /// Read only datagrams from this network, repeatable [default: any]
    #[arg(long, value_name = "NET", env = "TOPTALK_ALLOW", value_delimiter = ',')]
    allow: Vec<Network>,
    /// Sampling rate, one packet in N, of one exporter or of all, used instead of the announced rate; repeatable
    #[arg(long, value_name = "[ADDRESS=]N", env = "TOPTALK_SAMPLING", value_delimiter = ',', value_parser = sampling)]
    sampling: Vec<GivenRate>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Ndjson,
}

impl InspectArgs {
    pub(super) fn check(self) -> Inspect {
        let listen = |port| Listen { address: self.bind, ports: vec![port], ..Listen::default() };
        Inspect {
            files: self.files,
            listen: self.port.map(listen),
            count: self.count,
            shape: match self.output {
                Output::Table => InspectFormat::Table,
                Output::Ndjson => InspectFormat::Ndjson,
            },
            policy: Policy { allow: self.allow, sampling: self.sampling, ..Policy::default() },
        }
    }
}

/// `1000` for every exporter, `192.0.2.1=1000` for one.
fn sampling(text: &str) -> Result<GivenRate, String> {
    let wrong = || format!("expected a rate such as 1000, or 192.0.2.1=1000, found `{text}`");
    let (exporter, rate) = match text.split_once('=') {
        Some((host, rate)) => (Some(host.parse::<Host>().map_err(|_| wrong())?), rate),
        None => (None, text),
    };
    let rate: u32 = rate.parse().ok().filter(|rate| *rate > 0).ok_or_else(wrong)?;
    Ok(GivenRate { exporter, rate: Sampling::one_in(rate) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, read_from};

    #[test]
    fn words_become_settings() {
        let words = ["toptalk", "inspect", "a.pcap", "b.dat", "-o", "ndjson", "-n", "5"];
        let Ok(Command::Inspect(inspect)) = read_from(words) else { panic!() };
        assert_eq!((inspect.files.len(), inspect.shape), (2, InspectFormat::Ndjson));
        assert_eq!((inspect.listen, inspect.count), (None, Some(5)));
        let words = ["toptalk", "inspect", "--port", "34343", "--sampling", "10,192.0.2.1=100"];
        let Ok(Command::Inspect(inspect)) = read_from(words) else { panic!() };
        assert_eq!(inspect.listen.map(|listen| listen.ports), Some(vec![34343]));
        let host = Host::octets(192, 0, 2, 1);
        assert_eq!(inspect.policy.rate_of(host), Some(Sampling::one_in(100)));
        assert_eq!(inspect.policy.rate_of(Host::v4(1)), Some(Sampling::one_in(10)));
    }

    #[test]
    fn wrong_words_are_refused_with_what_was_expected() {
        for (words, expected) in [
            (vec!["toptalk", "inspect"], "FILE"),
            (vec!["toptalk", "inspect", "a.pcap", "--port", "5"], "cannot be used"),
            (vec!["toptalk", "inspect", "a", "--sampling", "0"], "192.0.2.1=1000"),
            (vec!["toptalk", "inspect", "a", "--sampling", "x=5"], "192.0.2.1=1000"),
            (vec!["toptalk", "inspect", "a", "--allow", "10/8"], "10.0.0.0/8"),
        ] {
            let message = read_from(words.clone()).expect_err(&words.join(" "));
            assert!(message.contains(expected), "{words:?}: {message}");
        }
    }
}
