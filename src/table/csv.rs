//! Saves a view as CSV: one documented header per kind of view, one line per row.
//!
//! The headers, their meaning and how a cell is computed are declared in [`HOST_COLUMNS`],
//! [`GROUP_COLUMNS`], [`CONVERSATION_COLUMNS`] and [`EXPORTER_COLUMNS`]. New columns are added
//! at the end.

use std::io;

use csv::Writer;

use jiff::tz::TimeZone;

use super::{protocol, service};
use crate::flow::{Host, Time};
use crate::snapshot::{
    Condition, ConversationRow, Counters, ExporterHealth, GroupKey, GroupRow, HostRow,
    SamplingState, Snapshot, Subject, TrafficPath, UpDown,
};
use crate::text;
use crate::units::rfc3339_in;

/// The values that are the same in every row of a file.
pub struct CsvContext<'a> {
    snapshot: &'a Snapshot,
    /// The time zone of the times in the table.
    zone: &'a TimeZone,
}

/// A row of the host table.
pub struct HostLine {
    kind: &'static str,
    host: Option<Host>,
    up: Option<Counters>,
    down: Option<Counters>,
    missing: Option<u64>,
}

/// A row of a list by another key than hosts; sums have no group.
pub struct GroupLine {
    kind: &'static str,
    group: Option<GroupRow>,
    traffic: UpDown,
}

/// A row of one host's conversations; sums have no conversation.
pub struct ConversationLine {
    kind: &'static str,
    host: Host,
    conversation: Option<ConversationRow>,
    traffic: UpDown,
}

/// A column.
pub struct CsvColumn<R> {
    /// The header.
    pub name: &'static str,
    /// What the cells mean, for the documentation.
    pub meaning: &'static str,
    get: fn(&CsvContext<'_>, &R) -> String,
}

macro_rules! columns {
    ($($name:literal, $meaning:literal, |$head:pat_param, $row:pat_param| $get:expr;)*) => {
        &[$(CsvColumn { name: $name, meaning: $meaning, get: |$head, $row| $get }),*]
    };
}

/// The columns of a saved host table.
pub const HOST_COLUMNS: &[CsvColumn<HostLine>] = columns! {
    "captured_at", "time of the answer, RFC 3339, in the time zone of the caller", |h, _| h.captured();
    "window_start", "start of the window", |h, _| h.start();
    "window_end", "end of the window", |h, _| h.end();
    "complete", "true when the figures of the window are final", |h, _| h.complete();
    "row", "host; others: hosts not listed; total: hosts and others; internal, transit: \
            traffic that does not cross the line, in the up columns", |_, r| r.kind.to_owned();
    "address", "the host", |_, r| r.host.map(|host| host.to_string()).unwrap_or_default();
    "up_bps", "sent, mean of the window in bit/s", |h, r| h.rate(r.up);
    "up_bytes", "sent, bytes scaled by sampling", |_, r| figure(r.up, |c| c.bytes);
    "up_raw_bytes", "sent, bytes as exported", |_, r| figure(r.up, |c| c.raw_bytes);
    "up_packets", "sent, packets scaled by sampling", |_, r| figure(r.up, |c| c.packets);
    "up_flows", "sent, flow records", |_, r| figure(r.up, |c| c.flows);
    "down_bps", "received, mean of the window in bit/s", |h, r| h.rate(r.down);
    "down_bytes", "received, bytes scaled by sampling", |_, r| figure(r.down, |c| c.bytes);
    "down_raw_bytes", "received, bytes as exported", |_, r| figure(r.down, |c| c.raw_bytes);
    "down_packets", "received, packets scaled by sampling", |_, r| figure(r.down, |c| c.packets);
    "down_flows", "received, flow records", |_, r| figure(r.down, |c| c.flows);
    "missing_bytes", "the largest number of bytes that are missing because the row was created late; 0 is exact",
        |_, r| r.missing.map(|bytes| bytes.to_string()).unwrap_or_default();
};

/// The columns of a saved list by another key than hosts.
pub const GROUP_COLUMNS: &[CsvColumn<GroupLine>] = columns! {
    "captured_at", "time of the answer, RFC 3339, in the time zone of the caller", |h, _| h.captured();
    "window_start", "start of the window", |h, _| h.start();
    "window_end", "end of the window", |h, _| h.end();
    "complete", "true when the figures of the window are final", |h, _| h.complete();
    "row", "what is listed: port, proto, peer-net, interface or group; others: those not listed; \
            total: both", |_, r| r.kind.to_owned();
    "name", "as on the screen: `443/tcp https`, `udp`, `198.51.100.0/24`, `192.0.2.1 Te1/0/1`, \
             the name of the group", |h, r| r.of(|key| Some(key.label(&h.snapshot.health)));
    "proto", "port, proto: the protocol, or its number if it has no known name",
        |_, r| r.of(|key| match key {
            GroupKey::Service { proto, .. } | GroupKey::Protocol(proto) => Some(protocol(*proto)),
            _ => None,
        });
    "port", "port: the service port, 0 for other", |_, r| r.of(|key| match key {
        GroupKey::Service { port, .. } => Some(port.to_string()),
        _ => None,
    });
    "network", "peer-net: the network of the remote end", |_, r| r.of(|key| match key {
        GroupKey::Network(network) => Some(network.to_string()),
        _ => None,
    });
    "exporter", "interface: the exporter that it belongs to", |_, r| r.of(|key| match key {
        GroupKey::Interface { exporter, .. } => Some(exporter.to_string()),
        _ => None,
    });
    "if_index", "interface: its SNMP index, 0 when not reported", |_, r| r.of(|key| match key {
        GroupKey::Interface { index, .. } => Some(index.to_string()),
        _ => None,
    });
    "group", "group: its name, empty for hosts without one", |_, r| r.of(|key| match key {
        GroupKey::Named(name) => name.as_deref().map(str::to_owned),
        _ => None,
    });
    "members", "number of conversations; of a group, number of hosts",
        |_, r| r.group.as_ref().map(|row| row.members.to_string()).unwrap_or_default();
    "up_bps", "sent by local hosts, or out through the interface, mean of the window in bit/s",
        |h, r| h.rate(Some(r.traffic.up));
    "up_bytes", "sent, bytes scaled by sampling", |_, r| r.traffic.up.bytes.to_string();
    "up_raw_bytes", "sent, bytes as exported", |_, r| r.traffic.up.raw_bytes.to_string();
    "up_packets", "sent, packets scaled by sampling", |_, r| r.traffic.up.packets.to_string();
    "up_flows", "sent, flow records", |_, r| r.traffic.up.flows.to_string();
    "down_bps", "received by local hosts, or in through the interface, mean of the window in bit/s",
        |h, r| h.rate(Some(r.traffic.down));
    "down_bytes", "received, bytes scaled by sampling", |_, r| r.traffic.down.bytes.to_string();
    "down_raw_bytes", "received, bytes as exported", |_, r| r.traffic.down.raw_bytes.to_string();
    "down_packets", "received, packets scaled by sampling",
        |_, r| r.traffic.down.packets.to_string();
    "down_flows", "received, flow records", |_, r| r.traffic.down.flows.to_string();
};

/// The columns of the saved conversations of a host.
pub const CONVERSATION_COLUMNS: &[CsvColumn<ConversationLine>] = columns! {
    "captured_at", "time of the answer, RFC 3339, in the time zone of the caller", |h, _| h.captured();
    "window_start", "start of the window", |h, _| h.start();
    "window_end", "end of the window", |h, _| h.end();
    "complete", "true when the figures of the window are final", |h, _| h.complete();
    "row", "conversation; others: conversations not listed; total: both",
        |_, r| r.kind.to_owned();
    "host", "the host whose conversations are listed", |_, r| r.host.to_string();
    "peer", "the other end", |_, r| r.of(|c| c.peer.to_string());
    "proto", "protocol, or its number if it has no known name", |_, r| r.of(|c| protocol(c.proto));
    "port", "service port, 0 for other", |_, r| r.of(|c| c.port.to_string());
    "service", "name of the service port", |_, r| r.of(|c| service(c.proto, c.port).to_owned());
    "reach", "line (one end local), internal or transit",
        |_, r| r.of(|c| c.reach.name().to_owned());
    "up_bps", "sent by the host, mean of the window in bit/s", |h, r| h.rate(Some(r.traffic.up));
    "up_bytes", "sent, bytes scaled by sampling", |_, r| r.traffic.up.bytes.to_string();
    "up_raw_bytes", "sent, bytes as exported", |_, r| r.traffic.up.raw_bytes.to_string();
    "up_packets", "sent, packets scaled by sampling", |_, r| r.traffic.up.packets.to_string();
    "up_flows", "sent, flow records", |_, r| r.traffic.up.flows.to_string();
    "down_bps", "received by the host, mean of the window in bit/s",
        |h, r| h.rate(Some(r.traffic.down));
    "down_bytes", "received, bytes scaled by sampling", |_, r| r.traffic.down.bytes.to_string();
    "down_raw_bytes", "received, bytes as exported", |_, r| r.traffic.down.raw_bytes.to_string();
    "down_packets", "received, packets scaled by sampling",
        |_, r| r.traffic.down.packets.to_string();
    "down_flows", "received, flow records", |_, r| r.traffic.down.flows.to_string();
    "first_seen", "start of the oldest slice with traffic, within the hour",
        |h, r| r.of(|c| h.time(c.first_pane));
    "last_seen", "start of the newest slice with traffic", |h, r| r.of(|c| h.time(c.last_pane));
    "exporter", "the exporter that saw most of what the host sent; empty: unknown, or nothing was sent",
        |_, r| r.via(|via| via.exporter.to_string());
    "input", "the interface through which it came in, SNMP index, 0 when not reported",
        |_, r| r.via(|via| via.input.to_string());
    "output", "the interface through which it left", |_, r| r.via(|via| via.output.to_string());
};

/// The columns of the saved exporters.
pub const EXPORTER_COLUMNS: &[CsvColumn<ExporterHealth>] = columns! {
    "captured_at", "time of the answer, RFC 3339, in the time zone of the caller", |h, _| h.captured();
    "address", "the exporter", |_, r| r.address.to_string();
    "protocol", "netflow5, netflow9, ipfix, sflow5, …; empty: known only from an earlier run",
        |_, r| r.protocol_name().to_owned();
    "state", "ok, note, DEGR or DEAD", |h, r| h.condition(r).mark.word().to_owned();
    "condition", "the state in a sentence, with a remedy", |h, r| h.condition(r).text;
    "datagrams", "received in this run", |_, r| r.datagrams.to_string();
    "flows", "flow records received in this run", |_, r| r.flows.to_string();
    "datagrams_per_s", "mean of ten seconds", |_, r| format!("{:.1}", r.datagrams_per_s);
    "flows_per_s", "mean of ten seconds", |_, r| format!("{:.1}", r.flows_per_s);
    "lost", "according to sequence numbers: v5 and v7 flows, IPFIX records, else datagrams",
        |_, r| r.lost.to_string();
    "restarts", "number of sequence restarts", |_, r| r.restarts.to_string();
    "templates", "templates in force", |_, r| r.templates.to_string();
    "templates_remembered", "those restored from an earlier run and not sent again yet",
        |_, r| r.remembered.to_string();
    "held_sets", "data sets that wait for their template", |_, r| r.held.to_string();
    "doubled", "duplicate flows, reported before from another interface, counted once",
        |_, r| r.doubled.to_string();
    "sampling", "one packet in this many, the highest rate; empty: unknown",
        |_, r| r.sampling.rate().map(|rate| rate.to_string()).unwrap_or_default();
    "sampling_from", "announced, mixed, given (by `--sampling`) or unknown",
        |_, r| sampling_from(r.sampling).to_owned();
    "clock_behind_ms", "clock of this host minus clock of the exporter", |_, r| r.clock_offset_ms.to_string();
    "active_timeout_ms", "estimated from its longest flows",
        |_, r| r.active_timeout_ms.map(|ms| ms.to_string()).unwrap_or_default();
    "export_delay_ms", "from a flow's end to its record, 99th percentile",
        |_, r| r.export_delay_ms.map(|ms| ms.to_string()).unwrap_or_default();
    "last_seen", "time of its last datagram", |h, r| h.time(r.last_seen);
    "unsent", "samples that an sFlow agent took but could not send", |_, r| r.unsent.to_string();
};

fn sampling_from(state: SamplingState) -> &'static str {
    match state {
        SamplingState::Unknown => "unknown",
        SamplingState::Announced(_) => "announced",
        SamplingState::Mixed(_) => "mixed",
        SamplingState::Given(_) => "given",
    }
}

impl CsvContext<'_> {
    fn condition(&self, exporter: &ExporterHealth) -> Condition {
        exporter.condition(self.snapshot.captured_at)
    }

    fn time(&self, time: Time) -> String {
        rfc3339_in(time, self.zone)
    }

    fn captured(&self) -> String {
        self.time(self.snapshot.captured_at)
    }

    fn start(&self) -> String {
        self.time(self.snapshot.span.start)
    }

    fn end(&self) -> String {
        self.time(self.snapshot.span.end)
    }

    fn complete(&self) -> String {
        self.snapshot.is_complete().to_string()
    }

    fn rate(&self, counters: Option<Counters>) -> String {
        figure(counters, |c| self.snapshot.span.bits_per_second(c.bytes))
    }
}

impl ConversationLine {
    fn of(&self, get: impl Fn(&ConversationRow) -> String) -> String {
        self.conversation.as_ref().map(get).unwrap_or_default()
    }

    fn via(&self, get: impl Fn(&TrafficPath) -> String) -> String {
        self.of(|conversation| conversation.via.as_ref().map(&get).unwrap_or_default())
    }
}

impl GroupLine {
    fn of(&self, get: impl Fn(&GroupKey) -> Option<String>) -> String {
        self.group.as_ref().and_then(|row| get(&row.key)).unwrap_or_default()
    }
}

fn figure(counters: Option<Counters>, get: impl Fn(&Counters) -> u64) -> String {
    counters.map(|counters| get(&counters).to_string()).unwrap_or_default()
}

/// Writes all rows of the snapshot's table in their order, then `others` and `total`. Times are
/// RFC 3339 in `zone`, bytes and packets are multiplied by the known sampling rate unless the
/// column is raw, and rates are bit/s over the window.
///
/// # Errors
/// The errors of `out`; what was written before remains written.
pub fn write_csv(snapshot: &Snapshot, zone: &TimeZone, out: impl io::Write) -> io::Result<()> {
    let head = CsvContext { snapshot, zone };
    match (&snapshot.view.subject, &snapshot.detail) {
        (Subject::Host(_), Some(_)) => {
            write(&head, CONVERSATION_COLUMNS, conversation_lines(snapshot), out)
        }
        (Subject::Exporters, _) => {
            write(&head, EXPORTER_COLUMNS, snapshot.health.exporters.iter().cloned(), out)
        }
        (Subject::Groups(grouping), _) => {
            write(&head, GROUP_COLUMNS, group_lines(snapshot, grouping.name()), out)
        }
        _ => write(&head, HOST_COLUMNS, host_lines(snapshot), out),
    }
}

fn write<R>(
    head: &CsvContext<'_>,
    columns: &[CsvColumn<R>],
    rows: impl Iterator<Item = R>,
    out: impl io::Write,
) -> io::Result<()> {
    let mut writer = Writer::from_writer(out);
    writer.write_record(columns.iter().map(|column| column.name))?;
    for row in rows {
        writer.write_record(columns.iter().map(|column| guarded(&(column.get)(head, &row))))?;
    }
    writer.flush()
}

fn host_lines(snapshot: &Snapshot) -> impl Iterator<Item = HostLine> + '_ {
    let both = |kind, host, traffic: &UpDown| HostLine {
        kind,
        host,
        up: Some(traffic.up),
        down: Some(traffic.down),
        missing: None,
    };
    let undirected = |kind, counters: Counters| HostLine {
        kind,
        host: None,
        up: Some(counters),
        down: None,
        missing: None,
    };
    let sums = [
        both("others", None, &snapshot.hosts.others),
        both("total", None, &snapshot.hosts.total),
        undirected("internal", snapshot.totals.internal),
        undirected("transit", snapshot.totals.transit),
    ];
    let rows = snapshot.hosts.rows.iter();
    let listed = move |row: &HostRow| HostLine {
        missing: Some(row.missing),
        ..both("host", Some(row.host), &row.traffic)
    };
    rows.map(listed).chain(sums)
}

fn group_lines(snapshot: &Snapshot, kind: &'static str) -> impl Iterator<Item = GroupLine> {
    let table = &snapshot.groups;
    let listed =
        move |row: &GroupRow| GroupLine { kind, group: Some(row.clone()), traffic: row.traffic };
    let sum = |kind, traffic| GroupLine { kind, group: None, traffic };
    table.rows.iter().map(listed).chain([sum("others", table.others), sum("total", table.total)])
}

fn conversation_lines(snapshot: &Snapshot) -> impl Iterator<Item = ConversationLine> + '_ {
    snapshot.detail.iter().flat_map(|detail| {
        let host = detail.host;
        let sum = move |kind, traffic| ConversationLine { kind, host, conversation: None, traffic };
        let table = &detail.conversations;
        let rows = table.rows.iter().map(move |row| ConversationLine {
            kind: "conversation",
            host,
            conversation: Some(*row),
            traffic: row.traffic,
        });
        rows.chain([sum("others", table.others), sum("total", table.total)])
    })
}

/// A cell that no spreadsheet executes: text that could start a formula (`= + - @`, tab,
/// carriage return) is preceded by `'`, and hidden characters are removed.
pub(super) fn guarded(cell: &str) -> String {
    let clean = text::clean(cell);
    // A negative number is not a formula.
    let number = clean.parse::<i64>().is_ok() && !cell.starts_with('+');
    let risky = cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
        || clean.starts_with(['=', '+', '-', '@']);
    let risky = risky && !number;
    if risky { format!("'{clean}") } else { clean }
}
