//! The arguments of `toptalk doctor`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::attach::{Attach, AttachArgs};
use super::record::memory;
use super::unsupported::wrong;
use crate::ingest::{Listen, MAX_PORTS};
use crate::units::parse_duration;

/// Checking for common problems.
#[derive(Clone, Debug)]
pub struct Doctor {
    /// Where to listen.
    pub listen: Listen,
    /// How long to listen, in milliseconds.
    pub for_ms: i64,
    /// The folder of the archive, if it is to be checked.
    pub folder: Option<PathBuf>,
    /// The memory that collecting may use, in bytes; `None` for the default.
    pub memory: Option<u64>,
    /// The running collector, which may hold the ports.
    pub attach: Attach,
    /// Whether to print JSON instead of a table.
    pub json: bool,
}

#[derive(Args)]
pub(super) struct DoctorArgs {
    /// Port that exporters send to, repeatable [default: 2055, 4739 and 6343]
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Vec<u16>,
    /// Listen on this address only [default: all addresses]
    #[arg(short, long, value_name = "ADDRESS", env = "TOPTALK_BIND")]
    bind: Option<IpAddr>,
    /// How long to listen for datagrams of exporters, if the ports are free: 10s, 1m
    #[arg(long = "for", value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    for_ms: i64,
    /// Also check this archive folder
    #[arg(short = 'w', long, value_name = "DIR", env = "TOPTALK_RECORD")]
    record: Option<PathBuf>,
    /// The --memory of the collector, to be checked [default: half of the machine's memory, or of its control group's limit if that is less]
    #[arg(long, value_name = "SIZE", env = "TOPTALK_MEMORY", value_parser = memory)]
    memory: Option<u64>,
    #[command(flatten)]
    attach: AttachArgs,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

impl DoctorArgs {
    pub(super) fn check(self) -> Result<Doctor, clap::Error> {
        let mut ports = self.port;
        if ports.len() > MAX_PORTS {
            return Err(wrong(format!("at most {MAX_PORTS} ports, found {}", ports.len())));
        }
        ports.sort_unstable();
        ports.dedup();
        Ok(Doctor {
            listen: Listen { address: self.bind, ports, ..Listen::default() },
            for_ms: self.for_ms,
            folder: self.record,
            memory: self.memory,
            attach: self.attach.alone(),
            json: self.output == Output::Json,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::{Command, read_from};

    #[test]
    fn words_become_settings() {
        let words = "toptalk doctor -p 9995 -p 2055 -p 9995 --for 3s -w /a -o json";
        let Ok(Command::Doctor(doctor)) = read_from(words.split(' ')) else { panic!() };
        assert_eq!((doctor.listen.ports, doctor.for_ms), (vec![2055, 9995], 3000));
        assert_eq!((doctor.folder, doctor.json), (Some("/a".into()), true));
        let Ok(Command::Doctor(doctor)) = read_from(["toptalk", "doctor"]) else { panic!() };
        assert_eq!((doctor.for_ms, doctor.json), (10_000, false));
        let message = read_from(["toptalk", "doctor", "-o", "csv"]).unwrap_err();
        assert!(message.contains("table, json"), "{message}");
    }
}
