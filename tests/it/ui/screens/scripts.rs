//! Sequences of keys and the resulting screens.

use crossterm::event::KeyCode;
use toptalk::flow::Time;
use toptalk::snapshot::{Snapshot, SortKey, Subject, Window};
use toptalk::ui::{Effect, Theme, UiAction};

use super::fixture::*;

fn person() -> Person {
    Person::at((80, 24), Theme::default(), site())
}

fn line(screen: &str, start: &str) -> String {
    screen.lines().find(|line| line.contains(start)).unwrap_or_default().to_owned()
}

#[test]
fn drill_in_and_out() {
    let mut person = person();
    person.key(KeyCode::Char('j'));
    let asked = person.key(KeyCode::Enter);
    let host = uploaders()[1].0;
    let Effect::Ask(view) = asked else { panic!("{asked:?}") };
    assert_eq!(view.subject, Subject::Host(host));
    assert!(person.screen().contains("asking…"));
    assert!(!person.sees(site()), "not about this host");
    assert!(!person.sees(nas()), "another host");
    person.key(KeyCode::Esc);
    assert_eq!(person.model.view().subject, Subject::Talkers);
    assert_eq!(person.model.selected(), Some(host.to_string()));
    assert_eq!(person.key(KeyCode::Esc), Effect::None, "nothing above");
}

#[test]
fn tab_switches_panes_and_narrow_screens_show_only_one() {
    let mut person = Person::at((50, 20), Theme::default(), site());
    assert!(person.screen().contains("UPLOADERS") && !person.screen().contains("DOWNLOADERS"));
    person.key(KeyCode::Tab);
    assert!(person.screen().contains("DOWNLOADERS"));
    assert_eq!(person.model.selected(), Some(downloaders()[0].0.to_string()));
}

#[test]
fn quitting_asks_and_any_other_key_says_no() {
    let mut person = person();
    assert_eq!(person.types("q"), Effect::None);
    assert!(person.screen().contains("press q again to quit"));
    assert_eq!(person.types("j"), Effect::None);
    assert!(!person.screen().contains("press q again"));
    assert_eq!(person.types("qx"), Effect::None);
    assert_eq!(person.types("qq"), Effect::Quit);
    assert_eq!(person.ctrl('c'), Effect::Quit);
}

#[test]
fn windows_units_and_orders_change_the_question() {
    let mut person = person();
    let Effect::Ask(view) = person.types("w") else { panic!() };
    assert_eq!(view.window, Window::FiveMinutes);
    let Effect::Ask(view) = person.types("sr") else { panic!() };
    assert_eq!((view.order.key, view.order.reverse), (SortKey::Packets, true));
    assert_eq!(person.types("u"), Effect::None, "the unit is the screen's own");
    assert!(line(&person.screen(), "toptalk").contains("bytes/s"));
}

#[test]
fn a_frozen_screen_does_not_change_and_asks_about_its_time() {
    let mut person = person();
    assert_eq!(person.types(" "), Effect::None);
    let before = person.screen();
    assert!(before.contains("FROZEN"));
    let mut later = site();
    later.span.end = END.plus_ms(5000);
    assert!(!person.sees(later));
    assert_eq!(person.screen(), before);
    let Effect::Save(view) = person.types("S") else { panic!() };
    assert_eq!((view.at, view.subject, view.limit), (Some(END), Subject::Hosts, 1_000_000));
    let Effect::Ask(view) = person.key(KeyCode::Enter) else { panic!() };
    assert_eq!(view.at, Some(END));
    let mut answer = nas();
    assert!(!person.sees(answer.clone()), "a live answer");
    answer.view.at = Some(END);
    assert!(person.sees(answer));
    let Effect::Ask(view) = person.types(" ") else { panic!() };
    assert_eq!(view.at, None);
    assert!(person.sees(nas()));
}

fn says_stopped(person: &Person) {
    let screen = person.screen();
    assert!(screen.contains("STOPPED"), "{screen}");
    assert_eq!(screen.matches("collecting has stopped").count(), 1, "{screen}");
    assert!(screen.contains("!! collecting has stopped"), "{screen}");
}

#[test]
fn a_stopped_collector_is_reported_on_every_screen() {
    for size in [(40, 10), (80, 24)] {
        let mut person = Person::at(size, Theme::default(), site());
        assert!(!person.screen().contains("stopped"));
        assert_eq!(person.act(UiAction::Stopped), Effect::None);
        says_stopped(&person);
        person.types(" ");
        says_stopped(&person);
        person.types(" ");
        person.key(KeyCode::Enter);
        person.sees(nas());
        says_stopped(&person);
    }
}

#[test]
fn a_stopped_receiver_is_shown_before_alerts() {
    let mut person = person();
    let mut later = site();
    later.health.ended = true;
    person.sees(later);
    says_stopped(&person);
    person.key(KeyCode::Enter);
    let mut later = nas();
    later.health.ended = true;
    person.sees(later);
    says_stopped(&person);
}

/// The answer to the current question, five seconds later and with coarser panes.
fn coarser(person: &Person, mut snapshot: Snapshot) -> Snapshot {
    snapshot.view = person.model.view();
    snapshot.captured_at = snapshot.captured_at.plus_ms(5000);
    snapshot.span.start = END.plus_ms(-70_000);
    snapshot.uploaders.rows.reverse();
    snapshot
}

#[test]
fn a_frozen_screen_shows_earlier_answers_again() {
    let mut person = person();
    person.types(" ");
    let main = person.screen();
    assert!(!person.sees(coarser(&person, site())), "what is shown stays");
    assert_eq!(person.screen(), main);
    person.key(KeyCode::Enter);
    assert!(person.sees(coarser(&person, nas())), "the first answer");
    let host = person.screen();
    assert!(line(&host, "All >").contains("1m10s to 14:31:02"), "{host}");
    let mut again = coarser(&person, nas());
    again.span.start = END.plus_ms(-120_000);
    assert!(!person.sees(again), "the second");
    let Effect::Show(_) = person.key(KeyCode::Esc) else { panic!("not asked again") };
    assert_eq!(person.screen(), main);
    let Effect::Show(_) = person.key(KeyCode::Enter) else { panic!("not asked again") };
    assert_eq!(person.screen(), host);
    let Effect::Ask(wider) = person.types("w") else { panic!("not seen yet") };
    let mut answer = coarser(&person, nas());
    answer.view.window = Window::Quarter;
    assert!(!person.sees(answer), "for another question");
    assert!(wider.at.is_some() && person.sees(coarser(&person, nas())));
    let Effect::Show(_) = person.types("W") else { panic!("not asked again") };
    assert_eq!(person.screen(), host);
    let Effect::Ask(view) = person.types(" ") else { panic!("live again") };
    assert_eq!(view.at, None);
    let Effect::Ask(_) = person.key(KeyCode::Esc) else { panic!("the answers were discarded") };
}

#[test]
fn freezing_before_the_answer_asks_for_it() {
    let mut person = person();
    let Effect::Ask(_) = person.types("w") else { panic!() };
    let Effect::Ask(view) = person.types(" ") else { panic!("the screen shows another window") };
    assert_eq!((view.at, view.window), (Some(END), Window::FiveMinutes));
    assert!(person.sees(coarser(&person, site())));
}

#[test]
fn a_time_that_is_no_longer_kept_is_reported_as_too_old() {
    let mut person = person();
    person.types(" w");
    let mut answer = coarser(&person, site());
    answer.span.start = END.plus_ms(600_000);
    answer.span.end = answer.span.start;
    assert!(person.sees(answer));
    let header = line(&person.screen(), "FROZEN");
    assert!(header.contains("14:31:02 is too old to show"), "{header}");
}

#[test]
fn the_path_of_a_snapshot_or_the_reason_is_shown() {
    let mut person = person();
    let Effect::Save(_) = person.types("S") else { panic!() };
    assert!(person.screen().contains("snapshot: saving"));
    person.act(UiAction::Saved(Ok("/home/mk/toptalk-20261123T143102Z-main.csv".to_owned())));
    assert!(person.screen().contains("toptalk-20261123T143102Z-main.csv"));
    person.act(UiAction::Saved(Err("no space left on device".to_owned())));
    assert!(person.screen().contains("not saved: no space left on device"));
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
        let mut person = Person::at((width, 24), Theme::default(), site());
        person.act(UiAction::Saved(Ok(path.clone())));
        let status = line(&person.screen(), "saved ");
        assert!(status.contains(&want), "{width}: {status}");
        let mut later = site();
        later.captured_at = later.captured_at.plus_ms(9_999);
        person.sees(later.clone());
        assert!(person.screen().contains("saved "));
        later.captured_at = later.captured_at.plus_ms(1);
        person.sees(later);
        assert!(!person.screen().contains("saved "));
    }
}

#[test]
fn the_reason_of_a_refused_filter_is_shortened_and_starts_with_the_word() {
    let mut person = person();
    person.types("/src port 53");
    let shown = line(&person.screen(), "filter:");
    assert_eq!(shown, "filter: src port 53   rows keep the service port only");
    let said = line(&person.screen(), "from the archive:");
    assert_eq!(said, "from the archive: toptalk query 'src port 53'");
    person.types(" or port 70000");
    let shown = line(&person.screen(), "filter:");
    assert!(shown.contains("  found `70000`, expected a port"), "{shown}");
    assert!(shown.ends_with('…'), "{shown}");
    // However much is typed, the reason stays readable.
    person.ctrl('u');
    person.types(&format!("{}flags S", "net 10.0.0.0/8 or ".repeat(9)));
    let shown = line(&person.screen(), "filter:");
    assert!(shown.ends_with("  rows keep no TCP flags"), "{shown}");
}

#[test]
fn without_rows_nothing_can_be_opened() {
    let mut person = person();
    assert!(line(&person.screen(), "Space freeze").starts_with("Enter drill"));
    let mut quiet = site();
    quiet.uploaders = Default::default();
    person.sees(quiet);
    assert!(line(&person.screen(), "Space freeze").starts_with("t lists"));
}

#[test]
fn the_filter_line_opens_edits_and_goes_back() {
    let mut person = person();
    person.types("/port 443");
    assert!(line(&person.screen(), "filter:").starts_with("filter: port 443"));
    person.key(KeyCode::Enter);
    assert!(line(&person.screen(), "filter:").contains("filter: port 443"));
    person.types("/ or ß");
    person.key(KeyCode::Home);
    person.key(KeyCode::Esc);
    assert!(line(&person.screen(), "filter:").contains("filter: port 443"));
    person.types("/");
    person.ctrl('u');
    person.key(KeyCode::Up);
    assert!(line(&person.screen(), "filter:").starts_with("filter: port 443"));
    person.key(KeyCode::Enter);
    person.key(KeyCode::Esc);
    assert!(line(&person.screen(), "filter:").contains("filter: none"));
}

#[test]
fn a_port_of_one_end_is_refused_and_the_last_valid_filter_stays() {
    let mut person = Person::at((160, 50), Theme::default(), site());
    person.types("/port 443");
    let good = person.model.view().filter;
    for text in [" and src port 53", " and dst port 53"] {
        person.types(text);
        assert_eq!(person.model.view().filter, good, "{text}");
        let shown = line(&person.screen(), "filter:");
        assert!(shown.contains("live rows keep the service port only; write `port N`"), "{shown}");
        text.chars().for_each(|_| drop(person.key(KeyCode::Backspace)));
    }
    person.types(" and src port 53");
    person.key(KeyCode::Enter);
    assert!(line(&person.screen(), "filter:").contains("filter: port 443 "));
    assert_eq!(person.model.view().filter, good);
}

#[test]
fn the_selection_follows_its_host() {
    let mut person = person();
    person.types("j");
    let selected = person.model.selected();
    let mut later = site();
    later.captured_at = later.captured_at.plus_ms(5000);
    later.uploaders.rows.swap(0, 1);
    person.sees(later);
    assert_eq!(person.model.selected(), selected);
    let screen = person.screen();
    assert!(screen.lines().any(|line| line.starts_with(">  1")), "{screen}");
}

#[test]
fn help_scrolls_to_its_end_and_esc_leaves_it() {
    let mut person = person();
    person.types("?G");
    assert!(person.screen().contains("lost dropped"));
    person.key(KeyCode::Esc);
    assert!(person.screen().contains("UPLOADERS"));
}

#[test]
fn answers_that_arrive_while_the_help_is_open_are_not_lost() {
    let mut person = person();
    person.types("?");
    let mut later = site();
    later.uploaders.rows.rotate_left(1);
    later.captured_at = Time(later.captured_at.0 + 9000);
    assert!(person.sees(later));
    person.key(KeyCode::Esc);
    assert_eq!(person.model.selected(), Some(uploaders()[1].0.to_string()));
}

#[test]
fn a_terminal_that_is_enlarged_shows_the_first_rows_again() {
    let mut person = person();
    let resize = |person: &mut Person, size: (u16, u16)| {
        person.size = size;
        person.act(UiAction::Resized(size.0, size.1));
    };
    person.types("jjjjjj");
    let before = person.screen();
    resize(&mut person, (80, 9));
    assert!(!person.screen().contains("94.2M ██"), "{}", person.screen());
    resize(&mut person, (80, 24));
    assert_eq!(person.screen(), before);
    // Also if another screen is open meanwhile.
    person.types("?");
    resize(&mut person, (80, 9));
    resize(&mut person, (80, 24));
    person.key(KeyCode::Esc);
    assert_eq!(person.screen(), before);
}

#[test]
fn a_pane_that_gets_the_focus_shows_its_first_rows_if_possible() {
    let mut person = person();
    person.key(KeyCode::Tab);
    // Down a page and up again: the first rows are above the page.
    (0..18).for_each(|_| drop(person.types("j")));
    (0..14).for_each(|_| drop(person.types("k")));
    assert!(!person.screen().contains("218M"), "{}", person.screen());
    person.key(KeyCode::Tab);
    person.key(KeyCode::Tab);
    assert!(line(&person.screen(), "218M").contains("  1 !10.20.5.104"), "{}", person.screen());
    assert_eq!(person.model.selected(), Some("10.20.8.10".to_owned()));
}

#[test]
fn headings_stay_apart_for_every_sort_key() {
    for (keys, sorted) in [("s", "pkt/s▼"), ("ss", "flows▼"), ("sr", "pkt/s▲")] {
        for late in [0, u64::MAX] {
            let mut person = person();
            person.types(keys);
            let mut answer = site();
            answer.view = person.model.view();
            answer.uploaders.rows[0].missing = late;
            person.sees(answer);
            let heading = line(&person.screen(), "UPLOADERS");
            let words: Vec<&str> = heading.split([' ', '│']).filter(|w| !w.is_empty()).collect();
            assert_eq!(words.iter().filter(|word| **word == sorted).count(), 2, "{heading}");
            assert!(words.contains(&"up/s") && words.contains(&"down/s"), "{heading}");
        }
    }
    let mut person = person();
    person.types("s");
    let mut answer = site();
    answer.view = person.model.view();
    person.sees(answer);
    super::golden::golden("main_by_packets_80x24", person.screen());
}

#[test]
fn the_footer_of_80_columns_has_the_way_to_the_exporters() {
    assert!(line(&person().screen(), "Space freeze").contains("  e exporters  "));
}
