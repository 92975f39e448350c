//! All metrics, in the order of the text. Units are those of Prometheus: seconds and bytes. Rates
//! are computed by queries: `rate(toptalk_flows_total[1m])`.

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
    metric("build_info", Gauge, "Version of the program; the value is 1", Read::Version),
    metric("start_time_seconds", Gauge, "When collecting began", Read::Whole(|h| moment(h.started))),
    metric("up", Gauge, "1 while the collector runs, 0 after one of its threads has ended", Read::Whole(|h| is(!h.ended))),
    metric("datagrams", Counter, "Datagrams and messages that arrived", Read::Whole(|h| Some(Whole(h.datagrams)))),
    metric("flows", Counter, "Flows decoded", Read::Whole(|h| Some(Whole(h.flows)))),
    metric("lost", Gauge, "Lost datagrams and records: drops by the kernel and gaps in sequence numbers; decreases when datagrams arrive late", Read::Whole(|h| Some(Whole(h.lost())))),
    metric("missed_while_down", Gauge, "Sent by exporters while no collector ran, according to their sequence numbers, in the units of the protocols; not in toptalk_lost", Read::Whole(|h| Some(Whole(h.missed_while_down())))),
    metric("dropped", Counter, "Data that arrived but was not used, and datagrams that the kernel dropped, by cause", Read::Causes(|h| &h.dropped)),
    metric("noticed", Counter, "Data that was unusual but used, by cause", Read::Causes(|h| &h.noticed)),
    metric("refused_datagrams", Counter, "Datagrams of senders outside --allow", Read::Whole(|h| {
        Some(Whole(h.refused.iter().map(|(_, count)| count).sum::<u64>() + h.refused_others))
    })),
    metric("batch_p99_seconds", Gauge, "Time to decode and record a batch of datagrams, 99th percentile", Read::Whole(|h| Some(Real(h.batch_p99_us as f64 / 1e6)))),
    metric("clock_shift_seconds", Gauge, "Seconds by which the clock of this machine was set since the start", Read::Whole(|h| Some(Value::seconds(h.clock_shift_ms)))),
    metric("notes", Gauge, "Warnings on the screen of exporters", Read::Whole(|h| count(h.remarks().count()))),

    metric("workers", Gauge, "Threads that decode", Read::Whole(|h| count(h.work.workers))),
    metric("queue_bytes", Gauge, "Bytes of datagrams that wait for a worker", Read::Queue(|q| count(q.held))),
    metric("queue_limit_bytes", Gauge, "Maximum for toptalk_queue_bytes", Read::Queue(|q| count(q.limit))),
    metric("queue_dropped_datagrams", Counter, "Datagrams dropped because the queue of their worker was full", Read::Queue(|q| Some(Whole(q.dropped)))),

    metric("listener_buffer_bytes", Gauge, "Receive buffer that the kernel granted", Read::Listener(|l| count(l.buffer_granted))),
    metric("listener_buffer_asked_bytes", Gauge, "Receive buffer that was requested", Read::Listener(|l| count(l.buffer_asked))),
    metric("listener_kernel_dropped_datagrams", Counter, "Datagrams dropped because the receive buffer was full", Read::Listener(|l| Some(Whole(l.kernel_drops)))),
    metric("port_open", Gauge, "1 if a configured port is open, 0 while it cannot be opened, for example because another program uses it", Read::Ports),
    metric("listener_connections", Gauge, "Open connections of IPFIX over TCP", Read::Listener(|l| l.connections.and_then(count))),

    metric("exporters", Gauge, "Exporters that have sent something", Read::Whole(|h| count(h.heard().count()))),
    metric("exporters_remembered", Gauge, "Exporters of an earlier run that have not sent anything yet", Read::Whole(|h| count(h.exporters.len() - h.heard().count()))),
    metric("exporters_unlisted", Gauge, "Exporters without their own series; the totals include them", Read::Whole(unlisted)),
    metric("exporter_info", Gauge, "The last protocol an exporter used", Read::Protocol),
    metric("exporter_state", Gauge, "Condition of an exporter: 0 ok, 1 note, 2 degraded, 3 dead", Read::Exporter(|e, now| Some(Whole(state(e.condition(now).mark))))),
    metric("exporter_datagrams", Counter, "Datagrams and messages of an exporter", Read::Exporter(|e, _| Some(Whole(e.datagrams)))),
    metric("exporter_flows", Counter, "Flows of an exporter", Read::Exporter(|e, _| Some(Whole(e.flows)))),
    metric("exporter_lost", Gauge, "Missing according to its sequence numbers, in its protocol's unit (datagrams, flows or records); decreases when datagrams arrive late", Read::Exporter(|e, _| Some(Whole(e.lost)))),
    metric("exporter_missed_while_down", Gauge, "Sent by this exporter while no collector ran, according to its sequence numbers, in its protocol's unit; not in toptalk_exporter_lost", Read::Exporter(|e, _| Some(Whole(e.missed_while_down)))),
    metric("exporter_unsent_samples", Counter, "Samples that an sFlow agent took but could not send", Read::Exporter(|e, _| Some(Whole(e.unsent)))),
    metric("exporter_restarts", Counter, "Number of times that its sequence numbers started again", Read::Exporter(|e, _| Some(Whole(u64::from(e.restarts))))),
    metric("exporter_doubled_flows", Counter, "Duplicate flows, which it had already reported from another interface; counted once unless --no-dedup is given", Read::Exporter(|e, _| Some(Whole(e.doubled)))),
    metric("exporter_domains", Gauge, "Observation domains: line cards, virtual routers, agents", Read::Exporter(|e, _| count(e.detail.domains))),
    metric("exporter_templates", Gauge, "Valid templates", Read::Exporter(|e, _| count(e.templates))),
    metric("exporter_templates_remembered", Gauge, "Templates of an earlier run that have not been received again yet", Read::Exporter(|e, _| count(e.remembered))),
    metric("exporter_held_sets", Gauge, "Data sets that wait for their template", Read::Exporter(|e, _| count(e.held))),
    metric("exporter_sampling_rate", Gauge, "Sampling rate N (one packet in N), the highest of several; no series if it is unknown", Read::Exporter(|e, _| e.sampling.rate().map(|rate| Whole(u64::from(rate))))),
    metric("exporter_clock_offset_seconds", Gauge, "The collector's clock minus the exporter's clock", Read::Exporter(|e, _| Some(Value::seconds(e.clock_offset_ms)))),
    metric("exporter_last_seen_timestamp_seconds", Gauge, "When its last datagram arrived", Read::Exporter(|e, _| moment(e.last_seen))),
    metric("exporter_active_timeout_seconds", Gauge, "Active timeout, estimated from its longest flows", Read::Exporter(|e, _| e.active_timeout_ms.map(Value::seconds))),
    metric("exporter_export_delay_seconds", Gauge, "Time from the end of a flow to the arrival of its record, 99th percentile", Read::Exporter(|e, _| e.export_delay_ms.map(Value::seconds))),
    metric("exporter_interface_covered_ratio", Gauge, "Bytes of flows over the bytes that an interface itself counted, in the last ten to twenty minutes, for interfaces that report counters", Read::Coverage),
    metric("exporter_no_room", Counter, "How often an exporter reached a limit, so that data was dropped or a connection refused, by cause; only for the 64 largest counts", Read::NoRoom),
    metric("exporter_statistic", Gauge, "Counters that an exporter reports about itself", Read::Statistics),

    metric("recording", Gauge, "1 while flows are recorded, 0 while recording has stopped", Read::Recording(|r| is(r.stopped.is_none()))),
    metric("recording_behind", Gauge, "1 while the conversion of journals to segments fails", Read::Recording(|r| is(r.behind.is_some()))),
    metric("recording_flows", Counter, "Flows recorded", Read::Recording(|r| Some(Whole(r.flows)))),
    metric("recording_bytes", Counter, "Bytes written for recorded flows", Read::Recording(|r| Some(Whole(r.bytes)))),
    metric("recording_segments", Counter, "Segments written", Read::Recording(|r| Some(Whole(r.segments)))),
    metric("recording_waiting_parts", Gauge, "Journals that wait for their conversion to segments", Read::Recording(|r| count(r.waiting))),
    metric("recording_left_parts", Gauge, "Journals that an earlier run left", Read::Recording(|r| count(r.left))),
    metric("recording_slot_timestamp_seconds", Gauge, "Start of the slot that is being recorded", Read::Recording(|r| r.slot.and_then(moment))),
    metric("recording_shed_flows", Counter, "Flows that were not recorded, by cause", Read::Causes(|h| {
        h.recording.as_ref().map_or(&[], |recording| recording.shed.as_slice())
    })),

    metric("screens", Gauge, "Attached screens", Read::Attached(|a| count(a.clients))),
    metric("screens_limit", Gauge, "Maximum number of attached screens", Read::Attached(|a| count(a.limit))),
    metric("screens_refused_connections", Counter, "Refused connections of screens: limit reached, no request, or invalid data", Read::Attached(|a| Some(Whole(a.refused)))),
    metric("screens_cut_off", Counter, "Screens that were cut off because they did not read, or sent invalid data", Read::Attached(|a| Some(Whole(a.cut_off)))),
];
