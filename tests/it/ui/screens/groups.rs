//! The lists by other keys than hosts: golden screens, and sequences of keys.

use crossterm::event::KeyCode;
use toptalk::filter::Filter;
use toptalk::snapshot::*;
use toptalk::ui::{Effect, Theme};

use super::fixture::*;
use super::golden::{ASCII, COLOUR, MONO, golden};
use super::lists::{list, names};

/// A user at the list, reached by pressing `t`.
fn at(size: (u16, u16), theme: Theme, grouping: Grouping) -> User {
    let mut user = User::naming(size, theme, site(), names());
    for step in Grouping::ALL {
        user.types("t");
        assert_eq!(user.model.view().subject, Subject::Groups(step));
        if step == grouping {
            break;
        }
    }
    answered(&mut user, list(grouping));
    user
}

/// The answer to the current question arrives.
fn answered(user: &mut User, mut snapshot: Snapshot) {
    snapshot.view = user.model.view();
    assert!(user.sees(snapshot));
}

fn ports() -> User {
    at((80, 24), COLOUR, Grouping::Port)
}

fn line(screen: &str, start: &str) -> String {
    screen.lines().find(|line| line.contains(start)).unwrap_or_default().to_owned()
}

#[test]
fn lists_at_usual_sizes() {
    for size in [(20, 5), (40, 10), (60, 15), (80, 24), (100, 30), (160, 50)] {
        let user = at(size, COLOUR, Grouping::Port);
        golden(format!("ports_{}x{}", size.0, size.1), user.screen());
    }
    for size in [(40, 10), (80, 24), (160, 50)] {
        for grouping in &Grouping::ALL[1..] {
            let name = format!("{}_{}x{}", grouping.name(), size.0, size.1);
            golden(name, at(size, COLOUR, *grouping).screen());
        }
    }
}

#[test]
fn lists_in_ascii_and_their_styles() {
    let ascii = at((80, 24), ASCII, Grouping::Interface);
    assert!(ascii.screen().is_ascii());
    golden("interface_ascii", ascii.screen());
    let [colour, mono] = [COLOUR, MONO].map(|theme| at((80, 24), theme, Grouping::Port).buffer());
    assert_eq!(text(&colour), text(&mono));
    golden("ports_styles", styles(&colour));
}

#[test]
fn help_on_lists() {
    let mut user = at((80, 24), COLOUR, Grouping::Interface);
    user.types("?");
    assert!(user.screen().contains("Keys: ports, protocols"), "{}", user.screen());
    golden("help_lists_160x60", {
        let mut user = at((160, 60), COLOUR, Grouping::Interface);
        user.types("?");
        user.screen()
    });
}

#[test]
fn the_smallest_terminals_show_what_fits() {
    for size in [(20, 5), (1, 1), (0, 0), (3, 2), (9, 4), (17, 9), (500, 3), (2, 200)] {
        let mut user = at(size, ASCII, Grouping::Group);
        for keys in ["jG", "sss", "/x"] {
            user.types(keys);
            user.screen();
        }
    }
    // A number that does not fit is left out completely.
    for width in 1..40 {
        let user = at((width, 12), COLOUR, Grouping::Port);
        let screen = user.screen();
        let row = screen.lines().find(|line| line.starts_with('>')).unwrap_or_default();
        let figures = row.split_whitespace().skip(2).filter(|word| !word.starts_with('h'));
        for figure in figures.filter(|word| !word.starts_with(['█', '·'])) {
            let whole = ["98.0M", "301M", "62.3k", "201", "73%"];
            assert!(whole.contains(&figure), "{width}: {row}");
        }
    }
}

#[test]
fn t_goes_through_the_lists_and_comes_back_to_the_hosts() {
    let mut user = ports();
    for title in ["PROTOCOLS 4", "PEER NETWORKS 3", "INTERFACES 4", "GROUPS 4"] {
        let Effect::Ask(view) = user.types("t") else { panic!() };
        assert!(user.screen().contains("asking…"));
        let Subject::Groups(grouping) = view.subject else { panic!() };
        answered(&mut user, list(grouping));
        assert!(user.screen().contains(title), "{}", user.screen());
    }
    user.types("t");
    assert_eq!(user.model.view().subject, Subject::Talkers);
    assert!(user.sees(site()));
    user.types("T");
    assert_eq!(user.model.view().subject, Subject::Groups(Grouping::Group));
    user.key(KeyCode::Esc);
    assert_eq!(user.model.view().subject, Subject::Talkers);
}

#[test]
fn groups_are_only_there_when_networks_have_names() {
    let mut user = User::at((80, 24), COLOUR, site());
    user.types("T");
    assert_eq!(user.model.view().subject, Subject::Groups(Grouping::Interface));
    user.types("t");
    assert_eq!(user.model.view().subject, Subject::Talkers);
}

#[test]
fn a_row_opens_its_hosts_and_esc_returns_to_it() {
    let mut user = ports();
    user.types("/net 10.20.0.0/16");
    user.key(KeyCode::Enter);
    answered(&mut user, list(Grouping::Port));
    user.types("j");
    let before = user.screen();
    let Effect::Ask(view) = user.key(KeyCode::Enter) else { panic!() };
    assert_eq!(view.subject, Subject::Talkers);
    let filter = Filter::parse("net 10.20.0.0/16 and port 443 and proto udp").unwrap();
    assert_eq!(view.filter.to_string(), filter.to_string());
    answered(&mut user, site());
    let screen = user.screen();
    assert!(screen.starts_with("All > 443/udp https "), "{screen}");
    assert!(line(&screen, "Space freeze").contains("Esc back"), "{screen}");
    assert!(line(&screen, "filter:").contains("proto udp"), "{screen}");
    // The filter typed there is discarded with the screen.
    user.types("/ or gre");
    user.key(KeyCode::Enter);
    let Effect::Ask(view) = user.key(KeyCode::Esc) else { panic!() };
    assert_eq!(view.subject, Subject::Groups(Grouping::Port));
    answered(&mut user, list(Grouping::Port));
    assert_eq!(user.screen(), before);
    user.key(KeyCode::Esc);
    assert_eq!(user.model.view().subject, Subject::Talkers);
    assert!(!user.model.view().filter.is_any(), "the filter is that of the list");
    user.key(KeyCode::Esc);
    assert!(user.model.view().filter.is_any());
}

#[test]
fn lists_below_the_hosts_of_a_row_contain_only_its_traffic() {
    let mut user = ports();
    user.key(KeyCode::Enter);
    answered(&mut user, site());
    user.types("tt");
    answered(&mut user, list(Grouping::Protocol));
    user.key(KeyCode::Enter);
    answered(&mut user, site());
    assert!(user.screen().starts_with("All > 443/tcp https > tcp "), "{}", user.screen());
    user.types("j");
    let selected = user.model.selected();
    user.key(KeyCode::Esc);
    user.key(KeyCode::Esc);
    assert_eq!(user.model.view().subject, Subject::Talkers);
    answered(&mut user, site());
    assert_ne!(user.model.selected(), selected, "its own selection");
    for _ in 0..50 {
        user.types("t");
        answered(&mut user, list(Grouping::Port));
        user.key(KeyCode::Enter);
    }
    assert!(user.screen().contains("too many screens"), "{}", user.screen());
}

#[test]
fn a_row_that_no_filter_can_select_is_reported() {
    for size in [(80, 24), (40, 10)] {
        let mut user = at(size, COLOUR, Grouping::Port);
        user.types("jj");
        assert_eq!(user.key(KeyCode::Enter), Effect::None);
        let screen = user.screen();
        assert!(screen.contains("no filter can select other/udp"), "{screen}");
        user.types("k");
        assert!(!user.screen().contains("no filter"));
    }
}

#[test]
fn interfaces_and_groups_open_by_a_filter() {
    let mut user = at((160, 50), COLOUR, Grouping::Interface);
    let asked = user.key(KeyCode::Enter);
    let words = "exporter 192.0.2.2 and if 1";
    let Effect::Ask(view) = asked else { panic!("{asked:?}") };
    assert_eq!(view.filter, Filter::parse(words).unwrap());
    let mut user = at((80, 24), COLOUR, Grouping::Group);
    user.types("jj");
    assert_eq!(user.model.selected().as_deref(), Some("Site"));
    let Effect::Ask(view) = user.key(KeyCode::Enter) else { panic!() };
    let want = "net 10.20.0.0/16 and not (net 10.20.3.0/24 or net 10.20.5.0/24)";
    assert_eq!(view.filter, Filter::parse(want).unwrap());
}

#[test]
fn the_selection_follows_its_row() {
    let mut user = ports();
    user.types("jjj");
    assert_eq!(user.model.selected().as_deref(), Some("22/tcp ssh"));
    let mut later = list(Grouping::Port);
    later.captured_at = later.captured_at.plus_ms(5000);
    later.groups.rows.swap(0, 3);
    answered(&mut user, later);
    assert_eq!(user.model.selected().as_deref(), Some("22/tcp ssh"));
    let screen = user.screen();
    assert!(line(&screen, "22/tcp").starts_with(">  1  22/tcp ssh"), "{screen}");
}

#[test]
fn order_window_and_saving_belong_to_the_list() {
    let mut user = ports();
    let Effect::Ask(view) = user.types("sss") else { panic!() };
    assert_eq!(view.order.key, SortKey::Packets);
    answered(&mut user, list(Grouping::Port));
    let heading = line(&user.screen(), "PORTS");
    assert!(heading.contains("PORTS 48 ") && heading.contains(" PKT/s▼ "), "{heading}");
    let Effect::Ask(view) = user.types("t") else { panic!() };
    assert_eq!(view.order.key, SortKey::Packets, "the order stays from list to list");
    let Effect::Save(view) = user.types("S") else { panic!() };
    assert_eq!((view.subject, view.limit), (Subject::Groups(Grouping::Protocol), 1_000_000));
    user.types("T");
    let Effect::Ask(_) = user.types("ss") else { panic!() };
    answered(&mut user, list(Grouping::Port));
    assert!(user.screen().contains("sort: name▼"), "{}", user.screen());
    assert!(line(&user.screen(), "PORTS").starts_with("PORTS 48▼"));
}

#[test]
fn a_frozen_list_shows_earlier_answers_again() {
    let mut user = ports();
    user.types(" ");
    let before = user.screen();
    let Effect::Ask(view) = user.key(KeyCode::Enter) else { panic!() };
    assert_eq!(view.at, Some(END));
    answered(&mut user, site());
    let Effect::Show(_) = user.key(KeyCode::Esc) else { panic!("not asked again") };
    assert_eq!(user.screen(), before);
}

#[test]
fn hosts_whose_rows_were_created_late_are_marked() {
    let mut snapshot = site();
    // The row's traffic is 104.7 Mbit/s for a minute, 785 MB.
    snapshot.uploaders.rows[0].missing = 9_000_000;
    snapshot.uploaders.rows[1].missing = 1;
    snapshot.untracked.host = 900_000;
    for size in [(40, 10), (80, 24)] {
        let user = User::at(size, COLOUR, snapshot.clone());
        golden(format!("late_{}x{}", size.0, size.1), user.screen());
        let screen = user.screen();
        assert!(screen.contains("94.2M+"), "{screen}");
        assert!(!screen.contains("14.8M+"), "{screen}");
    }
    let mut user = User::at((80, 24), COLOUR, snapshot);
    let status = line(&user.screen(), "filter:");
    assert!(status.contains("others: up to 120k each"), "{status}");
    user.types("?G");
    assert!(user.screen().contains("94.2M+"), "{}", user.screen());
}
