//! `toptalk inspect`: prints the contents of datagrams, from files or live.

use std::io::{self, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use super::messages::tell;
use super::runtime::runtime;
use super::signals::StopSignals;
use super::stop::StopSignal;
use super::{AppError, output, zone};
use crate::archive::regular;
use crate::capture::{self, CaptureIssue, CapturedDatagram, ExpectedContent, Item, Unreadable};
use crate::cli::Inspect;
use crate::clock::Clock;
use crate::ingest::{InboundSocket, Listen};
use crate::inspect::Inspector;

/// Maximum number of datagrams that are read before the result is printed.
const DATAGRAMS_PER_WAKE: usize = 64;

pub(super) fn run(inspect: &Inspect) -> Result<ExitCode, AppError> {
    let inspector = Inspector::new(inspect.policy.clone(), inspect.shape);
    let inspector = inspector.in_zone(zone::zone(None)?);
    let out = BufWriter::new(io::stdout().lock());
    let clock = Clock::start();
    let left = inspect.count.unwrap_or(u64::MAX);
    let mut session = Session { inspector, out, clock, left, failed: false };
    let result = match &inspect.listen {
        Some(listen) => session.live(listen),
        None => session.files(inspect),
    };
    match result {
        Err(AppError::Print(error)) => output::written(Err(error)).map(|_| ExitCode::SUCCESS),
        result => result,
    }
}

struct Session<W> {
    inspector: Inspector,
    out: W,
    clock: Clock,
    /// The number of datagrams still to read.
    left: u64,
    failed: bool,
}

impl<W: Write> Session<W> {
    fn files(&mut self, inspect: &Inspect) -> Result<ExitCode, AppError> {
        for path in &inspect.files {
            if self.left == 0 {
                break;
            }
            self.file(path).map_err(AppError::Print)?;
        }
        let none = self.inspector.decoded() == 0;
        if none && !self.failed {
            tell("no flow export was found");
        }
        self.finish()?;
        Ok(if none || self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Prints one file. Problems of the file go to both outputs; the error result is for
    /// failures of printing.
    fn file(&mut self, path: &Path) -> io::Result<()> {
        let name = path.display().to_string();
        let read = match open(path) {
            Ok(file) => self.read(file, &name)?,
            Err(error) => Err(error.into()),
        };
        let Err(error) = read else { return Ok(()) };
        self.failed = true;
        let why = match error {
            Unreadable::Io(error) => format!("cannot read the file: {error}"),
            error => error.to_string(),
        };
        // Earlier output must appear first.
        self.out.flush()?;
        tell(format_args!("{name}: {why}"));
        self.inspector.unreadable(&why, &name, &mut self.out)
    }

    fn read(
        &mut self,
        file: Box<dyn Read + Send>,
        name: &str,
    ) -> io::Result<Result<(), Unreadable>> {
        let Session { inspector, out, clock, left, .. } = self;
        let mut printed = Ok(());
        let read = capture::read(file, ExpectedContent::by(name), &mut |item| {
            printed = match item {
                Item::Datagram(datagram) => {
                    *left -= 1;
                    inspector.datagram(&datagram, clock.now(), Some(name), out)
                }
                Item::Problem(problem) => {
                    if problem.issue == CaptureIssue::Damaged {
                        tell(format_args!("{name}: {}", problem.issue));
                    }
                    inspector.problem(&problem, name, out)
                }
            };
            if printed.is_err() || *left == 0 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        printed.map(|()| read)
    }

    fn live(&mut self, listen: &Listen) -> Result<ExitCode, AppError> {
        let runtime = runtime().map_err(AppError::Start)?;
        // Before the first message: who reads it may interrupt at once.
        let mut ends = runtime.block_on(async { StopSignals::new() }).map_err(AppError::Start)?;
        StopSignal::on_signals().map_err(AppError::Start)?;
        for bound in listen.open()? {
            tell(format_args!("listening on port {}; Ctrl-C ends it", bound.port()));
            if let Some(note) = &bound.note {
                tell(note);
            }
            runtime.block_on(async {
                let inbound = InboundSocket::new(bound).map_err(AppError::Start)?;
                self.receive(inbound, &mut ends).await
            })?;
        }
        self.finish()?;
        Ok(ExitCode::SUCCESS)
    }

    /// Receives until it is interrupted or the given number of datagrams has arrived.
    async fn receive(
        &mut self,
        mut inbound: InboundSocket,
        ends: &mut StopSignals,
    ) -> Result<(), AppError> {
        while self.left > 0 {
            tokio::select! {
                _ = ends.end() => return Ok(()),
                ready = inbound.ready() => ready.map_err(AppError::Collect)?,
            }
            let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(DATAGRAMS_PER_WAKE);
            let now = self.clock.now();
            let mut printed = Ok(());
            let drained = inbound.drain(most, |sender, bytes| {
                let datagram = CapturedDatagram {
                    time: Some(now),
                    source: Some(sender.host),
                    sport: Some(sender.port),
                    payload: bytes.into(),
                    ..CapturedDatagram::default()
                };
                self.left -= 1;
                if printed.is_ok() {
                    printed = self.inspector.datagram(&datagram, now, None, &mut self.out);
                }
            });
            printed.and_then(|()| self.out.flush()).map_err(AppError::Print)?;
            drained.map_err(AppError::Collect)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), AppError> {
        let printed = self.inspector.finish(&mut self.out);
        printed.and_then(|()| self.out.flush()).map_err(AppError::Print)
    }
}

fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(regular::open(path)?))
}
