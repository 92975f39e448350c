//! Random keys, answers and sizes: nothing panics, and the selection stays on its row as long
//! as the row exists.

use crossterm::event::{KeyCode, KeyModifiers};
use proptest::prelude::*;
use toptalk::snapshot::{Health, Snapshot, Subject};
use toptalk::ui::action::{Context, on_key};
use toptalk::ui::{Theme, UiAction};

use super::fixture::*;
use super::{lists, sources};

#[derive(Clone, Debug)]
enum Step {
    Key(KeyCode, bool),
    Answer { seconds: i64, rotate: usize, keep: usize },
    Size(u16, u16),
    Paste(String),
}

fn key() -> impl Strategy<Value = KeyCode> {
    prop_oneof![
        4 => proptest::char::any().prop_map(KeyCode::Char),
        12 => proptest::sample::select("jkgGrswWuqS /?!px1e23<>hltT".chars().collect::<Vec<_>>())
            .prop_map(KeyCode::Char),
        12 => proptest::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Up, KeyCode::Down, KeyCode::PageUp,
            KeyCode::PageDown, KeyCode::Home, KeyCode::End, KeyCode::Tab, KeyCode::Left,
            KeyCode::Right, KeyCode::Backspace, KeyCode::Delete, KeyCode::BackTab,
        ]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (key(), proptest::bool::weighted(0.1)).prop_map(|(code, ctrl)| Step::Key(code, ctrl)),
        2 => (0..5i64, 0..70usize, 0..70usize)
            .prop_map(|(seconds, rotate, keep)| Step::Answer { seconds, rotate, keep }),
        1 => (0..170u16, 0..60u16).prop_map(|(width, height)| Step::Size(width, height)),
        1 => "\\PC{0,40}".prop_map(Step::Paste),
    ]
}

/// The answer to the current question, with its rows rotated and cut off.
fn answer(user: &User, at: i64, rotate: usize, keep: usize) -> Snapshot {
    let view = user.model.view();
    let mut snapshot = if let Subject::Host(host) = view.subject {
        let mut snapshot = nas();
        if let Some(detail) = &mut snapshot.detail {
            detail.host = host;
            let rows = &mut detail.conversations.rows;
            let by = rotate % rows.len();
            rows.rotate_left(by);
            rows.truncate(keep);
        }
        snapshot
    } else if let Subject::Groups(grouping) = view.subject {
        let mut snapshot = lists::list(grouping);
        let rows = &mut snapshot.groups.rows;
        let by = rotate % rows.len();
        rows.rotate_left(by);
        rows.truncate(keep);
        snapshot
    } else {
        let mut snapshot = site();
        for table in [&mut snapshot.uploaders, &mut snapshot.downloaders] {
            let by = rotate % table.rows.len();
            table.rows.rotate_left(by);
            table.rows.truncate(keep);
        }
        snapshot
    };
    let exporters = &mut snapshot.health.exporters;
    *exporters = sources::exporters();
    // Exchanges the rates of the exporters.
    let rates: Vec<f64> = exporters.iter().map(|one| one.flows_per_s).collect();
    let count = exporters.len();
    for (at, one) in exporters.iter_mut().enumerate() {
        one.flows_per_s = rates[(at + rotate) % count];
    }
    exporters.truncate(keep.max(1));
    snapshot.view = view;
    snapshot.captured_at = snapshot.captured_at.plus_ms(at * 1000);
    snapshot
}

/// Whether the selected row is in the answer, by its name on the screen.
fn holds(snapshot: &Snapshot, selected: &str) -> bool {
    let hosts = snapshot.uploaders.rows.iter().chain(&snapshot.downloaders.rows);
    let detail = snapshot.detail.iter().flat_map(|detail| &detail.conversations.rows);
    let exporters = snapshot.health.exporters.iter();
    let groups = snapshot.groups.rows.iter();
    hosts.map(|row| row.host.to_string()).any(|name| name == selected)
        || groups.map(|row| row.key.label(&Health::default())).any(|name| name == selected)
        || exporters.map(|one| one.address.to_string()).any(|name| name == selected)
        || detail
            .map(|row| format!("{} {} {}", row.peer, row.proto, row.port))
            .any(|name| name == selected)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_panics_and_the_selection_stays(steps in prop::collection::vec(step(), 1..60)) {
        let mut user = User::naming((80, 24), Theme::default(), site(), lists::names());
        // Moved once, so that the selection is bound to its row.
        user.key(KeyCode::Char('j'));
        let mut clock = 0;
        for step in steps {
            match step {
                Step::Key(code, ctrl) => {
                    let modifiers = if ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
                    user.act(on_key(user.model.context(), code, modifiers));
                    // `g` releases the row on purpose, so bind it again.
                    if matches!(code, KeyCode::Char('g') | KeyCode::Home | KeyCode::Enter) {
                        user.key(KeyCode::Char('j'));
                    }
                }
                Step::Answer { seconds, rotate, keep } => {
                    clock += seconds;
                    let before = user.model.selected();
                    let snapshot = answer(&user, clock, rotate, keep);
                    let pane = user.screen();
                    // A frozen screen takes one answer per question.
                    let live = snapshot.view.at.is_none();
                    prop_assert!(user.sees(snapshot) || !live);
                    let after = user.model.selected();
                    if let (Some(before), Some(after)) = (before, after)
                        && !holds(&user.shown, &before)
                    {
                        prop_assert!(holds(&user.shown, &after), "{after}\n{pane}");
                    }
                }
                Step::Size(width, height) => {
                    user.size = (width, height);
                    let before = user.model.selected();
                    user.act(UiAction::Resized(width, height));
                    prop_assert_eq!(before, user.model.selected());
                }
                Step::Paste(text) => {
                    user.act(UiAction::Paste(text));
                }
            }
            user.buffer();
        }
    }

    #[test]
    fn the_selected_row_stays_selected_while_it_exists(
        moves in 1..30usize,
        answers in prop::collection::vec((0..5i64, 0..70usize), 1..20),
    ) {
        let mut user = User::at((80, 24), Theme::default(), site());
        (0..moves).for_each(|_| { user.key(KeyCode::Char('j')); });
        let selected = user.model.selected();
        let mut clock = 0;
        for (seconds, rotate) in answers {
            clock += seconds;
            let snapshot = answer(&user, clock, rotate, 100);
            user.sees(snapshot);
            prop_assert_eq!(&user.model.selected(), &selected);
            let address = selected.clone().unwrap_or_default();
            let shown = address.chars().take(7).collect::<String>();
            let screen = user.screen();
            let row = screen.lines().find(|line| line.starts_with('>')).unwrap_or_default();
            prop_assert!(row.contains(&shown), "{}\n{}", shown, screen);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_exporters_screen_keeps_its_selection(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut user = User::at((80, 24), Theme::default(), sources::troubled());
        user.types("ej");
        let mut clock = 0;
        for step in steps {
            match step {
                Step::Key(code, ctrl) => {
                    let modifiers = if ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
                    user.act(on_key(user.model.context(), code, modifiers));
                    if !matches!(user.model.context(), Context::Exporters | Context::Exporter) {
                        user = User::at(user.size, Theme::default(), sources::troubled());
                        user.types("e");
                    }
                    user.key(KeyCode::Char('j'));
                }
                Step::Answer { seconds, rotate, .. } => {
                    clock += seconds;
                    let before = user.model.selected();
                    let snapshot = answer(&user, clock, rotate, 100);
                    let live = snapshot.view.at.is_none();
                    prop_assert!(user.sees(snapshot) || !live);
                    prop_assert_eq!(before, user.model.selected());
                }
                Step::Size(width, height) => {
                    user.size = (width, height);
                    user.act(UiAction::Resized(width, height));
                }
                Step::Paste(text) => {
                    // Names of interfaces come from the network as well.
                    let exporters = &mut user.shown.health.exporters;
                    let detail = std::sync::Arc::make_mut(&mut exporters[0].detail);
                    if let Some(interface) = detail.interfaces.first_mut() {
                        interface.name = text;
                    }
                }
            }
            user.buffer();
        }
    }
}
