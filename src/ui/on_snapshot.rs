//! Handles a new answer: the screens that it belongs to take its rows.

use crate::snapshot::{Snapshot, SortKey, Subject, UpDown};

use super::model::{
    ConversationId, DrillScreen, GroupsScreen, MainScreen, Model, Pane, SAVED_SHOWN_MS, SaveResult,
    Screen,
};
use super::view;

/// Passes a new answer to the screens that it belongs to.
pub fn arrived(model: &mut Model, snapshot: &Snapshot) {
    model.remember_snapshot(snapshot);
    let since = snapshot.captured_at.since(model.saved_at);
    if matches!(model.saved, SaveResult::Done(_)) && since >= SAVED_SHOWN_MS {
        model.saved = SaveResult::Nothing;
    }
    if model.frozen.is_some() {
        model.frozen_answers.keep(model.view(), snapshot);
    }
    // The question is that of the uppermost screen that has one; the screens below had other
    // filters.
    let mut taken = false;
    for screen in model.screens.downward_mut() {
        let asks = screen.asks();
        match (screen, snapshot.view.subject) {
            (Screen::Exporters(screen), _) => screen.arrive(snapshot),
            _ if taken => {}
            (Screen::Main(main), Subject::Talkers) => talkers(main, snapshot),
            (Screen::Groups(screen), Subject::Groups(grouping)) if screen.grouping == grouping => {
                groups(screen, snapshot);
            }
            (Screen::Drill(drill), Subject::Host(host)) if drill.host == host => {
                conversations(drill, snapshot);
            }
            _ => {}
        }
        taken |= asks;
    }
}

fn talkers(main: &mut MainScreen, snapshot: &Snapshot) {
    let key = snapshot.view.order.key;
    for (pane, list) in [(Pane::Up, &mut main.up), (Pane::Down, &mut main.down)] {
        let rows: Vec<_> = view::ranking(snapshot, pane)
            .rows
            .iter()
            .map(|row| {
                let counters = if pane == Pane::Up { row.traffic.up } else { row.traffic.down };
                let value = match key {
                    SortKey::Packets => counters.packets,
                    SortKey::Flows => counters.flows,
                    _ => value(key, &row.traffic, counters.bytes),
                };
                (row.host, value)
            })
            .collect();
        list.arrive(&rows, &snapshot.view, snapshot.captured_at);
    }
}

fn groups(screen: &mut GroupsScreen, snapshot: &Snapshot) {
    let key = snapshot.view.order.key;
    let rows = snapshot.groups.rows.iter();
    let rows: Vec<_> = rows
        .map(|row| (row.key.clone(), value(key, &row.traffic, row.traffic.sum().bytes)))
        .collect();
    screen.list.arrive(&rows, &snapshot.view, snapshot.captured_at);
}

fn conversations(drill: &mut DrillScreen, snapshot: &Snapshot) {
    let Some(detail) = &snapshot.detail else { return };
    let key = snapshot.view.order.key;
    let rows: Vec<_> = detail
        .conversations
        .rows
        .iter()
        .map(|row| (ConversationId::from(row), value(key, &row.traffic, row.traffic.sum().bytes)))
        .collect();
    drill.list.arrive(&rows, &snapshot.view, snapshot.captured_at);
}

/// The value that a row is sorted by; `bytes` is the value for the order by bytes.
fn value(key: SortKey, traffic: &UpDown, bytes: u64) -> u64 {
    match key {
        SortKey::Up => traffic.up.bytes,
        SortKey::Down => traffic.down.bytes,
        SortKey::Packets => traffic.sum().packets,
        SortKey::Flows => traffic.sum().flows,
        SortKey::Bytes | SortKey::Address => bytes,
    }
}
