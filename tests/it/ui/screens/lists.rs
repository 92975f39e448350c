//! Lists by other keys than hosts, built by hand.

use std::sync::Arc;

use toptalk::flow::{Host, NetworkGroups};
use toptalk::snapshot::*;

use super::fixture::*;
use super::sources;

/// The names of the site's networks.
pub fn names() -> Arc<NetworkGroups> {
    let named = [("10.20.3.0/24", "Servers"), ("10.20.5.0/24", "Büro"), ("10.20.0.0/16", "Site")];
    Arc::new(NetworkGroups::new(named.map(|(net, name)| (net.parse().unwrap(), name.into()))))
}

fn ports() -> Vec<(GroupKey, u64, u64)> {
    let service = |port, proto| GroupKey::Service { port, proto };
    let mut rows = vec![
        (service(443, 6), 98_000_000, 301_000_000),
        (service(443, 17), 14_100_000, 88_000_000),
        (service(22, 6), 9_200_000, 1_010_000),
        (service(0, 17), 6_400_000, 20_300_000),
        (service(53, 17), 310_000, 790_000),
        (service(0, 1), 8_000, 8_000),
    ];
    rows.extend((0..30u16).map(|at| {
        let rate = 900_000 / (u64::from(at) + 2);
        (service(7000 + at * 11, 6), rate / 3, rate)
    }));
    rows
}

fn interfaces() -> Vec<(GroupKey, u64, u64)> {
    let on = |last, index| GroupKey::Interface { exporter: Host::octets(192, 0, 2, last), index };
    vec![
        (on(2, 1), 133_000_000, 366_000_000),
        (on(2, 2), 366_000_000, 133_000_000),
        (on(1, 3), 12_000_000, 4_000_000),
        (on(7, 0), 90_000, 10_000),
    ]
}

fn rows(grouping: Grouping) -> Vec<(GroupKey, u64, u64)> {
    let network = |text: &str| GroupKey::Network(text.parse().unwrap());
    let named = |name: &str| GroupKey::Named(Some(name.into()));
    match grouping {
        Grouping::Port => ports(),
        Grouping::Protocol => [(6, 120_000_000), (17, 20_100_000), (47, 800_000), (200, 700)]
            .map(|(proto, rate)| (GroupKey::Protocol(proto), rate, rate * 3))
            .into(),
        Grouping::PeerNetwork => vec![
            (network("198.51.100.0/24"), 91_000_000, 210_000_000),
            (network("2001:db8:ffff::/48"), 22_000_000, 141_000_000),
            (network("203.0.113.0/24"), 4_000_000, 9_000_000),
        ],
        Grouping::Interface => interfaces(),
        Grouping::Group => vec![
            (named("Servers"), 94_900_000, 15_000_000),
            (named("Büro"), 31_000_000, 390_000_000),
            (named("Site"), 9_000_000, 20_000_000),
            (GroupKey::Named(None), 1_000, 0),
        ],
    }
}

/// The answer to a list, as the screen requests it.
pub fn list(grouping: Grouping) -> Snapshot {
    let mut rows = rows(grouping);
    rows.sort_by_key(|(_, up, down)| std::cmp::Reverse(up + down));
    let rows: Vec<(GroupRow, UpDown)> = (3..)
        .zip(rows)
        .map(|(members, (key, up, down))| {
            let traffic = traffic(up, down);
            (GroupRow { key, traffic, members: members * 7 }, traffic)
        })
        .collect();
    let others =
        if grouping == Grouping::Port { traffic(40_000, 90_000) } else { UpDown::default() };
    let groups = ranking(rows, others, if grouping == Grouping::Port { 12 } else { 0 });
    let mut snapshot = site();
    snapshot.view.subject = Subject::Groups(grouping);
    (snapshot.totals.up, snapshot.totals.down) = (groups.total.up, groups.total.down);
    if grouping == Grouping::Interface {
        // A flow goes in through one interface and out through another.
        (snapshot.totals.up, snapshot.totals.down) = (site().totals.up, site().totals.down);
        snapshot.health.exporters = sources::exporters();
    }
    (snapshot.uploaders, snapshot.downloaders) = Default::default();
    Snapshot { groups, ..snapshot }
}
