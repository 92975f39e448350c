//! What an answer cannot know: nothing was received, or data wait for their templates.

use crate::snapshot::Health;
use crate::units::duration;

/// At most this many ports are named.
const PORTS: usize = 8;

/// Why figures lack traffic: nothing was received in `for_ms` milliseconds, nothing that
/// was received has flows, or data wait for their templates. Each is a sentence that says
/// what to do.
#[must_use]
pub fn gaps(health: &Health, for_ms: i64) -> Vec<String> {
    let (time, ports) = (duration(for_ms), ports(health));
    let mut found = Vec::new();
    if health.heard().next().is_none() {
        found.push(format!(
            "no flow data in {time} on {ports}: `toptalk doctor` looks for the reason"
        ));
    }
    let held = health.held();
    if held > 0 {
        let mut names: Vec<String> = health
            .heard()
            .filter(|exporter| exporter.held > 0)
            .map(|exporter| exporter.address.to_string())
            .collect();
        let more = names.len().saturating_sub(3);
        names.truncate(3);
        let others = if more > 0 { format!(" and {more} others") } else { String::new() };
        found.push(format!(
            "{held} data sets of {}{others} wait for their templates and are not in the \
             figures: exporters send templates every few minutes, so listen longer (top \
             --for 15m) or let `toptalk collect` run; `toptalk doctor` shows what arrives",
            names.join(", "),
        ));
    }
    found
}

/// The ports on which datagrams are received: `port 2055` or `ports 2055, 4739, 6343`.
fn ports(health: &Health) -> String {
    let port = |address: &String| address.rsplit(':').next().unwrap_or_default().to_owned();
    let mut ports: Vec<String> =
        health.listeners.iter().map(|listener| port(&listener.address)).collect();
    ports.dedup();
    let more = ports.len().saturating_sub(PORTS);
    ports.truncate(PORTS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match ports.len() {
        0 => "no port, because none could be opened".to_owned(),
        1 => format!("port {}", ports[0]),
        _ => format!("ports {}{more}", ports.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Host, Protocol};
    use crate::snapshot::Snapshot;
    use crate::snapshot::{ExporterHealth, Listener};

    fn heard(last: u8, held: usize) -> ExporterHealth {
        ExporterHealth {
            address: Host::octets(192, 0, 2, last),
            protocol: Some(Protocol::Netflow9),
            datagrams: 1,
            held,
            ..ExporterHealth::default()
        }
    }

    #[test]
    fn an_answer_without_data_says_where_it_listened_and_is_not_complete() {
        let listeners = ["[::]:2055", "127.0.0.1:4739"]
            .map(|address| Listener { address: address.to_owned(), ..Listener::default() });
        let health = Health { listeners: listeners.to_vec(), ..Health::default() };
        let found = gaps(&health, 10_000);
        assert_eq!(
            found,
            ["no flow data in 10s on ports 2055, 4739: `toptalk doctor` looks for the reason"]
        );
        assert!(!Snapshot { health, ..Snapshot::default() }.is_complete());
        assert!(gaps(&Health::default(), 0)[0].contains("no port"));
    }

    #[test]
    fn an_answer_without_held_data_says_whose_they_are_and_is_not_complete() {
        let with = |exporters: Vec<ExporterHealth>| Snapshot {
            health: Health { exporters, ..Health::default() },
            ..Snapshot::default()
        };
        let snapshot = with(vec![heard(1, 0)]);
        assert!(snapshot.is_complete() && gaps(&snapshot.health, 1000).is_empty());
        let snapshot = with(vec![heard(1, 2), heard(2, 0), heard(3, 5)]);
        let found = gaps(&snapshot.health, 1000);
        assert!(found[0].starts_with("7 data sets of 192.0.2.1, 192.0.2.3 wait"), "{found:?}");
        assert!(found.len() == 1 && !snapshot.is_complete());
    }
}
