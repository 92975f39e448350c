//! The screens of exporters: golden screens, and sequences of keys.

use crossterm::event::KeyCode;
use toptalk::snapshot::{
    Alarm, Attached, DropCount, MissingPort, RecordingHealth, Snapshot, Subject,
};
use toptalk::ui::{Effect, Theme, UiAction};

use super::fixture::*;
use super::golden::{ASCII, COLOUR, MONO, golden};
use super::sources::troubled;

fn at(size: (u16, u16), theme: Theme, keys: &str) -> User {
    let mut user = User::at(size, theme, troubled());
    user.types(keys);
    user
}

fn user(keys: &str) -> User {
    at((80, 24), COLOUR, keys)
}

fn row<'a>(screen: &'a str, start: &str) -> &'a str {
    screen.lines().find(|line| line.starts_with(start)).unwrap_or_default()
}

#[test]
fn exporters_at_usual_sizes() {
    for size in [(40, 10), (60, 15), (80, 24), (100, 30), (160, 50)] {
        golden(format!("exporters_{}x{}", size.0, size.1), at(size, COLOUR, "e").screen());
    }
}

#[test]
fn exporters_in_ascii_and_their_styles() {
    let ascii = at((80, 24), ASCII, "e");
    assert!(ascii.screen().is_ascii());
    golden("exporters_ascii", ascii.screen());
    let [colour, mono] = [COLOUR, MONO].map(|theme| at((80, 24), theme, "ej").buffer());
    assert_eq!(text(&colour), text(&mono));
    golden("exporters_styles_colour", styles(&colour));
    golden("exporters_styles_mono", styles(&mono));
}

#[test]
fn one_exporter() {
    for size in [(40, 10), (80, 24), (160, 50)] {
        let mut user = at(size, COLOUR, "e");
        for tab in ["templates", "interfaces", "statistics"] {
            user.key(if tab == "templates" { KeyCode::Enter } else { KeyCode::Tab });
            golden(format!("exporter_{tab}_{}x{}", size.0, size.1), user.screen());
        }
    }
    let mut ascii = at((80, 24), ASCII, "e");
    ascii.key(KeyCode::Enter);
    for tab in ["1", "2", "3"] {
        ascii.types(tab);
        assert!(ascii.screen().is_ascii(), "{}", ascii.screen());
    }
}

#[test]
fn the_state_of_the_collector() {
    let mut user = user("e");
    user.key(KeyCode::Tab);
    golden("collecting_80x24", user.screen());
    user.key(KeyCode::Tab);
    golden("exporters_80x24", user.screen());
    let mut small = at((40, 10), COLOUR, "e");
    small.key(KeyCode::Tab);
    small.types("G");
    assert!(small.screen().contains("port 4739 is busy"), "{}", small.screen());
    assert!(small.screen().contains(": j k"), "{}", small.screen());
    small.types("g");
    golden("collecting_40x10", small.screen());
}

fn recorded(change: impl FnOnce(&mut RecordingHealth)) -> Snapshot {
    let shed = DropCount {
        cause: "record_no_space".into(),
        explanation: "flows not recorded: the disk is full".into(),
        count: 1_234,
    };
    let mut recording = RecordingHealth {
        folder: "/var/lib/toptalk".to_owned(),
        flows: 1_500_000,
        bytes: 231_000_000,
        segments: 3,
        ..RecordingHealth::default()
    };
    change(&mut recording);
    if recording.stopped.is_some() {
        recording.shed.push(shed);
    }
    let mut snapshot = site();
    snapshot.health.recording = Some(recording);
    snapshot
}

#[test]
fn the_state_of_recording() {
    let why = "No space left on device (os error 28)";
    let alarm = || Some(Alarm { why: why.to_owned(), since: END });
    for (name, snapshot) in [
        ("well", recorded(|_| ())),
        ("behind", recorded(|recording| (recording.behind, recording.waiting) = (alarm(), 2))),
        ("stopped", recorded(|recording| recording.stopped = alarm())),
    ] {
        for size in [(40, 10), (100, 30)] {
            let mut user = User::at(size, COLOUR, snapshot.clone());
            golden(format!("recording_{name}_{}x{}", size.0, size.1), user.screen());
            user.types("e");
            user.key(KeyCode::Tab);
            let screen = user.screen();
            assert!(size.0 == 40 || screen.contains("1.50M flows to /var/lib"), "{screen}");
        }
    }
    let mut user = User::at((100, 30), COLOUR, recorded(|recording| recording.stopped = alarm()));
    user.types("e");
    user.key(KeyCode::Tab);
    golden("recording_collecting_100x30", user.screen());
}

#[test]
fn a_missing_port_is_shown_on_every_screen() {
    let mut snapshot = site();
    let why = "another program holds it".to_owned();
    snapshot.health.missing =
        vec![MissingPort { port: 2055, why, since: END, ..Default::default() }];
    let mut user = User::at((100, 30), COLOUR, snapshot);
    // Totals, a host, the exporters, the state of the collector.
    for keys in ["", "e"] {
        user.types(keys);
        let screen = user.screen();
        assert!(screen.contains("! not listening on port 2055 since "), "{keys}: {screen}");
    }
    user.key(KeyCode::Tab);
    let screen = user.screen();
    assert!(screen.contains("it is tried again every"), "{screen}");
}

#[test]
fn help_on_exporters() {
    golden("help_exporters_80x24", user("e?").screen());
    golden("help_exporters_160x50", at((160, 50), COLOUR, "e?").screen());
}

#[test]
fn esc_leads_from_the_exporter_to_the_list_and_to_the_first_screen() {
    let mut user = user("");
    let main = user.screen();
    assert_eq!(user.types("ej"), Effect::None, "nothing to ask");
    let list = user.screen();
    assert!(row(&list, ">").contains("192.0.2.1 "), "{list}");
    user.key(KeyCode::Enter);
    assert!(user.screen().starts_with("All > Exporters > 192.0.2.1"), "{}", user.screen());
    user.types("?");
    user.key(KeyCode::Esc);
    assert!(user.screen().starts_with("All > Exporters > 192.0.2.1"));
    user.key(KeyCode::Esc);
    assert_eq!(user.screen(), list);
    user.key(KeyCode::Esc);
    assert_eq!(user.screen(), main);
    user.types("ee");
    assert_eq!(user.screen(), main, "e closes what it opened");
    user.key(KeyCode::Enter);
    user.types("e");
    assert!(user.screen().starts_with("All > Exporters "));
    user.key(KeyCode::Esc);
    assert!(user.screen().contains("asking…"));
}

fn later(seconds: i64, change: impl FnOnce(&mut Snapshot)) -> Snapshot {
    let mut snapshot = troubled();
    snapshot.captured_at = snapshot.captured_at.plus_ms(seconds * 1000);
    change(&mut snapshot);
    snapshot
}

#[test]
fn the_selection_stays_on_its_exporter_when_the_order_changes() {
    let mut user = user("ej");
    let selected = user.model.selected();
    assert_eq!(selected.as_deref(), Some("192.0.2.1"));
    user.sees(later(5, |snapshot| snapshot.health.exporters[1].flows_per_s = 99_000.0));
    assert_eq!(user.model.selected(), selected);
    let screen = user.screen();
    let rows: Vec<&str> = screen.lines().skip(2).take(2).collect();
    assert!(rows[0].starts_with(">  192.0.2.1 ") && rows[1].contains("192.0.2.2"), "{screen}");
    // It disappears and returns while its screen is open.
    user.key(KeyCode::Enter);
    user.sees(later(6, |snapshot| drop(snapshot.health.exporters.remove(1))));
    assert!(user.screen().contains("no longer among the exporters"));
    user.sees(later(7, |_| ()));
    assert!(user.screen().contains("all is well"), "{}", user.screen());
}

#[test]
fn the_order_steps_through_its_keys_and_back() {
    let mut user = user("e");
    let order = |user: &User| {
        let screen = user.screen();
        let at = screen.find("sort: ").unwrap();
        screen[at + 6..].split(' ').next().unwrap().to_owned()
    };
    let first = |user: &User| {
        let screen = user.screen();
        screen.lines().nth(2).unwrap()[3..].split(' ').next().unwrap().to_owned()
    };
    assert_eq!((order(&user), first(&user)), ("flow/s▼".into(), "192.0.2.2".into()));
    user.types("sss");
    assert_eq!((order(&user), first(&user)), ("state▼".into(), "192.0.2.7".into()));
    user.types("r");
    assert_eq!((order(&user), first(&user)), ("state▲".into(), "192.0.2.1".into()));
    user.types("<>>>>");
    assert_eq!((order(&user), first(&user)), ("address▼".into(), "192.0.2.1".into()));
}

#[test]
fn the_worst_exporter_marks_the_main_screen() {
    let header = |snapshot: Snapshot| {
        let user = User::at((80, 24), COLOUR, snapshot);
        user.screen().lines().next().unwrap_or_default().to_owned()
    };
    // The exporter that is only known from an earlier run does not count.
    assert!(header(troubled()).contains(" !!3 exporters"), "{}", header(troubled()));
    let degraded = later(0, |snapshot| snapshot.health.exporters.truncate(2));
    assert!(header(degraded.clone()).contains(" !2 exporters"));
    assert!(header(site()).contains(" 3 exporters"));
}

#[test]
fn saving_the_exporters_asks_for_them() {
    let Effect::Save(view) = user("e").types("S") else { panic!() };
    assert_eq!(view.subject, Subject::Exporters);
    assert_eq!(user("e").model.view().subject, Subject::Talkers);
}

#[test]
fn a_stopped_or_frozen_screen_says_so_here_too() {
    for size in [(40, 10), (80, 24)] {
        let mut user = at(size, COLOUR, "e");
        user.act(UiAction::Stopped);
        for keys in [KeyCode::Enter, KeyCode::Esc, KeyCode::Tab] {
            let screen = user.screen();
            assert!(screen.contains("!! collecting has stopped"), "{screen}");
            user.key(keys);
        }
    }
    let mut user = user("e ");
    let before = user.screen();
    assert!(before.contains("FROZEN"));
    assert!(!user.sees(later(9, |snapshot| snapshot.health.exporters.clear())));
    assert_eq!(user.screen(), before);
}

#[test]
fn the_smallest_terminals_show_what_fits() {
    for size in [(20, 5), (1, 1), (0, 0), (3, 2), (9, 4), (500, 3), (2, 200)] {
        let mut user = at(size, ASCII, "e");
        user.screen();
        user.key(KeyCode::Tab);
        user.types("G");
        user.screen();
        user.key(KeyCode::Tab);
        user.key(KeyCode::Enter);
        for keys in ["1G", "2G", "3G", "q"] {
            user.types(keys);
            user.screen();
        }
    }
    let mut silent = User::at((80, 24), COLOUR, silence());
    silent.types("e");
    golden("exporters_none", silent.screen());
    assert_eq!(silent.key(KeyCode::Enter), Effect::None);
}

#[test]
fn a_missing_or_busy_collector_is_reported() {
    let mut snapshot = site();
    snapshot.every_s = 4;
    let why = "the collector has hung up".to_owned();
    snapshot.health.gone = Some(Alarm { why, since: END });
    let user = |snapshot: &Snapshot| User::at((120, 24), COLOUR, snapshot.clone());
    let screen = user(&snapshot).screen();
    assert!(screen.lines().next().unwrap().contains("every 4 s"), "{screen}");
    assert!(screen.contains("STOPPED"), "{screen}");
    let message = "!! collector gone since 14:31:02, waiting for it: the collector has hung up";
    assert!(screen.contains(message), "{screen}");
    snapshot.health.gone = None;
    snapshot.every_s = 0;
    let attached = Attached {
        path: "/run/toptalk/toptalk.sock".to_owned(),
        clients: 3,
        limit: 64,
        refused: 7,
        cut_off: 1,
    };
    snapshot.health.attached = Some(attached);
    let mut user = user(&snapshot);
    let screen = user.screen();
    assert!(!screen.contains("every ") && !screen.contains("gone"), "{screen}");
    user.types("e");
    let line = "screens  3 of 64 attached at /run/toptalk/toptalk.sock, refused 7, cut off 1";
    assert!(user.screen().contains(line), "{}", user.screen());
}
