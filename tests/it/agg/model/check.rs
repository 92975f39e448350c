//! Compares answers with the model, row by row.

use std::cmp::Ordering;
use std::collections::HashMap;

use toptalk::flow::Host;
use toptalk::snapshot::{
    Basis, Counters, HostRow, Ranking, RowOrder, Snapshot, SortKey, Subject, UpDown,
};

use super::naive::{Key, Naive, OneWay, Truth};

/// Checks that every total and every row of an answer is that of the model.
pub fn check_exact(snapshot: &Snapshot, model: &Naive, asks: fn(&OneWay) -> bool) {
    let truth = model.truth(snapshot.span.start, snapshot.span.end, asks);
    assert_eq!(snapshot.totals, truth.totals, "{:?}", snapshot.span);
    assert_eq!((snapshot.untracked.host, snapshot.untracked.conversation), (0, 0));
    let through = is_through(&truth);
    let view = &snapshot.view;
    let (line, passing) = (both(&truth, false), both(&truth, true));
    let rows = if through { &truth.transit } else { &truth.line };
    let total = if through { passing } else { line };
    match view.subject {
        Subject::Hosts => check_hosts(snapshot, &snapshot.hosts, rows, total, |both| both.sum()),
        Subject::Line => {
            check_hosts(snapshot, &snapshot.hosts, &truth.line, line, |both| both.sum());
        }
        Subject::Talkers => {
            let side = |up| move |both: &UpDown| if up { both.up } else { both.down };
            for (up, table) in [(true, &snapshot.uploaders), (false, &snapshot.downloaders)] {
                let mut rows = rows.clone();
                rows.retain(|_, both| !side(up)(both).is_zero());
                check_hosts(snapshot, table, &rows, one_side(total, up), side(up));
            }
        }
        Subject::Host(host) => check_detail(snapshot, &truth, host),
        Subject::Groups(_) | Subject::Exporters => {}
    }
    if !matches!(view.subject, Subject::Host(_)) {
        assert_eq!(snapshot.basis != Basis::UpDown, through);
    }
}

/// Whether most of the traffic is transit.
pub fn is_through(truth: &Truth) -> bool {
    truth.totals.transit.bytes > truth.totals.sum().bytes / 2
}

/// The total of a table of hosts.
fn both(truth: &Truth, through: bool) -> UpDown {
    let totals = &truth.totals;
    if through {
        UpDown { up: totals.transit, down: totals.transit }
    } else {
        UpDown { up: totals.up, down: totals.down }
    }
}

fn one_side(both: UpDown, up: bool) -> UpDown {
    let none = Counters::default();
    if up { UpDown { down: none, ..both } } else { UpDown { up: none, ..both } }
}

fn by_traffic(
    order: &RowOrder,
    own: impl Fn(&UpDown) -> Counters,
    a: &UpDown,
    b: &UpDown,
) -> Ordering {
    let value = |both: &UpDown| match order.key {
        SortKey::Bytes => own(both).bytes,
        SortKey::Up => both.up.bytes,
        SortKey::Down => both.down.bytes,
        SortKey::Packets => own(both).packets,
        SortKey::Flows => own(both).flows,
        SortKey::Address => 0,
    };
    value(b).cmp(&value(a))
}

fn turned(order: &RowOrder, by_key: Ordering) -> Ordering {
    if order.reverse { by_key.reverse() } else { by_key }
}

fn check_hosts(
    snapshot: &Snapshot,
    table: &Ranking<HostRow>,
    rows: &HashMap<Host, UpDown>,
    total: UpDown,
    own: impl Fn(&UpDown) -> Counters,
) {
    let order = &snapshot.view.order;
    let mut want: Vec<HostRow> = rows
        .iter()
        .map(|(host, traffic)| HostRow { host: *host, traffic: *traffic, missing: 0 })
        .collect();
    want.sort_by(|a, b| {
        let by_host = a.host.cmp(&b.host);
        let by_key = by_traffic(order, &own, &a.traffic, &b.traffic);
        let by_key = if order.key == SortKey::Address { by_host } else { by_key };
        turned(order, by_key).then(by_host)
    });
    assert_eq!(table.count, want.len());
    want.truncate(snapshot.view.limit);
    assert_eq!(table.rows, want, "{:?} {:?}", snapshot.view, snapshot.span);
    let listed = want.iter().map(|row| row.traffic);
    check_others(table, listed, total, snapshot.view.subject == Subject::Talkers);
}

/// Checks total and "others". A table of one direction has rows with both.
fn check_others<R>(
    table: &Ranking<R>,
    listed: impl Iterator<Item = UpDown>,
    total: UpDown,
    one_way: bool,
) {
    assert_eq!(table.total, total);
    let mut sum = UpDown::default();
    listed.for_each(|both| sum += both);
    let none = |counters: &Counters| one_way && counters.is_zero();
    let left = |total: &Counters, sum: &Counters| Counters {
        bytes: total.bytes - sum.bytes,
        raw_bytes: total.raw_bytes - sum.raw_bytes,
        packets: total.packets - sum.packets,
        flows: total.flows - sum.flows,
    };
    if !none(&total.up) {
        assert_eq!(table.others.up, left(&total.up, &sum.up));
    }
    if !none(&total.down) {
        assert_eq!(table.others.down, left(&total.down, &sum.down));
    }
}

/// The conversations of a host in the order of the view, seen from the host.
fn conversations(truth: &Truth, host: Host, order: &RowOrder) -> Vec<(Host, Key, UpDown)> {
    let of_host = |(key, both): (&Key, &UpDown)| {
        if key.host == host {
            Some((key.peer, *key, *both))
        } else {
            (key.peer == host).then(|| (key.host, *key, both.swapped()))
        }
    };
    let mut rows: Vec<_> = truth.conversations.iter().filter_map(of_host).collect();
    rows.sort_by(|(peer, key, both), (other, other_key, other_both)| {
        let by_peer = peer.cmp(other);
        let by_key = by_traffic(order, UpDown::sum, both, other_both);
        let by_key = if order.key == SortKey::Address { by_peer } else { by_key };
        turned(order, by_key)
            .then(by_peer)
            .then(key.port.cmp(&other_key.port))
            .then(key.proto.cmp(&other_key.proto))
            .then(key.reach.cmp(&other_key.reach))
    });
    rows
}

fn check_detail(snapshot: &Snapshot, truth: &Truth, host: Host) {
    let detail = snapshot.detail.as_ref().unwrap();
    let table = &detail.conversations;
    let mut want = conversations(truth, host, &snapshot.view.order);
    let mut total = UpDown::default();
    want.iter().for_each(|(_, _, both)| total += *both);
    assert_eq!(detail.traffic, total, "{:?}", snapshot.view);
    assert_eq!(table.count, want.len());
    want.truncate(snapshot.view.limit);
    assert_eq!(table.rows.len(), want.len());
    for (row, (peer, key, both)) in table.rows.iter().zip(&want) {
        let got = (row.peer, row.proto, row.port, row.reach, row.traffic);
        assert_eq!(got, (*peer, key.proto, key.port, key.reach, *both));
        assert!(row.first_pane <= row.last_pane);
    }
    check_others(table, want.iter().map(|(_, _, both)| *both), total, false);
}
