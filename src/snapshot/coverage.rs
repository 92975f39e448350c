//! What the comparison of flows with the counters of interfaces says about an exporter.

use super::exporter::{ExporterHealth, InterfaceHealth, SamplingState};

/// Shares in percent that are told. Flows count bytes from the IP header on, interfaces count
/// whole frames: 5 to 10 % of ordinary traffic are headers of the link. Above 100 % a share is
/// a difference of clocks or sampling, up to this.
const LEAST_PERCENT: u32 = 85;
const MOST_PERCENT: u32 = 115;

/// A share below this is as likely a missing sampling rate as missing flows.
const SAMPLED_PERCENT: u32 = 50;

/// A sentence on the interface whose flows fit its counters least, with the likely reason.
/// `None` while all fit.
pub(super) fn sentence(exporter: &ExporterHealth) -> Option<String> {
    let ways = |interface| [(interface, false), (interface, true)];
    let all = exporter.detail.interfaces.iter().flat_map(ways);
    let worst = all
        .filter_map(|(interface, outgoing)| {
            let percent = interface.covered[usize::from(outgoing)]?;
            let off = match percent {
                LEAST_PERCENT..=MOST_PERCENT => return None,
                ..LEAST_PERCENT => 10_000 / u64::from(percent.max(1)),
                _ => u64::from(percent),
            };
            Some((off, interface, outgoing, percent))
        })
        .max_by_key(|(off, interface, ..)| (*off, std::cmp::Reverse(interface.index)))?;
    let (_, interface, outgoing, percent) = worst;
    let name =
        if interface.name.is_empty() { String::new() } else { format!(" ({})", interface.name) };
    let way = if outgoing { "sends" } else { "receives" };
    let reason = reason(exporter, interface, outgoing, percent);
    Some(format!(
        "flows cover {percent} % of what if {}{name} {way} by its own counters: {reason}",
        interface.index
    ))
}

/// The likely reason of a share.
fn reason(
    exporter: &ExporterHealth,
    interface: &InterfaceHealth,
    outgoing: bool,
    percent: u32,
) -> &'static str {
    if percent > MOST_PERCENT {
        return match exporter.sampling {
            SamplingState::Given(_) => "is the rate given with --sampling too high?",
            _ => "packets are reported twice, on their way in and out: export ingress only",
        };
    }
    let other = interface.covered[usize::from(!outgoing)];
    let other_fits = other.is_some_and(|percent| percent >= LEAST_PERCENT);
    match (other_fits, outgoing) {
        (true, true) => "does the interface lack `ip flow egress`?",
        (true, false) => "does the interface lack `ip flow ingress`?",
        _ if percent < SAMPLED_PERCENT && exporter.sampling.rate().is_none() => {
            "if it samples without saying so, give the rate with --sampling"
        }
        _ if exporter.lost > 0 => "lost datagrams, or traffic that it does not export",
        _ => {
            "some of the traffic is not exported: other protocols, or packets that are switched in hardware"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::snapshot::ExporterDetail;

    fn exporter(sampling: SamplingState, covered: &[[Option<u32>; 2]]) -> ExporterHealth {
        let interface = |(at, covered): (usize, &[Option<u32>; 2])| InterfaceHealth {
            index: at as u32 + 7,
            name: if at == 0 { String::new() } else { format!("Gi0/{at}") },
            covered: *covered,
            ..InterfaceHealth::default()
        };
        let interfaces = covered.iter().enumerate().map(interface).collect();
        let detail = ExporterDetail { interfaces, ..ExporterDetail::default() };
        ExporterHealth { sampling, detail: Arc::new(detail), ..ExporterHealth::default() }
    }

    #[test]
    fn the_interface_that_fits_least_is_told_with_the_likely_reason() {
        use SamplingState::{Announced, Given, Unknown};
        let pair = |one, other| [Some(one), Some(other)];
        for (sampling, covered, want) in [
            (Unknown, vec![], None),
            (Unknown, vec![pair(85, 115), [None; 2]], None),
            (
                Announced(1),
                vec![pair(93, 3), pair(90, 20)],
                Some(
                    "3 % of what if 7 sends by its own counters: does the interface lack `ip flow egress`?",
                ),
            ),
            (
                Announced(1),
                vec![pair(93, 95), pair(1, 95)],
                Some(
                    "1 % of what if 8 (Gi0/1) receives by its own counters: does the interface lack `ip flow ingress`?",
                ),
            ),
            (Unknown, vec![pair(1, 1)], Some("give the rate with --sampling")),
            (Announced(1), vec![pair(70, 70)], Some("is not exported")),
            (
                Announced(100),
                vec![pair(200, 199)],
                Some("200 % of what if 7 receives by its own counters: packets are reported twice"),
            ),
            (Given(100), vec![pair(200, 190)], Some("--sampling too high")),
            (Announced(1), vec![pair(0, 0), pair(u32::MAX, 100)], Some("4294967295 %")),
        ] {
            let said = sentence(&exporter(sampling, &covered));
            match want {
                None => assert_eq!(said, None),
                Some(want) => assert!(
                    said.as_ref().is_some_and(|said| said.contains(want)),
                    "{said:?}: {want}"
                ),
            }
        }
    }
}
