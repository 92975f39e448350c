//! Flows of a small site, and the rule that every table of an answer fulfils.

use toptalk::flow::{Flow, Host, Time};
use toptalk::snapshot::{Snapshot, UpDown};

/// Start of the tests.
pub const START: i64 = 1_800_000_000_000;

pub fn local(n: u8) -> Host {
    Host::octets(10, 0, 0, n)
}

pub fn remote(n: u8) -> Host {
    Host::octets(203, 0, 113, n)
}

/// A flow that arrives `arrival` s after the start and lasted `duration` s, ending `delay` s before
/// its arrival.
pub fn flow(src: Host, dst: Host, arrival: f64, delay: f64, duration: f64, bytes: u64) -> Flow {
    let ms = |seconds: f64| Time(START + (seconds * 1000.0) as i64);
    Flow {
        src,
        dst,
        proto: 6,
        sport: 40_000,
        dport: 443,
        arrival: ms(arrival),
        last: ms(arrival - delay),
        first: ms(arrival - delay - duration),
        bytes,
        packets: bytes / 1000,
        exporter: Host::octets(192, 0, 2, 1),
        ..Flow::EMPTY
    }
}

/// Checks that total = rows + others in every table.
pub fn check_law(snapshot: &Snapshot) {
    let sum = |rows: &mut dyn Iterator<Item = UpDown>| {
        let mut sum = UpDown::default();
        rows.for_each(|both| sum += both);
        sum
    };
    let hosts = &snapshot.hosts;
    let mut total = sum(&mut hosts.rows.iter().map(|row| row.traffic));
    total += hosts.others;
    assert_eq!(total, hosts.total);
    let up = sum(&mut snapshot.uploaders.rows.iter().map(|row| row.traffic)).up;
    assert_eq!(up + snapshot.uploaders.others.up, snapshot.uploaders.total.up);
    let down = sum(&mut snapshot.downloaders.rows.iter().map(|row| row.traffic)).down;
    assert_eq!(down + snapshot.downloaders.others.down, snapshot.downloaders.total.down);
    let groups = &snapshot.groups;
    let mut total = sum(&mut groups.rows.iter().map(|row| row.traffic));
    total += groups.others;
    assert_eq!(total, groups.total);
    if let Some(detail) = &snapshot.detail {
        let mut total = sum(&mut detail.conversations.rows.iter().map(|row| row.traffic));
        total += detail.conversations.others;
        assert_eq!(total, detail.conversations.total);
    }
}
