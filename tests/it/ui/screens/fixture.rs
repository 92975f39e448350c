//! A realistic site, built by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use toptalk::flow::{Host, NetworkGroups, Protocol, Time};
use toptalk::snapshot::*;
use toptalk::ui::{Effect, Model, Theme, UiAction, UiConfig, action::on_key, update, view};

/// 2026-11-23T14:31:02Z.
pub const END: Time = Time(1_795_444_262_000);

pub fn traffic(up_bits: u64, down_bits: u64) -> UpDown {
    let counters = |bits: u64| Counters {
        bytes: bits * 60 / 8,
        raw_bytes: bits * 60 / 8,
        packets: bits / 8 * 60 / 800,
        flows: 1 + bits / 2_000_000,
    };
    UpDown { up: counters(up_bits), down: counters(down_bits) }
}

pub fn ranking<R>(rows: Vec<(R, UpDown)>, others: UpDown, more: usize) -> Ranking<R> {
    let mut total = others;
    rows.iter().for_each(|(_, traffic)| total += *traffic);
    let count = rows.len() + more;
    Ranking { rows: rows.into_iter().map(|(row, _)| row).collect(), others, total, count }
}

/// Hosts with their rates in bit/s, largest first.
pub fn hosts(named: &[(Host, u64)], up: bool) -> Vec<(HostRow, UpDown)> {
    let small = (0..60u8)
        .map(|at| (Host::octets(10, 20, 8 + at / 50, 10 + at), 2_900_000 / (u64::from(at) + 2)));
    named
        .iter()
        .copied()
        .chain(small)
        .map(|(host, rate)| {
            let traffic = if up { traffic(rate, rate / 9) } else { traffic(rate / 12, rate) };
            (HostRow { host, traffic, missing: 0 }, traffic)
        })
        .collect()
}

pub fn uploaders() -> Vec<(Host, u64)> {
    vec![
        (Host::octets(10, 20, 3, 17), 94_200_000),
        (Host::octets(10, 20, 5, 104), 14_800_000),
        (Host::octets(10, 20, 3, 61), 9_710_000),
        ("2001:db8:20:3::a1:7f".parse().unwrap(), 6_200_000),
        (Host::octets(10, 20, 7, 33), 3_100_000),
    ]
}

pub fn downloaders() -> Vec<(Host, u64)> {
    vec![
        (Host::octets(10, 20, 5, 104), 218_000_000),
        (Host::octets(10, 20, 7, 33), 121_000_000),
        (Host::octets(10, 20, 100, 204), 74_400_000),
        (Host::octets(10, 20, 3, 17), 2_200_000),
    ]
}

fn wave(count: usize, from: u64, to: u64) -> Vec<u64> {
    (0..count as u64)
        .map(|at| from + (to - from) * ((at * 7) % 23 + at) / (22 + count as u64))
        .collect()
}

pub fn alerts() -> Vec<Alert> {
    let host = |a, b| Host::octets(10, 20, a, b);
    vec![
        Alert {
            subject: AlertSubject::Host(host(3, 17), Direction::Up),
            severity: Severity::Critical,
            since: END.plus_ms(-190_000),
            now: 94_200_000,
            limit: 40_000_000,
            peak: 97_100_000,
        },
        Alert {
            subject: AlertSubject::Host(host(5, 104), Direction::Down),
            severity: Severity::Warning,
            since: END.plus_ms(-60_000),
            now: 218_000_000,
            limit: 200_000_000,
            peak: 244_000_000,
        },
    ]
}

fn health() -> Health {
    let exporter = |last| ExporterHealth {
        address: Host::octets(192, 0, 2, last),
        protocol: Some(Protocol::Netflow9),
        datagrams: 4000,
        flows: 100_000,
        last_seen: END.plus_ms(65_000),
        ..ExporterHealth::default()
    };
    Health {
        exporters: vec![exporter(1), exporter(2), exporter(7)],
        listeners: vec![Listener {
            address: "[::]:2055".to_owned(),
            buffer_asked: 64 << 20,
            buffer_granted: 64 << 20,
            kernel_drops: 0,
            connections: Some(0),
        }],
        datagrams: 12_000,
        flows: 300_000,
        ..Health::default()
    }
}

/// The answer for the main screen.
pub fn site() -> Snapshot {
    let up = ranking(hosts(&uploaders(), true), traffic(1_100_000, 400_000), 347);
    let down = ranking(hosts(&downloaders(), false), traffic(900_000, 9_000_000), 334);
    let totals = ClassTotals { up: up.total.up, down: down.total.down, ..ClassTotals::default() };
    Snapshot {
        captured_at: END.plus_ms(65_000),
        view: Model::new(UiConfig::default()).view(),
        span: AnswerSpan { start: END.plus_ms(-60_000), end: END, ..AnswerSpan::default() },
        totals,
        uploaders: up,
        downloaders: down,
        link: LinkView {
            capacity_up: Some(1_000_000_000),
            capacity_down: Some(1_000_000_000),
            peak_up: 311_000_000,
            peak_down: 871_000_000,
            p95_up: None,
            p95_down: Some(700_000_000),
            series: Series {
                step_ms: 10_000,
                end: END,
                up: wave(60, 20_000_000, 300_000_000),
                down: wave(60, 200_000_000, 860_000_000),
            },
        },
        alerts: alerts(),
        health: health(),
        ..Snapshot::default()
    }
}

/// The path of a protocol's traffic.
fn via(proto: u8) -> Option<TrafficPath> {
    let way =
        |last, input| TrafficPath { exporter: Host::octets(192, 0, 2, last), input, output: 7 };
    match proto {
        6 => Some(way(1, 3)),
        17 => Some(way(2, 0)),
        _ => None,
    }
}

fn conversation(
    peer: &str,
    proto: u8,
    port: u16,
    up: u64,
    down: u64,
    age: i64,
) -> (ConversationRow, UpDown) {
    let traffic = traffic(up, down);
    let row = ConversationRow {
        peer: peer.parse().unwrap(),
        proto,
        port,
        reach: Reach::Line,
        traffic,
        first_pane: END.plus_ms(-age),
        last_pane: END,
        via: via(proto),
    };
    (row, traffic)
}

/// The answer about one host.
pub fn nas() -> Snapshot {
    let host = Host::octets(10, 20, 3, 17);
    let mut rows = vec![
        conversation("198.51.100.24", 6, 443, 88_100_000, 1_200_000, 252_000),
        conversation("203.0.113.9", 6, 22, 4_020_000, 310_000, 7_380_000),
        conversation("2001:db8:7::25", 17, 0, 1_500_000, 200_000, 61_000),
        conversation("192.0.2.250", 1, 0, 800, 800, 3_500_000),
    ];
    rows.extend((0..30u64).map(|at| {
        let peer = format!("198.51.100.{}", 100 + at);
        conversation(&peer, 17, 53, 9_000 / (at + 1), 30_000 / (at + 1), 30_000)
    }));
    let conversations = ranking(rows, traffic(60_000, 20_000), 3);
    let site = site();
    let rates = |up, down| Rates { up, down };
    Snapshot {
        view: View { subject: Subject::Host(host), ..site.view.clone() },
        detail: Some(HostDetail {
            host,
            traffic: conversations.total,
            now: rates(94_200_000, 2_110_000),
            minute: rates(91_000_000, 2_200_000),
            quarter: rates(62_300_000, 1_900_000),
            peak: rates(97_100_000, 8_800_000),
            series: Series {
                step_ms: 60_000,
                end: END,
                up: wave(60, 1_000_000, 97_000_000),
                down: wave(60, 900_000, 8_000_000),
            },
            via: via(6),
            conversations,
        }),
        uploaders: Ranking::default(),
        downloaders: Ranking::default(),
        ..site
    }
}

/// No data has arrived yet.
pub fn silence() -> Snapshot {
    let mut snapshot = Snapshot { captured_at: END, ..Snapshot::default() };
    snapshot.health.listeners = health().listeners;
    snapshot
}

/// Addresses of which none is local.
pub fn transit() -> Snapshot {
    let mut snapshot = site();
    snapshot.basis = Basis::SourceDestination {
        candidates: vec!["203.0.113.0/24".parse().unwrap(), "198.51.100.0/24".parse().unwrap()],
    };
    let both = snapshot.totals.up + snapshot.totals.down;
    snapshot.totals = ClassTotals { transit: both, ..ClassTotals::default() };
    snapshot.alerts.clear();
    snapshot
}

/// A user at a terminal.
pub struct User {
    pub model: Model,
    pub shown: Snapshot,
    pub size: (u16, u16),
}

impl User {
    pub fn at(size: (u16, u16), theme: Theme, snapshot: Snapshot) -> User {
        User::naming(size, theme, snapshot, Arc::default())
    }

    /// A user of a site whose networks have names.
    pub fn naming(
        size: (u16, u16),
        theme: Theme,
        snapshot: Snapshot,
        groups: Arc<NetworkGroups>,
    ) -> User {
        let model = Model::new(UiConfig { theme, groups, ..UiConfig::default() });
        let mut user = User { model, shown: Snapshot::default(), size };
        user.act(UiAction::Resized(size.0, size.1));
        user.sees(snapshot);
        user
    }

    pub fn act(&mut self, action: UiAction) -> Effect {
        let effect = update(&mut self.model, action, &self.shown);
        if let Effect::Show(snapshot) = &effect {
            self.shown = Snapshot::clone(snapshot);
            update(&mut self.model, UiAction::Arrived, &self.shown);
        }
        effect
    }

    /// A snapshot arrives; false if it is not for this screen.
    pub fn sees(&mut self, snapshot: Snapshot) -> bool {
        let accepted = self.model.accepts(&snapshot);
        if accepted {
            self.shown = snapshot;
            self.act(UiAction::Arrived);
        }
        accepted
    }

    pub fn key(&mut self, code: KeyCode) -> Effect {
        self.act(on_key(self.model.context(), code, KeyModifiers::NONE))
    }

    pub fn ctrl(&mut self, c: char) -> Effect {
        self.act(on_key(self.model.context(), KeyCode::Char(c), KeyModifiers::CONTROL))
    }

    pub fn types(&mut self, text: &str) -> Effect {
        text.chars().fold(Effect::None, |_, c| self.key(KeyCode::Char(c)))
    }

    pub fn buffer(&self) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.size.0, self.size.1));
        view(&self.model, &self.shown, &mut buffer);
        buffer
    }

    pub fn screen(&self) -> String {
        text(&self.buffer())
    }
}

pub fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let line = |cells: &[ratatui::buffer::Cell]| {
        let line: String = cells.iter().map(|cell| cell.symbol()).collect();
        line.trim_end().to_owned() + "\n"
    };
    buffer.content.chunks(width).map(line).collect()
}

/// One letter per cell that is not plain: reversed R, underlined U, red r, yellow y, bold B,
/// dim d.
pub fn styles(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let mut lines = BTreeMap::new();
    for (y, cells) in buffer.content.chunks(width).enumerate() {
        let line: String = cells
            .iter()
            .map(|cell| match (cell.fg, cell.modifier) {
                (_, looks) if looks.contains(Modifier::REVERSED) => 'R',
                (_, looks) if looks.contains(Modifier::UNDERLINED) => 'U',
                (Color::Red, _) => 'r',
                (Color::Yellow, _) => 'y',
                (_, looks) if looks.contains(Modifier::BOLD) => 'B',
                (_, looks) if looks.contains(Modifier::DIM) => 'd',
                _ => ' ',
            })
            .collect();
        assert!(cells.iter().all(|cell| cell.bg == Color::Reset), "no background");
        lines.insert(y, line.trim_end().to_owned());
    }
    lines
        .iter()
        .filter(|(_, line)| !line.is_empty())
        .map(|(y, line)| format!("{y:>2} {line}\n"))
        .collect()
}
