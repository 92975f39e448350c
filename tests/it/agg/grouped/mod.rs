//! Lists by port, protocol, peer network, interface and named network, filters by interface and
//! exporter, and paths of conversations, compared with a model that stores every flow.

mod model;
mod top;

use std::sync::Arc;

use crate::common::site::{START, check_law, flow, local, remote};
use model::Model;
use proptest::prelude::*;
use toptalk::agg::{Config, Windows};
use toptalk::filter::Filter;
use toptalk::flow::{Flow, Host, NetworkGroups, Sampling, Time};
use toptalk::snapshot::{
    Basis, Counters, GroupKey, GroupRow, Grouping, Health, RowOrder, Snapshot, SortKey, Subject,
    TrafficPath, UpDown, View, Window,
};

/// Filters of live tables. The last ones test paths.
const FILTERS: &[&str] = &[
    "",
    "tcp",
    "port 443 or icmp",
    "src net 10.0.0.0/8",
    "net 2001:db8::/32",
    "if 2",
    "in if 3",
    "out if 1 and not exporter 192.0.2.2",
    "exporter 192.0.2.1",
    "not if 2",
    "(in if 1 and src net 10.0.0.0/8) or port 53",
];

const ORDERS: &[SortKey] = &[
    SortKey::Bytes,
    SortKey::Up,
    SortKey::Down,
    SortKey::Packets,
    SortKey::Flows,
    SortKey::Address,
];

fn named() -> Arc<NetworkGroups> {
    let named = [
        ("10.0.0.0/8", "site"),
        ("10.0.0.0/30", "lab"),
        ("10.0.0.1", "nas"),
        ("fd00::/16", "site"),
        ("198.51.100.0/24", "abroad"),
    ];
    Arc::new(NetworkGroups::new(named.map(|(net, name)| (net.parse().unwrap(), name.into()))))
}

fn windows(config: Config) -> Windows {
    Windows::new(Config { started: Time(START), groups: named(), ..config })
}

fn view(subject: Subject, filter: &str) -> View {
    let filter = Filter::parse(filter).unwrap();
    filter.check_live().unwrap();
    View { subject, filter, window: Window::Minute, limit: 1000, ..View::default() }
}

fn ask(windows: &Windows, view: &View, second: i64) -> Snapshot {
    let snapshot = windows.snapshot(view, Time(START + second * 1000), Health::default());
    check_law(&snapshot);
    snapshot
}

fn any_flow() -> impl Strategy<Value = Flow> {
    let host = |v4: bool, near: bool, n: u8| -> Host {
        let text = match (v4, near) {
            (true, true) => return local(n % 5),
            (true, false) if n.is_multiple_of(2) => return remote(n),
            (true, false) => format!("198.51.100.{n}"),
            (false, true) => format!("fd00::{n:x}"),
            (false, false) => format!("2001:db8:{:x}::{n:x}", n % 3),
        };
        text.parse().unwrap()
    };
    let ends = (any::<bool>(), any::<bool>(), any::<bool>(), 0u8..9, 0u8..9);
    let times = (0i64..900_000, -20_000i64..300_000, -500i64..400_000);
    let ports = prop::sample::select(vec![(50_000, 443), (443, 50_000), (53, 53), (9, 22), (0, 0)]);
    let protos = prop::sample::select(vec![6u8, 6, 17, 1, 47]);
    let path = (1u8..4, 0u32..4, 0u32..4, prop::sample::select(vec![0u32, 1, 10, 1000]));
    (ends, times, ports, protos, path, 0u64..1_000_000).prop_map(
        move |((v4, from, to, a, b), (arrival, delay, duration), ports, proto, path, bytes)| Flow {
            src: host(v4, from, a),
            dst: host(v4, to, b),
            proto,
            sport: ports.0,
            dport: ports.1,
            arrival: Time(START + arrival),
            last: Time(START + arrival - delay),
            first: Time(START + arrival - delay - duration),
            bytes,
            packets: bytes / 7,
            exporter: Host::octets(192, 0, 2, path.0),
            input: path.1,
            output: path.2,
            sampling: Sampling::one_in(path.3),
            ..Flow::EMPTY
        },
    )
}

/// The raw bytes of rows are rounded down, so they are not compared.
fn whole(both: UpDown) -> UpDown {
    let whole = |counters: Counters| Counters { raw_bytes: 0, ..counters };
    UpDown { up: whole(both.up), down: whole(both.down) }
}

fn value(row: &GroupRow, key: SortKey) -> u64 {
    match key {
        SortKey::Bytes => row.traffic.sum().bytes,
        SortKey::Up => row.traffic.up.bytes,
        SortKey::Down => row.traffic.down.bytes,
        SortKey::Packets => row.traffic.sum().packets,
        SortKey::Flows => row.traffic.sum().flows,
        SortKey::Address => 0,
    }
}

/// Rows are sorted, and a short list is the beginning of a long one.
fn check_order(windows: &Windows, all: &Snapshot, order: RowOrder, second: i64) {
    let mut want = all.groups.rows.clone();
    want.sort_by(|a, b| {
        let by_key = match order.key {
            SortKey::Address => a.key.cmp(&b.key),
            key => value(b, key).cmp(&value(a, key)),
        };
        let by_key = if order.reverse { by_key.reverse() } else { by_key };
        by_key.then(a.key.cmp(&b.key))
    });
    want.truncate(3);
    let short = ask(windows, &View { order, limit: 3, ..all.view.clone() }, second);
    assert_eq!(short.groups.rows, want, "{order:?}");
    assert_eq!(short.groups.count, all.groups.count);
}

/// All lists of a view are equal to those of the model.
fn check(windows: &Windows, model: &Model<'_>, view: &View, second: i64) {
    let keep_all = view.window == Window::All;
    for grouping in Grouping::ALL {
        let view = View { subject: Subject::Groups(grouping), ..view.clone() };
        let snapshot = ask(windows, &view, second);
        let span = (snapshot.span.start, snapshot.span.end);
        let span = if keep_all { (Time(i64::MIN), Time(i64::MAX)) } else { span };
        let want = model.groups(&view.filter, span, grouping);
        let what = format!("{grouping:?} of `{}` over {:?}", view.filter, snapshot.span);
        assert_eq!(whole(snapshot.groups.total), want.total, "{what}");
        assert_eq!(snapshot.basis != Basis::UpDown, want.through, "{what}");
        assert_eq!(snapshot.groups.count, want.rows.len(), "{what}");
        for row in &snapshot.groups.rows {
            let found = want.rows.get(&row.key);
            let found = found.unwrap_or_else(|| panic!("{what}: {row:?}"));
            assert_eq!((whole(row.traffic), row.members), *found, "{what}: {:?}", row.key);
        }
        let key = ORDERS[second.unsigned_abs() as usize % ORDERS.len()];
        check_order(windows, &snapshot, RowOrder { key, reverse: second % 4 == 0 }, second);
    }
    // The same filter for hosts, and for the conversations of one host.
    let hosts = ask(windows, &View { subject: Subject::Line, ..view.clone() }, second);
    let span = (hosts.span.start, hosts.span.end);
    let span = if keep_all { (Time(i64::MIN), Time(i64::MAX)) } else { span };
    let want = model.hosts(&view.filter, span);
    let found = hosts.hosts.rows.iter().map(|row| (row.host, whole(row.traffic))).collect();
    assert_eq!(want, found, "`{}` over {:?}", view.filter, hosts.span);
    let one = View { subject: Subject::Host(local(1)), ..view.clone() };
    let detail = ask(windows, &one, second).detail.unwrap();
    let want = model.detail(&view.filter, span, local(1));
    let rows = detail.conversations.rows.iter();
    let found = rows.map(|row| ((row.peer, row.port, row.proto), (whole(row.traffic), row.via)));
    assert_eq!(want.conversations, found.collect(), "`{}` over {:?}", view.filter, hosts.span);
    assert_eq!(detail.via, want.via);
}

/// Records flows in the order of their arrival.
fn feed(windows: &Windows, flows: &mut [Flow], until: i64) {
    flows.sort_by_key(|flow| flow.arrival);
    let mut rest = &flows[..];
    for second in (0..until).step_by(30).chain([until]) {
        let now = Time(START + second * 1000);
        let arrived = rest.partition_point(|flow| flow.arrival <= now);
        windows.record(&rest[..arrived]);
        rest = &rest[arrived..];
        windows.advance(now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_list_equals_a_model_that_stores_every_flow(
        mut flows in prop::collection::vec(any_flow(), 1..100),
        filters in prop::sample::subsequence(FILTERS.to_vec(), 3),
        past in 0i64..900,
        more in 0i64..400,
    ) {
        let now = 900 + more;
        let windows = windows(Config::default());
        feed(&windows, &mut flows, 900);
        let groups = named();
        let model = Model { flows: &flows, groups: &groups };
        for filter in filters {
            for window in [Window::Minute, Window::Quarter, Window::Hour] {
                for at in [None, Some(Time(START + past * 1000))] {
                    let view = View { window, at, ..view(Subject::Line, filter) };
                    check(&windows, &model, &view, now);
                }
            }
        }
    }

    #[test]
    fn lists_are_complete_in_a_window_of_all_time(
        flows in prop::collection::vec(any_flow(), 1..60),
        filters in prop::sample::subsequence(FILTERS.to_vec(), 3),
    ) {
        let windows = windows(Config { keep_all: true, ..Config::default() });
        windows.record(&flows);
        let groups = named();
        let model = Model { flows: &flows, groups: &groups };
        for filter in filters {
            let view = View { window: Window::All, ..view(Subject::Line, filter) };
            check(&windows, &model, &view, 900);
        }
    }

    #[test]
    fn traffic_beyond_limits_is_in_others(
        mut flows in prop::collection::vec(any_flow(), 1..200),
        filter in prop::sample::select(FILTERS.to_vec()),
        limit in 0usize..6,
    ) {
        let limits = Config { max_hosts: 4, max_conversations: 9, ..Config::default() };
        let windows = windows(limits);
        feed(&windows, &mut flows, 900);
        let groups = named();
        let model = Model { flows: &flows, groups: &groups };
        for grouping in Grouping::ALL {
            let view = View { limit, window: Window::Hour, ..view(Subject::Groups(grouping), filter) };
            let snapshot = ask(&windows, &view, 910);
            let span = (snapshot.span.start, snapshot.span.end);
            let want = model.groups(&view.filter, span, grouping);
            let all = filter.is_empty();
            prop_assert!(!all || whole(snapshot.groups.total) == want.total);
            for row in &snapshot.groups.rows {
                // Traffic without a row may have decided the basis of the list.
                if (snapshot.basis != Basis::UpDown) == want.through {
                    let (most, members) = want.rows[&row.key];
                    prop_assert_eq!(whole(row.traffic).less(&most), UpDown::default());
                    prop_assert!(row.members <= members);
                }
            }
        }
    }
}

/// The lists of a site with one office, its network and its uplink.
#[test]
fn groups_have_the_expected_labels() {
    let windows = windows(Config::default());
    let on = |flow: Flow, input, output| Flow { input, output, ..flow };
    let far: Host = "2001:db8:1:2::3".parse().unwrap();
    let near: Host = "fd00::1".parse().unwrap();
    windows.record(&[
        on(flow(local(1), remote(1), 10.0, 0.1, 1.0, 5_000), 3, 7),
        on(flow(remote(200), local(1), 10.0, 0.1, 1.0, 9_000), 7, 3),
        on(flow(local(2), local(5), 10.0, 0.1, 1.0, 700), 3, 3),
        on(flow(near, far, 10.0, 0.1, 1.0, 40), 0, 7),
    ]);
    let list = |grouping, filter: &str| -> Vec<(String, u64, u64, u64)> {
        let snapshot = ask(&windows, &view(Subject::Groups(grouping), filter), 40);
        let rows = snapshot.groups.rows.iter();
        let figures = |row: &GroupRow| {
            let label = row.key.label(&Health::default());
            (label, row.traffic.up.bytes, row.traffic.down.bytes, row.members)
        };
        rows.map(figures).collect()
    };
    let row = |label: &str, up, down, members| (label.to_owned(), up, down, members);
    assert_eq!(list(Grouping::Port, ""), [row("443/tcp https", 5_040, 9_000, 3)]);
    assert_eq!(list(Grouping::Protocol, "if 7"), [row("tcp", 5_040, 9_000, 3)]);
    assert_eq!(
        list(Grouping::PeerNetwork, ""),
        [row("203.0.113.0/24", 5_000, 9_000, 2), row("2001:db8:1::/48", 40, 0, 1)]
    );
    assert_eq!(
        list(Grouping::Interface, ""),
        [
            row("192.0.2.1 if 3", 9_700, 5_700, 3),
            row("192.0.2.1 if 7", 5_040, 9_000, 3),
            row("192.0.2.1 not reported", 0, 40, 1),
        ]
    );
    assert_eq!(
        list(Grouping::Group, ""),
        [row("nas", 5_000, 9_000, 1), row("site", 40, 0, 1)],
        "the smallest network names a host; what stays inside is not listed"
    );
    assert_eq!(list(Grouping::Group, "in if 3"), [row("nas", 5_000, 0, 1)]);
    assert_eq!(
        list(Grouping::Interface, "in if 0"),
        [row("192.0.2.1 not reported", 0, 40, 1), row("192.0.2.1 if 7", 40, 0, 1),]
    );
}

#[test]
fn a_conversation_has_the_path_of_most_of_its_bytes() {
    let windows = windows(Config::default());
    let sent = flow(local(1), remote(1), 10.0, 0.1, 1.0, 600);
    let back = flow(remote(1), local(1), 10.0, 0.1, 1.0, 90_000);
    let rate = Sampling::one_in(3);
    windows.record(&[
        Flow { input: 3, output: 7, ..sent },
        Flow { input: 3, output: 8, bytes: 500, ..sent },
        Flow { input: 3, output: 8, bytes: 100, sampling: rate, ..sent },
        Flow { input: 9, output: 3, ..back },
        Flow { exporter: Host::UNSPECIFIED, dst: remote(2), ..sent },
        Flow { src: remote(3), ..back },
    ]);
    let detail =
        |filter: &str| ask(&windows, &view(Subject::Host(local(1)), filter), 40).detail.unwrap();
    let via = |output| Some(TrafficPath { exporter: Host::octets(192, 0, 2, 1), input: 3, output });
    let all = detail("");
    let of = |n| all.conversations.rows.iter().find(|row| row.peer == remote(n)).unwrap().via;
    assert_eq!([of(1), of(2), of(3)], [via(8), None, None]);
    assert_eq!(all.via, via(8));
    assert_eq!(detail("out if 7").via, via(7));
    assert_eq!(detail("in if 9").via, None, "it received this and sent nothing");
}

/// Transit traffic has a source and a destination.
#[test]
fn transit_counts_for_source_and_destination() {
    let windows = windows(Config::default());
    let other: Host = "198.51.100.9".parse().unwrap();
    windows.record(&[
        flow(remote(1), other, 10.0, 0.1, 1.0, 5_000),
        flow(remote(1), remote(2), 10.0, 0.1, 1.0, 100),
    ]);
    let ask = |grouping| ask(&windows, &view(Subject::Groups(grouping), ""), 40).groups.rows;
    let networks = ask(Grouping::PeerNetwork);
    let network = |text: &str| GroupKey::Network(text.parse().unwrap());
    let bytes = |row: &GroupRow| (row.traffic.up.bytes, row.traffic.down.bytes, row.members);
    assert_eq!(networks[0].key, network("203.0.113.0/24"));
    assert_eq!(bytes(&networks[0]), (5_100, 100, 2));
    assert_eq!(networks[1].key, network("198.51.100.0/24"));
    assert_eq!(bytes(&networks[1]), (0, 5_000, 1));
    assert_eq!(ask(Grouping::Protocol).iter().map(bytes).collect::<Vec<_>>(), [(5_100, 5_100, 2)]);
}

/// Totals are read after rows, or together with them.
#[test]
fn lists_add_up_while_flows_are_recorded() {
    let windows = windows(Config { max_conversations: 500, ..Config::default() });
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for batch in 0..300u32 {
                let arrival = 1.0 + f64::from(batch) / 10.0;
                let flows: Vec<Flow> = (0..100u32)
                    .map(|n| {
                        let n = (batch * 31 + n) % 1000;
                        let dst = Host::v4(0xcb00_7100 + n % 200);
                        let src = if n % 3 == 0 { remote(9) } else { local((n % 7) as u8) };
                        let one = flow(src, dst, arrival, 0.0, 0.5, 1000);
                        Flow { input: n % 5, output: n % 4, dport: (n % 100) as u16, ..one }
                    })
                    .collect();
                windows.record(&flows);
            }
        });
        let mut asked = 0i64;
        while !writer.is_finished() || asked < 20 {
            for grouping in Grouping::ALL {
                for filter in ["", "in if 1", "tcp"] {
                    ask(&windows, &view(Subject::Groups(grouping), filter), 1);
                }
            }
            asked += 1;
        }
    });
}
