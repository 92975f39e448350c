//! Sequences of keys and the resulting screens.

use crossterm::event::KeyCode;
use toptalk::flow::Time;
use toptalk::snapshot::{Snapshot, SortKey, Subject, Window};
use toptalk::ui::{Effect, Theme, UiAction};

use super::fixture::*;

fn user() -> User {
    User::at((80, 24), Theme::default(), site())
}

fn line(screen: &str, start: &str) -> String {
    screen.lines().find(|line| line.contains(start)).unwrap_or_default().to_owned()
}

#[test]
fn drill_in_and_out() {
    let mut user = user();
    user.key(KeyCode::Char('j'));
    let asked = user.key(KeyCode::Enter);
    let host = uploaders()[1].0;
    let Effect::Ask(view) = asked else { panic!("{asked:?}") };
    assert_eq!(view.subject, Subject::Host(host));
    assert!(user.screen().contains("asking…"));
    assert!(!user.sees(site()), "not about this host");
    assert!(!user.sees(nas()), "another host");
    user.key(KeyCode::Esc);
    assert_eq!(user.model.view().subject, Subject::Talkers);
    assert_eq!(user.model.selected(), Some(host.to_string()));
    assert_eq!(user.key(KeyCode::Esc), Effect::None, "nothing above");
}

#[test]
fn tab_switches_panes_and_narrow_screens_show_only_one() {
    let mut user = User::at((50, 20), Theme::default(), site());
    assert!(user.screen().contains("UPLOADERS") && !user.screen().contains("DOWNLOADERS"));
    user.key(KeyCode::Tab);
    assert!(user.screen().contains("DOWNLOADERS"));
    assert_eq!(user.model.selected(), Some(downloaders()[0].0.to_string()));
}

#[test]
fn quitting_asks_and_any_other_key_says_no() {
    let mut user = user();
    assert_eq!(user.types("q"), Effect::None);
    assert!(user.screen().contains("press q again to quit"));
    assert_eq!(user.types("j"), Effect::None);
    assert!(!user.screen().contains("press q again"));
    assert_eq!(user.types("qx"), Effect::None);
    assert_eq!(user.types("qq"), Effect::Quit);
    assert_eq!(user.ctrl('c'), Effect::Quit);
}

#[test]
fn windows_units_and_orders_change_the_question() {
    let mut user = user();
    let Effect::Ask(view) = user.types("w") else { panic!() };
    assert_eq!(view.window, Window::FiveMinutes);
    let Effect::Ask(view) = user.types("sr") else { panic!() };
    assert_eq!((view.order.key, view.order.reverse), (SortKey::Packets, true));
    assert_eq!(user.types("u"), Effect::None, "the unit is the screen's own");
    assert!(line(&user.screen(), "toptalk").contains("bytes/s"));
}

#[test]
fn a_frozen_screen_does_not_change_and_asks_about_its_time() {
    let mut user = user();
    assert_eq!(user.types(" "), Effect::None);
    let before = user.screen();
    assert!(before.contains("FROZEN"));
    let mut later = site();
    later.span.end = END.plus_ms(5000);
    assert!(!user.sees(later));
    assert_eq!(user.screen(), before);
    let Effect::Save(view) = user.types("S") else { panic!() };
    assert_eq!((view.at, view.subject, view.limit), (Some(END), Subject::Hosts, 1_000_000));
    let Effect::Ask(view) = user.key(KeyCode::Enter) else { panic!() };
    assert_eq!(view.at, Some(END));
    let mut answer = nas();
    assert!(!user.sees(answer.clone()), "a live answer");
    answer.view.at = Some(END);
    assert!(user.sees(answer));
    let Effect::Ask(view) = user.types(" ") else { panic!() };
    assert_eq!(view.at, None);
    assert!(user.sees(nas()));
}

fn says_stopped(user: &User) {
    let screen = user.screen();
    assert!(screen.contains("STOPPED"), "{screen}");
    assert_eq!(screen.matches("collecting has stopped").count(), 1, "{screen}");
    assert!(screen.contains("!! collecting has stopped"), "{screen}");
}

#[test]
fn a_stopped_collector_is_reported_on_every_screen() {
    for size in [(40, 10), (80, 24)] {
        let mut user = User::at(size, Theme::default(), site());
        assert!(!user.screen().contains("stopped"));
        assert_eq!(user.act(UiAction::Stopped), Effect::None);
        says_stopped(&user);
        user.types(" ");
        says_stopped(&user);
        user.types(" ");
        user.key(KeyCode::Enter);
        user.sees(nas());
        says_stopped(&user);
    }
}

#[test]
fn a_stopped_receiver_is_shown_before_alerts() {
    let mut user = user();
    let mut later = site();
    later.health.ended = true;
    user.sees(later);
    says_stopped(&user);
    user.key(KeyCode::Enter);
    let mut later = nas();
    later.health.ended = true;
    user.sees(later);
    says_stopped(&user);
}

/// The answer to the current question, five seconds later and with coarser panes.
fn coarser(user: &User, mut snapshot: Snapshot) -> Snapshot {
    snapshot.view = user.model.view();
    snapshot.captured_at = snapshot.captured_at.plus_ms(5000);
    snapshot.span.start = END.plus_ms(-70_000);
    snapshot.uploaders.rows.reverse();
    snapshot
}

#[test]
fn a_frozen_screen_shows_earlier_answers_again() {
    let mut user = user();
    user.types(" ");
    let main = user.screen();
    assert!(!user.sees(coarser(&user, site())), "what is shown stays");
    assert_eq!(user.screen(), main);
    user.key(KeyCode::Enter);
    assert!(user.sees(coarser(&user, nas())), "the first answer");
    let host = user.screen();
    assert!(line(&host, "All >").contains("1m10s to 14:31:02"), "{host}");
    let mut again = coarser(&user, nas());
    again.span.start = END.plus_ms(-120_000);
    assert!(!user.sees(again), "the second");
    let Effect::Show(_) = user.key(KeyCode::Esc) else { panic!("not asked again") };
    assert_eq!(user.screen(), main);
    let Effect::Show(_) = user.key(KeyCode::Enter) else { panic!("not asked again") };
    assert_eq!(user.screen(), host);
    let Effect::Ask(wider) = user.types("w") else { panic!("not seen yet") };
    let mut answer = coarser(&user, nas());
    answer.view.window = Window::Quarter;
    assert!(!user.sees(answer), "for another question");
    assert!(wider.at.is_some() && user.sees(coarser(&user, nas())));
    let Effect::Show(_) = user.types("W") else { panic!("not asked again") };
    assert_eq!(user.screen(), host);
    let Effect::Ask(view) = user.types(" ") else { panic!("live again") };
    assert_eq!(view.at, None);
    let Effect::Ask(_) = user.key(KeyCode::Esc) else { panic!("the answers were discarded") };
}

#[test]
fn freezing_before_the_answer_asks_for_it() {
    let mut user = user();
    let Effect::Ask(_) = user.types("w") else { panic!() };
    let Effect::Ask(view) = user.types(" ") else { panic!("the screen shows another window") };
    assert_eq!((view.at, view.window), (Some(END), Window::FiveMinutes));
    assert!(user.sees(coarser(&user, site())));
}

#[test]
fn a_time_that_is_no_longer_kept_is_reported_as_too_old() {
    let mut user = user();
    user.types(" w");
    let mut answer = coarser(&user, site());
    answer.span.start = END.plus_ms(600_000);
    answer.span.end = answer.span.start;
    assert!(user.sees(answer));
    let header = line(&user.screen(), "FROZEN");
    assert!(header.contains("14:31:02 is too old to show"), "{header}");
}

#[test]
fn the_path_of_a_snapshot_or_the_reason_is_shown() {
    let mut user = user();
    let Effect::Save(_) = user.types("S") else { panic!() };
    assert!(user.screen().contains("snapshot: saving"));
    user.act(UiAction::Saved(Ok("/home/mk/toptalk-20261123T143102Z-main.csv".to_owned())));
    assert!(user.screen().contains("toptalk-20261123T143102Z-main.csv"));
    user.act(UiAction::Saved(Err("no space left on device".to_owned())));
    assert!(user.screen().contains("not saved: no space left on device"));
}

#[test]
fn the_path_of_a_snapshot_is_removed_after_a_while_and_always_shows_its_name() {
    let name = "toptalk-20261123T143102Z-host-192-0-2-1.csv";
    let path = format!("/home/somebody/.local/share/toptalk/snapshots/{name}");
    for (width, want) in [
        (200, format!("saved {path}")),
        (80, format!("saved …/{name}")),
        (51, format!("saved …/{name}")),
        (40, "saved toptalk-20261123T…st-192-0-2-1.csv".to_owned()),
    ] {
        let mut user = User::at((width, 24), Theme::default(), site());
        user.act(UiAction::Saved(Ok(path.clone())));
        let status = line(&user.screen(), "saved ");
        assert!(status.contains(&want), "{width}: {status}");
        let mut later = site();
        later.captured_at = later.captured_at.plus_ms(9_999);
        user.sees(later.clone());
        assert!(user.screen().contains("saved "));
        later.captured_at = later.captured_at.plus_ms(1);
        user.sees(later);
        assert!(!user.screen().contains("saved "));
    }
}

#[test]
fn the_reason_of_a_refused_filter_is_shortened_and_starts_with_the_word() {
    let mut user = user();
    user.types("/src port 53");
    let shown = line(&user.screen(), "filter:");
    assert_eq!(shown, "filter: src port 53   rows keep the service port only");
    let message = line(&user.screen(), "from the archive:");
    assert_eq!(message, "from the archive: toptalk query 'src port 53'");
    user.types(" or port 70000");
    let shown = line(&user.screen(), "filter:");
    assert!(shown.contains("  found `70000`, expected a port"), "{shown}");
    assert!(shown.ends_with('…'), "{shown}");
    // However much is typed, the reason stays readable.
    user.ctrl('u');
    user.types(&format!("{}flags S", "net 10.0.0.0/8 or ".repeat(9)));
    let shown = line(&user.screen(), "filter:");
    assert!(shown.ends_with("  rows keep no TCP flags"), "{shown}");
}

#[test]
fn without_rows_nothing_can_be_opened() {
    let mut user = user();
    assert!(line(&user.screen(), "Space freeze").starts_with("Enter drill"));
    let mut quiet = site();
    quiet.uploaders = Default::default();
    user.sees(quiet);
    assert!(line(&user.screen(), "Space freeze").starts_with("t lists"));
}

#[test]
fn the_filter_line_opens_edits_and_goes_back() {
    let mut user = user();
    user.types("/port 443");
    assert!(line(&user.screen(), "filter:").starts_with("filter: port 443"));
    user.key(KeyCode::Enter);
    assert!(line(&user.screen(), "filter:").contains("filter: port 443"));
    user.types("/ or ß");
    user.key(KeyCode::Home);
    user.key(KeyCode::Esc);
    assert!(line(&user.screen(), "filter:").contains("filter: port 443"));
    user.types("/");
    user.ctrl('u');
    user.key(KeyCode::Up);
    assert!(line(&user.screen(), "filter:").starts_with("filter: port 443"));
    user.key(KeyCode::Enter);
    user.key(KeyCode::Esc);
    assert!(line(&user.screen(), "filter:").contains("filter: none"));
}

#[test]
fn a_port_of_one_end_is_refused_and_the_last_valid_filter_stays() {
    let mut user = User::at((160, 50), Theme::default(), site());
    user.types("/port 443");
    let good = user.model.view().filter;
    for text in [" and src port 53", " and dst port 53"] {
        user.types(text);
        assert_eq!(user.model.view().filter, good, "{text}");
        let shown = line(&user.screen(), "filter:");
        assert!(shown.contains("live rows keep the service port only; write `port N`"), "{shown}");
        text.chars().for_each(|_| drop(user.key(KeyCode::Backspace)));
    }
    user.types(" and src port 53");
    user.key(KeyCode::Enter);
    assert!(line(&user.screen(), "filter:").contains("filter: port 443 "));
    assert_eq!(user.model.view().filter, good);
}

#[test]
fn the_selection_follows_its_host() {
    let mut user = user();
    user.types("j");
    let selected = user.model.selected();
    let mut later = site();
    later.captured_at = later.captured_at.plus_ms(5000);
    later.uploaders.rows.swap(0, 1);
    user.sees(later);
    assert_eq!(user.model.selected(), selected);
    let screen = user.screen();
    assert!(screen.lines().any(|line| line.starts_with(">  1")), "{screen}");
}

#[test]
fn help_scrolls_to_its_end_and_esc_leaves_it() {
    let mut user = user();
    user.types("?G");
    assert!(user.screen().contains("lost dropped"));
    user.key(KeyCode::Esc);
    assert!(user.screen().contains("UPLOADERS"));
}

#[test]
fn answers_that_arrive_while_the_help_is_open_are_not_lost() {
    let mut user = user();
    user.types("?");
    let mut later = site();
    later.uploaders.rows.rotate_left(1);
    later.captured_at = Time(later.captured_at.0 + 9000);
    assert!(user.sees(later));
    user.key(KeyCode::Esc);
    assert_eq!(user.model.selected(), Some(uploaders()[1].0.to_string()));
}

#[test]
fn a_terminal_that_is_enlarged_shows_the_first_rows_again() {
    let mut user = user();
    let resize = |user: &mut User, size: (u16, u16)| {
        user.size = size;
        user.act(UiAction::Resized(size.0, size.1));
    };
    user.types("jjjjjj");
    let before = user.screen();
    resize(&mut user, (80, 9));
    assert!(!user.screen().contains("94.2M ██"), "{}", user.screen());
    resize(&mut user, (80, 24));
    assert_eq!(user.screen(), before);
    // Also if another screen is open meanwhile.
    user.types("?");
    resize(&mut user, (80, 9));
    resize(&mut user, (80, 24));
    user.key(KeyCode::Esc);
    assert_eq!(user.screen(), before);
}

#[test]
fn a_pane_that_gets_the_focus_shows_its_first_rows_if_possible() {
    let mut user = user();
    user.key(KeyCode::Tab);
    // Down a page and up again: the first rows are above the page.
    (0..18).for_each(|_| drop(user.types("j")));
    (0..14).for_each(|_| drop(user.types("k")));
    assert!(!user.screen().contains("218M"), "{}", user.screen());
    user.key(KeyCode::Tab);
    user.key(KeyCode::Tab);
    assert!(line(&user.screen(), "218M").contains("  1 !10.20.5.104"), "{}", user.screen());
    assert_eq!(user.model.selected(), Some("10.20.8.10".to_owned()));
}

#[test]
fn headings_stay_apart_for_every_sort_key() {
    for (keys, sorted) in [("s", "pkt/s▼"), ("ss", "flows▼"), ("sr", "pkt/s▲")] {
        for late in [0, u64::MAX] {
            let mut user = user();
            user.types(keys);
            let mut answer = site();
            answer.view = user.model.view();
            answer.uploaders.rows[0].missing = late;
            user.sees(answer);
            let heading = line(&user.screen(), "UPLOADERS");
            let words: Vec<&str> = heading.split([' ', '│']).filter(|w| !w.is_empty()).collect();
            assert_eq!(words.iter().filter(|word| **word == sorted).count(), 2, "{heading}");
            assert!(words.contains(&"up/s") && words.contains(&"down/s"), "{heading}");
        }
    }
    let mut user = user();
    user.types("s");
    let mut answer = site();
    answer.view = user.model.view();
    user.sees(answer);
    super::golden::golden("main_by_packets_80x24", user.screen());
}

#[test]
fn the_footer_of_80_columns_has_the_way_to_the_exporters() {
    assert!(line(&user().screen(), "Space freeze").contains("  e exporters  "));
}
