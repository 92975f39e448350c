//! Metrics of the collector as Prometheus text.
//!
//! Pure: health in, text out. Each metric is a row of [`METRICS`].

mod metric;
mod table;

pub use metric::{MAX_EXPORTERS, Metric, MetricKind};
pub use table::METRICS;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use self::metric::{Read, Value};
use crate::flow::Time;
use crate::snapshot::{
    DropCount, ExporterHealth, Health, InterfaceHealth, Label, Listener, NoRoom, Transport,
};

/// Content type of the answer.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Prefix of all names.
const PREFIX: &str = "toptalk";

/// Names and values of labels.
type Labels = Vec<(&'static str, String)>;

impl Metric {
    /// The complete name in the text.
    #[must_use]
    pub fn full_name(&self) -> String {
        let end = if self.kind == MetricKind::Counter { "_total" } else { "" };
        format!("{PREFIX}_{}{end}", self.name)
    }

    /// Names of its labels.
    #[must_use]
    pub fn labels(&self) -> &'static [&'static str] {
        match self.read {
            Read::Whole(_) | Read::Recording(_) | Read::Attached(_) => &[],
            Read::Version => &["version"],
            Read::Listener(_) => &["listener"],
            Read::Ports => &["port", "transport"],
            Read::Queue(_) => &["worker"],
            Read::Exporter(_) => &["exporter"],
            Read::Protocol => &["exporter", "protocol"],
            Read::Statistics => &["exporter", "statistic"],
            Read::Coverage => &["exporter", "interface", "direction"],
            Read::Causes(_) => &["cause"],
            Read::NoRoom => &["exporter", "cause"],
        }
    }

    fn kind(&self) -> MetricType {
        match self.kind {
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Gauge => MetricType::Gauge,
        }
    }

    /// All series of the metric.
    fn series(&self, scrape: &Scrape) -> Vec<(Labels, Value)> {
        let Scrape { health, now, version } = scrape;
        let values: Vec<(Vec<String>, Value)> = match self.read {
            Read::Whole(read) => read(health).map(|value| (vec![], value)).into_iter().collect(),
            Read::Version => vec![(vec![(*version).to_owned()], Value::Whole(1))],
            Read::Listener(read) => {
                let of = |one: &Listener| Some((vec![one.address.clone()], read(one)?));
                health.listeners.iter().filter_map(of).collect()
            }
            Read::Ports => ports(health),
            Read::Queue(read) => {
                let of = |(nth, queue)| Some((vec![usize::to_string(&nth)], read(queue)?));
                health.work.queues.iter().enumerate().filter_map(of).collect()
            }
            Read::Exporter(read) => {
                let of = |one: &ExporterHealth| Some((vec![address(one)], read(one, *now)?));
                listed(health).filter_map(of).collect()
            }
            Read::Protocol => {
                let labels = |one| vec![address(one), one.protocol_name().to_owned()];
                listed(health).map(|one| (labels(one), Value::Whole(1))).collect()
            }
            Read::Statistics => {
                let of = |one: &ExporterHealth| {
                    let said = one.detail.statistics.iter();
                    let of = |(name, count): &(Label, u64)| {
                        (vec![address(one), name.to_string()], Value::Whole(*count))
                    };
                    said.map(of).collect::<Vec<_>>()
                };
                listed(health).flat_map(of).collect()
            }
            Read::Coverage => listed(health).flat_map(coverage).collect(),
            Read::Recording(read) => {
                let value = health.recording.as_ref().and_then(read);
                value.map(|value| (vec![], value)).into_iter().collect()
            }
            Read::Attached(read) => {
                let value = health.attached.as_ref().and_then(read);
                value.map(|value| (vec![], value)).into_iter().collect()
            }
            Read::NoRoom => {
                let of = |one: &NoRoom| {
                    (vec![one.exporter.to_string(), one.cause.to_string()], Value::Whole(one.count))
                };
                health.no_room.iter().map(of).collect()
            }
            Read::Causes(read) => {
                let of =
                    |drop: &DropCount| (vec![drop.cause.to_string()], Value::Whole(drop.count));
                read(health).iter().map(of).collect()
            }
        };
        let named = |values| self.labels().iter().copied().zip(values).collect();
        values.into_iter().map(|(labels, value)| (named(labels), value)).collect()
    }
}

/// Port and transport of every open (1) and missing (0) port.
fn ports(health: &Health) -> Vec<(Vec<String>, Value)> {
    let labels =
        |port: &str, transport: Transport| vec![port.to_owned(), transport.name().to_owned()];
    let open = health.listeners.iter().flat_map(|one| {
        let port = one.address.rsplit(':').next().unwrap_or_default();
        let streams = one.connections.map(|_| Transport::Tcp);
        let open = std::iter::once(Transport::Udp).chain(streams);
        open.map(move |transport| (labels(port, transport), Value::Whole(1)))
    });
    let missing = health.missing.iter();
    let missing =
        missing.map(|one| (labels(&one.port.to_string(), one.transport), Value::Whole(0)));
    open.chain(missing).collect()
}

/// The coverage of an exporter's interfaces, as ratios.
fn coverage(exporter: &ExporterHealth) -> Vec<(Vec<String>, Value)> {
    let of = |interface: &InterfaceHealth| {
        let ways = ["in", "out"].into_iter().zip(interface.covered);
        let known = ways.filter_map(|(way, percent)| {
            let labels = vec![address(exporter), interface.index.to_string(), way.to_owned()];
            Some((labels, Value::Real(f64::from(percent?) / 100.0)))
        });
        known.collect::<Vec<_>>()
    };
    exporter.detail.interfaces.iter().flat_map(of).collect()
}

fn address(exporter: &ExporterHealth) -> String {
    exporter.address.to_string()
}

/// Exporters with series: the busiest that have sent anything.
fn listed(health: &Health) -> impl Iterator<Item = &ExporterHealth> {
    health.heard().take(MAX_EXPORTERS)
}

/// The data of one answer.
#[derive(Debug)]
struct Scrape {
    health: Health,
    now: Time,
    version: &'static str,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in METRICS {
            let series = metric.series(self);
            if series.is_empty() {
                continue;
            }
            let kind = metric.kind();
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for (labels, value) in series {
                if labels.is_empty() {
                    write(&mut family, metric.kind, value)?;
                } else {
                    write(&mut family.encode_family(&labels)?, metric.kind, value)?;
                }
            }
        }
        Ok(())
    }
}

fn write(encoder: &mut MetricEncoder<'_>, kind: MetricKind, value: Value) -> fmt::Result {
    match (kind, value) {
        (MetricKind::Counter, Value::Whole(value)) => {
            encoder.encode_counter::<Labels, u64, u64>(&value, None)
        }
        (MetricKind::Counter, Value::Real(value)) => {
            encoder.encode_counter::<Labels, f64, u64>(&value, None)
        }
        (MetricKind::Gauge, Value::Whole(value)) => encoder.encode_gauge(&value),
        (MetricKind::Gauge, Value::Real(value)) => encoder.encode_gauge(&value),
    }
}

/// All metrics at `now` as Prometheus text.
///
/// # Errors
/// Only if writing to a string fails, which does not happen.
pub fn text(health: Health, now: Time, version: &'static str) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Scrape { health, now, version }));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
