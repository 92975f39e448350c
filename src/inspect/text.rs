//! Prints lines as text, 80 columns wide where possible.

use std::collections::HashMap;
use std::fmt::Write;

use jiff::tz::TimeZone;

use super::line::{
    CountedLine, DatagramLine, InspectLine, Length, LineCounts, NamedFields, OptionsLine,
    ProblemLine, RecordLine, SampleLine, TemplateLine,
};
use super::value::{PrintedValue, clean};
use crate::flow::service::{has_ports, protocol_name};
use crate::flow::{Host, Time};
use crate::text;

const WIDTH: usize = 80;

/// Width of the column of names in a template.
const NAME: usize = 38;

/// Maximum columns of a value: octets and texts may be of any length.
const LONGEST: usize = 64;

/// Maximum number of templates that are remembered so that each is printed only once.
const MAX_TEMPLATES: usize = 4096;

/// A template, by exporter, observation domain and id.
type TextKey = (Option<Host>, u32, u16);

/// Prints lines. Remembers the templates and the file that it has printed.
#[derive(Debug)]
pub(super) struct TextPrinter {
    /// Time zone of the times.
    pub(super) zone: TimeZone,
    templates: HashMap<TextKey, Vec<(u32, u16, Length)>>,
    file: Option<String>,
    datagrams: u64,
}

impl Default for TextPrinter {
    fn default() -> TextPrinter {
        TextPrinter { zone: TimeZone::UTC, templates: HashMap::new(), file: None, datagrams: 0 }
    }
}

impl TextPrinter {
    /// A line as text, with its line ends.
    pub(super) fn line(&mut self, line: &InspectLine<'_>) -> String {
        match line {
            InspectLine::Datagram(line) => self.datagram(line),
            InspectLine::Template(line) => self.template("template", line),
            InspectLine::OptionsTemplate(line) => self.template("options template", line),
            InspectLine::Flow(line) => record("flow", line, &self.zone),
            InspectLine::Event(line) => record("event", line, &self.zone),
            InspectLine::Options(line) => options(line, &self.zone),
            InspectLine::Problem(line) => problem(line),
        }
    }

    fn datagram(&mut self, line: &DatagramLine<'_>) -> String {
        let mut text = String::new();
        if line.file.is_some() && self.file.as_deref() != line.file {
            self.file = line.file.map(str::to_owned);
            let _ = writeln!(text, "\n== {}", clean(line.file.unwrap_or_default()));
        }
        self.datagrams += 1;
        let _ =
            write!(text, "\ndatagram {}: {}, {} bytes", self.datagrams, line.protocol, line.bytes);
        if let Some(exporter) = line.exporter {
            let _ = write!(text, " from {exporter}");
            if let Some(port) = line.sport {
                let _ = write!(text, " port {port}");
            }
        }
        text.push('\n');
        let mut parts = Vec::new();
        if let Some(ms) = line.export_ms {
            parts.push(format!("exported {}", moment(ms, &self.zone)));
        }
        if let Some(agent) = line.agent {
            parts.push(format!("agent {agent}"));
        }
        parts.push(format!("domain {}", line.domain));
        if let Some(sequence) = line.sequence {
            parts.push(format!("sequence {sequence}"));
        }
        text + &wrapped("  ", ", ", parts) + &wrapped("  ", ", ", counts(&line.counts))
    }

    fn template(&mut self, what: &str, line: &TemplateLine<'_>) -> String {
        let shape: Vec<(u32, u16, Length)> =
            line.fields.iter().map(|field| (field.pen, field.id, field.length)).collect();
        let key = (line.exporter, line.domain, line.id);
        let known = self.templates.get(&key) == Some(&shape);
        let mut text = format!("  {what} {}", line.id);
        if known {
            text.push_str(" again\n");
            return text;
        }
        let fields = line.fields.len();
        let _ = writeln!(text, ", {fields} fields: number, name, bytes");
        for field in &line.fields {
            let number = match field.pen {
                0 => field.id.to_string(),
                pen => format!("{pen}/{}", field.id),
            };
            let length = match field.length {
                Length::Bytes(length) => length.to_string(),
                Length::Variable => "variable".to_owned(),
            };
            let scope = if field.scope { "  scope" } else { "" };
            let _ = writeln!(text, "    {number:>11}  {} {length:>8}{scope}", name(field.name));
        }
        if self.templates.len() < MAX_TEMPLATES || self.templates.contains_key(&key) {
            self.templates.insert(key, shape);
        }
        text
    }
}

/// The name of an element, padded to the width of the column of names.
fn name(name: &str) -> String {
    text::padded(&clean(name), NAME, false)
}

/// What a datagram holds, in words, without the kinds that it does not have.
fn counts(counts: &LineCounts) -> Vec<String> {
    let list = [
        ("template", counts.templates),
        ("options template", counts.options_templates),
        ("flow", counts.flows),
        ("event", counts.events),
        ("options record", counts.options),
        ("flow sample", counts.flow_samples.unwrap_or(0)),
        ("counter sample", counts.counter_samples.unwrap_or(0)),
        ("discard sample", counts.discard_samples.unwrap_or(0)),
        ("sample of another format", counts.other_samples.unwrap_or(0)),
        ("data set without template", counts.held),
    ];
    let text = |(what, count): (&str, u64)| match (what, count) {
        (_, 0) => None,
        (what, 1) => Some(format!("1 {what}")),
        ("data set without template", count) => Some(format!("{count} data sets without template")),
        ("sample of another format", count) => Some(format!("{count} samples of other formats")),
        (what, count) => Some(format!("{count} {what}s")),
    };
    let list: Vec<String> = list.into_iter().filter_map(text).collect();
    if list.is_empty() { vec!["empty".to_owned()] } else { list }
}

fn record(what: &str, line: &RecordLine<'_>, zone: &TimeZone) -> String {
    let mut head = vec![what.to_owned()];
    if let Some(template) = line.template {
        head.push(format!("by template {template}"));
    }
    head.extend(sample(line.sample.as_ref()));
    let mut text = wrapped("  ", " ", head);
    text.push_str(&fields(&line.fields, zone));
    if let Some(event) = line.event {
        let name = line.event_name.unwrap_or("unknown event");
        let _ = writeln!(text, "    event {event}: {name}");
    }
    text.push_str(&flow(line, zone));
    text
}

/// The flow that a record became.
fn flow(line: &RecordLine<'_>, zone: &TimeZone) -> String {
    if line.src.is_none() && line.dst.is_none() {
        return "    -> no flow: the record has no addresses\n".to_owned();
    }
    if line.sample.is_some_and(|sample| sample.sample == "discard") {
        return "    -> no flow: the packet was dropped\n".to_owned();
    }
    let ported = line.proto.is_none_or(has_ports);
    let end = |host: Option<Host>, port: Option<u16>| {
        let host = host.map_or("?".to_owned(), |host| match host.as_v4() {
            None if ported => format!("[{host}]"),
            _ => host.to_string(),
        });
        match port.filter(|_| ported) {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    };
    let proto = line.proto.map_or("?".to_owned(), |proto| {
        protocol_name(proto).map_or_else(|| format!("protocol {proto}"), str::to_owned)
    });
    let back = line.reverse.unwrap_or_default();
    let counts = [line.bytes, line.packets, back.bytes, back.packets];
    let nothing = line.event.is_some() && counts.iter().all(|count| count.unwrap_or(0) == 0);
    let mut parts = Vec::new();
    if nothing {
        parts.push("event without counters:".to_owned());
    }
    parts.extend([
        end(line.src, line.sport),
        ">".to_owned(),
        end(line.dst, line.dport),
        proto,
        format!("{} {}", volume(line.bytes, line.packets), rate(line.sampling)),
    ]);
    if let Some(reverse) = line.reverse {
        parts.push(format!("and back {}", volume(reverse.bytes, reverse.packets)));
    }
    match line.start_ms.zip(line.end_ms) {
        Some((start, end)) => {
            parts.push(format!("first {} last {}", moment(start, zone), moment(end, zone)));
        }
        None => parts.push("no times".to_owned()),
    }
    let text = wrapped("    -> ", " ", parts);
    text + &line.counted.map(counted).unwrap_or_default()
}

/// What is counted of a record that reports something else.
fn counted(line: CountedLine) -> String {
    let mut parts = vec!["counted:".to_owned()];
    if line == CountedLine::default() {
        parts.push("nothing".to_owned());
    } else {
        parts.push(volume(Some(line.bytes), Some(line.packets)));
    }
    if let Some(reverse) = line.reverse {
        parts.push(format!("and back {}", volume(reverse.bytes, reverse.packets)));
    }
    wrapped("    ", " ", parts)
}

fn rate(rate: Option<u32>) -> String {
    rate.map_or("1:?".to_owned(), |rate| format!("1:{rate}"))
}

/// A time as a date, or as a number if it is not a valid date.
fn moment(ms: i64, zone: &TimeZone) -> String {
    PrintedValue::Moment(ms, Time(ms)).shown(zone)
}

fn volume(bytes: Option<u64>, packets: Option<u64>) -> String {
    let bytes = bytes.map_or("? B".to_owned(), |bytes| format!("{bytes} B"));
    let packets = packets.map_or("? pkt".to_owned(), |packets| format!("{packets} pkt"));
    format!("{bytes} {packets}")
}

fn options(line: &OptionsLine<'_>, zone: &TimeZone) -> String {
    let mut head = vec!["options".to_owned()];
    head.extend(line.template.map(|id| format!("by options template {id}")));
    head.extend(sample(line.sample.as_ref()));
    wrapped("  ", " ", head) + &fields(&line.fields, zone)
}

fn sample(line: Option<&SampleLine>) -> Vec<String> {
    let Some(line) = line else { return Vec::new() };
    let mut parts = vec![
        format!("by {} sample {}", line.sample, line.sample_sequence),
        format!("of source {}:{}", line.source_class, line.source_id),
    ];
    let list =
        [("rate", line.rate), ("pool", line.pool), ("drops", line.drops), ("reason", line.reason)];
    for (name, value) in list {
        if let Some(value) = value {
            parts.push(format!("{name} {value}"));
        }
    }
    parts
}

fn fields(fields: &NamedFields<'_>, zone: &TimeZone) -> String {
    let pair = |(name, value): &(&str, PrintedValue)| {
        let value = value.shown(zone);
        match text::head(&value, LONGEST) {
            start if start.len() < value.len() => {
                format!("{}={start}... ({} characters)", clean(name), value.chars().count())
            }
            _ => format!("{}={value}", clean(name)),
        }
    };
    wrapped("    ", "  ", fields.0.iter().map(pair).collect())
}

pub(super) fn problem(line: &ProblemLine<'_>) -> String {
    let mut text = format!("  ! {}", line.cause);
    if line.count > 1 {
        let _ = write!(text, ", {} times", line.count);
    }
    if let Some(at) = line.at {
        let _ = write!(text, ", at byte {at}");
    }
    text.push('\n');
    let words = clean(line.explanation);
    text + &wrapped("    ", " ", words.split(' ').map(str::to_owned).collect())
}

/// Joins parts into lines. The first line begins with `indent`, the others with as many spaces.
/// A part that is longer than a line has a line of its own.
pub(super) fn wrapped(indent: &str, between: &str, parts: Vec<String>) -> String {
    let mut text = String::new();
    let mut width = 0;
    for part in parts {
        let length = text::columns(&part);
        let fits = width + between.len() + length <= WIDTH;
        if width == 0 {
            text.push_str(indent);
            width = indent.len();
        } else if fits {
            text.push_str(between);
            width += between.len();
        } else {
            text.push_str(between.trim_end());
            text.push('\n');
            text.push_str(&" ".repeat(indent.len()));
            width = indent.len();
        }
        text.push_str(&part);
        width += length;
    }
    if width > 0 {
        text.push('\n');
    }
    text
}
