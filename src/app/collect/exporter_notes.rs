//! Log messages about data of exporters that is corrected: clocks, and sampling rates.

use tracing::{info, warn};

use crate::flow::{CLOCK_OFF_MS, Host, RateDoubt};
use crate::snapshot::{ExporterHealth, Health};
use crate::units;

/// A clock offset that changes by less than this, in milliseconds, is not logged again: clocks
/// drift.
const SAME_CLOCK_MS: u64 = 60_000;

/// What was logged of an exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ToldExporter {
    /// The clock offset, 0 when the clock is right.
    clock_offset_ms: i64,
    doubt: Option<RateDoubt>,
}

/// What was logged of each exporter, so that nothing is logged twice. It has only exporters
/// that are still known.
#[derive(Debug, Default)]
pub(super) struct ExporterNotes(Vec<(Host, ToldExporter)>);

impl ExporterNotes {
    /// Logs what is new.
    pub(super) fn tell(&mut self, health: &Health) {
        for exporter in health.exporters.iter().filter(|exporter| exporter.is_heard()) {
            let known = self.0.iter().find(|(host, _)| *host == exporter.address);
            let told = known.map_or_else(ToldExporter::default, |(_, told)| *told);
            let now = tell_one(exporter, told);
            if now != told {
                self.0.retain(|(host, _)| *host != exporter.address);
                self.0.push((exporter.address, now));
            }
        }
        let is_known = |host: Host| health.exporters.iter().any(|one| one.address == host);
        self.0.retain(|(host, told)| *told != ToldExporter::default() && is_known(*host));
    }
}

/// Logs what is new of one exporter. Returns what was logged by now.
fn tell_one(exporter: &ExporterHealth, mut told: ToldExporter) -> ToldExporter {
    let host = exporter.address;
    let offset = exporter.clock_offset_ms;
    let off = offset.unsigned_abs();
    if off <= CLOCK_OFF_MS.unsigned_abs() {
        if told.clock_offset_ms != 0 {
            info!(exporter = %host, "the clock of the exporter is right again");
        }
        told.clock_offset_ms = 0;
    } else if told.clock_offset_ms.abs_diff(offset) >= SAME_CLOCK_MS || told.clock_offset_ms == 0 {
        let way = if offset > 0 { "behind" } else { "ahead" };
        let by = units::duration(i64::try_from(off).unwrap_or(i64::MAX));
        warn!(exporter = %host, "the clock of the exporter is {by} {way}; the times of its flows are corrected");
        told.clock_offset_ms = offset;
    }
    if let Some(doubt) = exporter.rate_doubt.filter(|doubt| told.doubt != Some(*doubt)) {
        let RateDoubt { sent, swapped, is_swapped } = doubt;
        if is_swapped {
            warn!(exporter = %host, "sampling rate {sent} was read the other way round (byte order): {swapped}; --sampling replaces it");
        } else {
            warn!(exporter = %host, "sampling rate {sent} may have the wrong byte order ({swapped} the other way round); set the right one with --sampling");
        }
        told.doubt = Some(doubt);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Protocol;

    fn health(clock_offset_ms: i64, rate_doubt: Option<RateDoubt>) -> Health {
        let exporter = ExporterHealth {
            address: Host::octets(192, 0, 2, 1),
            protocol: Some(Protocol::Netflow9),
            clock_offset_ms,
            rate_doubt,
            ..ExporterHealth::default()
        };
        Health { exporters: vec![exporter], ..Health::default() }
    }

    #[test]
    fn each_correction_is_told_once() {
        let mut notes = ExporterNotes::default();
        notes.tell(&health(3_000, None));
        assert!(notes.0.is_empty(), "nothing to tell");
        let doubt = RateDoubt { sent: 1 << 24, swapped: 1, is_swapped: true };
        for (offset, doubt, told) in [
            (3_600_000, None, 3_600_000),
            (3_610_000, Some(doubt), 3_600_000),
            (7_200_000, Some(doubt), 7_200_000),
            (100, None, 0),
        ] {
            notes.tell(&health(offset, doubt));
            assert_eq!(notes.0[0].1.clock_offset_ms, told);
        }
        notes.tell(&Health::default());
        assert!(notes.0.is_empty(), "the exporter is gone");
    }
}
