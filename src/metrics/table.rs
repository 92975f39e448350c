//! All metrics, in the order of the text. Units are those of Prometheus: seconds and bytes.
//! Rates are
//! computed by queries: `rate(toptalk_flows_total[1m])`.

use super::metric::MetricKind::{Counter, Gauge};
use super::metric::Value::{self, Real, Whole};
use super::metric::{MAX_EXPORTERS, Metric, MetricKind, Read};
use crate::flow::Time;
use crate::snapshot::{ConditionLevel, Health};

const fn metric(name: &'static str, kind: MetricKind, help: &'static str, read: Read) -> Metric {
    Metric { name, kind, help, read }
}

/// 1 for true, 0 for false.
fn is(yes: bool) -> Option<Value> {
    Some(Whole(u64::from(yes)))
}

fn count(value: usize) -> Option<Value> {
    Some(Whole(value as u64))
}

fn moment(time: Time) -> Option<Value> {
    (time != Time::default()).then(|| Value::seconds(time.0))
}

/// Number of exporters that have sent anything but have no series.
fn unlisted(health: &Health) -> Option<Value> {
    count(health.heard().count().saturating_sub(MAX_EXPORTERS))
}

/// The level of a condition as a number.
fn state(mark: ConditionLevel) -> u64 {
    match mark {
        ConditionLevel::Ok => 0,
        ConditionLevel::Notice => 1,
        ConditionLevel::Degraded => 2,
        ConditionLevel::Dead => 3,
    }
}

/// All metrics.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    metric("build_info", Gauge, "The version that runs", Read::Version),
    metric("start_time_seconds", Gauge, "When collecting began", Read::Whole(|h| moment(h.started))),
    metric("up", Gauge, "Whether it collects; 0 when a thread has ended", Read::Whole(|h| is(!h.ended))),
    metric("datagrams", Counter, "Datagrams and messages that arrived", Read::Whole(|h| Some(Whole(h.datagrams)))),
    metric("flows", Counter, "Flows decoded", Read::Whole(|h| Some(Whole(h.flows)))),
    metric("lost", Gauge, "What went missing on the way: drops of the kernel and gaps in sequence numbers; falls when something comes late", Read::Whole(|h| Some(Whole(h.lost())))),
    metric("missed_while_down", Gauge, "What sequence numbers say arrived between an earlier run and this one, in the units of the protocols; not in toptalk_lost", Read::Whole(|h| Some(Whole(h.missed_while_down())))),
    metric("dropped", Counter, "What was not used, by cause", Read::Causes(|h| &h.dropped)),
    metric("noticed", Counter, "What was odd but used, by cause", Read::Causes(|h| &h.noticed)),
    metric("refused_datagrams", Counter, "Datagrams of senders outside --allow", Read::Whole(|h| {
        Some(Whole(h.refused.iter().map(|(_, count)| count).sum::<u64>() + h.refused_others))
    })),
    metric("batch_p99_seconds", Gauge, "Time to decode and record a batch of datagrams, 99th percentile", Read::Whole(|h| Some(Real(h.batch_p99_us as f64 / 1e6)))),
    metric("clock_shift_seconds", Gauge, "How far the clock of this machine was set since the start", Read::Whole(|h| Some(Value::seconds(h.clock_shift_ms)))),
    metric("notes", Gauge, "Warnings that the screen of exporters shows", Read::Whole(|h| count(h.remarks().count()))),

    metric("workers", Gauge, "Threads that decode", Read::Whole(|h| count(h.work.workers))),
    metric("queue_bytes", Gauge, "Datagrams that wait for a worker", Read::Queue(|q| count(q.held))),
    metric("queue_limit_bytes", Gauge, "How much may wait for a worker", Read::Queue(|q| count(q.limit))),
    metric("queue_dropped_datagrams", Counter, "Datagrams that found the queue of their worker full", Read::Queue(|q| Some(Whole(q.dropped)))),

    metric("listener_buffer_bytes", Gauge, "Receive buffer that the kernel granted", Read::Listener(|l| count(l.buffer_granted))),
    metric("listener_buffer_asked_bytes", Gauge, "Receive buffer that was asked for", Read::Listener(|l| count(l.buffer_asked))),
    metric("listener_kernel_dropped_datagrams", Counter, "Datagrams that found the receive buffer full", Read::Listener(|l| Some(Whole(l.kernel_drops)))),
    metric("port_open", Gauge, "Whether a port that is to be listened on is; 0 while it cannot be opened, as when another program holds it", Read::Ports),
    metric("listener_connections", Gauge, "Open connections, IPFIX over TCP", Read::Listener(|l| l.connections.and_then(count))),

    metric("exporters", Gauge, "Exporters heard", Read::Whole(|h| count(h.heard().count()))),
    metric("exporters_remembered", Gauge, "Exporters of an earlier run that were not heard yet", Read::Whole(|h| count(h.exporters.len() - h.heard().count()))),
    metric("exporters_unlisted", Gauge, "Exporters heard that have no series of their own; the whole counts them", Read::Whole(unlisted)),
    metric("exporter_info", Gauge, "The last protocol an exporter used", Read::Protocol),
    metric("exporter_state", Gauge, "Its condition: 0 ok, 1 note, 2 degraded, 3 dead", Read::Exporter(|e, now| Some(Whole(state(e.condition(now).mark))))),
    metric("exporter_datagrams", Counter, "Datagrams and messages of an exporter", Read::Exporter(|e, _| Some(Whole(e.datagrams)))),
    metric("exporter_flows", Counter, "Flows of an exporter", Read::Exporter(|e, _| Some(Whole(e.flows)))),
    metric("exporter_lost", Gauge, "What its sequence numbers say went missing, in its protocol's unit; falls when something comes late", Read::Exporter(|e, _| Some(Whole(e.lost)))),
    metric("exporter_missed_while_down", Gauge, "What its sequence numbers say arrived between an earlier run and this one, in its protocol's unit; not in toptalk_exporter_lost", Read::Exporter(|e, _| Some(Whole(e.missed_while_down)))),
    metric("exporter_unsent_samples", Counter, "Samples that an sFlow agent took but could not send", Read::Exporter(|e, _| Some(Whole(e.unsent)))),
    metric("exporter_restarts", Counter, "How often its numbering began anew", Read::Exporter(|e, _| Some(Whole(u64::from(e.restarts))))),
    metric("exporter_doubled_flows", Counter, "Flows that it reported before from another interface", Read::Exporter(|e, _| Some(Whole(e.doubled)))),
    metric("exporter_domains", Gauge, "Observation domains: line cards, virtual routers, agents", Read::Exporter(|e, _| count(e.detail.domains))),
    metric("exporter_templates", Gauge, "Templates in force", Read::Exporter(|e, _| count(e.templates))),
    metric("exporter_templates_remembered", Gauge, "Templates of an earlier run that did not come again yet", Read::Exporter(|e, _| count(e.remembered))),
    metric("exporter_held_sets", Gauge, "Data sets that wait for their template", Read::Exporter(|e, _| count(e.held))),
    metric("exporter_sampling_rate", Gauge, "One packet in this many is sampled, the highest of several; none when it announces nothing", Read::Exporter(|e, _| e.sampling.rate().map(|rate| Whole(u64::from(rate))))),
    metric("exporter_clock_offset_seconds", Gauge, "Our clock minus its clock", Read::Exporter(|e, _| Some(Value::seconds(e.clock_offset_ms)))),
    metric("exporter_last_seen_timestamp_seconds", Gauge, "When its last datagram arrived", Read::Exporter(|e, _| moment(e.last_seen))),
    metric("exporter_active_timeout_seconds", Gauge, "The active timeout that its longest flows suggest", Read::Exporter(|e, _| e.active_timeout_ms.map(Value::seconds))),
    metric("exporter_export_delay_seconds", Gauge, "How long after a flow's end its record arrives, 99th percentile", Read::Exporter(|e, _| e.export_delay_ms.map(Value::seconds))),
    metric("exporter_no_room", Counter, "What of an exporter found no room, by cause: of those where it happens most often", Read::NoRoom),
    metric("exporter_statistic", Gauge, "Counters that an exporter sends of its own work", Read::Statistics),

    metric("recording", Gauge, "Whether flows are recorded; 0 when that has stopped", Read::Recording(|r| is(r.stopped.is_none()))),
    metric("recording_behind", Gauge, "Whether what was recorded is late to become segments", Read::Recording(|r| is(r.behind.is_some()))),
    metric("recording_flows", Counter, "Flows recorded", Read::Recording(|r| Some(Whole(r.flows)))),
    metric("recording_bytes", Counter, "Bytes written for them", Read::Recording(|r| Some(Whole(r.bytes)))),
    metric("recording_segments", Counter, "Segments made", Read::Recording(|r| Some(Whole(r.segments)))),
    metric("recording_waiting_parts", Gauge, "Parts that wait to become segments", Read::Recording(|r| count(r.waiting))),
    metric("recording_left_parts", Gauge, "Parts that an earlier run left", Read::Recording(|r| count(r.left))),
    metric("recording_slot_timestamp_seconds", Gauge, "When the slot began that is being written", Read::Recording(|r| r.slot.and_then(moment))),
    metric("recording_shed_flows", Counter, "Flows that were not recorded, by cause", Read::Causes(|h| {
        h.recording.as_ref().map_or(&[], |recording| recording.shed.as_slice())
    })),

    metric("screens", Gauge, "Screens that are attached", Read::Attached(|a| count(a.clients))),
    metric("screens_limit", Gauge, "How many may be attached", Read::Attached(|a| count(a.limit))),
    metric("screens_refused_connections", Counter, "Connections that never became screens", Read::Attached(|a| Some(Whole(a.refused)))),
    metric("screens_cut_off", Counter, "Screens cut off: they did not read, or sent garbage", Read::Attached(|a| Some(Whole(a.cut_off)))),
];
