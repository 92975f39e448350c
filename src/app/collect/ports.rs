//! Log messages about missing ports: at once, repeatedly while they are missing, and when
//! they are opened.

use tracing::{info, warn};

use crate::app::notify::Manager;
use crate::snapshot::{Health, MissingPort};

/// Interval at which a missing port is logged again: often enough to be near the end of the
/// log, rarely enough not to fill it.
const REMIND_MICROS: u64 = 600_000_000;

/// The ports that were logged as missing.
#[derive(Debug, Default)]
pub(super) struct ReportedPorts {
    missing: Vec<MissingPort>,
    /// When they were last logged, in microseconds of running time.
    told: u64,
    /// The status text of the service manager.
    status: String,
}

/// The messages to log.
#[derive(Debug, Default, PartialEq, Eq)]
struct PortChanges {
    missing: Vec<String>,
    taken: Vec<String>,
}

impl ReportedPorts {
    /// Logs what is new at `micros`, in microseconds of running time.
    pub(super) fn tell(&mut self, health: &Health, micros: u64, manager: &mut Manager) {
        let PortChanges { missing, taken } = self.news(&health.missing, micros);
        missing.iter().for_each(|sentence| warn!("{sentence}"));
        taken.iter().for_each(|sentence| info!("{sentence}"));
        let status = status(health);
        // The status is only set after a port was missing.
        if status != self.status && !(self.status.is_empty() && health.missing.is_empty()) {
            manager.status(&status);
            self.status = status;
        }
    }

    fn news(&mut self, missing: &[MissingPort], micros: u64) -> PortChanges {
        let known = |list: &[MissingPort], one: &MissingPort| {
            list.iter().any(|other| (other.port, other.transport) == (one.port, one.transport))
        };
        let again = micros.saturating_sub(self.told) >= REMIND_MICROS;
        let new = missing.iter().filter(|one| again || !known(&self.missing, one));
        let new: Vec<String> = new.map(MissingPort::sentence).collect();
        let gone = self.missing.iter().filter(|one| !known(missing, one));
        let taken = gone.map(|one| {
            format!("port {} is free again: listening on it ({})", one.port, one.transport.name())
        });
        let news = PortChanges { missing: new, taken: taken.collect() };
        if !news.missing.is_empty() {
            self.told = micros;
        }
        self.missing = missing.to_vec();
        news
    }
}

/// One line on the ports, for `systemctl status`.
fn status(health: &Health) -> String {
    let open = health.listeners.iter().map(|one| one.address.as_str());
    let open = format!("listening on {}", open.collect::<Vec<_>>().join(", "));
    let missing = health.missing.iter().map(|one| format!("; {}: {}", one.brief(), one.why));
    std::iter::once(open).chain(missing).collect()
}

/// The missing ports for a line of the log: `2055`, `4739/tcp`; none when there are none.
pub(super) fn listed(health: &Health) -> Option<String> {
    let name = |one: &MissingPort| match one.transport {
        crate::snapshot::Transport::Udp => one.port.to_string(),
        crate::snapshot::Transport::Tcp => format!("{}/tcp", one.port),
    };
    let names: Vec<String> = health.missing.iter().map(name).collect();
    (!names.is_empty()).then(|| names.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Time;
    use crate::snapshot::{Listener, Transport};

    fn missing(port: u16, transport: Transport) -> MissingPort {
        MissingPort { port, transport, why: "another program holds it".to_owned(), since: Time(1) }
    }

    #[test]
    fn a_missing_port_is_told_at_once_again_later_and_when_it_is_taken() {
        let mut ports = ReportedPorts::default();
        let one = [missing(2055, Transport::Udp)];
        let told = ports.news(&one, 5);
        assert_eq!(told.missing.len(), 1);
        assert!(
            told.missing[0].starts_with("not listening on port 2055: another program holds it")
        );
        assert_eq!(ports.news(&one, REMIND_MICROS), PortChanges::default());
        assert_eq!(ports.news(&one, REMIND_MICROS + 5).missing.len(), 1);
        // Datagrams can be had, streams cannot.
        let half = ports.news(&[missing(2055, Transport::Tcp)], REMIND_MICROS + 6);
        assert_eq!(half.taken, ["port 2055 is free again: listening on it (udp)"]);
        assert!(half.missing[0].starts_with("no IPFIX over TCP on port 2055"), "{half:?}");
        let taken = ports.news(&[], REMIND_MICROS + 7).taken;
        assert_eq!(taken, ["port 2055 is free again: listening on it (tcp)"]);
    }

    #[test]
    fn the_service_manager_and_the_log_have_it_in_a_line() {
        let listener = Listener { address: "[::]:4739".to_owned(), ..Listener::default() };
        let mut health = Health { listeners: vec![listener], ..Health::default() };
        assert_eq!((status(&health).as_str(), listed(&health)), ("listening on [::]:4739", None));
        health.missing = vec![missing(2055, Transport::Udp), missing(4739, Transport::Tcp)];
        assert_eq!(listed(&health).as_deref(), Some("2055,4739/tcp"));
        assert_eq!(
            status(&health),
            "listening on [::]:4739; not listening on port 2055: another program holds it; \
             no IPFIX over TCP on port 4739: another program holds it"
        );
    }
}
