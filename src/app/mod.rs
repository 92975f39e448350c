//! One file per command: where the rooms are put together.

mod collect;
mod demo;
mod groups;
mod inspect;
mod live;
mod record;
mod save;
mod state;
mod top;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::Command;
use crate::flow::named::NamedError;
use crate::ingest::{BindError, RecordError};

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("cannot start collecting: {0}")]
    Start(io::Error),
    #[error("collecting failed: {0}")]
    Collect(io::Error),
    #[error("{0}")]
    Screen(io::Error),
    #[error("cannot print the answer: {0}")]
    Print(io::Error),
    #[error("cannot read groups from {path}: {source}")]
    ReadGroups { path: PathBuf, source: io::Error },
    #[error("groups in {path}, {source}")]
    Groups { path: PathBuf, source: NamedError },
    #[error("expected at most {most} networks from --group in all, found {found}")]
    ManyGroups { most: usize, found: usize },
    #[error("cannot save {path}: {source}")]
    Save { path: PathBuf, source: io::Error },
}

/// Runs a command. What goes wrong is printed on stderr.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    let result = match command {
        Command::Live(live) => live::run(live),
        Command::Demo(live, seed) => demo::run(live, seed),
        Command::Top(top) => top::run(&top),
        Command::Collect(collecting) => collect::run(collecting),
        Command::Inspect(inspect) => inspect::run(&inspect),
    };
    result.unwrap_or_else(|error| {
        eprintln!("toptalk: {error}");
        ExitCode::FAILURE
    })
}
