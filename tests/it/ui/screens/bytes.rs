//! The number of bytes that the screen sends.

use toptalk::snapshot::*;
use toptalk::ui::{Painter, Theme};

use super::fixture::*;

/// A small random number generator, so that the minute is always the same.
struct RandomSource(u64);

impl RandomSource {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

const SECONDS: u64 = 60;

/// One answer: 400 hosts whose rates drift by up to 4 % per second.
fn second(at: u64, random: &mut RandomSource, rates: &mut [u64]) -> Snapshot {
    for rate in rates.iter_mut() {
        let drift = *rate / 25;
        *rate = *rate - drift + random.roll(2 * drift + 1);
    }
    let mut rows: Vec<(HostRow, UpDown)> = rates
        .iter()
        .zip(0u32..)
        .map(|(rate, at)| {
            let host = toptalk::flow::Host::v4(0x0a14_0000 + at * 7 + 1);
            let traffic = traffic(*rate, *rate * 3);
            (HostRow { host, traffic, missing: 0 }, traffic)
        })
        .collect();
    rows.sort_by_key(|(row, _)| std::cmp::Reverse(row.traffic.up.bytes));
    let rest = rows.split_off(200);
    let mut others = UpDown::default();
    rest.iter().for_each(|(_, traffic)| others += *traffic);
    let table = ranking(rows, others, rest.len());
    let mut snapshot = site();
    let moved = at as i64 * 1000;
    snapshot.captured_at = snapshot.captured_at.plus_ms(moved);
    snapshot.span.end = END.plus_ms(moved);
    snapshot.span.start = snapshot.span.start.plus_ms(moved);
    snapshot.totals.up = table.total.up;
    snapshot.totals.down = table.total.down;
    let steps = at as i64 / 10;
    snapshot.link.series.end = END.plus_ms(steps * 10_000);
    snapshot.link.series.up.rotate_left(steps as usize);
    snapshot.link.series.down.rotate_left(steps as usize);
    snapshot.uploaders = table.clone();
    snapshot.downloaders = table;
    snapshot
}

/// Bytes per second over the minute, without the first full screen. A terminal that receives
/// them shows what was drawn.
fn cost(size: (u16, u16)) -> usize {
    let mut random = RandomSource(7);
    let mut rates: Vec<u64> = (0..400u64).map(|at| 90_000_000 / (at + 2)).collect();
    let mut painter = Painter::default();
    let mut user = User::at(size, Theme::default(), site());
    let cells = |count| std::num::NonZero::new(count).unwrap();
    let mut terminal = vt100::Parser::new(cells(size.1), cells(size.0), 0);
    let mut sent = 0;
    for at in 0..=SECONDS {
        user.sees(second(at, &mut random, &mut rates));
        let frame = painter.frame(user.buffer()).unwrap_or_default();
        terminal.process(&frame);
        let rows: Vec<String> = terminal.screen().rows(0, size.0).collect();
        let shown: String = rows.iter().map(|row| format!("{}\n", row.trim_end())).collect();
        assert_eq!(shown, user.screen());
        sent += if at > 0 { frame.len() } else { 0 };
    }
    sent / SECONDS as usize
}

#[test]
fn a_minute_stays_within_the_budget() {
    let small = cost((80, 24));
    let large = cost((160, 50));
    println!("bytes per second: {small} at 80x24, {large} at 160x50");
    assert!(small < 3000, "{small}");
    assert!(large < 9000, "{large}");
}

#[test]
fn the_same_answer_sends_nothing() {
    let mut painter = Painter::default();
    let mut user = User::at((80, 24), Theme::default(), site());
    assert!(painter.frame(user.buffer()).is_some());
    user.sees(site());
    assert!(painter.frame(user.buffer()).is_none());
}
