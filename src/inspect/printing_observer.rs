//! Watches the decoder and prints what it decodes.

use std::collections::BTreeSet;

use super::line::{
    FieldLine, InspectLine, Length, LineCounts, OptionsLine, ProblemLine, RecordLine, TemplateLine,
};
use super::names::{FieldName, FieldNames};
use super::printer::InspectPrinter;
use super::{record, sample};
use crate::flow::{Flow, Host, Time};
use crate::wire::layout::fixed::FixedLayout;
use crate::wire::layout::sets::SetHeader;
use crate::wire::observer::{Observer, RecordSeen, TemplateSeen};
use crate::wire::report::CauseCounts;
use crate::wire::sflow::SampleKind;
use crate::wire::template::{Scopes, Template, TemplateKind, VARIABLE};
use crate::wire::{Cause, DatagramReport, Sample};

/// Maximum number of elements without a name that are listed at the end.
pub(super) const MAX_UNKNOWN: usize = 512;

/// An element without a name: whether it is of NetFlow v9, its enterprise number, its id.
pub(super) type Unknown = (bool, u32, u16);

/// Prints the content of one datagram.
pub(super) struct PrintingObserver<'a> {
    pub exporter: Option<Host>,
    pub file: Option<&'a str>,
    /// The bytes of the datagram.
    pub bytes: &'a [u8],
    /// When the datagram was captured or arrived, if known: sFlow has no other time.
    pub time: Option<Time>,
    pub printer: &'a mut InspectPrinter,
    pub names: &'a mut FieldNames,
    pub unknown: &'a mut BTreeSet<Unknown>,
    pub body: &'a mut Vec<u8>,
    pub counts: LineCounts,
    /// Problems that were printed already.
    pub problems: CauseCounts,
}

impl PrintingObserver<'_> {
    /// Prints a flow of a record with fixed layout.
    pub fn flow(&mut self, flow: &Flow) {
        self.record_line(record::of_flow(flow, self.exporter));
    }

    fn record_line(&mut self, line: RecordLine<'_>) {
        let names_addresses = line.src.is_some() || line.dst.is_some();
        let line = if names_addresses {
            self.counts.flows += 1;
            InspectLine::Flow(line)
        } else {
            self.counts.events += 1;
            InspectLine::Event(line)
        };
        self.printer.line(&line, self.body);
    }

    /// Prints the problems in the report that were not printed with an offset.
    pub fn unlocated(&mut self, report: &DatagramReport) {
        for (cause, count) in report.causes.iter() {
            let rest = count.saturating_sub(self.problems.get(cause));
            if rest > 0 {
                self.problem_line(cause, u64::from(rest), None);
            }
        }
    }

    fn problem_line(&mut self, cause: Cause, count: u64, at: Option<usize>) {
        let set = at
            .filter(|_| matches!(cause, Cause::NoTemplate | Cause::TemplateOutdated))
            .and_then(|at| SetHeader::read_at(self.bytes, at).map(|header| header.id));
        let explanation = match set {
            Some(id) => format!("{} (template {id})", cause.explanation()),
            None => cause.explanation().to_owned(),
        };
        let line = InspectLine::Problem(ProblemLine {
            cause: cause.name(),
            explanation: &explanation,
            count,
            at: at.map(|at| at as u64),
            exporter: self.exporter,
            file: self.file,
            ..ProblemLine::default()
        });
        self.printer.line(&line, self.body);
    }
}

impl Observer for PrintingObserver<'_> {
    fn template(&mut self, seen: &TemplateSeen<'_>) {
        let template = seen.template;
        let names = self.names.of(template);
        let version9 = template.scopes() == Scopes::Types;
        for (field, _) in template.fields().iter().zip(names).filter(|(_, named)| named.unknown) {
            if self.unknown.len() < MAX_UNKNOWN {
                self.unknown.insert((version9, field.pen, field.id));
            }
        }
        let line = TemplateLine {
            exporter: self.exporter,
            domain: seen.domain,
            id: seen.id,
            fields: fields(template, names),
        };
        let line = match template.kind() {
            TemplateKind::Data => {
                self.counts.templates += 1;
                InspectLine::Template(line)
            }
            TemplateKind::Options => {
                self.counts.options_templates += 1;
                InspectLine::OptionsTemplate(line)
            }
        };
        self.printer.line(&line, self.body);
    }

    fn record(&mut self, seen: &RecordSeen<'_>) {
        let names = std::mem::take(self.names);
        let mut kept = names;
        let named = kept.of(seen.template);
        match seen.template.kind() {
            TemplateKind::Data => {
                self.record_line(record::of_template(seen, self.exporter, named));
            }
            TemplateKind::Options => {
                self.counts.options += 1;
                let line = InspectLine::Options(OptionsLine {
                    exporter: self.exporter,
                    domain: seen.domain,
                    template: Some(seen.id),
                    sample: None,
                    fields: record::fields(seen, named),
                });
                self.printer.line(&line, self.body);
            }
        }
        *self.names = kept;
    }

    fn sample(&mut self, sample: &Sample, flow: Option<&Flow>) {
        let count = match sample.kind {
            SampleKind::Flow => &mut self.counts.flow_samples,
            SampleKind::Counter => &mut self.counts.counter_samples,
            SampleKind::Discard => &mut self.counts.discard_samples,
            SampleKind::Other => &mut self.counts.other_samples,
        };
        *count = Some(count.unwrap_or(0) + 1);
        let Some(line) = sample::line(sample, flow, self.exporter, self.time) else { return };
        match &line {
            InspectLine::Flow(_) => self.counts.flows += 1,
            InspectLine::Event(_) => self.counts.events += 1,
            _ => self.counts.options += 1,
        }
        self.printer.line(&line, self.body);
    }

    fn problem(&mut self, cause: Cause, at: usize) {
        self.problems.count(cause);
        self.problem_line(cause, 1, Some(at));
    }
}

fn fields<'a>(template: &Template, names: &'a [FieldName]) -> Vec<FieldLine<'a>> {
    let fields = template.fields().iter().zip(names).enumerate();
    fields
        .map(|(index, (field, named))| FieldLine {
            id: field.id,
            pen: field.pen,
            name: &named.name,
            length: match field.length {
                VARIABLE => Length::Variable,
                length => Length::Bytes(length),
            },
            scope: index < template.scope(),
        })
        .collect()
}
