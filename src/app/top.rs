//! `toptalk top`: collect for a while, print one answer.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::AppError;
use crate::agg::{Config, Windows};
use crate::cli::{Output, Top};
use crate::clock::Clock;
use crate::ingest::Ingest;
use crate::snapshot::{Basis, Order, Snapshot, Subject, View};
use crate::table;

/// What a shell reports for a program ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

pub(super) fn run(top: &Top) -> Result<ExitCode, AppError> {
    let sockets = top.listen.open()?;
    let ports: Vec<String> = sockets.iter().map(|socket| socket.port().to_string()).collect();
    let time = crate::units::duration(top.for_ms);
    eprintln!("toptalk: listening on port {} for {time}", ports.join(", "));
    for note in sockets.iter().filter_map(|socket| socket.note.as_ref()) {
        eprintln!("toptalk: {note}");
    }
    let clock = Clock::start();
    let config = Config { started: clock.now(), ..top.config.clone() };
    let windows = Arc::new(Windows::new(config));
    let ingest = Ingest::start(sockets, windows.clone(), clock, None).map_err(AppError::Start)?;
    let interrupted =
        wait(Duration::from_millis(top.for_ms.unsigned_abs())).map_err(AppError::Start)?;
    let mut health = ingest.stop().map_err(AppError::Start)?;
    health.clock_shift_ms = clock.shift_ms();
    let view = View {
        window: top.window,
        filter: top.filter.clone(),
        subject: Subject::Hosts,
        order: Order { key: top.sort, reverse: false },
        limit: top.limit,
        ..View::default()
    };
    let mut snapshot = windows.snapshot(&view, clock.now(), health);
    advise(&mut snapshot);
    match print(top.output, &snapshot) {
        // Whoever read us has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        result => result.map_err(AppError::Print)?,
    }
    Ok(if interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// Waits for the time to pass, or for Ctrl-C or SIGTERM; says whether it was cut short.
fn wait(time: Duration) -> io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(false),
            _ = interrupt.recv() => Ok(true),
            _ = terminate.recv() => Ok(true),
        }
    })
}

/// Says in a note when the local networks match too little of the traffic.
fn advise(snapshot: &mut Snapshot) {
    if let Basis::SourceDestination { candidates } = &snapshot.basis {
        let names: Vec<String> = candidates.iter().map(ToString::to_string).collect();
        snapshot.notes.push(format!(
            "most traffic is transit: no local network matches it; busiest networks, for --local: {}",
            names.join(", ")
        ));
    }
}

fn print(output: Output, snapshot: &Snapshot) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match output {
        Output::Table => out.write_all(table::text(snapshot).as_bytes())?,
        Output::Json => writeln!(out, "{}", table::json(snapshot))?,
        Output::Csv => table::write_csv(snapshot, &mut out)?,
    }
    out.flush()
}
