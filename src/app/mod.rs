//! One file per command: this room connects the others.

mod attach;
mod blocked_signals;
mod collect;
mod config;
mod convert;
mod demo;
mod descriptors;
mod doctor;
mod error;
mod groups;
mod inputs;
mod inspect;
mod live;
mod memory;
mod messages;
mod metrics;
pub mod notify;
mod output;
mod query;
mod record;
mod replay;
mod resolve;
mod runtime;
mod save;
mod serve;
pub mod setup;
mod signals;
mod state;
mod stderr;
mod stop;
mod top;
mod xdg;
mod zone;

pub use error::AppError;

use std::process::ExitCode;

use crate::cli::{Command, CommandLine, UsageError, Variables, unknown_variables};

/// The exit code for wrong arguments or settings.
const WRONG_WORDS: u8 = 2;

/// Waits if a service manager would restart a collector with wrong arguments or settings at
/// once. A signal ends the wait.
fn before_the_next_start(line: &CommandLine) {
    if line.collects() && notify::is_service() {
        std::thread::sleep(notify::AFTER_FAILED_START);
    }
}

/// Prints why there is no command to run, and ends the process.
fn refuse(line: &CommandLine, refusal: &UsageError) -> ! {
    let printed = output::written(refusal.print());
    // An error message may be lost. Help that was asked for must be written.
    if refusal.is_answer()
        && let Err(error) = printed
    {
        messages::tell(error);
        std::process::exit(1);
    }
    before_the_next_start(line);
    refusal.exit()
}

/// Runs the command of the command line. Errors are printed on stderr.
#[must_use]
pub fn main() -> ExitCode {
    messages::clean_panics();
    blocked_signals::survive_large_files();
    if let Err(error) = descriptors::check() {
        messages::tell(error);
        return ExitCode::FAILURE;
    }
    let variables: Variables = std::env::vars_os().collect();
    let unknown = unknown_variables(&variables);
    let line = CommandLine::new(std::env::args_os().collect(), variables);
    let wanted = line.wanted().unwrap_or_else(|refusal| refuse(&line, &refusal));
    unknown.iter().for_each(messages::tell);
    let file = match config::read(&wanted) {
        Ok(file) => file,
        Err(error) => {
            messages::tell(error);
            before_the_next_start(&line);
            return ExitCode::from(WRONG_WORDS);
        }
    };
    let command = line.command(file.as_ref()).unwrap_or_else(|refusal| refuse(&line, &refusal));
    let result = match command {
        Command::Live(live) => live::run(live),
        Command::Demo(live, seed) => demo::run(live, seed),
        Command::Top(top) => top::run(&top),
        Command::Collect(collecting) => collect::run(*collecting, line),
        Command::Inspect(inspect) => inspect::run(&inspect),
        Command::Convert(asked) => convert::run(&asked),
        Command::Query(query) => query::run(*query),
        Command::Replay(replay) => replay::run(&replay),
        Command::Doctor(doctor) => doctor::run(&doctor),
        Command::Setup(setup) => setup::run(&setup),
        Command::Config(asked) => config::run(asked),
    };
    result.unwrap_or_else(|error| {
        let wrong = matches!(error, AppError::Config(_) | AppError::Usage(_));
        messages::tell(error);
        if wrong { ExitCode::from(WRONG_WORDS) } else { ExitCode::FAILURE }
    })
}
