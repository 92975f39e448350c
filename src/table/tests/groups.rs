//! The three formats of a list by another key than hosts, and the effect of limits.

use jiff::tz::TimeZone;

use super::{counters, csv_of, sample};
use crate::flow::Host;
use crate::snapshot::{
    GroupKey, GroupRow, Grouping, Ranking, Snapshot, Subject, Untracked, UpDown,
};
use crate::table::*;

/// An answer with these rows; the rest is in `others`.
fn listed(grouping: Grouping, keys: Vec<GroupKey>) -> Snapshot {
    let row = |(at, key): (u64, GroupKey)| GroupRow {
        key,
        traffic: UpDown { up: counters(6_000_000 / (at + 1), 3), down: counters(15_000, 1) },
        members: 7 + at,
    };
    let rows: Vec<GroupRow> = (0..).zip(keys).map(row).collect();
    let others = UpDown { up: counters(1000, 1), down: UpDown::default().down };
    let mut total = others;
    rows.iter().for_each(|row| total += row.traffic);
    let count = rows.len() + 4;
    let mut snapshot = sample();
    snapshot.view.subject = Subject::Groups(grouping);
    snapshot.groups = Ranking { rows, others, total, count };
    snapshot
}

fn ports() -> Snapshot {
    let service = |port, proto| GroupKey::Service { port, proto };
    listed(Grouping::Port, vec![service(443, 6), service(0, 17)])
}

fn groups() -> Snapshot {
    let named = |name: &str| GroupKey::Named(Some(name.into()));
    listed(Grouping::Group, vec![named("Büro \u{1b}[31m"), named("=cmd"), GroupKey::Named(None)])
}

#[test]
fn groups_are_a_table() {
    let want = "\
PORT            UP/s  DOWN/s     UP   DOWN  FLOWS
443/tcp https   800k   2.00k  6.00M  15.0k      4
other/udp       400k   2.00k  3.00M  15.0k      4
others 4         133       0  1.00k      0      1
total          1.20M   4.00k  9.00M  30.0k      9
window 1m from ";
    let shown = text(&ports(), &TimeZone::UTC);
    assert!(shown.starts_with(want), "{shown}");
    let shown = text(&groups(), &TimeZone::UTC);
    let want = "\
GROUP        UP/s  DOWN/s     UP   DOWN  FLOWS
Büro  [31m   800k   2.00k  6.00M  15.0k      4
=cmd         400k   2.00k  3.00M  15.0k      4
(no group)   267k   2.00k  2.00M  15.0k      4
";
    assert!(shown.starts_with(want), "{shown}");
}

#[test]
fn groups_are_json_with_their_keys() {
    let value: serde_json::Value = serde_json::from_str(&json(&ports(), &TimeZone::UTC)).unwrap();
    assert_eq!(value["groups"]["by"], "port");
    assert!(value.get("hosts").is_none());
    let row = &value["groups"]["rows"][0];
    assert_eq!((&row["port"], &row["service"]), (&443.into(), &"https".into()));
    assert_eq!((&row["name"], &row["members"]), (&"443/tcp https".into(), &7.into()));
    assert_eq!(row["up"]["bps"], 800_000);
    let sum: u64 = [&value["groups"]["rows"][0], &value["groups"]["rows"][1], &value["others"]]
        .map(|part| part["up"]["bytes"].as_u64().unwrap())
        .iter()
        .sum();
    assert_eq!(value["total"]["up"]["bytes"], sum);
    let exporter = Host::octets(192, 0, 2, 1);
    let network = "198.51.100.0/24".parse().unwrap();
    for (grouping, key, want) in [
        (Grouping::Protocol, GroupKey::Protocol(200), r#""name":"proto 200","proto":"200","#),
        (Grouping::PeerNetwork, GroupKey::Network(network), r#""network":"198.51.100.0/24","#),
        (
            Grouping::Interface,
            GroupKey::Interface { exporter, index: 7 },
            r#""exporter":"192.0.2.1","if_index":7,"if_name":null,"#,
        ),
        (Grouping::Group, GroupKey::Named(None), r#""name":"(no group)","group":null,"#),
    ] {
        let shown = json(&listed(grouping, vec![key]), &TimeZone::UTC);
        assert!(shown.contains(want), "{shown}");
    }
}

#[test]
fn groups_are_csv_with_one_header_for_all() {
    let names: Vec<&str> = GROUP_COLUMNS.iter().map(|column| column.name).collect();
    let shown = csv_of(&ports());
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], names.join(","));
    let figures = "800000,6000000,3000000,60000,3,2000,15000,7500,150,1";
    let row = format!(",true,port,443/tcp https,tcp,443,,,,,7,{figures}");
    assert!(lines[1].ends_with(&row), "{shown}");
    assert!(lines[2].contains(",port,other/udp,udp,0,,,,,8,400000,"), "{shown}");
    assert!(lines[3].contains(",others,,,,,,,,,133,1000,500,10,1,0,0,0,0,0"), "{shown}");
    assert!(lines[4].contains(",total,,,,,,,,,1200133,9001000,"), "{shown}");
    let shown = csv_of(&groups());
    assert!(shown.contains(",group,Büro [31m,,,,,,Büro [31m,7,"), "{shown}");
    assert!(shown.contains(",group,'=cmd,,,,,,'=cmd,8,"), "{shown}");
    assert!(shown.contains(",group,(no group),,,,,,,9,"), "{shown}");
}

#[test]
fn hosts_whose_rows_were_created_late_are_marked() {
    let mut snapshot = sample();
    snapshot.hosts.rows[1].missing = 700_000;
    snapshot.untracked = Untracked { host: 1_200_000, conversation: 5 };
    let shown = text(&snapshot, &TimeZone::UTC);
    assert!(shown.contains("\n10.20.3.104 +  4.00M  "), "{shown}");
    assert!(shown.contains("\n10.20.3.17     94.0M  "), "{shown}");
    let want = "hosts marked +: 1 have rows that were created late and may lack bytes, up to 700k each\n\
                others contain hosts without a row, each with at most 1.20M bytes\n";
    assert!(shown.contains(want), "{shown}");
    let value: serde_json::Value = serde_json::from_str(&json(&snapshot, &TimeZone::UTC)).unwrap();
    assert_eq!(value["hosts"][1]["missing_bytes"], 700_000);
    assert_eq!(value["untracked"]["host"], 1_200_000);
    assert!(csv_of(&snapshot).lines().nth(2).unwrap().ends_with(",700000"));
    // 1 % of 61 MB is 610 kB.
    snapshot.hosts.rows[1].missing = 610_000;
    assert!(!text(&snapshot, &TimeZone::UTC).contains('+'));
}
