//! Measures how much of good exporters' data is recorded while unknown senders flood the
//! collector.
//!
//! For each flood, `hostile` starts a `toptalk collect` on loopback with the receive buffer
//! that a collector without
//! privileges gets. It sends known flows in five protocols, floods the collector from other
//! addresses of
//! 127.0.0.0/8 at a stated rate, and prints how many of the good flows were recorded and
//! shown. It ends by
//! itself, with exit code 1 if any good flow is missing.

mod bytes;
mod collector;
mod floods;
mod good;
mod pace;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use floods::Flood;

/// Floods a collector and prints how much of good exporters' data is kept.
#[derive(Debug, Parser)]
pub struct Args {
    /// The program to start; by default the one built with this example
    #[arg(long, value_name = "FILE")]
    toptalk: Option<PathBuf>,
    /// The floods, repeatable; by default all, one after the other
    #[arg(long, value_enum)]
    flood: Vec<Flood>,
    /// How long each flood lasts
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(5..=120))]
    seconds: u64,
    /// Factor for the stated rates
    #[arg(long, default_value_t = 1.0)]
    times: f64,
    /// UDP and TCP port of the collector
    #[arg(long, default_value_t = 26_100)]
    port: u16,
    /// The receive buffer of the collector; 212992 is what Linux grants without privileges
    #[arg(long, value_name = "BYTES", default_value_t = 212_992)]
    buffer: u32,
}

impl Args {
    fn program(&self) -> std::io::Result<PathBuf> {
        if let Some(program) = &self.toptalk {
            return Ok(program.clone());
        }
        let own = std::env::current_exe()?;
        let folder = own.parent().and_then(std::path::Path::parent);
        Ok(folder.unwrap_or(&own).join("toptalk"))
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match all(&args) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(hurt) => {
            println!("{hurt} floods cost the good exporters something");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("hostile: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the floods. Returns how many of them affected the good exporters.
fn all(args: &Args) -> std::io::Result<usize> {
    let program = args.program()?;
    let floods = if args.flood.is_empty() { Flood::value_variants() } else { &args.flood };
    println!("{} | floods of {} s, buffer {} bytes", program.display(), args.seconds, args.buffer);
    println!("{}", run::TITLE);
    let mut hurt = 0;
    for flood in floods {
        let row = run::one(args, &program, *flood)?;
        println!("{row}");
        hurt += usize::from(!row.is_whole());
    }
    Ok(hurt)
}
