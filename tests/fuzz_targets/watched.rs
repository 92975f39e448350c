//! A decoder whose results are checked after each datagram.

use toptalk::flow::{Flow, FlowExtras, Host, Time};
use toptalk::wire::observer::{Observer, RecordSeen, TemplateSeen};
use toptalk::wire::{
    Cause, DatagramReport, Decoder, MAX_HELD, MAX_TEMPLATES, Policy, RecordOutcome,
    saved_state::SavedState,
};

/// An observer that looks at everything and counts it.
#[derive(Debug, Default)]
pub struct Watcher {
    templates: u32,
    made: usize,
    options: u32,
    events: u32,
    addressless: u32,
    problems: u32,
    /// Whether any value is empty, by its template or by its own length.
    pub empty_value: bool,
}

impl Observer for Watcher {
    fn template(&mut self, seen: &TemplateSeen<'_>) {
        assert!(!seen.template.fields().is_empty());
        assert!(seen.template.scope() <= seen.template.fields().len());
        self.templates += 1;
    }

    fn record(&mut self, seen: &RecordSeen<'_>) {
        let mut values = 0;
        for (field, value) in seen.template.values(seen.bytes) {
            values += 1;
            let variable = field.length == toptalk::wire::template::VARIABLE;
            assert!(variable || value.len() == usize::from(field.length));
            self.empty_value |= value.is_empty();
        }
        assert_eq!(values, seen.template.fields().len(), "a record is whole");
        self.made += seen.made.len();
        let is_options = seen.template.kind() == toptalk::wire::template::TemplateKind::Options;
        self.options += u32::from(is_options);
        self.events += u32::from(seen.standing == RecordOutcome::Event);
        self.addressless += u32::from(!is_options && seen.standing == RecordOutcome::Addressless);
        assert_eq!(seen.standing == RecordOutcome::Flow, !seen.made.is_empty());
    }

    fn problem(&mut self, _: Cause, _: usize) {
        self.problems += 1;
    }
}

/// Adds the report of released pending sets to that of the datagram that released them.
fn add(report: &mut DatagramReport, more: &DatagramReport) {
    report.flows += more.flows;
    report.reversed += more.reversed;
    report.events += more.events;
    report.options += more.options;
    report.addressless.records += more.addressless.records;
    for (cause, count) in more.causes.iter() {
        report.causes.add(cause, count);
    }
}

/// A decoder with the number of bytes it got.
#[derive(Debug, Default)]
pub struct Watched {
    decoder: Decoder,
    pub flows: Vec<Flow>,
    bytes: u64,
    records: u64,
    made: u64,
    /// The latest time so far: time may go back.
    latest: Time,
}

impl Watched {
    pub fn with_policy(policy: Policy) -> Watched {
        Watched { decoder: Decoder::with_policy(policy), ..Watched::default() }
    }

    /// Decodes one datagram. Afterwards `flows` has only the flows of this datagram.
    pub fn take(&mut self, now: Time, from: Host, bytes: &[u8]) -> (DatagramReport, Watcher) {
        let mut watcher = Watcher::default();
        self.latest = self.latest.max(now);
        self.flows.clear();
        self.decoder.forget_more();
        self.decoder.keep_more(true);
        let report =
            self.decoder.decode_seen(now, from, bytes, &mut self.flows, Some(&mut watcher));
        let mut report = report;
        while let Some(more) =
            self.decoder.release(now, &mut self.flows, Some(&mut watcher as &mut dyn Observer))
        {
            add(&mut report, &more);
        }
        self.check(&report, &watcher, from, bytes);
        (report, watcher)
    }

    /// Steps of the decoder and received bytes, since the decoder was created.
    pub fn work(&mut self) -> (u64, u64) {
        (self.decoder.steps(), self.bytes)
    }

    /// The extra fields of the flows.
    pub fn more(&self) -> &[FlowExtras] {
        self.decoder.more()
    }

    fn check(&mut self, report: &DatagramReport, watcher: &Watcher, from: Host, bytes: &[u8]) {
        assert_eq!(self.flows.len(), report.flows as usize);
        assert!(report.reversed * 2 <= report.flows);
        let own_records = matches!(report.version, 9 | 10);
        if own_records {
            let seen = [watcher.made as u32, watcher.events, watcher.options, watcher.addressless];
            let addressless = report.addressless.records;
            assert_eq!(seen, [report.flows, report.events, report.options, addressless]);
            assert_eq!(watcher.templates, report.templates + report.options_templates);
        }
        // Every record has bytes of its own, and an address takes four of them.
        self.bytes += bytes.len() as u64;
        let others = report.events + report.options + report.addressless.records;
        self.records += u64::from(report.flows - report.reversed + others);
        self.made += u64::from(report.flows + report.events);
        assert!(self.records <= self.bytes, "{} records of {} bytes", self.records, self.bytes);
        assert!(self.made * 2 <= self.bytes, "{} flows of {} bytes", self.made, self.bytes);
        // Each entry of extra fields belongs to one flow, in their order.
        let references = self.flows.iter().map(|flow| flow.more).filter(|more| *more > 0);
        assert!(references.eq(1..=self.decoder.more().len() as u32));
        for flow in &self.flows {
            assert_eq!(flow.exporter, from);
            assert!(flow.arrival <= self.latest && !flow.duplicate.is_set());
            let _ = (flow.reversed(), flow.scaled(), flow.duration_ms(), flow.is_far_off());
        }
    }

    /// Asserts that what the decoder reports of its exporters is possible.
    pub fn check_state(&self) {
        for exporter in self.decoder.exporters() {
            assert!(exporter.templates <= MAX_TEMPLATES);
            assert!(exporter.remembered <= exporter.templates);
            assert!(exporter.held as u64 * 4 <= self.bytes && exporter.held <= MAX_HELD);
            assert!(exporter.flows <= self.made);
            assert!(self.decoder.details(exporter.address).is_some());
        }
    }

    /// A connection of this exporter was opened or closed.
    pub fn reconnected(&mut self, from: Host) {
        self.decoder.reconnected(from);
    }

    /// Starts again with the state that the decoder saves in a file.
    pub fn restart(&mut self, now: Time) {
        let memory = self.decoder.memory();
        let text = serde_json::to_string(&memory).expect("it can be written");
        let read: SavedState = serde_json::from_str(&text).expect("it can be read");
        assert_eq!(read, memory);
        let templates = |memory: &SavedState| -> usize {
            let domains = memory.exporters.iter().flat_map(|exporter| &exporter.domains);
            domains.map(|domain| domain.templates.len()).sum()
        };
        let mut decoder = Decoder::new();
        let recalled = decoder.restore(now, &read).expect("it is of this version");
        assert!(recalled <= templates(&memory));
        assert_eq!(recalled, templates(&decoder.memory()));
        self.decoder = decoder;
        self.made = 0;
        self.bytes = 0;
        self.records = 0;
    }
}
