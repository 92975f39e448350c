//! Prints the content of datagrams: every template, every record, every problem, as a table for
//! people or as JSON for programs. Pure: datagrams and the output are arguments.

mod line;
mod names;
mod printer;
mod printing_observer;
mod record;
mod sample;
mod summary;
mod text;
pub mod value;

pub use printer::InspectFormat;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use jiff::tz::TimeZone;

use self::line::{DatagramLine, InspectLine, LineCounts, ProblemLine};
use self::names::FieldNames;
use self::printer::InspectPrinter;
use self::printing_observer::{PrintingObserver, Unknown};
use self::text::TextPrinter;
use crate::capture::{CaptureProblem, CapturedDatagram};
use crate::flow::{Flow, Host, Protocol, Time};
use crate::wire::header::DatagramHeader;
use crate::wire::report::CauseCounts;
use crate::wire::{Cause, DatagramReport, Decoder, MAX_EXPORTERS, Policy};

/// Maximum number of exporters whose counts are kept: twice as many as the decoder knows.
/// Anybody can send from spoofed addresses. Exporters that the decoder has forgotten are not
/// listed at the end.
const MAX_COUNTED: usize = 2 * MAX_EXPORTERS;

/// Maximum number of destination ports that are listed for datagrams that are not flow exports.
const MAX_PORTS: usize = 64;

/// Decodes and prints one datagram after the other.
pub struct Inspector {
    decoder: Decoder,
    policy: Policy,
    printer: InspectPrinter,
    names: FieldNames,
    flows: Vec<Flow>,
    body: Vec<u8>,
    tally: InspectTotals,
}

/// Totals for the summary at the end.
#[derive(Debug, Default)]
struct InspectTotals {
    exporters: BTreeMap<Host, LineCounts>,
    /// Exporters that the decoder forgot to make room for others.
    forgotten: u64,
    causes: CauseCounts,
    files: BTreeMap<String, u64>,
    unknown: BTreeSet<Unknown>,
    /// Datagrams that are not flow exports, by destination port.
    undecoded: BTreeMap<Option<u16>, u64>,
    refused: u64,
    decoded: u64,
}

impl Inspector {
    /// An inspector with rules about exporters, which prints in `shape`.
    #[must_use]
    pub fn new(policy: Policy, shape: InspectFormat) -> Inspector {
        // Which senders are allowed is decided here: datagrams of files without sender addresses
        // are exempt.
        let rates = Policy { allow: Vec::new(), ..policy.clone() };
        Inspector {
            decoder: Decoder::with_policy(rates),
            policy,
            printer: InspectPrinter { shape, text: TextPrinter::default() },
            names: FieldNames::default(),
            flows: Vec::new(),
            body: Vec::new(),
            tally: InspectTotals::default(),
        }
    }

    /// Sets the time zone of times in the table; the default is UTC. Times in JSON are numbers.
    #[must_use]
    pub fn in_zone(mut self, zone: TimeZone) -> Inspector {
        self.printer.text.zone = zone;
        self
    }

    /// Number of datagrams so far that were flow exports.
    #[must_use]
    pub fn decoded(&self) -> u64 {
        self.tally.decoded
    }

    /// Prints a datagram. `file` is the name of its file. `now` is the time to use when neither
    /// the file nor the datagram's header has one.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn datagram(
        &mut self,
        datagram: &CapturedDatagram,
        now: Time,
        file: Option<&str>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let allowed = datagram.source.is_none_or(|source| self.policy.allows(source));
        if !allowed {
            return self.undecoded_datagram(datagram, Cause::NotAllowed, file, out);
        }
        let bytes = &datagram.payload;
        let header = DatagramHeader::read(bytes);
        let exported = header.as_ref().and_then(|header| header.exported);
        let time = datagram.time.or(exported).unwrap_or(now);
        let source = datagram.sender();
        self.body.clear();
        self.flows.clear();
        let mut watch = PrintingObserver {
            exporter: datagram.source,
            file,
            bytes,
            time: datagram.time,
            printer: &mut self.printer,
            names: &mut self.names,
            unknown: &mut self.tally.unknown,
            body: &mut self.body,
            counts: LineCounts::default(),
            problems: CauseCounts::default(),
        };
        let report =
            self.decoder.decode_seen(time, source, bytes, &mut self.flows, Some(&mut watch));
        let Some(header) = header.filter(|_| is_export(&report)) else {
            let cause = report.causes.iter().next().map_or(Cause::TooShort, |(cause, _)| cause);
            return self.undecoded_datagram(datagram, cause, file, out);
        };
        let has_fixed_records =
            matches!(header.protocol, Protocol::Netflow1 | Protocol::Netflow5 | Protocol::Netflow7);
        if has_fixed_records {
            for flow in &self.flows {
                watch.flow(flow);
            }
        }
        watch.unlocated(&report);
        let waiting = [Cause::NoTemplate, Cause::TemplateOutdated];
        watch.counts.held = waiting.iter().map(|cause| u64::from(report.causes.get(*cause))).sum();
        let counts = watch.counts;
        let line = InspectLine::Datagram(DatagramLine {
            protocol: header.protocol.name(),
            version: header.version,
            exporter: datagram.source,
            sport: datagram.sport,
            dport: datagram.dport,
            bytes: bytes.len(),
            domain: header.domain,
            sequence: header.sequence,
            export_ms: header.exported.map(|time| time.0),
            time_ms: datagram.time.map(|time| time.0),
            uptime_ms: header.uptime,
            agent: header.agent,
            counts,
            file,
        });
        let mut head = Vec::new();
        self.printer.line(&line, &mut head);
        self.tally.add(source.host, &counts, &report);
        if self.tally.exporters.len() > MAX_COUNTED {
            self.forget_unknown();
        }
        out.write_all(&head)?;
        out.write_all(&self.body)?;
        self.released(datagram, time, file, out)
    }

    /// Prints the records of pending data sets whose templates have arrived, a part at a time.
    fn released(
        &mut self,
        datagram: &CapturedDatagram,
        time: Time,
        file: Option<&str>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        loop {
            self.body.clear();
            self.flows.clear();
            let mut watch = PrintingObserver {
                exporter: datagram.source,
                file,
                bytes: &datagram.payload,
                time: datagram.time,
                printer: &mut self.printer,
                names: &mut self.names,
                unknown: &mut self.tally.unknown,
                body: &mut self.body,
                counts: LineCounts::default(),
                problems: CauseCounts::default(),
            };
            let more = self.decoder.release(time, &mut self.flows, Some(&mut watch));
            let Some(report) = more else { return Ok(()) };
            watch.unlocated(&report);
            let counts = watch.counts;
            self.tally.add_records(datagram.source.unwrap_or(Host::UNSPECIFIED), &counts, &report);
            out.write_all(&self.body)?;
        }
    }

    /// Removes the counts of exporters that the decoder has forgotten.
    fn forget_unknown(&mut self) {
        let known: BTreeSet<Host> =
            self.decoder.exporters().iter().map(|exporter| exporter.address).collect();
        let before = self.tally.exporters.len();
        self.tally.exporters.retain(|exporter, _| known.contains(exporter));
        self.tally.forgotten += (before - self.tally.exporters.len()) as u64;
    }

    /// Counts a datagram that is not decoded, and prints it. The table does not list such
    /// datagrams of a capture, since a capture may hold any other traffic.
    fn undecoded_datagram(
        &mut self,
        datagram: &CapturedDatagram,
        cause: Cause,
        file: Option<&str>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if cause == Cause::NotAllowed {
            self.tally.refused += 1;
        } else {
            let ports = &mut self.tally.undecoded;
            let room = ports.len() < MAX_PORTS || ports.contains_key(&datagram.dport);
            *ports.entry(datagram.dport.filter(|_| room)).or_default() += 1;
        }
        if self.printer.shape == InspectFormat::Table && datagram.source.is_some() {
            return Ok(());
        }
        let ports = datagram.sport.zip(datagram.dport).filter(|_| cause != Cause::NotAllowed);
        let ports = ports.map(|(from, to)| format!(" (UDP from port {from} to port {to})"));
        let explanation = format!("{}{}", cause.explanation(), ports.unwrap_or_default());
        let line = InspectLine::Problem(ProblemLine {
            cause: cause.name(),
            explanation: &explanation,
            count: 1,
            exporter: datagram.source,
            sport: datagram.sport,
            dport: datagram.dport,
            file,
            ..ProblemLine::default()
        });
        self.print(&line, out)
    }

    /// Prints a problem of a file.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn problem(
        &mut self,
        problem: &CaptureProblem,
        file: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        self.file_problem(problem.issue.name(), &problem.issue.to_string(), problem, file, out)
    }

    /// Prints that a file could not be read at all.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn unreadable(&mut self, why: &str, file: &str, out: &mut dyn Write) -> io::Result<()> {
        self.file_problem("unreadable_file", why, &CaptureProblem::default(), file, out)
    }

    fn file_problem(
        &mut self,
        cause: &str,
        explanation: &str,
        problem: &CaptureProblem,
        file: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        *self.tally.files.entry(format!("{cause}  {explanation}")).or_default() += problem.count;
        let line = InspectLine::Problem(ProblemLine {
            cause,
            explanation,
            count: problem.count,
            at: problem.at,
            file: Some(file),
            ..ProblemLine::default()
        });
        self.print(&line, out)
    }

    fn print(&mut self, line: &InspectLine<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut text = Vec::new();
        self.printer.line(line, &mut text);
        out.write_all(&text)
    }

    /// Prints the summary of the table. JSON has no summary, since programs can add up the
    /// lines.
    ///
    /// # Errors
    /// When writing to `out` fails.
    pub fn finish(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.printer.shape {
            InspectFormat::Table => out.write_all(self.summary().as_bytes()),
            InspectFormat::Ndjson => Ok(()),
        }
    }
}

/// Whether the datagram was decoded as a flow export.
fn is_export(report: &DatagramReport) -> bool {
    let nothing = [Cause::UnknownVersion, Cause::TooShort, Cause::ExporterLimit];
    nothing.iter().all(|cause| report.causes.get(*cause) == 0)
}

impl InspectTotals {
    fn add(&mut self, exporter: Host, counts: &LineCounts, report: &DatagramReport) {
        self.decoded += 1;
        self.add_records(exporter, counts, report);
    }

    fn add_records(&mut self, exporter: Host, counts: &LineCounts, report: &DatagramReport) {
        for (cause, count) in report.causes.iter() {
            self.causes.add(cause, count);
        }
        let sum = self.exporters.entry(exporter).or_default();
        sum.flows += counts.flows;
        sum.events += counts.events;
        sum.options += counts.options;
        sum.templates += counts.templates;
        sum.options_templates += counts.options_templates;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spoofed_senders_do_not_make_it_grow() {
        let mut inspector = Inspector::new(Policy::default(), InspectFormat::Table);
        // A v5 header without records.
        let payload = [[0, 5, 0, 0].as_slice(), &[0; 20]].concat();
        for n in 0..10_000 {
            let datagram = CapturedDatagram {
                source: Some(Host::v4(n)),
                payload: payload.clone(),
                ..CapturedDatagram::default()
            };
            inspector.datagram(&datagram, Time(0), None, &mut io::sink()).unwrap();
            assert!(inspector.tally.exporters.len() <= MAX_COUNTED);
        }
        let counted = inspector.tally.exporters.len() as u64 + inspector.tally.forgotten;
        assert_eq!(counted, 10_000);
        let summary = inspector.summary();
        assert!(summary.contains("exporters, forgotten to make room for others"), "{summary}");
    }
}
